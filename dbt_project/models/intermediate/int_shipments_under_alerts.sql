{{ config(tags=['decide']) }}
{{ touched('watched') }}
-- One row per grave alert and open shipment that has yet to pass the place while it lasts, however few those are.
with alerts as (
    select
        alerts.*,
        settings.as_of,
        settings.disruption_minimum_shipments as minimum_shipments
    from {{ ref('stg_network__weather_alerts') }} as alerts
    inner join {{ ref('int_tenant_settings') }} as settings
        on alerts.tenant_id = settings.tenant_id
    where
        alerts.superseded_at is null
        and (alerts.alert_type = 'port_closure' or alerts.severity = 'severe')
        and alerts.severity_rank >= settings.disruption_minimum_severity
        and alerts.starts_at <= {{ hours_after('settings.as_of', 'settings.disruption_horizon_hours') }}
        and alerts.ends_at > settings.as_of
        and list_contains(settings.enabled_types, 'disruption')
),

told as (
    select milestones.*
    from {{ ref('fct_milestones') }} as milestones
    inner join {{ ref('int_shipment_watch') }} as watch
        on milestones.tenant_id = watch.tenant_id and milestones.shipment_id = watch.shipment_id
    where watch.is_open and milestones.sequence is not null
),

calls as (
    select
        tenant_id,
        shipment_id,
        facility_id,
        max(sequence) as last_sequence,
        min(occurred_at) as planned_from_at
    from told
    where classifier = 'planned' and facility_id is not null
    group by tenant_id, shipment_id, facility_id
),

-- how far along its route each shipment has been told to be
passed as (
    select
        tenant_id,
        shipment_id,
        max(sequence) as passed_sequence
    from told
    where classifier = 'actual'
    group by tenant_id, shipment_id
)

select
    alerts.*,
    watch.shipment_id
from alerts
inner join calls
    on alerts.tenant_id = calls.tenant_id and alerts.facility_id = calls.facility_id
inner join {{ ref('int_shipment_watch') }} as watch
    on calls.tenant_id = watch.tenant_id and calls.shipment_id = watch.shipment_id
left join passed
    on calls.tenant_id = passed.tenant_id and calls.shipment_id = passed.shipment_id
where
    watch.is_open
    and coalesce(passed.passed_sequence, 0) < calls.last_sequence
    and calls.planned_from_at <= alerts.ends_at
