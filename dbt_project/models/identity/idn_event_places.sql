{{ touched('events') }}
-- Where a partner's event took place: by its code, else as a person said, else by its town. Of several places in one
-- town, or of one UN/LOCODE, the one that the shipment comes from or goes to; else the place stays open, and its clock
-- is known where they all share one.
with events as (
    select
        told.tenant_id,
        told.event_id,
        told.carrier_id,
        {{ bare_reference('told.location_code') }} as location_key,
        {{ place_key('told') }} as place_key,
        told.city_key,
        told.region_code,
        -- some write three letters; only two are compared
        case when length(told.country_code) = 2 then told.country_code end as country_code,
        shipments.origin_facility_id,
        shipments.destination_facility_id
    from {{ ref('stg_partner__events') }} as told
    left join {{ ref('idn_milestone_references') }} as refs
        on told.tenant_id = refs.tenant_id and told.event_id = refs.event_id
    left join {{ ref('stg_network__shipments') }} as shipments
        on refs.tenant_id = shipments.tenant_id and refs.shipment_id = shipments.shipment_id
),

by_code as (
    select
        events.tenant_id,
        events.event_id,
        places.facility_id,
        'code' as found_by,
        case
            when places.is_shared
                then places.facility_id in (events.origin_facility_id, events.destination_facility_id)
            else true
        end as is_on_route,
        coalesce(places.is_shared, false) as is_shared
    from events
    inner join {{ ref('idn_locations') }} as places
        on events.tenant_id = places.tenant_id and events.location_key = places.location_key
),

told_by_code as (
    select
        tenant_id,
        event_id
    from by_code
    where not is_shared
),

by_person as (
    select
        events.tenant_id,
        events.event_id,
        decided.facility_id,
        'person' as found_by,
        true as is_on_route
    from events
    inner join {{ ref('idn_decided_places') }} as decided
        on
            events.tenant_id = decided.tenant_id
            and events.place_key = decided.place_key
            and events.carrier_id is not distinct from decided.carrier_id
    left join told_by_code
        on events.tenant_id = told_by_code.tenant_id and events.event_id = told_by_code.event_id
    where told_by_code.event_id is null
),

named as (
    select * from by_person
    union all
    select by_code.* exclude (is_shared)
    from by_code
    left join by_person
        on by_code.tenant_id = by_person.tenant_id and by_code.event_id = by_person.event_id
    where by_person.event_id is null
),

by_town as (
    select distinct
        events.tenant_id,
        events.event_id,
        coalesce(kept.kept_facility_id, places.facility_id) as facility_id,
        'town' as found_by,
        coalesce(kept.kept_facility_id, places.facility_id)
        in (events.origin_facility_id, events.destination_facility_id) as is_on_route
    from events
    inner join {{ ref('stg_network__facilities') }} as places
        on
            events.tenant_id = places.tenant_id
            and events.city_key = places.city_key
            and coalesce(events.country_code, places.country_code) = places.country_code
            and coalesce(events.region_code, places.region_code, '') = coalesce(places.region_code, '')
    left join named
        on events.tenant_id = named.tenant_id and events.event_id = named.event_id
    left join {{ ref('stg_settings__kept_facilities') }} as kept
        on places.tenant_id = kept.tenant_id and places.facility_id = kept.facility_id
    where named.event_id is null
),

found as (
    select * from named
    union all
    select * from by_town
),

judged as (
    select
        found.tenant_id,
        found.event_id,
        min(found.found_by) as found_by,
        count(*) as place_count,
        min(found.facility_id) as facility_id,
        count(*) filter (where found.is_on_route) as on_route_count,
        min(found.facility_id) filter (where found.is_on_route) as on_route_facility_id,
        count(distinct places.time_zone) as zone_count,
        min(places.time_zone) as time_zone
    from found
    inner join {{ ref('stg_network__facilities') }} as places
        on found.tenant_id = places.tenant_id and found.facility_id = places.facility_id
    group by found.tenant_id, found.event_id
)

select
    tenant_id,
    event_id,
    case when place_count = 1 then facility_id when on_route_count = 1 then on_route_facility_id end as facility_id,
    case when zone_count = 1 then time_zone end as time_zone,
    case when place_count = 1 then found_by when on_route_count = 1 then 'route' else 'several' end as found_by
from judged
