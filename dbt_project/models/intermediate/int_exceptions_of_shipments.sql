{{ config(tags=['decide']) }}
{{ touched('watched') }}
-- Each exception of a shipment, and of stock that waits for one: what it may cost, and the facts that show it.
with found as (
    select * from {{ ref('int_exceptions_of_movement') }}
    union all by name
    select * from {{ ref('int_exceptions_of_papers_and_stock') }}
),

weighed as (
    select
        found.*,
        found.exception_type || ':' || found.subject_id as exception_key,
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
)

select
    priced.tenant_id,
    priced.exception_key,
    priced.exception_type,
    priced.subject_type,
    priced.subject_id,
    priced.shipment_id,
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
    cast(coalesce(documents.documents, '[]') as varchar) as documents
from priced
inner join {{ ref('int_shipment_evidence') }} as evidence
    on priced.tenant_id = evidence.tenant_id and priced.shipment_id = evidence.shipment_id
left join documents
    on priced.tenant_id = documents.tenant_id and priced.shipment_id = documents.shipment_id
where
    priced.sla_penalty_amount + priced.revenue_amount + priced.inventory_amount + priced.tier_amount
    >= case when priced.exception_type = 'predicted_late' then priced.predicted_late_minimum_expected_loss else 0 end
