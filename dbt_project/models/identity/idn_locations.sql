-- A carrier may name a place by our facility code or by its UN/LOCODE; our code wins where both would fit, then a port
-- or hub. Others that share a UN/LOCODE stand here each: which one is meant, only the shipment can say. Of facilities
-- that are said to be one, it is the one that is kept.
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
),

keyed as (
    select
        names.tenant_id,
        {{ bare_reference('names.location_code') }} as location_key,
        coalesce(kept.kept_facility_id, names.facility_id) as facility_id,
        names.facility_id as named_facility_id,
        names.preference
    from names
    left join {{ ref('stg_settings__kept_facilities') }} as kept
        on names.tenant_id = kept.tenant_id and names.facility_id = kept.facility_id
),

-- two codes of ours that differ in their spelling alone are no town: the first of them is meant
preferred as (
    select *
    from keyed
    qualify
        rank() over (
            partition by tenant_id, location_key
            order by preference, case when preference = 1 then named_facility_id end
        ) = 1
)

select
    tenant_id,
    location_key,
    facility_id,
    count(*) over (partition by tenant_id, location_key) > 1 as is_shared
from (
    select distinct
        tenant_id,
        location_key,
        facility_id
    from preferred
) as meant
