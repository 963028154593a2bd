{{ touched('shipments') }}
-- Where and when each clock of a container started and stopped. A full container stands at the terminal from its
-- discharge until it leaves by the gate (demurrage), at the ramp from when it was unloaded from rail until it leaves
-- (rail), and is out with us from the last of these gates until it is brought back empty (detention). Nobody tells of
-- every gate: where none is told, it had left by the first that shows it gone.
with told as (
    select
        tenant_id,
        shipment_id,
        milestone_id,
        milestone_code,
        facility_id,
        occurred_at,
        source_file_sha256,
        source_row_number
    from {{ ref('fct_milestones') }}
    where
        classifier = 'actual'
        and milestone_code in (
            'DISCHARGED', 'RAIL_UNLOADED', 'GATE_OUT', 'DEPA', 'ARRI', 'GATE_IN', 'DELIVERED', 'EMPTY_RETURN'
        )
),

-- A landing told without a place is the one told with a place, where they lie no more than twelve hours apart: a time
-- that names only its day may be so far off.
told_again as (
    select distinct
        placeless.tenant_id,
        placeless.milestone_id
    from told as placeless
    inner join told as placed
        on
            placeless.tenant_id = placed.tenant_id
            and placeless.shipment_id = placed.shipment_id
            and placeless.milestone_code = placed.milestone_code
    where
        placeless.milestone_code in ('DISCHARGED', 'RAIL_UNLOADED')
        and placeless.facility_id is null
        and placed.facility_id is not null
        and abs(epoch(placeless.occurred_at) - epoch(placed.occurred_at)) <= 12 * 3600
),

-- told twice of one place, it landed there with the first
landed as (
    select
        told.*,
        case told.milestone_code when 'DISCHARGED' then 'demurrage' else 'rail' end as clock
    from told
    left join told_again
        on told.tenant_id = told_again.tenant_id and told.milestone_id = told_again.milestone_id
    where told.milestone_code in ('DISCHARGED', 'RAIL_UNLOADED') and told_again.milestone_id is null
    qualify row_number() over (
        partition by told.tenant_id, told.shipment_id, told.milestone_code, told.facility_id
        order by told.occurred_at, told.milestone_id
    ) = 1
),

-- Whatever shows that it is there no more: it left that place, came or was landed at another, or reached its end. Of a
-- landing without a place only the next landing with one is told to be another, for an arrival may be its own.
gone as (
    select
        landed.tenant_id,
        landed.milestone_id as start_milestone_id,
        arg_min(later.milestone_id, (later.occurred_at, later.milestone_id)) as end_milestone_id
    from landed
    inner join told as later
        on landed.tenant_id = later.tenant_id and landed.shipment_id = later.shipment_id
    where
        later.occurred_at >= landed.occurred_at
        and (
            later.milestone_code in ('DELIVERED', 'EMPTY_RETURN')
            or (
                later.milestone_code in ('GATE_OUT', 'DEPA')
                and coalesce(later.facility_id, landed.facility_id, '')
                = coalesce(landed.facility_id, later.facility_id, '')
            )
            or (
                later.occurred_at > landed.occurred_at
                and later.milestone_code in ('ARRI', 'GATE_IN', 'DISCHARGED', 'RAIL_UNLOADED')
                and later.facility_id != coalesce(landed.facility_id, '')
                and (landed.facility_id is not null or later.milestone_code in ('DISCHARGED', 'RAIL_UNLOADED'))
            )
        )
    group by landed.tenant_id, landed.milestone_id
),

-- by the gate of that place, or by one whose place nobody told
left_by_gate as (
    select
        landed.tenant_id,
        landed.milestone_id as start_milestone_id,
        arg_min(gates.milestone_id, (gates.occurred_at, gates.milestone_id)) as end_milestone_id
    from landed
    inner join told as gates
        on landed.tenant_id = gates.tenant_id and landed.shipment_id = gates.shipment_id
    where
        gates.milestone_code = 'GATE_OUT'
        and gates.occurred_at >= landed.occurred_at
        and coalesce(gates.facility_id, landed.facility_id, '') = coalesce(landed.facility_id, gates.facility_id, '')
    group by landed.tenant_id, landed.milestone_id
),

taken_out as (
    select told.*
    from left_by_gate
    inner join told
        on left_by_gate.tenant_id = told.tenant_id and left_by_gate.end_milestone_id = told.milestone_id
    qualify row_number() over (
        partition by told.tenant_id, told.shipment_id order by told.occurred_at desc, told.milestone_id desc
    ) = 1
),

brought_back as (
    select
        taken_out.tenant_id,
        taken_out.milestone_id as start_milestone_id,
        arg_min(returns.milestone_id, (returns.occurred_at, returns.milestone_id)) as end_milestone_id
    from taken_out
    inner join told as returns
        on taken_out.tenant_id = returns.tenant_id and taken_out.shipment_id = returns.shipment_id
    where returns.milestone_code = 'EMPTY_RETURN' and returns.occurred_at >= taken_out.occurred_at
    group by taken_out.tenant_id, taken_out.milestone_id
),

started as (
    select
        landed.*,
        gone.end_milestone_id
    from landed
    left join gone
        on landed.tenant_id = gone.tenant_id and landed.milestone_id = gone.start_milestone_id
    union all
    select
        taken_out.*,
        'detention' as clock,
        brought_back.end_milestone_id
    from taken_out
    left join brought_back
        on taken_out.tenant_id = brought_back.tenant_id and taken_out.milestone_id = brought_back.start_milestone_id
)

select
    started.tenant_id,
    started.clock || ':' || started.milestone_id as clock_id,
    started.shipment_id,
    started.clock,
    started.facility_id,
    shipments.carrier_id,
    started.occurred_at as started_at,
    started.milestone_id as start_milestone_id,
    ends.occurred_at as ended_at,
    ends.milestone_id as end_milestone_id,
    coalesce(places.time_zone, 'UTC') as time_zone,
    started.source_file_sha256,
    started.source_row_number
from started
inner join {{ ref('fct_shipments') }} as shipments
    on started.tenant_id = shipments.tenant_id and started.shipment_id = shipments.shipment_id
left join told as ends
    on started.tenant_id = ends.tenant_id and started.end_milestone_id = ends.milestone_id
left join {{ ref('dim_facilities') }} as places
    on started.tenant_id = places.tenant_id and started.facility_id = places.facility_id
where shipments.status != 'cancelled'
