{#- An amount of money, rounded to cents once and exact from then on. -#}
{% macro money(amount) -%}
    cast(round(coalesce({{ amount }}, 0), 2) as decimal(18, 2))
{%- endmacro %}

{#- What a late delivery costs by its commitment: so much for each day, up to its cap. -#}
{% macro capped_penalty(per_day, cap, days) -%}
    least(cast({{ per_day }} as double) * ({{ days }}), cast({{ cap }} as double))
{%- endmacro %}

{#-
    A sum that does not depend on the order of its rows: floating point's does, in the last bits, and a rebuild
    would differ from what it rebuilds. Exact to six decimal places.
-#}
{% macro exact_sum(value) -%}
    cast(sum(cast({{ value }} as decimal(28, 6))) as double)
{%- endmacro %}
