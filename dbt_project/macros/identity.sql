{#- Letters and digits of a reference, upper case: carriers write spaces, dashes, dots and hashes as they like. -#}
{% macro bare_reference(value) -%}
    regexp_replace(upper({{ value }}), '[^A-Z0-9]', '', 'g')
{%- endmacro %}

{#-
    The comparable form of a reference. PRO: digits without a leading "PRO" and without leading zeros.
    Container: owner and serial number; the check digit guards the others and is often left out. Where it is wrong,
    nobody can say which sign is: all eleven of them stay, and so name no container that is written right.
    Order: letters and digits, without a leading "ORDER" or "SO" and leading zeros.
    Shipment: letters and digits, without a leading "SHIPMENT" or "SH" and leading zeros.
-#}
{% macro normalise_reference(reference_type, value) -%}
    case {{ reference_type }}
        when 'PRO'
            then ltrim(regexp_replace({{ bare_reference(value) }}, '^PRO(NO|NUMBER)?', ''), '0')
        when 'CONTAINER'
            then {{ container_key("regexp_extract(" ~ bare_reference(value) ~ ", '[A-Z]{4}[0-9]{6,7}$')") }}
        when 'ORDER'
            then ltrim(regexp_replace({{ bare_reference(value) }}, '^(ORDER|SO)(NO)?', ''), '0')
        else
            ltrim(regexp_replace({{ bare_reference(value) }}, '^(SHIPMENT|SHPT|SHP|SH)(NO)?', ''), '0')
    end
{%- endmacro %}

{#-
    Owner and serial number of a container, without its check digit where that is right (ISO 6346: letters count from 10
    on without the multiples of 11, each sign twice as much as the one before it, modulo 11, and of that modulo 10).
-#}
{% macro container_key(number) -%}
    list_transform(
        [{{ number }}],
        lambda number: case
            when length(number) = 11 and right(number, 1) != cast((
                {%- for place in range(10) %}
                {{ '+ ' if not loop.first }}{{ 2 ** place }} * (
                    strpos('0123456789A?BCDEFGHIJK?LMNOPQRSTU?VWXYZ', substr(number, {{ place + 1 }}, 1)) - 1
                )
                {%- endfor %}
            ) % 11 % 10 as varchar)
                then number
            else left(number, 10)
        end
    )[1]
{%- endmacro %}

{#- A lower-case id out of a name: safe in keys, paths and mail addresses. -#}
{% macro slug(name) -%}
    trim(regexp_replace(lower(strip_accents({{ name }})), '[^a-z0-9]+', '-', 'g'), '-')
{%- endmacro %}

{#- The comparable form of a place as a partner's event tells it: its code, else its town, else its name. -#}
{% macro place_key(told) -%}
    coalesce(
        nullif({{ bare_reference(told ~ '.location_code') }}, ''),
        case
            when {{ told }}.city_key != ''
                then concat_ws('/', {{ told }}.city_key, {{ told }}.region_code, {{ told }}.country_code)
        end,
        nullif({{ bare_reference(told ~ '.location_name') }}, '')
    )
{%- endmacro %}

{#- The types of names that shipments have of their own. -#}
{% macro shipment_name_types() -%}
    {{ return(['PRO', 'CONTAINER', 'SHIPMENT', 'ORDER']) }}
{%- endmacro %}

{#- Every name of the shipments of a relation of staging, with what says when it can mean them. -#}
{% macro shipment_names(shipments) -%}
    {%- for reference_type in shipment_name_types() %}
    {%- set reference_key = {
        'PRO': 'pro_key', 'CONTAINER': 'container_key', 'SHIPMENT': 'shipment_key',
        'ORDER': normalise_reference("'ORDER'", 'order_id')
    }[reference_type] %}
    select
        tenant_id,
        carrier_id,
        shipment_id,
        '{{ reference_type }}' as reference_type,
        {{ reference_key }} as reference_key,
        booked_at,
        planned_departure_at,
        planned_arrival_at
    from {{ shipments }}
    where {{ reference_key }} != ''
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}
