{#-
    Ids of the tenants' own masters that a person said are another id of the same thing, with the one that is kept: by
    the type of the reference, the column of the decision that names what is kept, and the master data that has it.
    Of what was said to be one with what is itself another's, the last one is kept. Where that is not in the master
    data (yet), nothing is joined.
-#}
{% macro kept_ids(reference_type, id_column, master) -%}
with recursive said as (
    select
        tenant_id,
        reference_key as given_id,
        {{ id_column }} as next_id
    from {{ source('settings', 'reference_decisions') }}
    where
        reference_type = '{{ reference_type }}' and carrier_id is null
        and decision = 'match' and {{ id_column }} != reference_key
),

-- a pair is followed once, so a ring of them would end too
followed as (
    select
        tenant_id,
        given_id,
        next_id
    from said
    union
    select
        followed.tenant_id,
        followed.given_id,
        said.next_id
    from followed
    inner join said
        on followed.tenant_id = said.tenant_id and followed.next_id = said.given_id
)

select
    followed.tenant_id,
    followed.given_id as {{ id_column }},
    followed.next_id as kept_{{ id_column }}
from followed
semi join {{ master }} as known
    on followed.tenant_id = known.tenant_id and followed.next_id = known.{{ id_column }}
anti join said
    on followed.tenant_id = said.tenant_id and followed.next_id = said.given_id
{%- endmacro %}

{#- Rows as they are, but for the ids in `columns`: of two that are said to be one, the kept one. -#}
{% macro with_kept(rows, id_column, columns, tenant='_tenant_id') -%}
    select
        {{ rows }}.* replace (
            {%- for column in columns %}
            coalesce(kept_{{ column }}.kept_{{ id_column }}, {{ rows }}.{{ column }}) as {{ column }}
            {%- if not loop.last %},{% endif %}
            {%- endfor %}
        )
    from {{ rows }}
    {%- for column in columns %}
    left join {{ ref('stg_settings__kept_customers' if id_column == 'customer_id' else 'stg_settings__kept_facilities') }}
        as kept_{{ column }}
        on
            {{ rows }}.{{ tenant }} = kept_{{ column }}.tenant_id
            and {{ rows }}.{{ column }} = kept_{{ column }}.{{ id_column }}
    {%- endfor %}
{%- endmacro %}
