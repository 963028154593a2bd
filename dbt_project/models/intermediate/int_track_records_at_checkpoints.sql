{{ touched('points') }}
-- The track records a checkpoint may know: outcomes recorded before its cutoff (for a purchase order, no later
-- than thirty days before its promise). Recent means ninety days, delays are of the last 365.
with asked as (
    select
        points.tenant_id,
        points.shipment_id,
        points.checkpoint,
        unnest(outcomes.subjects) as subject,
        case
            when points.checkpoint = 'purchase_order'
                then
                    least(shipments.promised_at - interval '30 days', points.cutoff_at)
                    + interval '1 microsecond'
            else points.cutoff_at
        end as known_before
    from {{ ref('int_checkpoints') }} as points
    inner join {{ ref('int_outcomes') }} as outcomes
        on points.tenant_id = outcomes.tenant_id and points.shipment_id = outcomes.shipment_id
    inner join {{ ref('fct_shipments') }} as shipments
        on points.tenant_id = shipments.tenant_id and points.shipment_id = shipments.shipment_id
),

windows as (
    select
        tenant_id,
        shipment_id,
        checkpoint,
        subject.kind as subject_kind,
        subject.key as subject_key,
        unnest([
            struct_pack(days := 0, until := known_before),
            struct_pack(days := 90, until := known_before - interval '90 days'),
            struct_pack(days := 365, until := known_before - interval '365 days')
        ]) as back
    from asked
    where subject.key is not null
),

{% if is_touched_build() -%}
asked_for as (  -- noqa: ST03, read by short runs alone
    select
        tenant_id,
        back.days as days_back,
        min(back.until) as first_until,
        max(back.until) as last_until
    from windows
    group by all
),

{% endif -%}
-- for few questions only what was known at some moment that they ask for, or else every record would be put in order
records as (
    select
        records.*
        {%- if is_touched_build() %},
        asked_for.days_back
        {%- endif %}
    from {{ ref('int_track_records') }} as records
    {%- if is_touched_build() %}
    inner join asked_for
        on
            records.tenant_id = asked_for.tenant_id
            and records.known_at < asked_for.last_until
            and coalesce(records.known_until, timestamptz 'infinity') >= asked_for.first_until
    {%- endif %}
),

found as (
    select
        windows.tenant_id,
        windows.shipment_id,
        windows.checkpoint,
        windows.subject_kind,
        windows.back.days as days_back,
        records.outcome_count,
        records.late_count,
        records.delay_hours
    from windows
    asof inner join records
        on
            windows.tenant_id = records.tenant_id
            {%- if is_touched_build() %}
            and windows.back.days = records.days_back
            {%- endif %}
            and windows.subject_kind = records.subject_kind
            and windows.subject_key = records.subject_key
            and windows.back.until > records.known_at
),

per_subject as (
    select
        tenant_id,
        shipment_id,
        checkpoint,
        subject_kind,
        coalesce(max(outcome_count) filter (where days_back = 0), 0) as n,
        coalesce(max(late_count) filter (where days_back = 0), 0) as late,
        n - coalesce(max(outcome_count) filter (where days_back = 90), 0) as recent_n,
        late - coalesce(max(late_count) filter (where days_back = 90), 0) as recent_late,
        n - coalesce(max(outcome_count) filter (where days_back = 365), 0) as year_n,
        coalesce(max(delay_hours) filter (where days_back = 0), 0)
        - coalesce(max(delay_hours) filter (where days_back = 365), 0) as year_delay
    from found
    group by tenant_id, shipment_id, checkpoint, subject_kind
)

select
    tenant_id,
    shipment_id,
    checkpoint
    {%- for kind in ['network', 'carrier', 'lane', 'destination', 'origin', 'service'] %},
    max(n) filter (where subject_kind = '{{ kind }}') as {{ kind }}_n,
    max(late / nullif(n, 0)) filter (where subject_kind = '{{ kind }}') as {{ kind }}_late_rate,
    max(recent_n) filter (where subject_kind = '{{ kind }}') as {{ kind }}_recent_n,
    max(recent_late / nullif(recent_n, 0)) filter (
        where subject_kind = '{{ kind }}'
    ) as {{ kind }}_recent_late_rate,
    max(year_delay / nullif(year_n, 0)) filter (where subject_kind = '{{ kind }}') as {{ kind }}_delay_hours
    {%- endfor %}
from per_subject
group by tenant_id, shipment_id, checkpoint
