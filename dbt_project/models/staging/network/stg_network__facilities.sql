with known as (
    {{ known_as_of(source('network', 'facility')) }}
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
    -- a zone that does not exist is none: asked for its clock, the database would stop at it
    case when lower(time_zone) in (select lower(zones.name) from pg_timezone_names() as zones) then time_zone end
        as time_zone,
    {{ bare_reference('city') }} as city_key,
    upper(region_code) as region_code,
    _recorded_at as recorded_at,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from known
{{ keep_latest('_tenant_id, facility_code') }}
