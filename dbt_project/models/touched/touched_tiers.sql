-- Tiers of customers as the last build left them.
{%- if execute and not is_touched_build() %}
select cast(null as varchar) as tenant_id, cast(null as varchar) as customer_id, cast(null as varchar) as customer_tier
where false
{%- else %}
select tenant_id, party_id as customer_id, customer_tier
from {{ standing('marts', 'dim_parties') }}
where party_role = 'customer'
{%- endif %}
