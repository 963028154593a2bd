{{ built_after('touched_masters') }}
-- accounts that a person said are one with another are known by its name, and not besides it
with ids_of_others as (
    select
        kept.tenant_id,
        kept.kept_customer_id as customer_id,
        list_sort(flatten(list([kept.customer_id, customers.erp_customer_no]))) as source_ids
    from {{ ref('stg_settings__kept_customers') }} as kept
    left join {{ ref('stg_network__customers') }} as customers
        on kept.tenant_id = customers.tenant_id and kept.customer_id = customers.customer_id
    group by kept.tenant_id, kept.kept_customer_id
),

-- the master data's word before what the CRM's promises say, and before a mere number: that is a customer still
network_customers as (
    select
        customers.tenant_id,
        customers.customer_id as party_id,
        'customer' as party_role,
        customers.customer_name as party_name,
        customers.customer_tier,
        customers.contact_email,
        to_json(list_concat([customers.customer_id, customers.erp_customer_no], ids_of_others.source_ids))
            as source_ids,
        1 as preference
    from {{ ref('stg_network__customers') }} as customers
    left join ids_of_others
        on customers.tenant_id = ids_of_others.tenant_id and customers.customer_id = ids_of_others.customer_id
    anti join {{ ref('stg_settings__kept_customers') }} as one_with_another
        on
            customers.tenant_id = one_with_another.tenant_id
            and customers.customer_id = one_with_another.customer_id
    union all
    select
        tenant_id, customer_id, 'customer',
        arg_max(customer_name, (recorded_at, commitment_id)),
        arg_max(customer_tier, (recorded_at, commitment_id)),
        arg_max(contact_email, (recorded_at, commitment_id)),
        to_json([customer_id]), 2
    from {{ ref('stg_network__commitments') }}
    group by tenant_id, customer_id
    union all
    select tenant_id, customer_id, 'customer', customer_id, null, null, to_json([customer_id]), 3
    from (select distinct tenant_id, customer_id from {{ ref('int_network_shipments') }})
),

network_carriers as (
    select
        tenant_id,
        carrier_id as party_id,
        'carrier' as party_role,
        carrier_name as party_name,
        null as customer_tier,
        contact_email,
        to_json([carrier_id]) as source_ids,
        1 as preference
    from {{ ref('stg_network__carriers') }}
    union all
    select tenant_id, carrier_id, 'carrier', carrier_id, null, null, to_json([carrier_id]), 3
    from (select distinct tenant_id, carrier_id from {{ ref('int_network_shipments') }})
),

unioned as (
    select *, 1 as preference from {{ ref('int_public_parties') }}
    union all
    select * from network_customers
    union all
    select * from network_carriers
)

select
    tenant_id,
    party_id,
    party_role,
    party_name,
    customer_tier,
    contact_email,
    cast(source_ids as varchar) as source_ids
from unioned
where party_id is not null
-- in full, so that two builds of the same rows never choose differently
qualify row_number() over (
    partition by tenant_id, party_role, party_id
    order by preference, party_name, customer_tier, contact_email, cast(source_ids as varchar)
) = 1
