{#-
    One fact of an exception's evidence. `type` says how the text in `value` reads: instant (ISO 8601, UTC), date,
    money (two decimals), number, probability (0 to 1) or text. `source` is "mart:key"; file and row name the
    bytes it came from, where one row is the origin.
-#}
{% macro fact(fact_id, label, value, type, source, file='cast(null as varchar)', row='cast(null as bigint)') -%}
    struct_pack(
        fact_id := '{{ fact_id }}',
        label := '{{ label }}',
        value := {{ fact_text(value, type) }},
        type := '{{ type }}',
        source := {{ source }},
        file_sha256 := {{ file }},
        row_number := {{ row }}
    )
{%- endmacro %}

{#- A value as the text a fact carries. -#}
{% macro fact_text(value, type) -%}
    {%- if type == 'instant' -%} strftime({{ value }}, '%Y-%m-%dT%H:%M:%SZ')
    {%- elif type == 'date' -%} strftime({{ value }}, '%Y-%m-%d')
    {%- elif type == 'money' -%} cast(cast({{ value }} as decimal(18, 2)) as varchar)
    {%- elif type == 'number' -%} cast(round(cast({{ value }} as double), 1) as varchar)
    {%- elif type == 'probability' -%} cast(round(cast({{ value }} as double), 4) as varchar)
    {%- else -%} nullif(cast({{ value }} as varchar), '')
    {%- endif -%}
{%- endmacro %}

{#- An empty list of facts, typed, for unions. -#}
{% macro no_facts() -%}
    cast([] as struct(
        fact_id varchar, label varchar, value varchar, type varchar, source varchar,
        file_sha256 varchar, row_number bigint
    )[])
{%- endmacro %}

{#- One text out of the scorer's reasons: a JSON list of sentences, or of objects with a text. -#}
{% macro score_reason(reasons, number) -%}
    coalesce(
        json_extract_string({{ reasons }}, '$[{{ number }}].text'),
        json_extract_string({{ reasons }}, '$[{{ number }}].sentence'),
        case
            when json_type({{ reasons }}, '$[{{ number }}]') = 'VARCHAR'
                then json_extract_string({{ reasons }}, '$[{{ number }}]')
        end
    )
{%- endmacro %}
