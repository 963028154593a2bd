select
    tenant_id,
    erp_customer_no,
    customer_id,
    recorded_at
from {{ ref('stg_network__customers') }}
where erp_customer_no is not null
qualify row_number() over (
    partition by tenant_id, erp_customer_no order by recorded_at desc, customer_id asc
) = 1
