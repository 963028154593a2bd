-- Shipments whose money at stake is counted again: those that are built again, those with stock that waits for them or
-- waited, and those of customers who are of another tier.
{%- if execute and not is_touched_build() %}
select cast(null as varchar) as tenant_id, cast(null as varchar) as shipment_id
where false
{%- else %}
with retiered as (
    select customers.tenant_id, customers.party_id as customer_id
    from {{ ref('dim_parties') }} as customers
    left join {{ ref('touched_masters') }} as before
        on
            customers.tenant_id = before.tenant_id
            and customers.party_role = before.master_role
            and customers.party_id = before.master_id
    where customers.party_role = 'customer' and customers.customer_tier is distinct from before.customer_tier
)

select tenant_id, shipment_id
from {{ ref('touched_shipments') }}
union
select tenant_id, inbound_shipment_id
from {{ ref('int_inventory_inbound') }}
where inbound_shipment_id is not null and stock_out_at is not null
union
select tenant_id, shipment_id
from {{ standing('marts', 'fct_exposures') }}
where inventory_at_risk != 0
union
select shipments.tenant_id, shipments.shipment_id
from {{ ref('fct_shipments') }} as shipments
inner join retiered
    on shipments.tenant_id = retiered.tenant_id and shipments.customer_id = retiered.customer_id
{%- endif %}
