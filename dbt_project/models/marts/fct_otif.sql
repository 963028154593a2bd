{{ touched('orders') }}
-- On time and in full, by order line whose promise has come due; the window it is judged by stands beside it.
-- An order may travel in several shipments: it is there with the last of them, and not before all of them are.
with last_shipments as (
    select
        booked.tenant_id,
        booked.order_id,
        arg_max(
            booked.shipment_id, (shipments.delivered_at is null, shipments.delivered_at, booked.shipment_id)
        ) as shipment_id
    from {{ ref('int_network_shipments') }} as booked
    inner join {{ ref('fct_shipments') }} as shipments
        on booked.tenant_id = shipments.tenant_id and booked.shipment_id = shipments.shipment_id
    where shipments.status != 'cancelled'
    group by booked.tenant_id, booked.order_id
),

ordered as (
    select orders.* replace (coalesce(last_shipments.shipment_id, orders.shipment_id) as shipment_id)
    from {{ ref('fct_orders') }} as orders
    left join last_shipments
        on orders.tenant_id = last_shipments.tenant_id and orders.order_id = last_shipments.order_id
),

lines as (
    select
        orders.tenant_id,
        orders.order_line_id,
        orders.order_id,
        orders.shipment_id,
        orders.customer_id,
        orders.product_id,
        orders.quantity,
        sum(orders.quantity) over (
            partition by orders.tenant_id, orders.order_id, orders.product_id
        ) as ordered_quantity,
        orders.promised_at,
        {{ hours_after(
            'orders.promised_at', '-coalesce(agreements.otif_early_hours, settings.otif_early_hours)'
        ) }} as window_from_at,
        {{ hours_after(
            'orders.promised_at', 'coalesce(agreements.otif_late_hours, settings.otif_late_hours)'
        ) }} as window_until_at,
        coalesce(agreements.otif_short_share, settings.otif_short_share) as short_share,
        agreements.agreement_name,
        shipments.delivered_at,
        shipments.destination_facility_id as facility_id,
        settings.as_of,
        orders.source_file_sha256,
        orders.source_row_number
    from ordered as orders
    inner join {{ ref('int_tenant_settings') }} as settings
        on orders.tenant_id = settings.tenant_id
    left join {{ ref('fct_shipments') }} as shipments
        on orders.tenant_id = shipments.tenant_id and orders.shipment_id = shipments.shipment_id
    left join {{ ref('int_service_agreements') }} as agreements
        on orders.tenant_id = agreements.tenant_id and orders.shipment_id = agreements.shipment_id
    -- what nobody ships is judged too; what was called off is not
    where orders.promised_at is not null and shipments.status is distinct from 'cancelled'
),

products as (
    select distinct
        tenant_id,
        order_id,
        product_id
    from lines
),

-- what was shipped of an order's product; other units than pieces say nothing here
shipped as (
    select
        products.tenant_id,
        products.order_id,
        products.product_id,
        shipped_lines.feed,
        round(sum(shipped_lines.shipped_quantity), 6) as told_quantity,
        bool_and(coalesce(shipped_lines.quantity_unit, 'EA') in ('EA', 'PC', 'UN')) as is_in_pieces
    from products
    inner join {{ ref('stg_partner__shipped_lines') }} as shipped_lines
        on
            products.tenant_id = shipped_lines.tenant_id
            and upper(products.order_id) = shipped_lines.order_id
            and list_contains(shipped_lines.item_ids, upper(products.product_id))
    group by products.tenant_id, products.order_id, products.product_id, shipped_lines.feed
),

-- the warehouse (945) stands nearer to the goods than the supplier's notice (856)
told as (
    select
        *,
        case when is_in_pieces then told_quantity end as shipped_quantity
    from shipped
    qualify row_number() over (partition by tenant_id, order_id, product_id order by feed desc) = 1
),

judged as (
    select
        lines.*,
        facilities.time_zone,
        told.shipped_quantity,
        told.feed as shipped_told_by,
        coalesce(lines.delivered_at between lines.window_from_at and lines.window_until_at, false) as is_on_time,
        case
            -- no shipment carries it, and nobody says that it was shipped
            when lines.shipment_id is null and told.feed is null then false
            -- rounded, for the last bits of the product would make short what is exactly at the tolerance
            else told.shipped_quantity >= round(lines.ordered_quantity * (1 - lines.short_share), 6)
        end as is_in_full
    from lines
    left join told
        on
            lines.tenant_id = told.tenant_id
            and lines.order_id = told.order_id
            and lines.product_id = told.product_id
    left join {{ ref('dim_facilities') }} as facilities
        on lines.tenant_id = facilities.tenant_id and lines.facility_id = facilities.facility_id
    where lines.delivered_at is not null or lines.window_until_at < lines.as_of
)

select
    tenant_id,
    order_line_id,
    order_id,
    shipment_id,
    customer_id,
    product_id,
    quantity,
    ordered_quantity,
    shipped_quantity,
    shipped_told_by,
    short_share,
    agreement_name,
    promised_at,
    window_from_at,
    window_until_at,
    time_zone,
    delivered_at,
    is_on_time,
    is_in_full,
    -- late is late, whatever arrived; on time is enough only where somebody told how much was shipped
    case when not is_on_time then false else is_in_full end as is_otif,
    source_file_sha256,
    source_row_number
from judged
