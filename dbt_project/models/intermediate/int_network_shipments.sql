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

delivered as (
    select
        tenant_id,
        shipment_id,
        arg_max(occurred_at, (told_at, occurred_at)) as delivered_at,
        min(recorded_at) as delivered_recorded_at
    from {{ ref('fct_milestones') }}
    where milestone_code = 'DELIVERED' and classifier = 'actual'
    group by tenant_id, shipment_id
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
