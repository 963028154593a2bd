-- On hand less demand, day by day; the inbound is shown beside it and not mixed in. What should be there and is not
-- comes now at the earliest.
with days as (
    select
        inventory.*,
        case
            when inventory.inbound_arrival_at is not null
                then cast(greatest(inventory.inbound_arrival_at, settings.as_of) as date)
        end as inbound_from_on,
        unnest(range(0, {{ var('inventory_horizon_days') }})) as day_number
    from {{ ref('int_inventory_inbound') }} as inventory
    inner join {{ ref('int_tenant_settings') }} as settings
        on inventory.tenant_id = settings.tenant_id
)

select
    tenant_id,
    facility_id,
    product_id,
    cast(counted_on + cast(day_number as integer) as date) as projected_on,
    greatest(0, on_hand_quantity - daily_demand_quantity * day_number) as projected_quantity,
    greatest(0, on_hand_quantity - daily_demand_quantity * day_number)
    + case
        when inbound_from_on <= counted_on + cast(day_number as integer) then inbound_quantity
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
