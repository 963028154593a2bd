{#- What a score says of a shipment, beside which it is. -#}
{% macro score_columns() -%}
    {{ return([
        'late_probability', 'predicted_arrival_at', 'interval_low_at', 'interval_high_at', 'model_version', 'reasons',
        'scored_as_of'
    ]) }}
{%- endmacro %}

{#- Of each shipment the last score. -#}
{% macro scores_that_count() -%}
    select
        tenant_id,
        shipment_id,
        late_probability,
        predicted_arrival_at,
        interval_low_at,
        interval_high_at,
        model_version,
        reasons,
        cutoff_at as scored_as_of
    from {{ source('ml', 'arrival_scores') }}
    qualify row_number() over (
        partition by tenant_id, shipment_id order by scored_at desc, cutoff_at desc, model_version desc
    ) = 1
{%- endmacro %}
