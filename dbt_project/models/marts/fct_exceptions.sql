{{ config(tags=['decide']) }}
{%- set shipment_source = "'fct_shipments:' || shipment_id" %}
with found as (
    select * from {{ ref('int_exceptions_of_movement') }}
    union all by name
    select * from {{ ref('int_exceptions_of_papers_and_stock') }}
),

-- a shipment under two alerts follows the graver one, then the earlier
parents as (
    select
        tenant_id,
        shipment_id,
        'disruption:' || alert_id as parent_exception_key
    from {{ ref('int_disrupted_shipments') }}
    qualify row_number() over (
        partition by tenant_id, shipment_id order by severity_rank desc, starts_at asc, alert_id asc
    ) = 1
),

weighed as (
    select
        found.*,
        found.exception_type || ':' || found.subject_id as exception_key,
        parents.parent_exception_key,
        watch.* exclude (tenant_id, shipment_id),
        -- a penalty is due for each day begun; an exception about lateness stands for at least one
        greatest(
            1, ceil({{ hours_between('watch.promised_at', 'found.harm_until_at') }} / 24)
        ) as expected_late_days,
        case when found.has_shipment_exposure and watch.is_open then 1 else 0 end as counts_lateness,
        case when found.has_shipment_exposure then 1 else 0 end as counts_revenue
    from found
    inner join {{ ref('int_shipment_watch') }} as watch
        on found.tenant_id = watch.tenant_id and found.shipment_id = watch.shipment_id
    left join parents
        on found.tenant_id = parents.tenant_id and found.shipment_id = parents.shipment_id
),

priced as (
    select
        *,
        {{ money(
            'harm_probability * counts_lateness * '
            ~ capped_penalty('sla_penalty_per_day', 'sla_penalty_cap', 'expected_late_days')
        ) }} as sla_penalty_amount,
        {{ money('harm_probability * counts_revenue * cast(revenue_at_risk as double)') }} as revenue_amount,
        {{ money('harm_probability * coalesce(
            own_inventory_amount, counts_lateness * cast(inventory_at_risk as double)
        )') }} as inventory_amount,
        {{ money('harm_probability * counts_lateness * cast(customer_tier_amount as double)') }}
            as tier_amount
    from weighed
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
        sum({{ money(
            'watch.disruption_harm_probability * '
            ~ capped_penalty(
                'watch.sla_penalty_per_day', 'watch.sla_penalty_cap',
                'greatest(1, ceil(' ~ hours_between('watch.promised_at', 'watch.expected_arrival_at') ~ ' / 24))'
            )
        ) }}) as sla_penalty_amount,
        sum({{ money('watch.disruption_harm_probability * cast(watch.revenue_at_risk as double)') }})
            as revenue_amount,
        sum({{ money('watch.disruption_harm_probability * cast(watch.inventory_at_risk as double)') }})
            as inventory_amount,
        sum({{ money('watch.disruption_harm_probability * cast(watch.customer_tier_amount as double)') }})
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

documents as (
    select
        papers.tenant_id,
        papers.shipment_id,
        to_json(list({
            'document_type': papers.document_type,
            'is_required': papers.is_required,
            'status': papers.status,
            'received_at': {{ fact_text('papers.received_at', 'instant') }},
            'needed_by_at': {{ fact_text('papers.needed_by_at', 'instant') }}
        } order by papers.document_type)) as documents
    from {{ ref('fct_documents') }} as papers
    semi join {{ ref('int_shipment_evidence') }} as evidence
        on papers.tenant_id = evidence.tenant_id and papers.shipment_id = evidence.shipment_id
    group by papers.tenant_id, papers.shipment_id
),

unioned as (
    select
        priced.tenant_id,
        priced.exception_key,
        priced.exception_type,
        priced.subject_type,
        priced.subject_id,
        priced.shipment_id,
        priced.parent_exception_key,
        least(priced.detected_at, priced.as_of) as detected_at,
        priced.due_at,
        priced.predicted_arrival_at as predicted_at,
        priced.late_probability,
        priced.customer_id,
        priced.carrier_id,
        priced.facility_id,
        priced.customer_tier,
        priced.sla_penalty_amount,
        priced.revenue_amount,
        priced.inventory_amount,
        priced.tier_amount,
        priced.currency_code,
        priced.assumption,
        priced.severity_medium_from,
        priced.severity_high_from,
        priced.severity_critical_from,
        cast(to_json([f for f in list_concat(evidence.facts, priced.own_facts) if f.value is not null]) as varchar)
            as evidence,
        cast(coalesce(documents.documents, '[]') as varchar) as documents,
        case when priced.exception_type = 'predicted_late' then priced.predicted_late_minimum_expected_loss else 0 end
            as minimum_expected_loss
    from priced
    inner join {{ ref('int_shipment_evidence') }} as evidence
        on priced.tenant_id = evidence.tenant_id and priced.shipment_id = evidence.shipment_id
    left join documents
        on priced.tenant_id = documents.tenant_id and priced.shipment_id = documents.shipment_id
    union all
    select
        tenant_id,
        'disruption:' || alert_id,
        'disruption',
        'facility',
        alert_id,
        null,
        null,
        greatest(starts_at, alert_recorded_at),
        ends_at,
        null,
        null,
        null,
        null,
        facility_id,
        null,
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
        ] if f.value is not null]) as varchar),
        '[]',
        0
    from named_disruptions
    union all
    -- what a feed does not tell has no price of its own; the shipments it is silent about have theirs
    select
        tenant_id,
        exception_type || ':' || subject_id,
        exception_type,
        'feed',
        subject_id,
        null,
        null,
        detected_at,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        0,
        0,
        0,
        0,
        currency_code,
        null,
        severity_medium_from,
        severity_high_from,
        severity_critical_from,
        cast(to_json([f for f in facts if f.value is not null]) as varchar),
        '[]',
        0
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
where expected_loss >= minimum_expected_loss
