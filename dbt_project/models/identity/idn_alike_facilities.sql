-- Facilities of a tenant that may be one: for each those before it, with a score and its reasons in words; at most
-- five, the likeliest first; a person decides. The score (0 to 1) weighs their names, how far apart they stand and what
-- they are; it ranks, and never decides.
with places as (
    select
        facilities.*,
        {{ name_key('facilities.facility_name') }} as name_key,
        left({{ name_key('facilities.facility_name') }}, 6) as name_start
    from {{ ref('stg_network__facilities') }} as facilities
    anti join {{ ref('stg_settings__kept_facilities') }} as one_with_another
        on
            facilities.tenant_id = one_with_another.tenant_id
            and facilities.facility_id = one_with_another.facility_id
),

{{ pairs_that_share('places', 'facility_id', ['name_key', 'name_start', 'un_locode', 'city_key']) }},

later_places as (
    {{ not_said_to_be_its_own('places', 'FACILITY', 'facility_id') }}
),

compared as (
    select
        pairs.tenant_id,
        pairs.later_id as facility_id,
        pairs.earlier_id as kept_facility_id,
        earlier.facility_name,
        {{ likeness('later.name_key', 'earlier.name_key') }} as likeness,
        later.name_key = earlier.name_key as has_same_name,
        coalesce(later.facility_type = earlier.facility_type, false) as has_same_type,
        coalesce(later.city_key = earlier.city_key, false) as has_same_town,
        case
            when later.latitude + later.longitude + earlier.latitude + earlier.longitude is not null
                then {{ kilometres('later.latitude', 'later.longitude', 'earlier.latitude', 'earlier.longitude') }}
        end as distance
    from pairs
    inner join later_places as later
        on pairs.tenant_id = later.tenant_id and pairs.later_id = later.facility_id
    inner join places as earlier
        on pairs.tenant_id = earlier.tenant_id and pairs.earlier_id = earlier.facility_id
    where coalesce(later.country_code = earlier.country_code, true)
),

scored as (
    select
        *,
        round(
            0.5 * likeness
            -- where one of the two has no position, their town says where they stand
            + coalesce(0.4 * greatest(0, 1 - distance / 2), case when has_same_town then 0.3 else 0 end)
            + case when has_same_type then 0.1 else -0.2 end,
            3
        ) as score
    from compared
)

select
    tenant_id,
    facility_id,
    kept_facility_id,
    facility_name,
    score,
    list_filter([
        case when has_same_name then 'the same name' when likeness > 0 then 'names alike' end,
        case
            when distance is not null then round(distance, 1) || ' km apart'
            when has_same_town then 'the same town'
        end,
        case when has_same_type then 'of the same kind' end
    ], lambda reason: reason is not null) as reasons,
    row_number() over (
        partition by tenant_id, facility_id order by score desc, kept_facility_id asc
    ) as place
from scored
where score >= 0.6
qualify place <= 5
