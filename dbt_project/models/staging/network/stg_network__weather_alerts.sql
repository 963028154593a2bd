with told as (
    {{ known_as_of(source('network', 'weather')) }}
),

known as (
    {{ with_kept('told', 'facility_id', ['location_code']) }}
),

issues as (
    select *
    from known
    {{ keep_latest('_tenant_id, alert_id, issued_at') }}
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
    issued_at,
    -- an alert is issued again when its end moves: this issue held until the next one was recorded
    lead(_recorded_at) over issues_in_order as superseded_at,
    _recorded_at as recorded_at,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from issues
window issues_in_order as (partition by _tenant_id, alert_id order by _recorded_at, issued_at)
