{{ touched('events') }}
-- Partners' status events as far as they can be understood: shipment, place, instant, meaning; and what is missing.
with placed as (
    select
        told.*,
        refs.shipment_id,
        refs.match_status,
        places.facility_id,
        places.time_zone,
        shipments.destination_facility_id,
        coalesce(told.occurred_at, {{ instant_of_local('told.occurred_local', 'places.time_zone') }}) as happened_at
    from {{ ref('stg_partner__events') }} as told
    inner join {{ ref('idn_milestone_references') }} as refs
        on told.tenant_id = refs.tenant_id and told.event_id = refs.event_id
    left join {{ ref('idn_event_places') }} as places
        on told.tenant_id = places.tenant_id and told.event_id = places.event_id
    left join {{ ref('stg_network__shipments') }} as shipments
        on refs.tenant_id = shipments.tenant_id and refs.shipment_id = shipments.shipment_id
)

select
    tenant_id,
    event_id,
    feed,
    sender_id,
    carrier_id,
    shipment_id,
    match_status,
    code_list,
    event_code,
    event_name,
    reason_code,
    -- an estimate of when it will be at its end is an ETA, whatever event it is said of; delivered it is nowhere else
    case
        when
            classifier = 'estimated' and (
                milestone_code in ('ARRI', 'GATE_IN', 'DELIVERED') and facility_id = destination_facility_id
                or milestone_code = 'DELIVERED' and facility_id is null
            )
            then 'ETA'
        else milestone_code
    end as milestone_code,
    classifier,
    facility_id,
    happened_at as occurred_at,
    occurred_precision,
    case
        when is_withdrawn then 'withdrawn'
        when shipment_id is null then match_status
        when event_name is null then 'unknown_code'
        when happened_at is null and time_zone is null then 'unknown_clock'
        when happened_at is null then 'ambiguous_time'
        else 'understood'
    end as event_status,
    remark,
    position,
    -- the order in which its sender told things; a stamp from the future goes no further than a zone may be off
    least(coalesce(sent_at, recorded_at), recorded_at + interval '14 hours') as told_at,
    recorded_at,
    source_file_sha256,
    source_row_number
from placed
