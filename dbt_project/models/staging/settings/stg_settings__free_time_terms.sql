-- Terms of free time as configured, of the place that is kept where two are said to be one.
with terms as (
    select * from {{ source('settings', 'free_time_terms') }}
)

{{ with_kept('terms', 'facility_id', ['facility_id'], 'tenant_id') }}
