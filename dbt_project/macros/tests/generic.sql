{#-
    The grain holds: no two rows share these columns. In a build of what was touched alone, no row shares them with one
    that was touched.
-#}
{% test unique_combination(model, columns) %}
    {%- set chosen_by = tested_by() %}
    select {{ columns | join(', ') }}, count(*) as row_count
    {%- if not chosen_by or chosen_by in columns %}
    from {{ model }}
    {%- else %}
    from {{ tested_relation() }} semi join {{ model }} as touched using ({{ columns | join(', ') }})
    {%- endif %}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}

{#- A statement is true of every row; rows where it is unknown pass. -#}
{% test holds(model, expression) %}
    select *
    from {{ model }}
    where not ({{ expression }})
{% endtest %}

{#- Every one of these columns is filled, in one pass over the table. -#}
{% test filled(model, columns) %}
    select *
    from {{ model }}
    where {% for column in columns %}{{ column }} is null{% if not loop.last %} or {% endif %}{% endfor %}
{% endtest %}

{#- Every key of this table that is not null exists in the other one, tenant by tenant. -#}
{% test refers_to(model, column, to, field) %}
    select child.tenant_id, child.{{ column }}
    from {{ model }} as child
    left join {{ to }} as parent
        on child.tenant_id = parent.tenant_id and child.{{ column }} = parent.{{ field }}
    where child.{{ column }} is not null and parent.{{ field }} is null
{% endtest %}
