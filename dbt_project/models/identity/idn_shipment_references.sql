-- Every name under which a shipment may be spoken of, and the time in which the name can mean it.
-- Containers travel again and again, so a name without its time is no identity.
with names as (
    select tenant_id, carrier_id, shipment_id, 'PRO' as reference_type, pro_key as reference_key,
        booked_at, planned_departure_at, planned_arrival_at
    from {{ ref('stg_network__shipments') }}
    union all
    select tenant_id, carrier_id, shipment_id, 'CONTAINER', container_key,
        booked_at, planned_departure_at, planned_arrival_at
    from {{ ref('stg_network__shipments') }}
    union all
    select tenant_id, carrier_id, shipment_id, 'SHIPMENT', shipment_key,
        booked_at, planned_departure_at, planned_arrival_at
    from {{ ref('stg_network__shipments') }}
    union all
    -- an order names its shipment where it travels in one; where it travels in several it names none
    select tenant_id, carrier_id, shipment_id, 'ORDER', {{ normalise_reference("'ORDER'", 'order_id') }},
        booked_at, planned_departure_at, planned_arrival_at
    from {{ ref('stg_network__shipments') }}
)

select
    tenant_id,
    carrier_id,
    reference_type,
    reference_key,
    shipment_id,
    least(booked_at, planned_departure_at) - interval '7 days' as valid_from,
    planned_arrival_at + interval '45 days' as valid_until
from names
where reference_key != ''
