-- What parties and places were called, and the tiers of customers, as the last build left them.
{%- if execute and not is_touched_build() %}
select
    cast(null as varchar) as tenant_id,
    cast(null as varchar) as master_role,
    cast(null as varchar) as master_id,
    cast(null as varchar) as master_name,
    cast(null as varchar) as customer_tier
where false
{%- else %}
select tenant_id, party_role as master_role, party_id as master_id, party_name as master_name, customer_tier
from {{ standing('marts', 'dim_parties') }}
union all
select tenant_id, 'facility', facility_id, facility_name, null
from {{ standing('marts', 'dim_facilities') }}
{%- endif %}
