{{ config(tags=['decide']) }}
-- Feeds that do not keep their contract: what is not told on time, cannot be read, or is refused row by row.
with feeds as (
    select
        health.*,
        settings.as_of,
        settings.enabled_types,
        settings.currency_code,
        settings.severity_medium_from,
        settings.severity_high_from,
        settings.severity_critical_from,
        settings.feed_stale_grace_hours,
        settings.feed_refused_grace_hours,
        settings.quarantine_surge_minimum_rows,
        settings.quarantine_surge_refused_share,
        'fct_feed_health:' || health.feed as source
    from {{ ref('fct_feed_health') }} as health
    inner join {{ ref('int_tenant_settings') }} as settings
        on health.tenant_id = settings.tenant_id
),

found as (
    select
        *,
        'feed_stale' as exception_type,
        {{ hours_after('due_by_at', 'feed_stale_grace_hours') }} as detected_at,
        [
            {{ fact(
                'newest_row_at', 'Newest row', 'newest_recorded_at', 'instant', 'source', 'newest_file_sha256'
            ) }},
            {{ fact('due_by_at', 'Next was due by', 'due_by_at', 'instant', 'source') }},
            {{ fact('cadence_hours', 'Promised every (hours)', 'cadence_hours', 'number', 'source') }},
            {{ fact('lateness_hours', 'May be late by (hours)', 'lateness_hours', 'number', 'source') }}
        ] as own_facts
    from feeds
    where {{ hours_after('due_by_at', 'feed_stale_grace_hours') }} < as_of
    union all
    select
        *,
        'feed_refused',
        {{ hours_after('refused_at', 'feed_refused_grace_hours') }},
        [
            {{ fact('refused_file', 'File', 'refused_file_name', 'text', 'source', 'refused_file_sha256') }},
            {{ fact('refused_reason', 'Why', 'refused_reason', 'text', 'source', 'refused_file_sha256') }},
            {{ fact('refused_at', 'Refused', 'refused_at', 'instant', 'source', 'refused_file_sha256') }}
        ]
    from feeds
    where {{ hours_after('refused_at', 'feed_refused_grace_hours') }} <= as_of
    union all
    select
        *,
        'quarantine_surge',
        as_of,
        [
            {{ fact('recent_rows', 'Rows that came', 'recent_row_count', 'number', 'source') }},
            {{ fact('recent_refused', 'Of them in quarantine', 'recent_refused_count', 'number', 'source') }},
            {{ fact('refused_share', 'Share in quarantine', 'refused_share', 'probability', 'source') }},
            {{ fact('recent_since', 'Came since', 'recent_since', 'instant', 'source') }},
            {{ fact('most_broken_rule', 'Mostly break', 'most_broken_rule', 'text', 'source') }},
            {{ fact('most_broken_column', 'In column', 'most_broken_column', 'text', 'source') }}
        ]
    from feeds
    where
        recent_refused_count >= quarantine_surge_minimum_rows
        and refused_share >= quarantine_surge_refused_share
)

select
    tenant_id,
    exception_type,
    feed as subject_id,
    detected_at,
    currency_code,
    severity_medium_from,
    severity_high_from,
    severity_critical_from,
    list_concat([
        {{ fact('feed', 'Feed', 'feed', 'text', 'source') }},
        {{ fact('producer', 'Comes from', 'producer', 'text', 'source') }}
    ], own_facts) as facts
from found
where list_contains(enabled_types, exception_type)
