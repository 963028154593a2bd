-- Every name that leads to or from what was touched: names of shipments, old and new, references of messages, orders.
-- What shares a name may be told apart, or no more, so everything that hangs together by names is built again together.
{%- set old_names = standing('identity', 'idn_shipment_references') %}
{%- set old_shipments = standing('intermediate', 'int_network_shipments') %}
{%- if execute and not is_touched_build() %}
select
    cast(null as varchar) as tenant_id,
    cast(null as varchar) as reference_type,
    cast(null as varchar) as reference_key
where false
{%- else %}
with recursive names as not materialized (
    {{ names_of_shipments() }}
),

-- shipments of a name, and messages that give it, lead to their other names; by type, for standing names lie by it
joined as (
    select tenant_id, reference_type, reference_key
    from {{ ref('touched_first_names') }}
    union
    select others.tenant_id, others.reference_type, others.reference_key
    from (
        select names.tenant_id, names.reference_type, names.reference_key
        from (
            {% for reference_type in shipment_name_types() -%}
            select standing.tenant_id, standing.shipment_id
            from joined
            inner join {{ old_names }} as standing
                on
                    joined.tenant_id = standing.tenant_id
                    and joined.reference_key = standing.reference_key
            where joined.reference_type = '{{ reference_type }}' and standing.reference_type = '{{ reference_type }}'
            union all
            {% endfor -%}
            select standing.tenant_id, standing.shipment_id
            from joined
            inner join {{ old_shipments }} as standing
                on joined.tenant_id = standing.tenant_id and joined.reference_key = standing.order_id
            where joined.reference_type = 'ORDER ITSELF'
            union all
            select new_names.tenant_id, new_names.shipment_id
            from joined
            inner join {{ ref('touched_new_names') }} as new_names
                on
                    joined.tenant_id = new_names.tenant_id
                    and joined.reference_type = new_names.reference_type
                    and joined.reference_key = new_names.reference_key
        ) as shipments
        inner join names
            on shipments.tenant_id = names.tenant_id and shipments.shipment_id = names.shipment_id
        union all
        select others.tenant_id, others.reference_type, others.reference_key
        from joined
        inner join {{ ref('stg_partner__event_references') }} as messages
            on
                joined.tenant_id = messages.tenant_id
                and joined.reference_type = messages.reference_type
                and joined.reference_key = messages.reference_key
        inner join {{ ref('stg_partner__event_references') }} as others
            on messages.tenant_id = others.tenant_id and messages.event_id = others.event_id
    ) as others
)

select
    tenant_id,
    reference_type,
    reference_key
from joined
{%- endif %}
