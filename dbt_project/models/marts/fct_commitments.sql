{{ touched('shipments') }}
-- What was promised, and what lateness costs: by the order's own commitment, else by the agreement it falls under, else
-- by the tenant's tariff.
with shipments as (
    select
        unioned.tenant_id,
        unioned.shipment_id,
        unioned.order_ids,
        unioned.customer_id,
        unioned.promised_at,
        coalesce(unioned.currency_code, settings.currency_code) as currency_code,
        coalesce(unioned.amount, settings.shipment_value_default) as shipment_value,
        coalesce(unioned.order_shipment_count, 1) as order_shipment_count,
        settings.penalty_basis,
        settings.penalty_per_day,
        settings.penalty_cap,
        settings.penalty_share_per_day,
        settings.penalty_cap_share
    from {{ ref('int_shipments_unioned') }} as unioned
    inner join {{ ref('int_tenant_settings') }} as settings
        on unioned.tenant_id = settings.tenant_id
),

carried as (
    select
        *,
        unnest(list_distinct(order_ids)) as carried_order_id
    from shipments
),

given as (
    select
        shipments.tenant_id,
        commitments.commitment_id || ':' || shipments.shipment_id as commitment_id,
        shipments.shipment_id,
        commitments.order_id,
        shipments.customer_id,
        commitments.promised_at,
        -- a promise costs what it costs once: each of the shipments that the order travels in bears its share
        commitments.penalty_per_day / shipments.order_shipment_count as penalty_per_day,
        commitments.penalty_cap / shipments.order_shipment_count as penalty_cap,
        commitments.currency_code,
        false as is_assumed,
        'order' as resolved_by,
        cast(null as varchar) as agreement_name,
        commitments.source_file_sha256,
        commitments.source_row_number
    from carried as shipments
    inner join {{ ref('stg_network__commitments') }} as commitments
        on shipments.tenant_id = commitments.tenant_id and shipments.carried_order_id = commitments.order_id
),

agreed as (
    select
        shipments.tenant_id,
        'agreed:' || shipments.shipment_id as commitment_id,
        shipments.shipment_id,
        shipments.order_ids[1] as order_id,
        shipments.customer_id,
        shipments.promised_at,
        agreements.penalty_per_day,
        agreements.penalty_cap,
        shipments.currency_code,
        false as is_assumed,
        agreements.resolved_by,
        agreements.agreement_name,
        cast(null as varchar) as source_file_sha256,
        cast(null as bigint) as source_row_number
    from shipments
    inner join {{ ref('int_service_agreements') }} as agreements
        on shipments.tenant_id = agreements.tenant_id and shipments.shipment_id = agreements.shipment_id
    left join given
        on shipments.tenant_id = given.tenant_id and shipments.shipment_id = given.shipment_id
    where given.shipment_id is null and agreements.penalty_per_day is not null
),

assumed as (
    select
        shipments.tenant_id,
        'assumed:' || shipments.shipment_id as commitment_id,
        shipments.shipment_id,
        shipments.order_ids[1] as order_id,
        shipments.customer_id,
        shipments.promised_at,
        case
            when shipments.penalty_basis = 'share_of_value'
                then shipments.shipment_value * shipments.penalty_share_per_day
            else shipments.penalty_per_day
        end as penalty_per_day,
        case
            when shipments.penalty_basis = 'share_of_value'
                then shipments.shipment_value * shipments.penalty_cap_share
            else shipments.penalty_cap
        end as penalty_cap,
        shipments.currency_code,
        true as is_assumed,
        'default' as resolved_by,
        cast(null as varchar) as agreement_name,
        cast(null as varchar) as source_file_sha256,
        cast(null as bigint) as source_row_number
    from shipments
    left join given
        on shipments.tenant_id = given.tenant_id and shipments.shipment_id = given.shipment_id
    left join agreed
        on shipments.tenant_id = agreed.tenant_id and shipments.shipment_id = agreed.shipment_id
    where given.shipment_id is null and agreed.shipment_id is null
),

unioned as (
    select * from given
    union all
    select * from agreed
    union all
    select * from assumed
)

select
    * replace (
        {{ money('penalty_per_day') }} as penalty_per_day,
        {{ money('penalty_cap') }} as penalty_cap
    )
from unioned
