{{ config(meta={'touched': {'read': 'shipments'}}) }}
with known as (
    {{ known_as_of(source('c2k', 'milestone')) }}
)

select
    _tenant_id as tenant_id,
    event_id,
    shipment_ref as shipment_id,
    cast(leg_id as varchar) as leg_id,
    leg_role,
    milestone_code,
    case when leg_role = 'outgoing' then 400 else 100 * cast(right(leg_role, 1) as bigint) end
    + case milestone_code
        when 'RCS' then 0
        when 'DEP' then 10 * cast(segment as bigint) + 1
        when 'RCF' then 10 * cast(segment as bigint) + 2
        else 99
    end as sequence,
    place as facility_id,
    classifier,
    occurred_at,
    _recorded_at as recorded_at,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from known
{{ keep_latest('_tenant_id, event_id') }}
