{#-
    A build of what was touched alone. After a build of everything, only rows that follow from files loaded since, or
    from the clock that went on, are built again: the shipments they may concern, with every message that may be about
    those, so that what is built of them is what a build of everything would make. dbt compiles the models for it with
    `--vars '{touched_alone: true}'`, and orchestration/touched.py runs them; what dbt itself builds is everything.
-#}
{% macro is_touched_build() -%}
    {{ return(var('touched_alone', false)) }}
{%- endmacro %}

{#-
    How a model takes part: whose rows it builds again (`by`: shipments, events or orders; exposures, the shipments with
    other money at stake; watched, those that the rules look at again; points, those that are asked about again;
    moments, what became known at one or later; rows, where a row of staging follows from the rows of a feed that have
    its key alone). `read`: by what its rows are chosen for who reads them. `after`: what reads its rows as they stand, before it takes them out. `then`: what is left
    to do when its rows are in. `lies_by`: the order in which its rows lie, where that is not their key.
-#}
{% macro touched(by, read=none, key=none, rows_of=none, after=none, then=none, lies_by=none) -%}
    {%- set rows_of = rows_of or model.name -%}
    {{ config(materialized='table', meta={'touched': {
        'by': by, 'read': read or by, 'key': key, 'rows_of': rows_of, 'then': then,
        'lies_by': lies_by or 'tenant_id, ' ~ (key or touched_key(by)),
        'of': touched_set(by, rows_of), 'where': is_of_touched(by, key)
    }}) }}
    {{ built_after('touched_' ~ by) }}
    {%- if after -%}{{ built_after(after) }}{%- endif -%}
{%- endmacro %}

{#- This model is built after another that its SQL does not read, as one that reads what it said before. -#}
{% macro built_after(name) -%}
    {#- a unit test gives only what the SQL reads -#}
    {%- if model.resource_type == 'model' -%}{%- do ref(name) -%}{%- endif -%}
{%- endmacro %}

{#- The column by which rows of a kind are chosen. -#}
{% macro touched_key(kind) -%}
    {{ return({
        'shipments': 'shipment_id', 'exposures': 'shipment_id', 'watched': 'shipment_id', 'points': 'shipment_id',
        'events': 'event_id', 'orders': 'order_id', 'moments': 'known_at'
    }[kind]) }}
{%- endmacro %}

{#- What was touched, as (tenant_id, touched_key). -#}
{% macro touched_set(kind, rows_of=none) -%}
    {%- if kind == 'rows' -%}
        (select tenant_id, row_key as touched_key from {{ standing('touched', 'touched_rows') }}
        where model_name = '{{ rows_of }}')
    {%- else -%}
        (select tenant_id, {{ touched_key(kind) }} as touched_key from {{ standing('touched', 'touched_' ~ kind) }})
    {%- endif -%}
{%- endmacro %}

{#-
    Whether one of `rows` is of what was touched: of a moment, what became known then and all that came to be later, or
    was still so then.
-#}
{% macro is_of_touched(kind, key=none) -%}
    rows.tenant_id = touched.tenant_id
    {% if key == 'known_until' -%}
        and coalesce(rows.known_until, timestamptz 'infinity') >= touched.touched_key
    {%- else -%}
        and rows.{{ key or touched_key(kind) }} {{ '>=' if kind == 'moments' else '=' }} touched.touched_key
    {%- endif %}
{%- endmacro %}

{#- The rows of a relation that were touched. -#}
{% macro touched_of(relation, kind, key=none, rows_of=none) -%}
    (
        select rows.* from {{ relation }} as rows
        semi join {{ touched_set(kind, rows_of) }} as touched on {{ is_of_touched(kind, key) }}
    )
{%- endmacro %}

{#-
    A table that takes part lies by the key that its rows are looked up by: a short run then reads of a long table only
    the blocks that may hold what was touched.
-#}
{% macro duckdb__create_table_as(
    temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none
) -%}
    {%- if is_touched_build() -%}
        {{ exceptions.raise_compiler_error("dbt builds everything: what was touched alone is built by a short run.") }}
    {%- endif -%}
    {%- if (model.config.meta or {}).get('touched', {}).get('by') -%}
        {%- set compiled_code = 'select * from (' ~ compiled_code ~ ') order by ' ~ model.config.meta['touched']['lies_by'] -%}
    {%- endif -%}
    {{ return(dbt.duckdb__create_table_as(
        temporary, relation, compiled_code, language, partitioned_by=partitioned_by, sorted_by=sorted_by
    )) }}
{%- endmacro %}

{#- The clock goes on for every row, whether or not it is built again. -#}
{% macro keep_clock(schema, name) -%}
    update {{ standing(schema, name) }} as rows
    set as_of = settings.as_of
    from {{ standing('intermediate', 'int_tenant_settings') }} as settings
    where rows.tenant_id = settings.tenant_id and rows.as_of != settings.as_of
{%- endmacro %}

{#- What dbt builds is noted nowhere: whatever it is, the next short run looks at everything. -#}
{% macro forget_built_steps() -%}
    delete from {{ source('settings', 'built_steps') }}
{%- endmacro %}
