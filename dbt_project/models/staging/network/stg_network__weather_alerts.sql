with known as (
    {{ known_as_of(source('network', 'weather')) }}
)

select
    _tenant_id as tenant_id,
    alert_id,
    location_code as facility_id,
    alert_type,
    severity,
    case severity when 'severe' then 3 when 'moderate' then 2 else 1 end as severity_rank,
    starts_at,
    ends_at,
    min(issued_at) over (partition by _tenant_id, alert_id) as first_issued_at,
    issued_at,
    _recorded_at as recorded_at,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from known
{{ keep_latest('_tenant_id, alert_id') }}
