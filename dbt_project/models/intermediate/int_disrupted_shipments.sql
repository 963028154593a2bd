{{ config(tags=['decide']) }}
-- One row per grave alert and open shipment that has yet to pass the place while it lasts, where those are many.
select *
from {{ ref('int_shipments_under_alerts') }}
qualify count(*) over (partition by tenant_id, alert_id) >= minimum_shipments
