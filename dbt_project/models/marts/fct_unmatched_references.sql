-- What waits for a person: references whose messages name no shipment. A message counts under the one reference
-- that says most about a shipment.
with waiting as (
    select
        events.tenant_id,
        events.event_id,
        events.reference_type,
        events.reference_key,
        events.reference,
        events.carrier_id,
        refs.match_status,
        refs.recorded_at,
        refs.source_file_sha256,
        refs.source_row_number
    from {{ ref('idn_event_references') }} as events
    inner join {{ ref('idn_milestone_references') }} as refs
        on events.tenant_id = refs.tenant_id and events.event_id = refs.event_id
    where refs.shipment_id is null
    qualify row_number() over (
        partition by events.tenant_id, events.event_id
        order by
            list_position(
                ['PRO', 'CONTAINER', 'SHIPMENT', 'BOL', 'BOOKING', 'LOAD', 'ORDER', 'CUSTOMER_ORDER', 'OTHER'],
                events.reference_type
            ),
            events.reference_key,
            events.reference
    ) = 1
),

counted as (
    select
        tenant_id,
        reference_type,
        reference_key,
        carrier_id,
        arg_min(reference, event_id) as reference,
        arg_max(match_status, (recorded_at, event_id)) as match_status,
        count(*) as message_count,
        min(recorded_at) as first_told_at,
        max(recorded_at) as last_told_at,
        min(event_id) as example_event_id,
        arg_min(source_file_sha256, event_id) as source_file_sha256,
        arg_min(source_row_number, event_id) as source_row_number
    from waiting
    group by tenant_id, reference_type, reference_key, carrier_id
),

listed as (
    select
        tenant_id,
        reference_type,
        reference_key,
        carrier_id,
        to_json(
            list(struct_pack(shipment_id := shipment_id, score := score, reasons := reasons) order by place)
        ) as candidates
    from {{ ref('idn_candidate_references') }}
    group by all
)

select
    counted.tenant_id,
    counted.reference_type,
    counted.reference_key,
    counted.reference,
    counted.carrier_id,
    counted.match_status,
    counted.message_count,
    counted.first_told_at,
    counted.last_told_at,
    counted.example_event_id,
    examples.remark as example_remark,
    coalesce(cast(listed.candidates as varchar), '[]') as candidates,
    decisions.decision_id,
    decisions.decision,
    counted.source_file_sha256,
    counted.source_row_number
from counted
left join listed
    on
        counted.tenant_id = listed.tenant_id
        and counted.reference_type = listed.reference_type
        and counted.reference_key = listed.reference_key
        and counted.carrier_id is not distinct from listed.carrier_id
left join {{ source('settings', 'reference_decisions') }} as decisions
    on
        counted.tenant_id = decisions.tenant_id
        and counted.reference_type = decisions.reference_type
        and counted.reference_key = decisions.reference_key
        and counted.carrier_id is not distinct from decisions.carrier_id
left join {{ ref('stg_partner__events') }} as examples
    on counted.tenant_id = examples.tenant_id and counted.example_event_id = examples.event_id
