{{ touched('rows', read='events', key='event_id') }}
with known as (
    {{ known_as_of(source('network', 'milestone'), 'feed.event_id') }}
)

select
    _tenant_id as tenant_id,
    event_id,
    carrier_scac as carrier_id,
    reference,
    reference_type,
    {{ normalise_reference('reference_type', 'reference') }} as reference_key,
    event_code as milestone_code,
    classifier,
    upper(location_code) as location_code,
    occurred_at,
    _recorded_at as recorded_at,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from known
{{ keep_latest('_tenant_id, event_id') }}
