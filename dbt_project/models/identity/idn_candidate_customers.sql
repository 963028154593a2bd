-- For each customer number that no account is known for: those it may be, each with a score and its reasons in words;
-- at most five, the likeliest first; a person decides, for one customer's facts in another's message are the worst
-- there is. The score (0 to 1) weighs whom its orders are promised to with whether the number is that of the account
-- but for one sign; it ranks, and never decides.
with waiting as (
    select
        tenant_id,
        erp_customer_no,
        count(distinct order_id) as order_count
    from {{ ref('idn_unmatched_customers') }}
    where decision_id is null
    group by tenant_id, erp_customer_no
),

promised as (
    select
        told.tenant_id,
        told.erp_customer_no,
        commitments.customer_id,
        count(distinct told.order_id) as order_count
    from {{ ref('idn_unmatched_customers') }} as told
    inner join {{ ref('stg_network__commitments') }} as commitments
        on told.tenant_id = commitments.tenant_id and told.order_id = commitments.order_id
    group by told.tenant_id, told.erp_customer_no, commitments.customer_id
),

-- a slip of one sign leaves the first or the last half of a number whole; numbers are given out in a row, so one that
-- is merely like another says nothing
asked as (
    select
        *,
        {{ bare_reference('erp_customer_no') }} as number,
        cast(floor((length({{ bare_reference('erp_customer_no') }}) - 1) / 2) as integer) as width
    from waiting
    where length({{ bare_reference('erp_customer_no') }}) >= 5
),

widths as (
    select distinct
        tenant_id,
        width
    from asked
),

numbers as (
    select
        customers.tenant_id,
        coalesce(kept.kept_customer_id, customers.customer_id) as customer_id,
        {{ bare_reference('unnest([customers.erp_customer_no, customers.customer_id])') }} as number
    from {{ ref('stg_network__customers') }} as customers
    left join {{ ref('stg_settings__kept_customers') }} as kept
        on customers.tenant_id = kept.tenant_id and customers.customer_id = kept.customer_id
),

halved as (
    select
        numbers.*,
        widths.width
    from numbers
    inner join widths
        on numbers.tenant_id = widths.tenant_id
),

alike as (
    {%- for end in ['left', 'right'] %}
    select
        asked.tenant_id,
        asked.erp_customer_no,
        halved.customer_id,
        damerau_levenshtein(asked.number, halved.number) as edits
    from asked
    inner join halved
        on
            asked.tenant_id = halved.tenant_id
            and asked.width = halved.width
            and {{ end }}(asked.number, asked.width) = {{ end }}(halved.number, halved.width)
    where damerau_levenshtein(asked.number, halved.number) <= 1
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

found as (
    select
        tenant_id,
        erp_customer_no,
        customer_id,
        min(edits) as edits,
        max(promised_count) as promised_count
    from (
        select tenant_id, erp_customer_no, customer_id, edits, 0 as promised_count
        from alike
        union all
        select tenant_id, erp_customer_no, customer_id, null, order_count
        from promised
    ) as either
    group by tenant_id, erp_customer_no, customer_id
),

compared as (
    select
        found.*,
        customers.customer_name,
        waiting.order_count
    from found
    inner join waiting
        on found.tenant_id = waiting.tenant_id and found.erp_customer_no = waiting.erp_customer_no
    inner join {{ ref('stg_network__customers') }} as customers
        on found.tenant_id = customers.tenant_id and found.customer_id = customers.customer_id
)

select
    tenant_id,
    erp_customer_no,
    customer_id,
    customer_name,
    round(
        case edits when 0 then 0.5 when 1 then 0.3 else 0 end + 0.5 * promised_count / greatest(order_count, 1), 3
    ) as score,
    list_filter([
        case edits when 0 then 'the same number' when 1 then 'one sign differs' end,
        case
            when promised_count > 0 then promised_count || ' of its ' || order_count || ' orders promised to them'
        end
    ], lambda reason: reason is not null) as reasons,
    row_number() over (
        partition by tenant_id, erp_customer_no order by score desc, customer_id asc
    ) as place
from compared
qualify place <= 5
