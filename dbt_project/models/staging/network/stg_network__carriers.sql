with known as (
    {{ known_as_of(source('network', 'carrier')) }}
)

select
    _tenant_id as tenant_id,
    carrier_scac as carrier_id,
    carrier_name,
    mode,
    contact_email,
    _recorded_at as recorded_at,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from known
{{ keep_latest('_tenant_id, carrier_scac') }}
