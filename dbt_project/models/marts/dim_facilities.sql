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
union all
select
    places.tenant_id, places.facility_id, places.facility_name, places.facility_type, places.un_locode,
    places.country_code, places.latitude, places.longitude, places.time_zone
from {{ ref('stg_network__facilities') }} as places
anti join {{ ref('stg_settings__kept_facilities') }} as one_with_another
    on places.tenant_id = one_with_another.tenant_id and places.facility_id = one_with_another.facility_id
union all
-- a place the TMS names before the location master does
select
    named.tenant_id, named.facility_id, named.facility_id, 'unknown', null, null,
    cast(null as double), cast(null as double), 'UTC'
from (
    select tenant_id, origin_facility_id as facility_id from {{ ref('int_network_shipments') }}
    union
    select tenant_id, destination_facility_id from {{ ref('int_network_shipments') }}
) as named
left join {{ ref('stg_network__facilities') }} as known
    on named.tenant_id = known.tenant_id and named.facility_id = known.facility_id
where known.facility_id is null
