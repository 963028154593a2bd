{{ touched('events') }}
-- What carriers and partners said, understood or not: the code as sent with its meaning, who answers for the reason.
select
    events.tenant_id,
    events.event_id,
    events.feed,
    events.sender_id,
    events.carrier_id,
    events.shipment_id,
    events.event_status,
    events.code_list,
    events.event_code,
    events.event_name,
    events.milestone_code,
    events.classifier,
    events.reason_code,
    reasons.reason_name,
    reasons.responsible_party,
    events.facility_id,
    events.occurred_at,
    events.occurred_precision,
    events.remark,
    events.position,
    events.recorded_at,
    events.source_file_sha256,
    events.source_row_number
from {{ ref('int_status_events') }} as events
left join {{ ref('stg_partner__reason_codes') }} as reasons
    on events.code_list = reasons.code_list and events.reason_code = reasons.reason_code
