{{ touched('rows', read='shipments', key='document_id') }}
with known as (
    {{ known_as_of(source('network', 'document'), 'feed.document_id') }}
)

select
    _tenant_id as tenant_id,
    document_id,
    shipment_no as shipment_id,
    document_type,
    status,
    content_sha256,
    received_at,
    _recorded_at as recorded_at,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from known
{{ keep_latest('_tenant_id, document_id') }}
