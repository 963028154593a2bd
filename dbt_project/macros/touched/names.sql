{#-
    Every name of a shipment, as those stand and as they come to be. Not to be materialized: where names stand, a short
    run reads only the blocks of what it asks for.
-#}
{% macro names_of_shipments() -%}
    select tenant_id, reference_type, reference_key, shipment_id
    from {{ standing('identity', 'idn_shipment_references') }}
    union all
    select tenant_id, 'ORDER ITSELF', order_id, shipment_id
    from {{ standing('intermediate', 'int_network_shipments') }}
    union all
    select tenant_id, reference_type, reference_key, shipment_id
    from {{ ref('touched_new_names') }}
{%- endmacro %}
