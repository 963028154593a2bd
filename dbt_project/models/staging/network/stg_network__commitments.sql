{{ touched('rows', read='orders', key='commitment_id') }}
with told as (
    {{ known_as_of(source('network', 'commitment'), 'feed.commitment_id') }}
),

known as (
    {{ with_kept('told', 'customer_id', ['customer_ref']) }}
)

select
    _tenant_id as tenant_id,
    commitment_id,
    customer_ref as customer_id,
    customer_name,
    customer_tier,
    order_no as order_id,
    promised_at,
    cast(penalty_per_day as double) as penalty_per_day,
    cast(penalty_cap as double) as penalty_cap,
    currency_code,
    contact_email,
    _recorded_at as recorded_at,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from known
{{ keep_latest('_tenant_id, commitment_id') }}
