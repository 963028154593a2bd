{{ touched('events') }}
-- Every reference of a message that could be given no shipment, with the reason why.
select
    events.*,
    refs.match_status,
    refs.recorded_at,
    refs.source_file_sha256,
    refs.source_row_number,
    examples.remark
from {{ ref('idn_event_references') }} as events
inner join {{ ref('idn_milestone_references') }} as refs
    on events.tenant_id = refs.tenant_id and events.event_id = refs.event_id
left join {{ ref('stg_partner__events') }} as examples
    on events.tenant_id = examples.tenant_id and events.event_id = examples.event_id
where refs.shipment_id is null
