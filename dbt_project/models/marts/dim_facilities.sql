{{ built_after('touched_masters') }}
select *
from {{ ref('int_public_facilities') }}
union all
select
    places.tenant_id, places.facility_id, places.facility_name, places.facility_type, places.un_locode,
    places.country_code, places.latitude, places.longitude, coalesce(places.time_zone, 'UTC')
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
