{{ touched('shipments') }}
with lines as (
    select
        tenant_id,
        order_id,
        {{ exact_sum('quantity') }} as quantity,
        {{ exact_sum('quantity * unit_price') }} as amount,
        min(ordered_at) as ordered_at,
        max(promised_delivery_at) as promised_delivery_at,
        max(currency_code) as currency_code
    from {{ ref('stg_network__orders') }}
    group by tenant_id, order_id
),

commitments as (
    select
        tenant_id,
        order_id,
        min(promised_at) as promised_at,
        min(customer_id) as customer_id
    from {{ ref('stg_network__commitments') }}
    group by tenant_id, order_id
),

-- What a carrier calls delivered ends the journey at its destination, or where no known place is told. By the UN/LOCODE
-- of the destination any place there may be meant; anywhere else the shipment stays open, and a person sees the event.
-- A clock may be an hour wrong: what is stamped further ahead of when it was told counts, and is known, once the
-- tenant's clock is there.
deliveries as (
    select
        told.tenant_id,
        told.shipment_id,
        told.occurred_at,
        told.told_at,
        case
            when told.occurred_at > told.recorded_at + interval '1 hour' then told.occurred_at else told.recorded_at
        end as known_at
    from {{ ref('fct_milestones') }} as told
    inner join {{ ref('stg_network__shipments') }} as shipments
        on told.tenant_id = shipments.tenant_id and told.shipment_id = shipments.shipment_id
    left join {{ ref('stg_network__facilities') }} as told_places
        on told.tenant_id = told_places.tenant_id and told.facility_id = told_places.facility_id
    left join {{ ref('stg_network__facilities') }} as destinations
        on
            shipments.tenant_id = destinations.tenant_id
            and shipments.destination_facility_id = destinations.facility_id
    where
        told.milestone_code = 'DELIVERED'
        and told.classifier = 'actual'
        and (
            told.facility_id is null
            or told.facility_id = shipments.destination_facility_id
            or told_places.un_locode = destinations.un_locode
        )
),

delivered as (
    select
        deliveries.tenant_id,
        deliveries.shipment_id,
        arg_max(deliveries.occurred_at, (deliveries.told_at, deliveries.occurred_at)) as delivered_at,
        min(deliveries.known_at) as delivered_recorded_at,
        -- from here on it stands as it does: what was told of it before that taught something else
        arg_max(
            deliveries.known_at, (deliveries.told_at, deliveries.occurred_at, deliveries.known_at)
        ) as outcome_known_at
    from deliveries
    inner join {{ ref('int_tenant_settings') }} as settings
        on deliveries.tenant_id = settings.tenant_id
    where deliveries.known_at <= settings.as_of
    group by deliveries.tenant_id, deliveries.shipment_id
),

planned as (
    select
        tenant_id,
        shipment_id,
        count(*) filter (where milestone_code = 'DEPA') as hop_count
    from {{ ref('fct_milestones') }}
    where classifier = 'planned'
    group by tenant_id, shipment_id
)

select
    shipments.tenant_id,
    shipments.shipment_id,
    [shipments.order_id] as order_ids,
    shipments.order_id,
    coalesce(customers.customer_id, commitments.customer_id, shipments.erp_customer_no) as customer_id,
    shipments.carrier_id,
    cast(null as varchar) as vendor_id,
    shipments.origin_facility_id,
    shipments.destination_facility_id,
    shipments.mode,
    shipments.service_level,
    lines.ordered_at,
    shipments.booked_at,
    shipments.planned_departure_at as planned_start_at,
    shipments.planned_departure_at,
    shipments.planned_arrival_at,
    coalesce(commitments.promised_at, lines.promised_delivery_at, shipments.planned_arrival_at) as promised_at,
    shipments.status = 'cancelled' as is_cancelled,
    coalesce(delivered.delivered_at, shipments.delivered_reported_at) as delivered_at,
    coalesce(delivered.delivered_recorded_at, shipments.delivered_reported_at) as delivered_recorded_at,
    coalesce(delivered.outcome_known_at, shipments.delivered_reported_at) as outcome_known_at,
    shipments.required_documents,
    -- one order may travel in several shipments; what it holds and is worth is shared out among those not cancelled
    greatest(1, count(*) filter (where shipments.status != 'cancelled')
        over (partition by shipments.tenant_id, shipments.order_id)) as order_shipment_count,
    lines.quantity / order_shipment_count as quantity,
    lines.amount / order_shipment_count as amount,
    lines.currency_code,
    planned.hop_count,
    shipments.recorded_at,
    shipments.source_file_sha256,
    shipments.source_row_number
from {{ ref('stg_network__shipments') }} as shipments
left join lines
    on shipments.tenant_id = lines.tenant_id and shipments.order_id = lines.order_id
left join commitments
    on shipments.tenant_id = commitments.tenant_id and shipments.order_id = commitments.order_id
left join delivered
    on shipments.tenant_id = delivered.tenant_id and shipments.shipment_id = delivered.shipment_id
left join planned
    on shipments.tenant_id = planned.tenant_id and shipments.shipment_id = planned.shipment_id
left join {{ ref('idn_customers') }} as customers
    on
        shipments.tenant_id = customers.tenant_id
        and shipments.erp_customer_no = customers.erp_customer_no
