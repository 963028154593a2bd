-- One row per facility and product with the inbound shipment that arrives first and the stock-out before it. What is
-- ordered is shared out among the shipments it travels in.
with stock as (
    select
        inventory.*,
        case
            -- what lasts for a hundred years runs out at no time that could be named
            when inventory.on_hand_quantity < 36500 * inventory.daily_demand_quantity
                then {{ hours_after(
                    'inventory.counted_at',
                    '24.0 * inventory.on_hand_quantity / inventory.daily_demand_quantity'
                ) }}
        end as stock_out_at
    from {{ ref('stg_network__inventory') }} as inventory
),

inbounds as (
    select
        shipments.tenant_id,
        shipments.destination_facility_id as facility_id,
        lines.product_id,
        shipments.shipment_id,
        coalesce(shipments.estimated_arrival_at, shipments.planned_arrival_at) as inbound_arrival_at,
        {{ exact_sum('lines.quantity / booked.order_shipment_count') }} as inbound_quantity
    from {{ ref('fct_shipments') }} as shipments
    inner join {{ ref('int_network_shipments') }} as booked
        on shipments.tenant_id = booked.tenant_id and shipments.shipment_id = booked.shipment_id
    inner join {{ ref('stg_network__orders') }} as lines
        on booked.tenant_id = lines.tenant_id and booked.order_id = lines.order_id
    where shipments.is_open
    group by all
),

inbound as (
    select *
    from inbounds
    qualify row_number() over (
        partition by tenant_id, facility_id, product_id order by inbound_arrival_at, shipment_id
    ) = 1
)

select
    stock.tenant_id,
    stock.facility_id,
    stock.product_id,
    stock.counted_on,
    stock.counted_at,
    stock.on_hand_quantity,
    stock.safety_stock_quantity,
    stock.daily_demand_quantity,
    stock.unit_value,
    stock.stock_out_at,
    inbound.shipment_id as inbound_shipment_id,
    inbound.inbound_arrival_at,
    inbound.inbound_quantity,
    stock.source_file_sha256,
    stock.source_row_number
from stock
left join inbound
    on
        stock.tenant_id = inbound.tenant_id
        and stock.facility_id = inbound.facility_id
        and stock.product_id = inbound.product_id
