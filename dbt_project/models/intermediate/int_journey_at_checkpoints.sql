{{ touched('shipments') }}
-- Where each shipment stood at a checkpoint, from nothing recorded after the cutoff: deviation from plan, what
-- the plan says remains, and the arrival projected if the rest takes as long as planned. Incoming legs run in
-- parallel and the last leg starts when all of them are in, so the slowest one decides.
with legs as (
    select
        tenant_id,
        shipment_id,
        leg_id,
        leg_role = 'outgoing' as is_last_leg,
        planned_start_at as starts_at,
        planned_end_at as ends_at
    from {{ ref('stg_c2k__legs') }}
    union all
    select
        tenant_id,
        shipment_id,
        '' as leg_id,
        true as is_last_leg,
        planned_start_at as starts_at,
        planned_arrival_at as ends_at
    from {{ ref('int_network_shipments') }}
),

plans as (
    select
        tenant_id,
        shipment_id,
        coalesce(leg_id, '') as leg_id,
        milestone_code,
        sequence,
        occurred_at as planned_at,
        lead(occurred_at) over along as next_planned_at,
        {{ hours_between('lag(occurred_at) over along', 'occurred_at') }} as step_hours,
        row_number() over along as step
    from {{ ref('fct_milestones') }}
    where classifier = 'planned'
    window along as (partition by tenant_id, shipment_id, leg_id order by sequence)
),

-- the last thing told of each leg by the cutoff
reached as (
    select
        points.tenant_id,
        points.shipment_id,
        points.checkpoint,
        coalesce(told.leg_id, '') as leg_id,
        max(struct_pack(
            occurred_at := told.occurred_at,
            sequence := told.sequence,
            planned_at := told.planned_at,
            milestone_code := told.milestone_code
        )) as last_told
    from {{ ref('int_checkpoints') }} as points
    inner join {{ ref('fct_milestones') }} as told
        on points.tenant_id = told.tenant_id and points.shipment_id = told.shipment_id
    where
        told.classifier = 'actual'
        and told.recorded_at <= points.cutoff_at
        and told.planned_at is not null
        and points.checkpoint not in ('plan', 'purchase_order')
    group by points.tenant_id, points.shipment_id, points.checkpoint, coalesce(told.leg_id, '')
),

standing as (
    select
        points.tenant_id,
        points.shipment_id,
        points.checkpoint,
        points.cutoff_at,
        legs.is_last_leg,
        legs.starts_at,
        legs.ends_at,
        reached.last_told.occurred_at as told_at,
        {{ hours_between('reached.last_told.planned_at', 'reached.last_told.occurred_at') }} as deviation_hours,
        reached.last_told.milestone_code in ('DLV', 'DELIVERED') as is_done,
        case
            when reached.last_told.milestone_code in ('DLV', 'DELIVERED') then reached.last_told.occurred_at
            else greatest(
                coalesce(reached.last_told.occurred_at, legs.starts_at)
                + (legs.ends_at - coalesce(reached.last_told.planned_at, legs.starts_at)),
                points.cutoff_at
            )
        end as projected_end_at,
        case
            when reached.last_told.occurred_at is null then first_step.planned_at else after_reached.next_planned_at
        end as next_due_at
    from {{ ref('int_checkpoints') }} as points
    inner join legs
        on points.tenant_id = legs.tenant_id and points.shipment_id = legs.shipment_id
    left join reached
        on
            points.tenant_id = reached.tenant_id
            and points.shipment_id = reached.shipment_id
            and points.checkpoint = reached.checkpoint
            and legs.leg_id = reached.leg_id
    left join plans as after_reached
        on
            reached.tenant_id = after_reached.tenant_id
            and reached.shipment_id = after_reached.shipment_id
            and reached.leg_id = after_reached.leg_id
            and reached.last_told.sequence = after_reached.sequence
    left join plans as first_step
        on
            legs.tenant_id = first_step.tenant_id
            and legs.shipment_id = first_step.shipment_id
            and legs.leg_id = first_step.leg_id
            and first_step.step = 1
),

combined as (
    select
        tenant_id,
        shipment_id,
        checkpoint,
        cutoff_at,
        arg_max(deviation_hours, (told_at, deviation_hours)) as deviation_hours,
        max(deviation_hours) filter (where not is_last_leg) as max_incoming_deviation_hours,
        max({{ hours_between('next_due_at', 'cutoff_at') }}) filter (
            where not is_last_leg and not coalesce(is_done, false)
        ) as overdue_hours,
        max(projected_end_at) filter (where not is_last_leg) as projected_hub_at,
        max(projected_end_at) filter (where is_last_leg) as projected_end_at,
        bool_or(is_last_leg and told_at is not null) as is_on_last_leg,
        max({{ hours_between('starts_at', 'ends_at') }}) filter (where is_last_leg) as last_leg_hours
    from standing
    group by all
),

-- handling at both ends of the incoming leg planned to be last, and of the outgoing leg
handling as (
    select
        legs.tenant_id,
        legs.shipment_id,
        arg_max(
            {{ hours_between('legs.starts_at', 'check_in.planned_at') }}, (legs.ends_at, legs.leg_id)
        ) filter (where not legs.is_last_leg) as incoming_check_in_hours,
        arg_max(delivery.step_hours, (legs.ends_at, legs.leg_id)) filter (
            where not legs.is_last_leg
        ) as incoming_delivery_hours,
        max({{ hours_between('legs.starts_at', 'check_in.planned_at') }}) filter (
            where legs.is_last_leg
        ) as outgoing_check_in_hours,
        max(delivery.step_hours) filter (where legs.is_last_leg) as outgoing_delivery_hours
    from legs
    left join plans as check_in
        on
            legs.tenant_id = check_in.tenant_id
            and legs.shipment_id = check_in.shipment_id
            and legs.leg_id = check_in.leg_id
            and check_in.milestone_code = 'RCS'
    left join plans as delivery
        on
            legs.tenant_id = delivery.tenant_id
            and legs.shipment_id = delivery.shipment_id
            and legs.leg_id = delivery.leg_id
            and delivery.milestone_code = 'DLV'
    group by legs.tenant_id, legs.shipment_id
)

select
    combined.tenant_id,
    combined.shipment_id,
    combined.checkpoint,
    combined.deviation_hours,
    combined.max_incoming_deviation_hours,
    case when combined.checkpoint != 'plan' then combined.overdue_hours end as overdue_hours,
    case
        when combined.is_on_last_leg or combined.projected_hub_at is null then combined.projected_end_at
        else {{ hours_after('combined.projected_hub_at', 'combined.last_leg_hours') }}
    end as projected_arrival_at,
    case when combined.projected_hub_at is not null then combined.last_leg_hours end as planned_outgoing_hours,
    handling.incoming_check_in_hours,
    handling.incoming_delivery_hours,
    handling.outgoing_check_in_hours,
    handling.outgoing_delivery_hours
from combined
left join handling
    on combined.tenant_id = handling.tenant_id and combined.shipment_id = handling.shipment_id
