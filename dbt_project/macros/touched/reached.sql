{#-
    Shipments of whom a delivery was told that lay ahead of the clock by which everything was built, and does no more:
    it may count only now (`int_network_shipments`), also of one that is not open, as its TMS may have said so before.
-#}
{% macro deliveries_reached() -%}
    select told.tenant_id, told.shipment_id
    from {{ standing('marts', 'fct_milestones') }} as told
    inner join {{ source('settings', 'built_clocks') }} as built
        on told.tenant_id = built.tenant_id and told.occurred_at > built.as_of
    inner join {{ source('settings', 'tenant_clocks') }} as clocks
        on told.tenant_id = clocks.tenant_id and told.occurred_at <= clocks.as_of
    where told.milestone_code = 'DELIVERED' and told.classifier = 'actual'
{%- endmacro %}
