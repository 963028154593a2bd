-- For each place that nobody knows by its name: those it may be, each with a score and its reasons in words; at most
-- five, the likeliest first; a person decides. Each is compared with every facility, so only the thousand names of a
-- tenant with the most messages are; the others come up as those are decided. The score (0 to 1) weighs how alike the
-- names are written (Jaro-Winkler similarity, Winkler 1990) with where the plan has the shipments at that step, the
-- distance and the country; it ranks, and never decides.
with waiting as (
    select
        tenant_id,
        place_key,
        carrier_id,
        min(city_key) as city_key,
        min(country_code) as country_code,
        arg_min(latitude, event_id) as latitude,
        arg_min(longitude, event_id) as longitude,
        count(*) as event_count
    from {{ ref('idn_unmatched_places') }}
    where decision_id is null
    group by tenant_id, place_key, carrier_id
    qualify row_number() over (
        partition by tenant_id order by count(*) desc, place_key asc, carrier_id asc
    ) <= 1000
),

planned as (
    select
        tenant_id,
        place_key,
        carrier_id,
        planned_facility_id as facility_id,
        count(*) as event_count
    from {{ ref('idn_unmatched_places') }}
    where planned_facility_id is not null
    group by all
),

compared as (
    select
        waiting.tenant_id,
        waiting.place_key,
        waiting.carrier_id,
        places.facility_id,
        places.facility_name,
        -- a name that has one of ours whole within it, as a gate or a yard of it has, is nearly that
        list_max(list_transform(
            [{{ bare_reference('places.facility_id') }}, places.un_locode, places.city_key,
                {{ bare_reference('places.facility_name') }}],
            lambda ours: case
                when length(ours) >= 4 and contains(waiting.place_key, ours) then 0.95
                else jaro_winkler_similarity(coalesce(waiting.city_key, waiting.place_key), ours)
            end
        )) as likeness,
        coalesce(planned.event_count / waiting.event_count, 0) as planned_share,
        case
            -- where one of the two has no position there is no distance: least() passes over what is null
            when waiting.latitude + waiting.longitude + places.latitude + places.longitude is not null
                then {{ kilometres('waiting.latitude', 'waiting.longitude', 'places.latitude', 'places.longitude') }}
        end as distance,
        waiting.country_code = places.country_code as is_same_country
    from waiting
    inner join {{ ref('stg_network__facilities') }} as places
        on waiting.tenant_id = places.tenant_id
    left join planned
        on
            waiting.tenant_id = planned.tenant_id
            and waiting.place_key = planned.place_key
            and waiting.carrier_id is not distinct from planned.carrier_id
            and places.facility_id = planned.facility_id
    anti join {{ ref('stg_settings__kept_facilities') }} as one_with_another
        on places.tenant_id = one_with_another.tenant_id and places.facility_id = one_with_another.facility_id
),

scored as (
    select
        *,
        round(
            -- names that have nothing to do with each other are some 60 % alike by that measure
            0.5 * greatest(0, (likeness - 0.6) / 0.4)
            + 0.4 * greatest(planned_share, coalesce(case when distance < 25 then 1 - distance / 25 end, 0))
            + case when is_same_country then 0.1 when is_same_country is null then 0.05 else 0 end,
            3
        ) as score
    from compared
)

select
    tenant_id,
    place_key,
    carrier_id,
    facility_id,
    facility_name,
    score,
    list_filter([
        case when likeness > 0.6 then 'name ' || cast(round(100 * likeness) as integer) || ' % alike' end,
        case
            when planned_share > 0
                then 'planned for that step in ' || cast(round(100 * planned_share) as integer) || ' % of its messages'
        end,
        case when distance is not null then cast(round(distance) as integer) || ' km away' end,
        case when is_same_country then 'the same country' when not is_same_country then 'another country' end
    ], lambda reason: reason is not null) as reasons,
    row_number() over (
        partition by tenant_id, place_key, carrier_id order by score desc, facility_id asc
    ) as place
from scored
where score >= 0.3
qualify place <= 5
