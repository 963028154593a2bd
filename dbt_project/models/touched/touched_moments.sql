-- By tenant, the first moment at which an outcome became known, or an alert was recorded, that is another than it was.
-- What is asked as of an earlier moment is answered as before.
{%- set old_outcomes = standing('intermediate', 'int_outcomes') %}
{%- if execute and not is_touched_build() %}
select
    cast(null as varchar) as tenant_id,
    cast(null as timestamp with time zone) as known_at,
    cast(null as timestamp with time zone) as alerted_at
where false
{%- else %}
with before as (
    select * from {{ touched_of(old_outcomes, 'shipments') }}
    where known_at is not null
),

after as (
    select * from (
        {{ outcomes(
            touched_of(ref('int_shipments_unioned'), 'shipments'), touched_of(ref('fct_shipments'), 'shipments')
        ) }}
    )
    where known_at is not null
),

changed_outcomes as (
    (select * from before except select * from after)
    union all
    (select * from after except select * from before)
),

changed_alerts as (
    select feed._tenant_id as tenant_id, feed.alert_id
    from {{ source('network', 'weather') }} as feed
    inner join {{ source('settings', 'changed_files') }} as files
        on
            feed._tenant_id = files.tenant_id
            and feed._file_sha256 = files.file_sha256
            and files.table_name = '{{ source('network', 'weather').identifier }}'
    union
    select feed._tenant_id, feed.alert_id
    from {{ source('network', 'weather') }} as feed
    inner join {{ source('settings', 'built_clocks') }} as built
        on feed._tenant_id = built.tenant_id and feed._recorded_at > built.as_of
),

-- an issue of an alert may take the place of one that was recorded before
moments as (
    select tenant_id, known_at, cast(null as timestamp with time zone) as alerted_at
    from changed_outcomes
    union all
    select alerts._tenant_id, null, alerts._recorded_at
    from {{ source('network', 'weather') }} as alerts
    inner join changed_alerts as changed
        on alerts._tenant_id = changed.tenant_id and alerts.alert_id = changed.alert_id
)

select
    tenant_id,
    min(known_at) as known_at,
    min(alerted_at) as alerted_at
from moments
group by tenant_id
{%- endif %}
