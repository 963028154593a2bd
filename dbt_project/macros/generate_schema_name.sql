{#- A layer's schema is exactly its name, so that `marts.fct_exceptions` reads the same everywhere. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
