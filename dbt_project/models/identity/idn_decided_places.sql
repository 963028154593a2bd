-- Places that a person said a carrier means by a name. One that is not in the master data (yet) is no place.
select
    decisions.tenant_id,
    decisions.reference_key as place_key,
    decisions.carrier_id,
    coalesce(kept.kept_facility_id, places.facility_id) as facility_id
from {{ source('settings', 'reference_decisions') }} as decisions
inner join {{ ref('stg_network__facilities') }} as places
    on decisions.tenant_id = places.tenant_id and decisions.facility_id = places.facility_id
left join {{ ref('stg_settings__kept_facilities') }} as kept
    on places.tenant_id = kept.tenant_id and places.facility_id = kept.facility_id
where decisions.reference_type = 'PLACE' and decisions.decision = 'match'
