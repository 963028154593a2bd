-- Accounts of a tenant that may be one: for each those before it, with a score and its reasons in words; at most five,
-- the likeliest first; a person decides, for one customer's facts in another's message are the worst there is. The
-- score (0 to 1) weighs their names, their numbers in the ERP, their addresses; it ranks, and never decides.
with accounts as (
    select
        customers.tenant_id,
        customers.customer_id,
        customers.customer_name,
        {{ name_key('customers.customer_name') }} as name_key,
        left({{ name_key('customers.customer_name') }}, 6) as name_start,
        lower(trim(customers.contact_email)) as mail_key,
        lower(trim(customers.portal_url)) as portal_key,
        {{ bare_reference('customers.erp_customer_no') }} as number_key
    from {{ ref('stg_network__customers') }} as customers
    anti join {{ ref('stg_settings__kept_customers') }} as one_with_another
        on
            customers.tenant_id = one_with_another.tenant_id
            and customers.customer_id = one_with_another.customer_id
),

{{ pairs_that_share('accounts', 'customer_id', ['name_key', 'name_start', 'mail_key', 'portal_key', 'number_key']) }},

later_accounts as (
    {{ not_said_to_be_its_own('accounts', 'ACCOUNT', 'customer_id') }}
),

compared as (
    select
        pairs.tenant_id,
        pairs.later_id as customer_id,
        pairs.earlier_id as kept_customer_id,
        earlier.customer_name,
        {{ likeness('later.name_key', 'earlier.name_key') }} as likeness,
        later.name_key = earlier.name_key as has_same_name,
        coalesce(later.number_key = earlier.number_key and later.number_key != '', false) as has_same_number,
        coalesce(later.mail_key = earlier.mail_key and later.mail_key != '', false) as has_same_mail,
        coalesce(later.portal_key = earlier.portal_key and later.portal_key != '', false) as has_same_portal
    from pairs
    inner join later_accounts as later
        on pairs.tenant_id = later.tenant_id and pairs.later_id = later.customer_id
    inner join accounts as earlier
        on pairs.tenant_id = earlier.tenant_id and pairs.earlier_id = earlier.customer_id
),

scored as (
    select
        *,
        round(
            0.5 * likeness
            + case when has_same_number then 0.5 else 0 end
            + case when has_same_mail then 0.3 else 0 end
            + case when has_same_portal then 0.2 else 0 end,
            3
        ) as total
    from compared
)

select
    tenant_id,
    customer_id,
    kept_customer_id,
    customer_name,
    least(total, 1) as score,
    list_filter([
        case when has_same_name then 'the same name' when likeness > 0 then 'names alike' end,
        case when has_same_number then 'the same number in the ERP' end,
        case when has_same_mail then 'the same mail address' end,
        case when has_same_portal then 'the same portal' end
    ], lambda reason: reason is not null) as reasons,
    row_number() over (
        partition by tenant_id, customer_id order by total desc, kept_customer_id asc
    ) as place
from scored
where total >= 0.4
qualify place <= 5
