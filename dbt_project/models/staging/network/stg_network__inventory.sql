with told as (
    {{ known_as_of(source('network', 'inventory')) }}
),

known as (
    {{ with_kept('told', 'facility_id', ['facility_code']) }}
)

select
    _tenant_id as tenant_id,
    facility_code as facility_id,
    sku as product_id,
    cast(on_hand_quantity as double) as on_hand_quantity,
    cast(safety_stock_quantity as double) as safety_stock_quantity,
    cast(daily_demand_quantity as double) as daily_demand_quantity,
    cast(unit_value as double) as unit_value,
    as_of_date as counted_on,
    exported_at as counted_at,
    _recorded_at as recorded_at,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from known
{{ keep_latest('_tenant_id, facility_code, sku') }}
