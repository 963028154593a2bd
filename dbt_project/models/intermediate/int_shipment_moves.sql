{{ touched('shipments') }}
-- Of each shipment that a rule may look at: its last movement, how long the plan let the goods stay after it, and
-- whether customs holds them.
with watched as (
    select
        tenant_id,
        shipment_id
    from {{ ref('fct_shipments') }}
    where is_open
    union
    select
        tenant_id,
        shipment_id
    from {{ ref('fct_documents') }}
    where is_required and status != 'received'
),

told as (
    select milestones.*
    from {{ ref('fct_milestones') }} as milestones
    inner join watched
        on milestones.tenant_id = watched.tenant_id and milestones.shipment_id = watched.shipment_id
),

-- the last movement, customs left aside, and how long the plan let the goods stay after it
moves as (
    select
        tenant_id,
        shipment_id,
        milestone_code as last_move_code,
        is_arrival as last_move_is_arrival,
        facility_id as last_move_facility_id,
        leg_id as last_move_leg_id,
        sequence as last_move_sequence,
        occurred_at as last_move_at,
        planned_at as last_move_planned_at
    from told
    where classifier = 'actual' and (is_arrival or is_departure)
    qualify row_number() over (
        partition by tenant_id, shipment_id order by occurred_at desc, coalesce(sequence, 0) desc, milestone_id desc
    ) = 1
),

onward as (
    select
        moves.tenant_id,
        moves.shipment_id,
        arg_min(planned.occurred_at, (planned.sequence, planned.occurred_at)) as onward_planned_at
    from moves
    inner join told as planned
        on
            moves.tenant_id = planned.tenant_id
            and moves.shipment_id = planned.shipment_id
            and planned.classifier = 'planned'
            and coalesce(moves.last_move_leg_id, '') = coalesce(planned.leg_id, '')
            and moves.last_move_sequence < planned.sequence
    group by moves.tenant_id, moves.shipment_id
),

customs as (
    select
        held.tenant_id,
        held.shipment_id,
        arg_max(held.facility_id, (held.occurred_at, held.milestone_id)) as hold_facility_id,
        max(held.occurred_at) as held_at,
        max(held.recorded_at) as held_recorded_at,
        arg_max(held.source_file_sha256, (held.occurred_at, held.milestone_id)) as hold_file_sha256,
        arg_max(held.source_row_number, (held.occurred_at, held.milestone_id)) as hold_row_number,
        arg_max(held.milestone_id, (held.occurred_at, held.milestone_id)) as hold_milestone_id
    from told as held
    where held.milestone_code = 'CUSTOMS_HOLD' and held.classifier = 'actual'
    group by held.tenant_id, held.shipment_id
),

after_hold as (
    select
        customs.tenant_id,
        customs.shipment_id,
        min(later.occurred_at) as ended_at
    from customs
    inner join told as later
        on
            customs.tenant_id = later.tenant_id
            and customs.shipment_id = later.shipment_id
            and later.classifier = 'actual'
            and later.milestone_code != 'CUSTOMS_HOLD'
            -- what is held and released at one instant is released
            and (
                customs.held_at < later.occurred_at
                or customs.held_at = later.occurred_at and later.milestone_code = 'CUSTOMS_RELEASE'
            )
            -- goods may still be brought to the place that holds them; anything elsewhere is progress
            and (
                later.milestone_code in ('CUSTOMS_RELEASE', 'DEPA', 'GATE_OUT', 'DELIVERED')
                or customs.hold_facility_id != later.facility_id
            )
    group by customs.tenant_id, customs.shipment_id
)

select
    watched.tenant_id,
    watched.shipment_id,
    moves.last_move_code,
    moves.last_move_is_arrival,
    moves.last_move_facility_id,
    moves.last_move_at,
    case
        when moves.last_move_planned_at is not null and onward.onward_planned_at > moves.last_move_planned_at
            then moves.last_move_at + (onward.onward_planned_at - moves.last_move_planned_at)
        else greatest(onward.onward_planned_at, moves.last_move_at)
    end as stay_until_at,
    customs.hold_facility_id,
    customs.held_at,
    customs.held_recorded_at,
    customs.hold_file_sha256,
    customs.hold_row_number,
    customs.hold_milestone_id,
    after_hold.ended_at as hold_ended_at,
    customs.held_at is not null and after_hold.ended_at is null as is_held
from watched
left join moves
    on watched.tenant_id = moves.tenant_id and watched.shipment_id = moves.shipment_id
left join onward
    on watched.tenant_id = onward.tenant_id and watched.shipment_id = onward.shipment_id
left join customs
    on watched.tenant_id = customs.tenant_id and watched.shipment_id = customs.shipment_id
left join after_hold
    on watched.tenant_id = after_hold.tenant_id and watched.shipment_id = after_hold.shipment_id
