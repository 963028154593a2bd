-- Names of shipments that do not stand yet: of those that changed, and by what a person decided.
{%- if execute and not is_touched_build() %}
select
    cast(null as varchar) as tenant_id,
    cast(null as varchar) as reference_type,
    cast(null as varchar) as reference_key,
    cast(null as varchar) as shipment_id
where false
{%- else %}
with changed_shipments as (
    select shipments.*
    from {{ ref('stg_network__shipments') }} as shipments
    inner join {{ ref('touched_rows') }} as touched
        on shipments.tenant_id = touched.tenant_id and shipments.shipment_id = touched.row_key
    where touched.model_name = 'stg_network__shipments'
)

select tenant_id, reference_type, reference_key, shipment_id
from ({{ shipment_names('changed_shipments') }})
union all
select tenant_id, 'ORDER ITSELF', order_id, shipment_id
from changed_shipments
union all
select tenant_id, reference_type, reference_key, shipment_id
from {{ source('settings', 'reference_decisions') }}
where shipment_id is not null
{%- endif %}
