-- Places that only shipments of the public data name: apart, for it is a long way to them and they hardly change.
with health_sites as (
    select
        lines.tenant_id,
        'site-' || {{ slug('lines.manufacturing_site') }} as facility_id,
        min(lines.manufacturing_site) as facility_name,
        'plant' as facility_type,
        min(patterns.country_code) as country_code
    from {{ ref('stg_scms__line_items') }} as lines
    left join {{ ref('manufacturing_sites') }} as patterns
        on lines.manufacturing_site like patterns.site_pattern
    group by all
),

health_countries as (
    select distinct
        lines.tenant_id,
        'country-' || coalesce(lower(countries.country_code), {{ slug('lines.country_name') }}) as facility_id,
        lines.country_name as facility_name,
        'country' as facility_type,
        countries.country_code
    from {{ ref('stg_scms__line_items') }} as lines
    left join {{ ref('countries') }} as countries
        on lines.country_name = countries.country_name
),

health as (
    select
        places.*,
        countries.latitude,
        countries.longitude,
        countries.time_zone
    from (
        select * from health_sites
        union all
        select * from health_countries
    ) as places
    left join {{ ref('countries') }} as countries
        on places.country_code = countries.country_code
),

-- airports of the public data are anonymised: a number, no position
airports as (
    select distinct
        tenant_id,
        facility_id
    from (
        select tenant_id, facility_id from {{ ref('stg_c2k__milestones') }}
        union all
        select tenant_id, unnest(origin_facility_ids) from {{ ref('stg_c2k__bookings') }}
        union all
        select tenant_id, hub_facility_id from {{ ref('stg_c2k__bookings') }}
        union all
        select tenant_id, destination_facility_id from {{ ref('stg_c2k__bookings') }}
    ) as places
    where facility_id is not null
)

select
    tenant_id, facility_id, facility_name, facility_type, cast(null as varchar) as un_locode, country_code,
    cast(latitude as double) as latitude, cast(longitude as double) as longitude,
    coalesce(time_zone, 'UTC') as time_zone
from health
union all
select
    tenant_id, facility_id, 'Airport ' || facility_id, 'airport', null, null, null, null, 'UTC'
from airports
