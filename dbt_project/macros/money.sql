{#- No shipment is worth more: a feed that says so errs, and one such row must not stop the build of everybody. -#}
{% macro most_money() -%} 1000000000000 {%- endmacro %}

{#- An amount of money, rounded to cents once and exact from then on. -#}
{% macro money(amount) -%}
    cast(round(least(coalesce({{ amount }}, 0), {{ most_money() }}), 2) as decimal(18, 2))
{%- endmacro %}

{#- A sum of amounts of money, exact. -#}
{% macro money_sum(amount) -%}
    cast(least(sum({{ amount }}), {{ most_money() }}) as decimal(18, 2))
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
