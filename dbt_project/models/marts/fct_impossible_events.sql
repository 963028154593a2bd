{{ touched('shipments') }}
-- Milestones that cannot both be true, or not yet: each with what it contradicts. Nothing is taken away for it; a
-- person sees why the picture of a shipment may be wrong, and who told it so. What is known by its day alone stands at
-- noon and may have been twelve hours off, so it contradicts only what is further away, and says nothing of speed.
with told as (
    select
        milestones.tenant_id,
        milestones.milestone_id,
        milestones.shipment_id,
        milestones.milestone_code,
        milestones.facility_id,
        milestones.occurred_at,
        milestones.recorded_at,
        milestones.is_departure,
        milestones.is_arrival,
        milestones.source_file_sha256,
        milestones.source_row_number,
        places.latitude,
        places.longitude,
        coalesce(events.occurred_precision, 'moment') = 'day' as is_day_alone,
        case when events.occurred_precision = 'day' then interval '12 hours' else interval '0 hours' end as slack,
        milestones.facility_id = shipments.origin_facility_id as is_at_origin,
        milestones.facility_id = shipments.destination_facility_id as is_at_destination
    from {{ ref('fct_milestones') }} as milestones
    inner join {{ ref('fct_shipments') }} as shipments
        on
            milestones.tenant_id = shipments.tenant_id
            and milestones.shipment_id = shipments.shipment_id
    left join {{ ref('dim_facilities') }} as places
        on milestones.tenant_id = places.tenant_id and milestones.facility_id = places.facility_id
    left join {{ ref('int_status_events') }} as events
        on milestones.tenant_id = events.tenant_id and milestones.milestone_id = events.event_id
    where milestones.classifier = 'actual'
),

-- a clock may be an hour wrong; more is a stamp from the future
early as (
    select
        *,
        'future_stamp' as impossibility,
        cast(null as varchar) as other_milestone_id,
        epoch(occurred_at - recorded_at) / 3600 as extent
    from told
    where occurred_at - slack > recorded_at + interval '1 hour'
),

-- the departure from the origin; where nobody told that, the first one from elsewhere, but for the destination, which
-- emptied boxes leave
departures as (
    select
        tenant_id,
        shipment_id,
        occurred_at as departed_at,
        slack,
        milestone_id
    from told
    where is_departure and not coalesce(is_at_destination and not is_at_origin, false)
    qualify row_number() over (
        partition by tenant_id, shipment_id
        order by coalesce(is_at_origin, false) desc, occurred_at asc, milestone_id asc
    ) = 1
),

before_pickup as (
    select
        told.*,
        'before_pickup' as impossibility,
        departures.milestone_id as other_milestone_id,
        epoch(departures.departed_at - told.occurred_at) / 3600 as extent
    from told
    inner join departures
        on told.tenant_id = departures.tenant_id and told.shipment_id = departures.shipment_id
    where
        told.is_arrival
        -- delivered it is at its end, also where no place is told
        and (told.is_at_destination or told.milestone_code = 'DELIVERED' and told.facility_id is null)
        and told.occurred_at + told.slack < departures.departed_at - departures.slack
),

followed as (
    select
        *,
        lag(milestone_id) over way as other_milestone_id,
        lag(latitude) over way as other_latitude,
        lag(longitude) over way as other_longitude,
        epoch(occurred_at - lag(occurred_at) over way) / 3600 as hours
    from told
    where latitude is not null and not is_day_alone
    window way as (partition by tenant_id, shipment_id order by occurred_at, milestone_id)
),

moved as (
    select
        * exclude (other_latitude, other_longitude),
        {{ kilometres('other_latitude', 'other_longitude', 'latitude', 'longitude') }} as distance_km
    from followed
    where other_milestone_id is not null
),

-- nothing that carries freight is faster; places a stone's throw apart say nothing of speed
too_fast as (
    select
        * exclude (distance_km, hours, other_milestone_id),
        'too_fast' as impossibility,
        other_milestone_id,
        distance_km / greatest(hours, 1.0 / 60) as extent
    from moved
    where distance_km > 50 and distance_km / greatest(hours, 1.0 / 60) > {{ var('fastest_km_per_hour') }}
),

found as (
    select * from early
    union all by name
    select * from before_pickup
    union all by name
    select * from too_fast
)

select
    tenant_id,
    milestone_id || ':' || impossibility as finding_id,
    shipment_id,
    milestone_id,
    other_milestone_id,
    impossibility,
    round(extent, 1) as extent,
    case impossibility when 'too_fast' then 'km/h' else 'hours' end as extent_unit,
    milestone_code,
    facility_id,
    occurred_at,
    recorded_at,
    source_file_sha256,
    source_row_number
from found
