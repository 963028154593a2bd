{{ touched('orders') }}
with first_shipments as (
    select
        tenant_id,
        order_id,
        arg_min(shipment_id, (is_cancelled, planned_departure_at, shipment_id)) as shipment_id
    from {{ ref('int_network_shipments') }}
    group by tenant_id, order_id
),

health as (
    select
        lines.tenant_id,
        lines.line_item_id as order_line_id,
        lines.order_id,
        shipments.customer_id,
        'product-' || {{ slug('lines.product_name') }} as product_id,
        lines.product_name,
        lines.quantity,
        lines.line_value as amount,
        'USD' as currency_code,
        {{ start_of_day('coalesce(lines.purchase_order_sent_on, lines.quoted_on)') }} as ordered_at,
        {{ end_of_day('lines.scheduled_delivery_on') }} as promised_at,
        lines.shipment_id,
        lines.source_file_sha256,
        lines.source_row_number
    from {{ ref('stg_scms__line_items') }} as lines
    inner join {{ ref('int_scms_shipments') }} as shipments
        on lines.tenant_id = shipments.tenant_id and lines.shipment_id = shipments.shipment_id
),

network as (
    select
        lines.tenant_id,
        lines.order_id || ':' || lines.order_line as order_line_id,
        lines.order_id,
        coalesce(customers.customer_id, lines.erp_customer_no) as customer_id,
        lines.product_id,
        lines.product_id as product_name,
        lines.quantity,
        lines.quantity * lines.unit_price as amount,
        lines.currency_code,
        lines.ordered_at,
        lines.promised_delivery_at as promised_at,
        first_shipments.shipment_id,
        lines.source_file_sha256,
        lines.source_row_number
    from {{ ref('stg_network__orders') }} as lines
    left join {{ ref('idn_customers') }} as customers
        on lines.tenant_id = customers.tenant_id and lines.erp_customer_no = customers.erp_customer_no
    left join first_shipments
        on lines.tenant_id = first_shipments.tenant_id and lines.order_id = first_shipments.order_id
)

select * replace ({{ money('amount') }} as amount) from health
union all
select * replace ({{ money('amount') }} as amount) from network
