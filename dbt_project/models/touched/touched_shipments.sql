-- Shipments that are built again.
{%- if execute and not is_touched_build() %}
select cast(null as varchar) as tenant_id, cast(null as varchar) as shipment_id
where false
{%- else %}
select names.tenant_id, names.shipment_id
from {{ standing('identity', 'idn_shipment_references') }} as names
inner join {{ ref('touched_names') }} as touched
    on
        names.tenant_id = touched.tenant_id
        and names.reference_type = touched.reference_type
        and names.reference_key = touched.reference_key
union
select shipments.tenant_id, shipments.shipment_id
from {{ standing('intermediate', 'int_network_shipments') }} as shipments
inner join {{ ref('touched_names') }} as touched
    on
        shipments.tenant_id = touched.tenant_id
        and touched.reference_type = 'ORDER ITSELF'
        and shipments.order_id = touched.reference_key
union
select decisions.tenant_id, decisions.shipment_id
from {{ source('settings', 'reference_decisions') }} as decisions
inner join {{ ref('touched_names') }} as touched
    on
        decisions.tenant_id = touched.tenant_id
        and decisions.reference_type = touched.reference_type
        and decisions.reference_key = touched.reference_key
where decisions.shipment_id is not null
union
select tenant_id, row_key
from {{ ref('touched_rows') }}
where model_name = 'stg_network__shipments'
union
-- what a paper speaks of may be no shipment that has a name
select papers._tenant_id, papers.shipment_no
from {{ source('network', 'document') }} as papers
inner join {{ ref('touched_rows') }} as touched
    on papers._tenant_id = touched.tenant_id and papers.document_id = touched.row_key
where touched.model_name = 'stg_network__documents'
union
-- of a tenant of whom all is built again, what there was and what there is
{% for shipments in [
    standing('marts', 'fct_shipments'), ref('stg_network__shipments'), ref('int_scms_shipments'),
    ref('stg_c2k__bookings')
] -%}
select shipments.tenant_id, shipments.shipment_id
from {{ shipments }} as shipments
inner join {{ ref('touched_tenants') }} as tenants
    on shipments.tenant_id = tenants.tenant_id
where tenants.is_all_touched
{% if not loop.last %}union{% endif %}
{% endfor -%}
union
select shipments.tenant_id, shipments.shipment_id
from {{ standing('marts', 'fct_shipments') }} as shipments
inner join {{ ref('touched_tenants') }} as tenants
    on shipments.tenant_id = tenants.tenant_id
where tenants.has_clock_moved and shipments.is_open
union
{{ deliveries_reached() }}
{%- endif %}
