{{ touched('shipments') }}
-- Messages of the carriers, each given its shipment and place, the same event told twice kept once.
-- Few messages are told twice, and few shipments planned twice: only those are compared with their like, and all others
-- go round the sorts that this takes. What is read several times for it is not kept in between (`not materialized`): it
-- would be written out and read again.
{%- set what_was_told -%}
    {#- an estimate repeated later is news (somebody still believes it); an actual or a plan repeated is not -#}
    tenant_id, shipment_id, milestone_code, classifier, facility_id, occurred_at,
    case when classifier = 'estimated' then event_id end
{%- endset %}
-- of facilities that share a UN/LOCODE, the one that the shipment comes from or goes to
with own_ends as (
    select
        ends.tenant_id,
        ends.shipment_id,
        places.location_key,
        min(places.facility_id) as facility_id
    from (
        select
            tenant_id,
            shipment_id,
            unnest([origin_facility_id, destination_facility_id]) as facility_id
        from {{ ref('stg_network__shipments') }}
    ) as ends
    inner join {{ ref('idn_locations') }} as places
        on ends.tenant_id = places.tenant_id and ends.facility_id = places.facility_id
    where places.is_shared
    group by ends.tenant_id, ends.shipment_id, places.location_key
    having count(distinct places.facility_id) = 1
),

lone_places as (
    select *
    from {{ ref('idn_locations') }}
    where is_shared is not true
),

messages as (
    select
        *,
        {{ bare_reference('location_code') }} as location_key
    from {{ ref('stg_network__milestones') }}
),

from_network as (
    select
        events.tenant_id,
        events.event_id,
        refs.shipment_id,
        events.milestone_code,
        coalesce(places.facility_id, decided.facility_id, own_ends.facility_id) as facility_id,
        coalesce(
            places.facility_id, decided.facility_id, own_ends.facility_id, nullif(events.location_key, '')
        ) as place_key,
        events.classifier,
        events.occurred_at,
        events.recorded_at as told_at,
        events.recorded_at,
        events.source_file_sha256,
        events.source_row_number
    from messages as events
    inner join {{ ref('idn_milestone_references') }} as refs
        on events.tenant_id = refs.tenant_id and events.event_id = refs.event_id
    left join lone_places as places
        on
            events.tenant_id = places.tenant_id
            and events.location_key = places.location_key
    left join {{ ref('idn_decided_places') }} as decided
        on
            events.tenant_id = decided.tenant_id
            and events.location_key = decided.place_key
            and events.carrier_id is not distinct from decided.carrier_id
    left join own_ends
        on
            refs.tenant_id = own_ends.tenant_id
            and refs.shipment_id = own_ends.shipment_id
            and events.location_key = own_ends.location_key
    where refs.shipment_id is not null
),

-- `told_key` tells most messages apart: what no other shares was told once
matched as (
    select
        *,
        hash({{ what_was_told }}) as told_key
    from (
        select * from from_network
        union all by name
        select
            tenant_id, event_id, shipment_id, milestone_code, facility_id, classifier, occurred_at, told_at,
            recorded_at, source_file_sha256, source_row_number
        from {{ ref('int_status_events') }}
        -- a plan told by one partner covers its own part of the way; the route stays the one that was booked
        where event_status = 'understood' and milestone_code is not null and classifier != 'planned'
    )
),

told_again as (
    select told_key
    from matched
    group by told_key
    having count(*) > 1
),

told_once as not materialized (
    select
        * exclude (told_key),
        told_at as last_told_at
    from matched
    anti join told_again on matched.told_key = told_again.told_key
    union all by name
    -- which of the messages is kept does not depend on the order they reached us in; we knew with the first
    select
        * exclude (told_key, recorded_at),
        min(recorded_at) over (partition by {{ what_was_told }}) as recorded_at,
        max(told_at) over (partition by {{ what_was_told }}) as last_told_at
    from matched
    semi join told_again on matched.told_key = told_again.told_key
    qualify row_number() over (partition by {{ what_was_told }} order by told_at, event_id) = 1
),

planned_shipments as (
    select
        tenant_id,
        shipment_id,
        classifier,
        min(told_at) != max(told_at) as is_planned_again
    from matched
    where classifier = 'planned'
    group by tenant_id, shipment_id, classifier
),

planned_again as (
    select *
    from planned_shipments
    where is_planned_again
),

plans_told_again as (
    select matched.*
    from matched
    semi join planned_again
        on
            matched.tenant_id = planned_again.tenant_id
            and matched.shipment_id = planned_again.shipment_id
            and matched.classifier = planned_again.classifier
),

-- What was told at one instant from the origin to the destination is a whole route.
whole_routes as (
    select
        told.tenant_id,
        told.shipment_id,
        told.told_at
    from plans_told_again as told
    inner join {{ ref('stg_network__shipments') }} as shipments
        on told.tenant_id = shipments.tenant_id and told.shipment_id = shipments.shipment_id
    group by told.tenant_id, told.shipment_id, told.told_at
    having
        bool_or(told.milestone_code in ('DEPA', 'GATE_OUT') and told.facility_id = shipments.origin_facility_id)
        and bool_or(
            told.milestone_code in ('DELIVERED', 'ARRI', 'GATE_IN')
            and told.facility_id = shipments.destination_facility_id
        )
),

last_routes as (
    select
        tenant_id,
        shipment_id,
        max(told_at) as told_at
    from whole_routes
    group by tenant_id, shipment_id
),

-- A plan holds until another takes its place: of a step at a place the one told last, and nothing told before the last
-- whole route. Of a step at no place nobody can say which it replaces. Where all was told at one instant, all of it
-- holds.
in_force as not materialized (
    select told_once.*
    from told_once
    anti join planned_again
        on
            told_once.tenant_id = planned_again.tenant_id
            and told_once.shipment_id = planned_again.shipment_id
            and told_once.classifier = planned_again.classifier
    union all by name
    select told_once.*
    from told_once
    semi join planned_again
        on
            told_once.tenant_id = planned_again.tenant_id
            and told_once.shipment_id = planned_again.shipment_id
            and told_once.classifier = planned_again.classifier
    left join last_routes
        on told_once.tenant_id = last_routes.tenant_id and told_once.shipment_id = last_routes.shipment_id
    where last_routes.told_at is null or told_once.last_told_at >= last_routes.told_at
    qualify
        told_once.place_key is null
        or told_once.last_told_at = max(told_once.last_told_at) over (
            partition by told_once.tenant_id, told_once.shipment_id, told_once.milestone_code, told_once.place_key
        )
),

-- where no carrier sent the route, the plan is what the TMS booked: one departure, one delivery
booked_plan as (
    select
        shipments.tenant_id,
        shipments.shipment_id,
        unnest([
            struct_pack(
                code := 'DEPA', facility := shipments.origin_facility_id, at := shipments.planned_departure_at
            ),
            struct_pack(
                code := 'DELIVERED',
                facility := shipments.destination_facility_id,
                at := shipments.planned_arrival_at
            )
        ]) as planned,
        shipments.booked_at as recorded_at,
        shipments.source_file_sha256,
        shipments.source_row_number
    from {{ ref('stg_network__shipments') }} as shipments
    anti join planned_shipments
        on shipments.tenant_id = planned_shipments.tenant_id and shipments.shipment_id = planned_shipments.shipment_id
),

all_told as not materialized (
    select
        tenant_id, event_id as milestone_id, shipment_id, milestone_code, facility_id, classifier,
        occurred_at, told_at, recorded_at, source_file_sha256, source_row_number
    from in_force
    union all
    select
        tenant_id, 'booked/' || shipment_id || ':' || planned.code, shipment_id, planned.code,
        planned.facility, 'planned', planned.at, recorded_at, recorded_at, source_file_sha256, source_row_number
    from booked_plan
),

-- the route: planned events in their order of time; an actual takes the place of the plan it fulfils
planned_steps as (
    select
        tenant_id,
        shipment_id,
        milestone_code,
        facility_id,
        occurred_at as planned_at,
        recorded_at,
        hash(tenant_id, shipment_id, milestone_code, facility_id) as step_key,
        10 * row_number() over (
            partition by tenant_id, shipment_id order by occurred_at, milestone_code, facility_id
        ) as sequence
    from all_told
    where classifier = 'planned'
),

steps_planned_again as (
    select step_key
    from planned_steps
    group by step_key
    having count(*) > 1
),

route as (
    select planned_steps.*
    from planned_steps
    anti join steps_planned_again on planned_steps.step_key = steps_planned_again.step_key
    union all
    select planned_steps.*
    from planned_steps
    semi join steps_planned_again on planned_steps.step_key = steps_planned_again.step_key
    qualify row_number() over (
        partition by tenant_id, shipment_id, milestone_code, facility_id order by recorded_at desc, planned_at asc
    ) = 1
),

told_at_no_place as (
    select distinct
        tenant_id,
        shipment_id
    from all_told
    where facility_id is null
),

-- what names no place fulfils the one step of the route that has its code
lone as (
    select
        steps.tenant_id,
        steps.shipment_id,
        steps.milestone_code,
        min(steps.sequence) as sequence,
        min(steps.planned_at) as planned_at
    from planned_steps as steps
    semi join told_at_no_place as placeless
        on steps.tenant_id = placeless.tenant_id and steps.shipment_id = placeless.shipment_id
    group by steps.tenant_id, steps.shipment_id, steps.milestone_code
    having count(*) = 1
)

-- Every condition is an equality of columns: an `or` in a join compares every row with every other.
select
    told.tenant_id,
    told.milestone_id,
    told.shipment_id,
    told.milestone_code,
    told.facility_id,
    told.classifier,
    told.occurred_at,
    told.told_at,
    told.recorded_at,
    told.source_file_sha256,
    told.source_row_number,
    cast(coalesce(route.sequence, lone.sequence) as bigint) as sequence,
    coalesce(route.planned_at, lone.planned_at) as planned_at
from all_told as told
left join route
    on
        told.tenant_id = route.tenant_id
        and told.shipment_id = route.shipment_id
        and told.milestone_code = route.milestone_code
        and told.facility_id = route.facility_id
left join lone
    on
        told.tenant_id = lone.tenant_id
        and told.shipment_id = lone.shipment_id
        and case when told.facility_id is null then told.milestone_code end = lone.milestone_code
