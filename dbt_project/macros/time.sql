{#- Hours from one instant to another; negative when the second is earlier. -#}
{% macro hours_between(earlier, later) -%}
    ((epoch({{ later }}) - epoch({{ earlier }})) / 3600.0)
{%- endmacro %}

{#- The instant some hours after another; hours may be an expression. -#}
{% macro hours_after(instant, hours) -%}
    ({{ instant }} + to_microseconds(cast(round(({{ hours }}) * 3600000000) as bigint)))
{%- endmacro %}

{#- Last second of a day, UTC: a promise given as a date holds until then. -#}
{% macro end_of_day(day) -%}
    (cast({{ day }} as timestamp with time zone) + interval '1 day' - interval '1 second')
{%- endmacro %}

{#- First instant of a day, UTC: an outcome known only by its date is never placed after its record. -#}
{% macro start_of_day(day) -%}
    cast({{ day }} as timestamp with time zone)
{%- endmacro %}

{#- The source's dates come as m/d/yy, d-Mon-yy or a text status; a status is no date. -#}
{% macro scms_date(text) -%}
    cast(coalesce(
        try_strptime({{ text }}, '%m/%d/%y'), try_strptime({{ text }}, '%d-%b-%y')
    ) as date)
{%- endmacro %}
