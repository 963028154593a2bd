-- The CRM account behind a customer number of the ERP: the master data's word, else what a person decided; of accounts
-- that are said to be one, the one that is kept.
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
    told.tenant_id,
    told.erp_customer_no,
    coalesce(kept.kept_customer_id, told.customer_id) as customer_id,
    told.recorded_at
from told
left join {{ ref('stg_settings__kept_customers') }} as kept
    on told.tenant_id = kept.tenant_id and told.customer_id = kept.customer_id
qualify row_number() over (
    partition by told.tenant_id, told.erp_customer_no
    order by told.preference asc, told.recorded_at desc, told.customer_id asc
) = 1
