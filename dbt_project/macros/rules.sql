{#- One threshold out of the long table of rules; every default was coalesced in int_exception_rules. -#}
{% macro rule(rules, exception_type, parameter) -%}
    max({{ rules }}.value) filter (
        where {{ rules }}.exception_type = '{{ exception_type }}' and {{ rules }}.parameter = '{{ parameter }}'
    )
{%- endmacro %}
