{{ touched('rows', read='orders', key='order_id') }}
with known as (
    {{ known_as_of(source('network', 'order'), 'feed.order_no') }}
)

select
    _tenant_id as tenant_id,
    order_no as order_id,
    cast(order_line as bigint) as order_line,
    customer_ref as erp_customer_no,
    sku as product_id,
    cast(quantity as double) as quantity,
    cast(unit_price as double) as unit_price,
    currency_code,
    requested_delivery_at,
    promised_delivery_at,
    ordered_at,
    _recorded_at as recorded_at,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from known
{{ keep_latest('_tenant_id, order_no, order_line') }}
