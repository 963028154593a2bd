-- On hand less demand, day by day; the inbound is shown beside it and not mixed in.
with days as (
    select
        *,
        unnest(range(0, {{ var('inventory_horizon_days') }})) as day_number
    from {{ ref('int_inventory_inbound') }}
)

select
    tenant_id,
    facility_id,
    product_id,
    cast(counted_on + cast(day_number as integer) as date) as projected_on,
    greatest(0, on_hand_quantity - daily_demand_quantity * day_number) as projected_quantity,
    greatest(0, on_hand_quantity - daily_demand_quantity * day_number)
    + case
        when cast(inbound_arrival_at as date) <= counted_on + cast(day_number as integer) then inbound_quantity
        else 0
    end as projected_with_inbound_quantity,
    on_hand_quantity,
    safety_stock_quantity,
    daily_demand_quantity,
    unit_value,
    stock_out_at,
    cast(stock_out_at as date) as stock_out_on,
    inbound_shipment_id,
    inbound_arrival_at,
    inbound_quantity,
    source_file_sha256,
    source_row_number
from days
