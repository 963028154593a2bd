{{ config(tags=['decide']) }}
-- How each feed keeps what its contract promises, at the tenant's clock.
select
    arrivals.tenant_id,
    arrivals.feed,
    arrivals.producer,
    arrivals.cadence_hours,
    arrivals.lateness_hours,
    arrivals.newest_recorded_at,
    arrivals.newest_file_sha256,
    {{ hours_after('arrivals.newest_recorded_at', 'arrivals.cadence_hours + arrivals.lateness_hours') }} as due_by_at,
    coalesce(
        {{ hours_after('arrivals.newest_recorded_at', 'arrivals.cadence_hours + arrivals.lateness_hours') }}
        < settings.as_of,
        false
    ) as is_stale,
    arrivals.file_count,
    arrivals.refused_file_count,
    arrivals.recent_since,
    arrivals.recent_row_count,
    arrivals.recent_refused_count,
    case
        when arrivals.recent_row_count > 0 then arrivals.recent_refused_count / arrivals.recent_row_count else 0
    end as refused_share,
    arrivals.most_broken_rule,
    arrivals.most_broken_column,
    arrivals.refused_file_name,
    arrivals.refused_file_sha256,
    arrivals.refused_reason,
    arrivals.refused_at
from {{ source('settings', 'feed_arrivals') }} as arrivals
inner join {{ ref('int_tenant_settings') }} as settings
    on arrivals.tenant_id = settings.tenant_id
