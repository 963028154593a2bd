with known as (
    {{ known_as_of(source('c2k', 'booking')) }}
)

select
    _tenant_id as tenant_id,
    shipment_ref as shipment_id,
    booked_at,
    cast(incoming_leg_count as bigint) as incoming_leg_count,
    planned_start_at,
    planned_delivery_at,
    string_split(origin_places, '|') as origin_facility_ids,
    hub_place as hub_facility_id,
    destination_place as destination_facility_id,
    cast(hop_count as bigint) as hop_count,
    _recorded_at as recorded_at,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from known
{{ keep_latest('_tenant_id, shipment_ref') }}
