{{ touched('events') }}
-- One row per message about a movement with the shipment it speaks of, or the reason why none could be named.
-- No guess: two shipments that fit equally, or two references of one message that lead to different shipments,
-- leave the message unmatched, for a person to decide.
-- What a person decided about a reference of a carrier goes before everything that was worked out: where they said what
-- one of a message's references means, the others say nothing.
with decided as (
    select
        events.tenant_id,
        events.event_id,
        events.reference_type,
        events.reference_key,
        decisions.decision,
        decisions.shipment_id
    from {{ ref('idn_event_references') }} as events
    inner join {{ source('settings', 'reference_decisions') }} as decisions
        on
            events.tenant_id = decisions.tenant_id
            and events.reference_type = decisions.reference_type
            and events.reference_key = decisions.reference_key
            and events.carrier_id is not distinct from decisions.carrier_id
    left join {{ ref('stg_network__shipments') }} as shipments
        on decisions.tenant_id = shipments.tenant_id and decisions.shipment_id = shipments.shipment_id
    -- a shipment that is not known (yet) names nothing; the reference waits on
    where decisions.decision = 'ignore' or shipments.shipment_id is not null
),

sent as (
    select distinct
        tenant_id,
        event_id
    from decided
    where decision = 'match'
),

candidates as (
    select
        events.tenant_id,
        events.event_id,
        events.reference_type,
        events.reference_key,
        -- who does not say which carrier speaks is held to the name and the time alone
        coalesce(events.carrier_id, names.carrier_id) = names.carrier_id as is_same_carrier,
        case
            when
                coalesce(events.carrier_id, names.carrier_id) = names.carrier_id
                and events.occurred_about between names.valid_from and names.valid_until
                then names.shipment_id
        end as fitting_shipment_id
    from {{ ref('idn_event_references') }} as events
    inner join {{ ref('idn_shipment_references') }} as names
        on
            events.tenant_id = names.tenant_id
            and events.reference_type = names.reference_type
            and events.reference_key = names.reference_key
    left join decided
        on
            events.tenant_id = decided.tenant_id
            and events.event_id = decided.event_id
            and events.reference_type = decided.reference_type
            and events.reference_key = decided.reference_key
    left join sent
        on events.tenant_id = sent.tenant_id and events.event_id = sent.event_id
    where decided.event_id is null and sent.event_id is null
),

-- whether one fits or several, the first and the last of them tell: to count them apart costs more
by_reference as (
    select
        tenant_id,
        event_id,
        reference_type,
        reference_key,
        min(fitting_shipment_id) as first_fitting_id,
        max(fitting_shipment_id) as last_fitting_id,
        bool_or(is_same_carrier) as has_same_carrier
    from candidates
    group by tenant_id, event_id, reference_type, reference_key
    union all
    select distinct
        tenant_id, event_id, reference_type, reference_key,
        case when decision = 'match' then shipment_id end,
        case when decision = 'match' then shipment_id end,
        decision = 'match'
    from decided
),

-- a reference that fits one shipment alone names it; one that fits several decides nothing by itself
judged as (
    select
        tenant_id,
        event_id,
        min(first_fitting_id) filter (where first_fitting_id = last_fitting_id) as first_named_id,
        max(first_fitting_id) filter (where first_fitting_id = last_fitting_id) as last_named_id,
        bool_or(first_fitting_id != last_fitting_id) as has_several_fitting,
        bool_or(has_same_carrier) as has_same_carrier
    from by_reference
    group by tenant_id, event_id
),

-- a container whose check digit is wrong names none: there is a slip in it
misread as (
    select distinct
        tenant_id,
        event_id
    from {{ ref('idn_event_references') }}
    where reference_type = 'CONTAINER' and length(reference_key) = 11
),

ignored as (
    select distinct tenant_id, event_id
    from decided
    where decision = 'ignore'
),

events as (
    select
        tenant_id, event_id, carrier_id, reference, reference_type, reference_key,
        recorded_at, source_file_sha256, source_row_number
    from {{ ref('stg_network__milestones') }}
    union all
    select
        tenant_id, event_id, carrier_id, shipment_references, null, null,
        recorded_at, source_file_sha256, source_row_number
    from {{ ref('stg_partner__events') }}
)

select
    events.tenant_id,
    events.event_id,
    events.carrier_id,
    events.reference,
    events.reference_type,
    events.reference_key,
    case when judged.first_named_id = judged.last_named_id then judged.first_named_id end as shipment_id,
    case
        when judged.first_named_id = judged.last_named_id then 'matched'
        when judged.first_named_id != judged.last_named_id then 'contradictory'
        when ignored.event_id is not null then 'ignored'
        when judged.has_several_fitting then 'ambiguous'
        when judged.has_same_carrier then 'out_of_time'
        when judged.event_id is not null then 'other_carrier'
        when misread.event_id is not null then 'wrong_check_digit'
        else 'unknown_reference'
    end as match_status,
    events.recorded_at,
    events.source_file_sha256,
    events.source_row_number
from events
left join judged
    on events.tenant_id = judged.tenant_id and events.event_id = judged.event_id
left join misread
    on events.tenant_id = misread.tenant_id and events.event_id = misread.event_id
left join ignored
    on events.tenant_id = ignored.tenant_id and events.event_id = ignored.event_id
