{{ touched('exposures') }}
with commitments as (
    select
        tenant_id,
        shipment_id,
        {{ exact_sum('penalty_per_day') }} as penalty_per_day,
        {{ exact_sum('penalty_cap') }} as penalty_cap,
        bool_or(is_assumed) as is_assumed
    from {{ ref('fct_commitments') }}
    group by tenant_id, shipment_id
),

customers as (
    select
        tenant_id,
        party_id,
        customer_tier
    from {{ ref('dim_parties') }}
    where party_role = 'customer'
),

-- stock that is not there while the inbound slips by some days, never more than the inbound brings; what should be
-- there and is not comes now at the earliest
stock as (
    select
        inbound.tenant_id,
        inbound.inbound_shipment_id as shipment_id,
        sum(cast(least(
            inbound.daily_demand_quantity * greatest(0, {{ hours_between(
                'inbound.stock_out_at',
                'greatest(inbound.inbound_arrival_at, settings.as_of)'
            ) }} / 24 + settings.inventory_slip_days),
            inbound.inbound_quantity
        ) * inbound.unit_value as decimal(28, 6))) as inventory_at_risk
    from {{ ref('int_inventory_inbound') }} as inbound
    inner join {{ ref('int_tenant_settings') }} as settings
        on inbound.tenant_id = settings.tenant_id
    where inbound.inbound_shipment_id is not null and inbound.stock_out_at is not null
    group by inbound.tenant_id, inbound.inbound_shipment_id
),

joined as (
    select
        shipments.tenant_id,
        shipments.shipment_id,
        shipments.shipment_value,
        shipments.is_value_assumed,
        shipments.currency_code,
        settings.revenue_share,
        settings.tier_weight_gold,
        settings.tier_weight_silver,
        settings.tier_weight_bronze,
        settings.assumption,
        commitments.penalty_per_day,
        commitments.penalty_cap,
        commitments.is_assumed,
        stock.inventory_at_risk,
        coalesce(customers.customer_tier, settings.default_tier) as customer_tier
    from {{ ref('fct_shipments') }} as shipments
    inner join {{ ref('int_tenant_settings') }} as settings
        on shipments.tenant_id = settings.tenant_id
    left join commitments
        on shipments.tenant_id = commitments.tenant_id and shipments.shipment_id = commitments.shipment_id
    left join stock
        on shipments.tenant_id = stock.tenant_id and shipments.shipment_id = stock.shipment_id
    left join customers
        on shipments.tenant_id = customers.tenant_id and shipments.customer_id = customers.party_id
)

select
    tenant_id,
    shipment_id,
    {{ money('penalty_per_day') }} as sla_penalty_per_day,
    {{ money('penalty_cap') }} as sla_penalty_cap,
    {{ money('shipment_value * revenue_share') }} as revenue_at_risk,
    {{ money('inventory_at_risk') }} as inventory_at_risk,
    customer_tier,
    {{ money("shipment_value * case customer_tier
        when 'gold' then tier_weight_gold
        when 'silver' then tier_weight_silver
        else tier_weight_bronze
    end") }} as customer_tier_amount,
    currency_code,
    case when is_assumed or is_value_assumed then assumption end as assumption
from joined
