-- A carrier may name a place by our facility code or by its UN/LOCODE; our code wins where both would fit. Of
-- facilities that are said to be one, it is the one that is kept.
with names as (
    select
        tenant_id,
        facility_id as location_code,
        facility_id,
        1 as preference
    from {{ ref('stg_network__facilities') }}
    union all
    select
        tenant_id,
        un_locode as location_code,
        facility_id,
        case when facility_type in ('port', 'hub') then 2 else 3 end as preference
    from {{ ref('stg_network__facilities') }}
    where un_locode is not null
)

select
    names.tenant_id,
    {{ bare_reference('names.location_code') }} as location_key,
    coalesce(kept.kept_facility_id, names.facility_id) as facility_id
from names
left join {{ ref('stg_settings__kept_facilities') }} as kept
    on names.tenant_id = kept.tenant_id and names.facility_id = kept.facility_id
qualify row_number() over (
    partition by names.tenant_id, {{ bare_reference('names.location_code') }}
    order by names.preference, names.facility_id
) = 1
