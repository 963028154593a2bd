-- A carrier may name a place by our facility code or by its UN/LOCODE; our code wins where both would fit.
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
    tenant_id,
    {{ bare_reference('location_code') }} as location_key,
    facility_id
from names
qualify row_number() over (
    partition by tenant_id, {{ bare_reference('location_code') }} order by preference, facility_id
) = 1
