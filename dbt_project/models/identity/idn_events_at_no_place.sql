{{ touched('shipments') }}
-- What was told of our shipments at a place that nobody knows: one row per event, with all it says of the place, and
-- the step of its code that the plan of its shipment has nearest in time to what was told.
with shared as (
    select distinct
        tenant_id,
        location_key
    from {{ ref('idn_locations') }}
    where is_shared
),

from_network as (
    select
        events.tenant_id,
        events.event_id,
        events.carrier_id,
        milestones.shipment_id,
        events.milestone_code,
        events.occurred_at as occurred_about,
        {{ bare_reference('events.location_code') }} as place_key,
        events.location_code as place,
        cast(null as varchar) as city_key,
        cast(null as varchar) as country_code,
        cast(null as double) as latitude,
        cast(null as double) as longitude,
        case when shared.location_key is not null then 'several_places' else 'unknown_place' end as match_status,
        cast(null as varchar) as remark,
        events.recorded_at,
        events.source_file_sha256,
        events.source_row_number
    from {{ ref('fct_milestones') }} as milestones
    inner join {{ ref('stg_network__milestones') }} as events
        on milestones.tenant_id = events.tenant_id and milestones.milestone_id = events.event_id
    left join shared
        on
            events.tenant_id = shared.tenant_id
            and {{ bare_reference('events.location_code') }} = shared.location_key
    where milestones.facility_id is null
),

from_partners as (
    select
        told.tenant_id,
        told.event_id,
        told.carrier_id,
        events.shipment_id,
        events.milestone_code,
        coalesce(events.occurred_at, told.occurred_local at time zone 'UTC') as occurred_about,
        {{ place_key('told') }} as place_key,
        coalesce(
            told.location_code,
            case when told.city is not null then concat_ws(', ', told.city, told.region_code, told.country_code) end,
            told.location_name
        ) as place,
        told.city_key,
        case when length(told.country_code) = 2 then told.country_code end as country_code,
        told.latitude,
        told.longitude,
        case when places.found_by = 'several' then 'several_places' else 'unknown_place' end as match_status,
        told.remark,
        told.recorded_at,
        told.source_file_sha256,
        told.source_row_number
    from {{ ref('int_status_events') }} as events
    inner join {{ ref('stg_partner__events') }} as told
        on events.tenant_id = told.tenant_id and events.event_id = told.event_id
    left join {{ ref('idn_event_places') }} as places
        on events.tenant_id = places.tenant_id and events.event_id = places.event_id
    where events.shipment_id is not null and events.facility_id is null and events.event_status != 'withdrawn'
),

told as (
    select * from from_network
    union all
    select * from from_partners
),

planned as (
    select
        told.tenant_id,
        told.event_id,
        arg_min(
            plan.facility_id, (abs(epoch(plan.occurred_at) - epoch(told.occurred_about)), plan.facility_id)
        ) as facility_id
    from told
    inner join {{ ref('fct_milestones') }} as plan
        on
            told.tenant_id = plan.tenant_id
            and told.shipment_id = plan.shipment_id
            and told.milestone_code = plan.milestone_code
    where plan.classifier = 'planned' and plan.facility_id is not null
    group by told.tenant_id, told.event_id
)

select
    told.*,
    planned.facility_id as planned_facility_id
from told
left join planned
    on told.tenant_id = planned.tenant_id and told.event_id = planned.event_id
where told.place_key != ''
