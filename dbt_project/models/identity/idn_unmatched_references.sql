select
    tenant_id,
    event_id,
    carrier_id,
    reference,
    reference_type,
    match_status,
    recorded_at,
    source_file_sha256,
    source_row_number
from {{ ref('idn_milestone_references') }}
where shipment_id is null
