{#- The comparable form of a name: letters and digits of any script, without accents and the form of the company. -#}
{% macro name_key(value) -%}
    nullif(regexp_replace(
        regexp_replace(
            replace(lower(strip_accents({{ value }})), '.', ''),
            '([ ,]+(inc|incorporated|llc|ltd|limited|corp|corporation|co|company|gmbh|ag|kg|sa|sas|sarl|srl|spa|bv|nv|ab|oy|aps|plc|pty|kk))+$',
            ''
        ),
        '[^\p{L}\p{N}]', '', 'g'
    ), '')
{%- endmacro %}

{#-
    How alike two names are written: 0 up to four fifths of the Jaro-Winkler similarity (Winkler 1990), 1 when the same.
    Names that differ in a number were given to tell two things apart.
-#}
{% macro likeness(one, other) -%}
    case
        when regexp_replace({{ one }}, '[^0-9]', '', 'g') = regexp_replace({{ other }}, '[^0-9]', '', 'g')
            then greatest(0, (jaro_winkler_similarity({{ one }}, {{ other }}) - 0.8) / 0.2)
        else 0
    end
{%- endmacro %}

{#-
    CTE `pairs` (tenant_id, earlier_id, later_id, by their ids) of rows that share one of the `keys`. What more than
    twenty share tells nobody apart, and is not compared: the work grows with the rows, not with their square.
-#}
{% macro pairs_that_share(rows, id_column, keys) -%}
keyed as (
    {%- for key in keys %}
    select
        tenant_id,
        {{ id_column }} as row_id,
        '{{ key }}' as key_name,
        {{ key }} as key_value
    from {{ rows }}
    where {{ key }} != ''
    qualify count(*) over (partition by tenant_id, {{ key }}) <= 20
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

pairs as (
    select distinct
        earlier.tenant_id,
        earlier.row_id as earlier_id,
        later.row_id as later_id
    from keyed as earlier
    inner join keyed as later
        on
            earlier.tenant_id = later.tenant_id
            and earlier.key_name = later.key_name
            and earlier.key_value = later.key_value
            and earlier.row_id < later.row_id
)
{%- endmacro %}

{#- Rows but those of which a person said that they are no other. -#}
{% macro not_said_to_be_its_own(rows, reference_type, id_column) -%}
    select {{ rows }}.*
    from {{ rows }}
    left join {{ source('settings', 'reference_decisions') }} as decisions
        on
            {{ rows }}.tenant_id = decisions.tenant_id
            and decisions.reference_type = '{{ reference_type }}'
            and {{ rows }}.{{ id_column }} = decisions.reference_key
    where decisions.decision_id is null
{%- endmacro %}
