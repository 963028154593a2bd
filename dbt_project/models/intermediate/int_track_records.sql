-- How often, and by how much, those before were late, as known at each moment: one row per subject and moment
-- at which an outcome became known, with running totals of every outcome known by then.
with outcomes as (
    select
        keys.tenant_id,
        keys.subjects,
        shipments.delivered_recorded_at as known_at,
        shipments.is_late,
        -- no single shipment counts with more than sixty days: one lost box says little of its lane
        greatest(-1440, least(1440, shipments.delay_hours)) as delay_hours
    from {{ ref('int_track_record_keys') }} as keys
    inner join {{ ref('fct_shipments') }} as shipments
        on keys.tenant_id = shipments.tenant_id and keys.shipment_id = shipments.shipment_id
    where shipments.status = 'delivered' and shipments.is_late is not null
),

by_subject as (
    select
        tenant_id,
        unnest(subjects) as subject,
        known_at,
        is_late,
        delay_hours
    from outcomes
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
)

select
    tenant_id,
    subject_kind,
    subject_key,
    known_at,
    cast(sum(outcome_count) over so_far as bigint) as outcome_count,
    cast(sum(late_count) over so_far as bigint) as late_count,
    cast(sum(delay_hours) over so_far as double) as delay_hours
from moments
window so_far as (partition by tenant_id, subject_kind, subject_key order by known_at)
