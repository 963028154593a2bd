-- The CRM account behind a customer number of the ERP: the master data's word, else what a person decided.
with told as (
    select
        tenant_id,
        erp_customer_no,
        customer_id,
        recorded_at,
        1 as preference
    from {{ ref('stg_network__customers') }}
    where erp_customer_no is not null
    union all
    -- an account that is not known (yet) is nobody; the number waits on
    select
        decisions.tenant_id,
        decisions.reference_key,
        customers.customer_id,
        decisions.decided_at,
        2
    from {{ source('settings', 'reference_decisions') }} as decisions
    inner join {{ ref('stg_network__customers') }} as customers
        on decisions.tenant_id = customers.tenant_id and decisions.customer_id = customers.customer_id
    where decisions.reference_type = 'CUSTOMER' and decisions.decision = 'match'
)

select
    tenant_id,
    erp_customer_no,
    customer_id,
    recorded_at
from told
qualify row_number() over (
    partition by tenant_id, erp_customer_no order by preference asc, recorded_at desc, customer_id asc
) = 1
