-- Customer numbers of shipments and orders behind which no account of the CRM is known: one row per shipment or order.
with told as (
    select
        tenant_id,
        'SHIPMENT' as named_in,
        shipment_id as named_by,
        order_id,
        erp_customer_no,
        recorded_at,
        source_file_sha256,
        source_row_number
    from {{ ref('stg_network__shipments') }}
    union all
    select tenant_id, 'ORDER', order_id, order_id, erp_customer_no, recorded_at, source_file_sha256, source_row_number
    from {{ ref('stg_network__orders') }}
)

select
    told.*,
    decisions.decision_id,
    decisions.decision
from told
left join {{ source('settings', 'reference_decisions') }} as decisions
    on
        told.tenant_id = decisions.tenant_id
        and decisions.reference_type = 'CUSTOMER'
        and told.erp_customer_no = decisions.reference_key
        and decisions.carrier_id is null
anti join {{ ref('idn_customers') }} as known
    on told.tenant_id = known.tenant_id and told.erp_customer_no = known.erp_customer_no
-- whoever keeps no list of customers has none that could be meant
semi join {{ ref('stg_network__customers') }} as listed
    on told.tenant_id = listed.tenant_id
where told.erp_customer_no != ''
