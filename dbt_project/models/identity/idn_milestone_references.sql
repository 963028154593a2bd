-- One row per carrier's message with the shipment it speaks of, or the reason why none could be named.
-- No guess: two shipments that fit equally leave the message unmatched, for a person to decide.
with candidates as (
    select
        events.tenant_id,
        events.event_id,
        names.shipment_id,
        events.carrier_id = names.carrier_id as is_same_carrier,
        events.occurred_at between names.valid_from and names.valid_until as is_in_time
    from {{ ref('stg_network__milestones') }} as events
    inner join {{ ref('idn_shipment_references') }} as names
        on
            events.tenant_id = names.tenant_id
            and events.reference_type = names.reference_type
            and events.reference_key = names.reference_key
),

judged as (
    select
        tenant_id,
        event_id,
        count(distinct shipment_id) filter (where is_same_carrier and is_in_time) as fitting_count,
        min(shipment_id) filter (where is_same_carrier and is_in_time) as fitting_shipment_id,
        bool_or(is_same_carrier) as has_same_carrier
    from candidates
    group by tenant_id, event_id
)

select
    events.tenant_id,
    events.event_id,
    events.carrier_id,
    events.reference,
    events.reference_type,
    events.reference_key,
    case when judged.fitting_count = 1 then judged.fitting_shipment_id end as shipment_id,
    case
        when judged.fitting_count = 1 then 'matched'
        when judged.fitting_count > 1 then 'ambiguous'
        when judged.has_same_carrier then 'out_of_time'
        when judged.event_id is not null then 'other_carrier'
        else 'unknown_reference'
    end as match_status,
    events.recorded_at,
    events.source_file_sha256,
    events.source_row_number
from {{ ref('stg_network__milestones') }} as events
left join judged
    on events.tenant_id = judged.tenant_id and events.event_id = judged.event_id
