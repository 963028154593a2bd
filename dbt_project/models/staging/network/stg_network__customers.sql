with known as (
    {{ known_as_of(source('network', 'customer')) }}
)

select
    _tenant_id as tenant_id,
    customer_id,
    erp_customer_no,
    customer_name,
    customer_tier,
    contact_email,
    portal_url,
    _recorded_at as recorded_at,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from known
{{ keep_latest('_tenant_id, customer_id') }}
