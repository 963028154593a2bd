-- Orders that are built again: those of touched shipments, and those that are called by a name that was touched.
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
select everything.tenant_id, everything.order_id
from (
    select tenant_id, order_id from {{ standing('marts', 'fct_orders') }}
    union
    select tenant_id, order_id from {{ ref('stg_network__orders') }}
    union
    select tenant_id, order_id from {{ ref('stg_scms__line_items') }}
) as everything
inner join {{ ref('touched_tenants') }} as tenants
    on everything.tenant_id = tenants.tenant_id
where tenants.is_all_touched
{%- endif %}
