{{ config(tags=['decide']) }}
-- Whatever waits for a person, with what it may cost and how grave that is.
with parents as (
    -- a shipment under two alerts follows the graver one, then the earlier
    select
        tenant_id,
        shipment_id,
        'disruption:' || alert_id as parent_exception_key
    from {{ ref('int_disrupted_shipments') }}
    qualify row_number() over (
        partition by tenant_id, shipment_id order by severity_rank desc, starts_at asc, alert_id asc
    ) = 1
),

-- the parent: what the shipments under one cause may cost together
disruptions as (
    select
        disrupted.tenant_id,
        disrupted.alert_id,
        any_value(disrupted.alert_type) as alert_type,
        any_value(disrupted.facility_id) as facility_id,
        any_value(disrupted.starts_at) as starts_at,
        any_value(disrupted.ends_at) as ends_at,
        any_value(disrupted.recorded_at) as alert_recorded_at,
        any_value(disrupted.source_file_sha256) as file_sha256,
        any_value(disrupted.source_row_number) as row_number,
        count(*) as affected_shipments,
        {{ money_sum(money(
            'watch.disruption_harm_probability * '
            ~ capped_penalty(
                'watch.sla_penalty_per_day', 'watch.sla_penalty_cap',
                'greatest(1, ceil('
                ~ hours_between('watch.promised_at', 'greatest(watch.expected_arrival_at, watch.as_of)') ~ ' / 24))'
            )
        )) }} as sla_penalty_amount,
        {{ money_sum(money('watch.disruption_harm_probability * cast(watch.revenue_at_risk as double)')) }}
            as revenue_amount,
        {{ money_sum(money('watch.disruption_harm_probability * cast(watch.inventory_at_risk as double)')) }}
            as inventory_amount,
        {{ money_sum(money('watch.disruption_harm_probability * cast(watch.customer_tier_amount as double)')) }}
            as tier_amount,
        any_value(watch.currency_code) as currency_code,
        max(watch.assumption) as assumption,
        any_value(watch.severity_medium_from) as severity_medium_from,
        any_value(watch.severity_high_from) as severity_high_from,
        any_value(watch.severity_critical_from) as severity_critical_from
    from {{ ref('int_disrupted_shipments') }} as disrupted
    inner join {{ ref('int_shipment_watch') }} as watch
        on disrupted.tenant_id = watch.tenant_id and disrupted.shipment_id = watch.shipment_id
    group by disrupted.tenant_id, disrupted.alert_id
),

named_disruptions as (
    select
        disruptions.*,
        facilities.facility_name,
        'stg_network__weather_alerts:' || disruptions.alert_id as source
    from disruptions
    left join {{ ref('dim_facilities') }} as facilities
        on disruptions.tenant_id = facilities.tenant_id and disruptions.facility_id = facilities.facility_id
),

unioned as (
    select
        of_shipments.*,
        parents.parent_exception_key
    from {{ ref('int_exceptions_of_shipments') }} as of_shipments
    left join parents
        on of_shipments.tenant_id = parents.tenant_id and of_shipments.shipment_id = parents.shipment_id
    union all by name
    select
        tenant_id,
        'disruption:' || alert_id as exception_key,
        'disruption' as exception_type,
        'facility' as subject_type,
        alert_id as subject_id,
        greatest(starts_at, alert_recorded_at) as detected_at,
        ends_at as due_at,
        facility_id,
        sla_penalty_amount,
        revenue_amount,
        inventory_amount,
        tier_amount,
        currency_code,
        assumption,
        severity_medium_from,
        severity_high_from,
        severity_critical_from,
        cast(to_json([f for f in [
            {{ fact('alert_type', 'Alert', 'alert_type', 'text', 'source', 'file_sha256', 'row_number') }},
            {{ fact(
                'alert_place', 'Place', 'coalesce(facility_name, facility_id)', 'text', 'source',
                'file_sha256', 'row_number'
            ) }},
            {{ fact('alert_starts_at', 'Begins', 'starts_at', 'instant', 'source', 'file_sha256', 'row_number') }},
            {{ fact('alert_until_at', 'Until', 'ends_at', 'instant', 'source', 'file_sha256', 'row_number') }},
            {{ fact('affected_shipments', 'Shipments affected', 'affected_shipments', 'number', 'source') }},
            {{ fact('currency_code', 'Currency', 'currency_code', 'text', 'source') }}
        ] if f.value is not null]) as varchar) as evidence,
        '[]' as documents
    from named_disruptions
    union all by name
    -- what a feed does not tell has no price of its own; the shipments it is silent about have theirs
    select
        tenant_id,
        exception_type || ':' || subject_id as exception_key,
        exception_type,
        'feed' as subject_type,
        subject_id,
        detected_at,
        0 as sla_penalty_amount,
        0 as revenue_amount,
        0 as inventory_amount,
        0 as tier_amount,
        currency_code,
        severity_medium_from,
        severity_high_from,
        severity_critical_from,
        cast(to_json([f for f in facts if f.value is not null]) as varchar) as evidence,
        '[]' as documents
    from {{ ref('int_exceptions_of_feeds') }}
),

totalled as (
    select
        *,
        cast(sla_penalty_amount + revenue_amount + inventory_amount + tier_amount as decimal(18, 2))
            as expected_loss
    from unioned
)

select
    tenant_id,
    exception_key,
    exception_type,
    subject_type,
    subject_id,
    shipment_id,
    parent_exception_key,
    detected_at,
    due_at,
    predicted_at,
    late_probability,
    customer_id,
    carrier_id,
    facility_id,
    customer_tier,
    case
        when expected_loss >= severity_critical_from then 'critical'
        when expected_loss >= severity_high_from then 'high'
        when expected_loss >= severity_medium_from then 'medium'
        else 'low'
    end as severity,
    expected_loss,
    cast(sla_penalty_amount as decimal(18, 2)) as sla_penalty_amount,
    cast(revenue_amount as decimal(18, 2)) as revenue_amount,
    cast(inventory_amount as decimal(18, 2)) as inventory_amount,
    cast(tier_amount as decimal(18, 2)) as customer_tier_amount,
    currency_code,
    assumption,
    evidence,
    documents
from totalled
