{#-
    A build of what was touched alone. After a build of everything, only rows that follow from files loaded since, or
    from the clock that went on, are built again: the shipments they may concern, with every message that may be about
    those, so that what is built of them is what a build of everything would make. `--vars '{touched_alone: true}'`
    asks for it; without it everything is built, whatever stands.
-#}
{% macro is_touched_build() -%}
    {{ return(var('touched_alone', false)) }}
{%- endmacro %}

{#-
    How a model takes part: whose rows it builds again (`by`: shipments, events or orders; exposures, the shipments with
    other money at stake; points, the shipments that are asked about again; moments, what became known at one or later;
    rows, where a row of staging follows from the rows of a feed that have its key alone). `read`: by what its rows are
    chosen for who reads them. `after`: what reads its rows as they stand, before it takes them out.
-#}
{% macro touched(by, read=none, key=none, rows_of=none, after=none) -%}
    {{ config(
        materialized='incremental', incremental_strategy='touched', on_schema_change='fail',
        meta={'touched': {'by': by, 'read': read or by, 'key': key, 'rows_of': rows_of or model.name}}
    ) }}
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
        'shipments': 'shipment_id', 'exposures': 'shipment_id', 'points': 'shipment_id', 'events': 'event_id',
        'orders': 'order_id', 'moments': 'known_at'
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

{#- Whether one of `rows` is of what was touched: of a moment, what became known then and all that came to be later. -#}
{% macro is_of_touched(kind, key=none) -%}
    rows.tenant_id = touched.tenant_id
    and rows.{{ key or touched_key(kind) }} {{ '>=' if kind == 'moments' else '=' }} touched.touched_key
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
    {%- if (model.config.meta or {}).get('touched', {}).get('by') and not temporary -%}
        {%- set compiled_code = 'select * from (' ~ compiled_code ~ ') order by ' ~ lies_by() -%}
    {%- endif -%}
    {{ return(dbt.duckdb__create_table_as(
        temporary, relation, compiled_code, language, partitioned_by=partitioned_by, sorted_by=sorted_by
    )) }}
{%- endmacro %}

{#- The order in which the rows of this model lie. -#}
{% macro lies_by() -%}
    {%- set how = model.config.meta['touched'] -%}
    tenant_id, {{ how['key'] or touched_key(how['by']) }}
{%- endmacro %}

{#- Take out what was touched and put in what it is now; in a build of everything, all of it. -#}
{% macro get_incremental_touched_sql(arguments) -%}
    {%- set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {%- set how = model.config.meta['touched'] -%}
    {%- if is_touched_build() %}
        delete from {{ arguments['target_relation'] }} as rows
        using {{ touched_set(how['by'], how['rows_of']) }} as touched
        where {{ is_of_touched(how['by'], how['key']) }};
    {%- else %}
        delete from {{ arguments['target_relation'] }};
    {%- endif %}
    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
    {%- if not is_touched_build() %} order by {{ lies_by() }}{% endif %}
{%- endmacro %}

{#- The clock goes on for every row, whether or not it is built again. -#}
{% macro keep_clock() -%}
    {%- if is_touched_build() %}
        update {{ this }} as rows
        set as_of = settings.as_of
        from {{ ref('int_tenant_settings') }} as settings
        where rows.tenant_id = settings.tenant_id and rows.as_of != settings.as_of
    {%- endif %}
{%- endmacro %}
