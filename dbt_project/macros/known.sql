{#-
    Rows of a raw table that were recorded by the tenant's clock. Feed time is the clock of the replay, so a
    row recorded after it does not exist yet, whatever the file it came in. In a build of what was touched alone,
    of a model that takes part, only the rows whose `key` was touched.
-#}
{% macro known_as_of(feed, key=none) -%}
    select
        feed.*,
        clocks.as_of
    from {{ chosen_of(feed, key) }} as feed
    inner join {{ source('settings', 'tenant_clocks') }} as clocks
        on feed._tenant_id = clocks.tenant_id
    where feed._recorded_at <= clocks.as_of
{%- endmacro %}

{#- The rows are chosen before anything is joined: what comes first would else be read whole. -#}
{% macro chosen_of(feed, key) -%}
    {%- if not (key and execute and is_touched_build()) -%}{{ return(feed) }}{%- endif -%}
    (
        select feed.* from {{ feed }} as feed
        semi join {{ touched_set('rows', model.config.meta['touched']['rows_of']) }} as touched
            on feed._tenant_id = touched.tenant_id and {{ key }} = touched.touched_key
    )
{%- endmacro %}

{#- Keep one row per key: the one recorded last, and of one file the last row. -#}
{% macro keep_latest(key) -%}
    qualify row_number() over (
        partition by {{ key }}
        order by _recorded_at desc, _row_number desc, _row_sha256 desc
    ) = 1
{%- endmacro %}

{#-
    Freshness in feed time: the wall clock less the age a feed has at its tenant's replay clock. Against wall
    time a replay of 2013 would always be stale, and a stopped feed in it would never show.
-#}
{% macro loaded_at_in_feed_time(table) -%}
    select cast(now() - (max(clocks.as_of) - max(feed._recorded_at)) as timestamp with time zone)
    from raw.{{ table }} as feed
    inner join raw.tenant_clocks as clocks on feed._tenant_id = clocks.tenant_id
{%- endmacro %}

{#- Tenants for whom rows of any of these feeds came, or came to be known by the clock, since everything was built. -#}
{% macro tenants_told_by(feeds) -%}
    {% for feed in feeds -%}
    select files.tenant_id
    from {{ source('settings', 'changed_files') }} as files
    where files.table_name = '{{ feed.identifier }}'
    union
    select built.tenant_id
    from {{ source('settings', 'built_clocks') }} as built
    inner join {{ feed }} as feed
        on built.tenant_id = feed._tenant_id and built.as_of < feed._recorded_at
    {% if not loop.last %}union{% endif %}
    {% endfor %}
{%- endmacro %}
