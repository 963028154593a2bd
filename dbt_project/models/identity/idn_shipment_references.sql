{{ touched('shipments', lies_by='tenant_id, reference_type, reference_key') }}
-- Every name under which a shipment may be spoken of, and the time in which the name can mean it.
-- Containers travel again and again, so a name without its time is no identity.
with names as (
    {{ shipment_names(ref('stg_network__shipments')) }}
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
