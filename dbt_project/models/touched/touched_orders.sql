-- Orders that are built again: those of touched shipments, those that are called by a name that was touched, and those
-- that nobody ships and that may be overdue now.
{%- if execute and not is_touched_build() %}
select cast(null as varchar) as tenant_id, cast(null as varchar) as order_id
where false
{%- else %}
select tenant_id, reference_key as order_id
from {{ ref('touched_names') }}
where reference_type = 'ORDER ITSELF'
union
select shipments.tenant_id, shipments.order_id
from {{ ref('stg_network__shipments') }} as shipments
inner join {{ ref('touched_shipments') }} as touched
    on shipments.tenant_id = touched.tenant_id and shipments.shipment_id = touched.shipment_id
union
select orders.tenant_id, orders.order_id
from {{ standing('marts', 'fct_orders') }} as orders
inner join {{ ref('touched_tenants') }} as tenants
    on orders.tenant_id = tenants.tenant_id
anti join {{ standing('marts', 'fct_otif') }} as judged
    on orders.tenant_id = judged.tenant_id and orders.order_line_id = judged.order_line_id
where tenants.has_clock_moved and orders.shipment_id is null
{%- for orders in [
    standing('marts', 'fct_orders'), ref('stg_network__orders'), ref('stg_scms__line_items')
] %}
union
select orders.tenant_id, orders.order_id
from {{ orders }} as orders
inner join {{ ref('touched_tenants') }} as tenants
    on orders.tenant_id = tenants.tenant_id
where tenants.is_all_touched
{%- endfor %}
{%- endif %}
