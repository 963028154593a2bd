with known as (
    {{ known_as_of(source('network', 'facility')) }}
),

zones as (
    select lower(name) as zone_key
    from pg_timezone_names()
),

-- a zone that does not exist is none: asked for its clock, the database would stop at it
zoned as (
    select known.*
    from known
    semi join zones
        on lower(known.time_zone) = zones.zone_key
    union all
    select known.* replace (cast(null as varchar) as time_zone)
    from known
    anti join zones
        on lower(known.time_zone) = zones.zone_key
)

select
    _tenant_id as tenant_id,
    facility_code as facility_id,
    facility_name,
    facility_type,
    un_locode,
    latitude,
    longitude,
    country_code,
    time_zone,
    {{ bare_reference('city') }} as city_key,
    upper(region_code) as region_code,
    _recorded_at as recorded_at,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from zoned
{{ keep_latest('_tenant_id, facility_code') }}
