{{ config(tags=['decide']) }}
-- Customers' orders that starve until the inbound is there: lines that are to leave a place before the inbound of their
-- product, at a moment for which the projection has less of it than they ask. Each line is held against the projection
-- alone: the mean daily demand in it stands for the others. A line that travels in several shipments asks for its share
-- with each that has not left.
with inbounds as (
    select
        inventory.tenant_id,
        inventory.facility_id,
        inventory.product_id,
        inventory.on_hand_quantity,
        inventory.daily_demand_quantity,
        inventory.counted_at,
        inventory.stock_out_at,
        inventory.inbound_shipment_id,
        shipments.planned_arrival_at as inbound_planned_at,
        watch.as_of,
        greatest(watch.expected_arrival_at, watch.as_of) as inbound_expected_at
    from {{ ref('int_inventory_inbound') }} as inventory
    inner join {{ ref('int_shipment_watch') }} as watch
        on inventory.tenant_id = watch.tenant_id and inventory.inbound_shipment_id = watch.shipment_id
    inner join {{ ref('fct_shipments') }} as shipments
        on inventory.tenant_id = shipments.tenant_id and inventory.inbound_shipment_id = shipments.shipment_id
    -- whether or not the stock ends by its daily demand: one order may ask for more than there is
    where watch.is_open
),

-- what has not left its place yet; what should have left waits for the goods now
outbounds as (
    select
        shipments.tenant_id,
        shipments.shipment_id,
        shipments.origin_facility_id as facility_id,
        shipments.promised_at,
        shipments.planned_departure_at,
        booked.order_id,
        booked.order_shipment_count
    from {{ ref('fct_shipments') }} as shipments
    inner join {{ ref('int_network_shipments') }} as booked
        on shipments.tenant_id = booked.tenant_id and shipments.shipment_id = booked.shipment_id
    semi join inbounds
        on shipments.tenant_id = inbounds.tenant_id and shipments.origin_facility_id = inbounds.facility_id
    where shipments.is_open and shipments.status = 'planned'
),

needed as (
    select
        inbounds.*,
        outbounds.shipment_id,
        outbounds.promised_at,
        greatest(outbounds.planned_departure_at, inbounds.as_of) as needed_at,
        lines.order_id,
        lines.order_line_id,
        lines.customer_id,
        round(lines.quantity / outbounds.order_shipment_count, 4) as quantity,
        lines.amount / outbounds.order_shipment_count as amount,
        lines.currency_code,
        lines.source_file_sha256,
        lines.source_row_number
    from outbounds
    inner join {{ ref('fct_orders') }} as lines
        on outbounds.tenant_id = lines.tenant_id and outbounds.order_id = lines.order_id
    inner join inbounds
        on
            outbounds.tenant_id = inbounds.tenant_id
            and outbounds.facility_id = inbounds.facility_id
            and lines.product_id = inbounds.product_id
),

-- what an earlier shipment of the same line takes from here is not there for the next
in_turn as (
    select
        *,
        coalesce(sum(quantity) over (
            partition by tenant_id, facility_id, order_line_id
            order by needed_at, shipment_id
            rows between unbounded preceding and 1 preceding
        ), 0) as taken_before
    from needed
),

projected as (
    select
        *,
        -- rounded before it is compared: the last bits of what is left would else make an order short of nothing
        round(greatest(
            0,
            on_hand_quantity - taken_before
            - daily_demand_quantity * {{ hours_between('counted_at', 'needed_at') }} / 24
        ), 4) as projected_quantity
    from in_turn
    where needed_at < inbound_expected_at
)

select
    tenant_id,
    facility_id,
    product_id,
    inbound_shipment_id,
    inbound_planned_at,
    inbound_expected_at,
    stock_out_at,
    order_id,
    order_line_id,
    customer_id,
    shipment_id,
    needed_at,
    promised_at,
    quantity,
    projected_quantity,
    round(quantity - projected_quantity, 4) as short_quantity,
    {{ money('amount * (quantity - projected_quantity) / quantity') }} as short_amount,
    currency_code,
    needed_at >= inbound_planned_at as is_by_lateness,
    source_file_sha256,
    source_row_number
from projected
where projected_quantity < quantity
