{{ config(materialized='view', meta={'touched': {'read': 'events'}}) }}
-- Every reference that a message gives for its shipment, of all who report movement.
select
    tenant_id,
    event_id,
    carrier_id,
    reference,
    reference_type,
    reference_key,
    occurred_at as occurred_about
from {{ ref('stg_network__milestones') }}
union all
select
    tenant_id,
    event_id,
    carrier_id,
    reference,
    reference_type,
    reference_key,
    occurred_about
from {{ ref('stg_partner__event_references') }}
