with known as (
    {{ known_as_of(source('c2k', 'leg')) }}
)

select
    _tenant_id as tenant_id,
    shipment_ref as shipment_id,
    cast(leg_id as varchar) as leg_id,
    leg_role,
    cast(sequence as bigint) as leg_sequence,
    origin_place as origin_facility_id,
    destination_place as destination_facility_id,
    planned_start_at,
    planned_end_at,
    cast(hop_count as bigint) as hop_count,
    _recorded_at as recorded_at,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from known
{{ keep_latest('_tenant_id, shipment_ref, leg_id') }}
