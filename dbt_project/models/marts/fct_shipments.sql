{{ touched('shipments', then=keep_clock('marts', 'fct_shipments')) }}
with joined as (
    select
        shipments.*,
        progress.estimated_arrival_at,
        progress.estimated_recorded_at,
        progress.last_milestone_id,
        progress.last_milestone_code,
        progress.last_milestone_at,
        progress.last_milestone_recorded_at,
        progress.last_heard_at,
        settings.as_of,
        progress.departed_at,
        progress.first_moved_at,
        coalesce(progress.has_moved, false) as has_moved,
        coalesce(progress.has_future_stamp, false) as has_future_stamp,
        coalesce(progress.planned_departure_at, shipments.planned_departure_at, shipments.planned_start_at)
            as first_planned_departure_at,
        -- what the source gives no value is valued by the tenant's tariff, and says so in fct_exposures
        coalesce(shipments.amount, settings.shipment_value_default) as shipment_value,
        coalesce(shipments.currency_code, settings.currency_code) as known_currency_code,
        shipments.delivered_at is null and not shipments.is_cancelled as is_open
    from {{ ref('int_shipments_unioned') }} as shipments
    inner join {{ ref('int_tenant_settings') }} as settings
        on shipments.tenant_id = settings.tenant_id
    left join {{ ref('int_shipment_progress') }} as progress
        on shipments.tenant_id = progress.tenant_id and shipments.shipment_id = progress.shipment_id
)

select
    tenant_id,
    shipment_id,
    array_to_string(order_ids, '|') as order_ids,
    customer_id,
    carrier_id,
    vendor_id,
    origin_facility_id,
    destination_facility_id,
    origin_facility_id || '>' || destination_facility_id as lane_id,
    mode,
    service_level,
    booked_at,
    first_planned_departure_at as planned_departure_at,
    planned_arrival_at,
    promised_at,
    departed_at,
    estimated_arrival_at,
    estimated_recorded_at,
    delivered_at,
    delivered_recorded_at,
    last_milestone_id,
    last_milestone_code,
    last_milestone_at,
    last_milestone_recorded_at,
    last_heard_at,
    case
        when is_cancelled then 'cancelled'
        when delivered_at is not null then 'delivered'
        when has_moved then 'in_transit'
        else 'planned'
    end as status,
    is_open,
    case
        when is_cancelled then null
        -- a delay counted in days comes from dates; the hour of such a delivery is unknown
        when delivered_at is not null then coalesce(delay_hours > 0, delivered_at > promised_at)
        when promised_at < as_of then true
    end as is_late,
    case
        when is_cancelled then null
        when delivered_at is not null
            then round(coalesce(delay_hours, {{ hours_between('promised_at', 'delivered_at') }}), 4)
        when promised_at < as_of then round({{ hours_between('promised_at', 'as_of') }}, 4)
    end as delay_hours,
    {{ money('shipment_value') }} as shipment_value,
    amount is null as is_value_assumed,
    known_currency_code as currency_code,
    -- a delivery is itself a move, so the first of all moves alone would not say that it came before the departure
    coalesce(delivered_at < departed_at or delivered_at < first_moved_at, false) or has_future_stamp
        as has_contradictory_times,
    as_of,
    source_file_sha256,
    source_row_number,
    recorded_at
from joined
