{#-
    What a data test reads. In a build of what was touched alone: of a model that takes part, the rows that were touched;
    the others were tested when they were built.
-#}
{% macro duckdb__get_where_subquery(relation) -%}
    {%- set told = touched_meta(relation.identifier) if execute and is_touched_build() else none -%}
    {%- if told and told.get('by') -%}
        {{ return(touched_of(relation, told['by'], told['key'], told['rows_of'])) }}
    {%- endif -%}
    {{ return(default__get_where_subquery(relation)) }}
{%- endmacro %}

{#- The column by which the rows that a data test reads are chosen; none where it reads all of them. -#}
{% macro tested_by() -%}
    {%- if not execute or not is_touched_build() -%}{{ return(none) }}{%- endif -%}
    {%- set told = touched_meta(tested_relation().identifier) -%}
    {{ return((told['key'] or touched_key(told['by'])) if told and told.get('by') else none) }}
{%- endmacro %}

{#- The whole relation of the model that a data test is about. -#}
{% macro tested_relation() -%}
    {%- set tested = graph.nodes[model.attached_node] -%}
    {{ return(api.Relation.create(database=tested.database, schema=tested.schema, identifier=tested.alias)) }}
{%- endmacro %}
