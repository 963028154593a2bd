{#-
    In a build of what was touched, a model that takes part reads of others that do only the rows that were touched.
    Everywhere else this is dbt's own.
-#}
{% macro ref() -%}
    {%- set relation = builtins.ref(*varargs, **kwargs) -%}
    {%- set own = (model.config.meta or {}).get('touched', {}) -%}
    {%- if not execute or not is_touched_build() or not own.get('by') -%}
        {{ return(relation) }}
    {%- endif -%}
    {%- set node = (graph.nodes.values() | selectattr('name', 'equalto', varargs[-1]) | list)[0] -%}
    {%- set told = (node.config.meta or {}).get('touched') -%}
    {%- if not told -%}
        {{ return(relation) }}
    {%- endif -%}
    {%- set kind = 'rows' if own['by'] == 'rows' else told['read'] -%}
    {%- set key = own['key'] if own['by'] == 'rows' else touched_key(kind) -%}
    {{ return(
        '(select rows.* from ' ~ relation ~ ' as rows semi join ' ~ touched_set(kind, own['rows_of'])
        ~ ' as touched on rows.tenant_id = touched.tenant_id and rows.' ~ key ~ ' = touched.touched_key)'
    ) }}
{%- endmacro %}

{#- A table as it stands, whatever is built of it later in this run. -#}
{% macro standing(schema, name) -%}
    {{ return(api.Relation.create(database=target.database, schema=schema, identifier=name)) }}
{%- endmacro %}
