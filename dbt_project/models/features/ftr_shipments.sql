{{ touched('points') }}
with points as (
    select
        checkpoints.*,
        shipments.origin_facility_id,
        shipments.destination_facility_id,
        shipments.promised_at,
        shipments.is_late,
        shipments.delay_hours
    from {{ ref('int_checkpoints') }} as checkpoints
    inner join {{ ref('fct_shipments') }} as shipments
        on checkpoints.tenant_id = shipments.tenant_id and checkpoints.shipment_id = shipments.shipment_id
),

routes as (
    select distinct
        tenant_id,
        shipment_id,
        facility_id
    from {{ ref('fct_milestones') }}
    where classifier = 'planned'
),

weather as (
    select
        points.tenant_id,
        points.shipment_id,
        points.checkpoint,
        max(alerts.severity_rank) as open_weather_severity
    from points
    inner join routes
        on points.tenant_id = routes.tenant_id and points.shipment_id = routes.shipment_id
    inner join {{ ref('stg_network__weather_alerts') }} as alerts
        on
            routes.tenant_id = alerts.tenant_id
            and routes.facility_id = alerts.facility_id
            and points.cutoff_at >= alerts.recorded_at
            and (alerts.superseded_at is null or points.cutoff_at < alerts.superseded_at)
            and points.cutoff_at >= alerts.starts_at
            and points.cutoff_at <= alerts.ends_at
    group by points.tenant_id, points.shipment_id, points.checkpoint
),

holds as (
    select
        points.tenant_id,
        points.shipment_id,
        points.checkpoint,
        coalesce(
            arg_max(told.milestone_code, (told.occurred_at, told.recorded_at, told.milestone_id)) = 'CUSTOMS_HOLD',
            false
        ) as customs_hold_open
    from points
    inner join {{ ref('fct_milestones') }} as told
        on points.tenant_id = told.tenant_id and points.shipment_id = told.shipment_id
    where told.classifier = 'actual' and told.recorded_at <= points.cutoff_at
    group by points.tenant_id, points.shipment_id, points.checkpoint
)

select
    points.tenant_id,
    points.shipment_id,
    points.checkpoint,
    points.cutoff_at,
    points.is_open,
    case when not points.is_open then points.is_late end as label_is_late,
    case when not points.is_open then points.delay_hours end as label_delay_hours,
    points.promised_at,
    {{ hours_between('booked.planned_start_at', 'points.promised_at') }} as planned_duration_hours,
    {{ hours_between('points.cutoff_at', 'journey.projected_arrival_at') }} as planned_remaining_hours,
    case
        when points.checkpoint != 'plan' then {{ hours_between('booked.planned_start_at', 'points.cutoff_at') }}
    end as elapsed_hours,
    journey.deviation_hours,
    journey.max_incoming_deviation_hours,
    {{ hours_between('journey.projected_arrival_at', 'points.promised_at') }} as remaining_slack_hours,
    cast(booked.leg_count as bigint) as leg_count,
    cast(booked.hop_count as bigint) as hop_count,
    booked.mode,
    nullif(booked.carrier_id, 'forwarder') as carrier_id,
    booked.vendor_id,
    outcomes.origin,
    points.destination_facility_id as destination,
    booked.product_group,
    booked.sub_classification,
    booked.fulfill_via,
    booked.inco_term,
    booked.first_line,
    booked.quantity,
    cast(booked.amount as double) as amount,
    -- no source tells a weight before the goods have shipped
    cast(null as double) as weight_kg,
    cast(booked.lead_time_days as double) as lead_time_days,
    cast(month(points.promised_at) as bigint) as promised_month,
    {%- for kind in ['carrier', 'lane', 'destination', 'origin'] %}
    records.{{ kind }}_late_rate,
    cast(coalesce(records.{{ kind }}_n, 0) as bigint) as {{ kind }}_n,
    {%- endfor %}
    -- weather and customs are reported for the simulated network alone; elsewhere they are unknown
    case when booked.required_documents is not null then coalesce(weather.open_weather_severity, 0) end
        as open_weather_severity,
    case when booked.required_documents is not null then coalesce(holds.customs_hold_open, false) end
        as customs_hold_open,
    journey.overdue_hours,
    journey.planned_outgoing_hours,
    journey.incoming_check_in_hours,
    journey.incoming_delivery_hours,
    journey.outgoing_check_in_hours,
    journey.outgoing_delivery_hours,
    cast(booked.quote_lead_time_days as double) as quote_lead_time_days,
    cast(booked.order_line_count as bigint) as order_line_count,
    cast(booked.order_amount as double) as order_amount,
    booked.pack_price,
    booked.unit_price,
    booked.pack_size,
    records.network_late_rate,
    records.network_recent_late_rate,
    records.network_delay_hours,
    records.service_recent_late_rate,
    cast(coalesce(records.service_recent_n, 0) as bigint) as service_recent_n
    {%- for kind in ['carrier', 'lane', 'destination'] %},
    records.{{ kind }}_recent_late_rate,
    cast(coalesce(records.{{ kind }}_recent_n, 0) as bigint) as {{ kind }}_recent_n,
    records.{{ kind }}_delay_hours
    {%- endfor %}
from points
inner join {{ ref('int_shipments_unioned') }} as booked
    on points.tenant_id = booked.tenant_id and points.shipment_id = booked.shipment_id
inner join {{ ref('int_outcomes') }} as outcomes
    on points.tenant_id = outcomes.tenant_id and points.shipment_id = outcomes.shipment_id
{%- for side, relation in [
    ('journey', ref('int_journey_at_checkpoints')),
    ('records', ref('int_track_records_at_checkpoints')),
    ('weather', 'weather'),
    ('holds', 'holds'),
] %}
left join {{ relation }} {% if side != relation %}as {{ side }}{% endif %}
    on
        points.tenant_id = {{ side }}.tenant_id
        and points.shipment_id = {{ side }}.shipment_id
        and points.checkpoint = {{ side }}.checkpoint
{%- endfor %}
