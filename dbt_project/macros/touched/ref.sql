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
    {%- set told = touched_meta(varargs[-1]) -%}
    {#- what became known is asked for by moments alone: who asks about shipments needs all of it -#}
    {%- if not told or (told['read'] == 'moments' and own['by'] != 'moments') -%}
        {{ return(relation) }}
    {%- endif -%}
    {%- set of_its_own = ('rows', 'exposures', 'watched', 'points', 'moments') -%}
    {%- set kind = own['by'] if own['by'] in of_its_own else told['read'] -%}
    {{ return(touched_of(relation, kind, own['key'] if kind == 'rows' else none, own['rows_of'])) }}
{%- endmacro %}

{#- How a model takes part in a build of what was touched; nothing where it does not. -#}
{% macro touched_meta(name) -%}
    {%- set found = graph.nodes.values() | selectattr('name', 'equalto', name) | list -%}
    {{ return((found[0].config.meta or {}).get('touched') if found else none) }}
{%- endmacro %}

{#- A table as it stands, whatever is built of it later in this run. -#}
{% macro standing(schema, name) -%}
    {{ return(api.Relation.create(database=target.database, schema=schema, identifier=name)) }}
{%- endmacro %}
