{#- The grain holds: no two rows share these columns. -#}
{% test unique_combination(model, columns) %}
    select {{ columns | join(', ') }}, count(*) as row_count
    from {{ model }}
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
