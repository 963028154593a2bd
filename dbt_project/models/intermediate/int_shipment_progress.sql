{{ touched('shipments') }}
-- What the milestones say of each shipment. The last milestone is the last to have happened, in whatever
-- order the messages came, and an estimate of the arrival stands until its sender tells another; one of a departure, or
-- of the arrival at a place on the way, is none. Silence counts from when we last
-- heard anything: a carrier that still sends estimates of an ocean passage is not silent, though its last actual
-- event may be weeks old.
select
    tenant_id,
    shipment_id,
    min(occurred_at) filter (where classifier = 'planned' and is_departure) as planned_departure_at,
    min(occurred_at) filter (where classifier = 'actual' and is_departure) as departed_at,
    bool_or(classifier = 'actual' and (is_departure or is_arrival)) as has_moved,
    min(occurred_at) filter (where classifier = 'actual' and (is_departure or is_arrival)) as first_moved_at,
    arg_max(occurred_at, (told_at, occurred_at)) filter (
        where classifier = 'estimated' and milestone_code = 'ETA'
    ) as estimated_arrival_at,
    -- how old the estimate is that stands, and not one that came in late and says what its sender thought before
    arg_max(recorded_at, (told_at, occurred_at, recorded_at)) filter (
        where classifier = 'estimated' and milestone_code = 'ETA'
    ) as estimated_recorded_at,
    arg_max(milestone_id, (occurred_at, coalesce(sequence, 0), milestone_id)) filter (
        where classifier = 'actual'
    ) as last_milestone_id,
    arg_max(milestone_code, (occurred_at, coalesce(sequence, 0), milestone_id)) filter (
        where classifier = 'actual'
    ) as last_milestone_code,
    max(occurred_at) filter (where classifier = 'actual') as last_milestone_at,
    max(recorded_at) filter (where classifier = 'actual') as last_milestone_recorded_at,
    max(recorded_at) filter (where classifier in ('actual', 'estimated')) as last_heard_at,
    bool_or(classifier = 'actual' and occurred_at > recorded_at + interval '1 hour') as has_future_stamp
from {{ ref('fct_milestones') }}
group by tenant_id, shipment_id
