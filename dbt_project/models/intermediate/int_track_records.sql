{{ touched('moments', key='known_until') }}
-- How often, and by how much, those before were late, as known at each moment: one row per subject and moment
-- at which an outcome became known, with running totals of every outcome known by then, until the next one did.
with by_subject as (
    select
        tenant_id,
        unnest(subjects) as subject,
        known_at,
        is_late,
        -- no single shipment counts with more than sixty days: one lost box says little of its lane
        greatest(-1440, least(1440, delay_hours)) as delay_hours
    from {{ ref('int_outcomes') }}
    where known_at is not null
),

moments as (
    select
        tenant_id,
        subject.kind as subject_kind,
        subject.key as subject_key,
        known_at,
        count(*) as outcome_count,
        count(*) filter (where is_late) as late_count,
        sum(cast(delay_hours as decimal(28, 6))) as delay_hours
    from by_subject
    where subject.key is not null
    group by all
    {%- if is_touched_build() %}
    union all
    -- the totals that stood when it began go on from where they stand
    select
        rows.tenant_id,
        rows.subject_kind,
        rows.subject_key,
        rows.known_at,
        rows.outcome_count,
        rows.late_count,
        cast(rows.delay_hours as decimal(28, 6))
    from {{ this }} as rows
    inner join {{ touched_set('moments') }} as touched
        on {{ is_of_touched('moments', 'known_until') }} and rows.known_at < touched.touched_key
    {%- endif %}
)

select
    tenant_id,
    subject_kind,
    subject_key,
    known_at,
    lead(known_at) over (partition by tenant_id, subject_kind, subject_key order by known_at) as known_until,
    cast(sum(outcome_count) over so_far as bigint) as outcome_count,
    cast(sum(late_count) over so_far as bigint) as late_count,
    cast(sum(delay_hours) over so_far as double) as delay_hours
from moments
window so_far as (partition by tenant_id, subject_kind, subject_key order by known_at)
