with rules as (
    select * from {{ ref('int_exception_rules') }}
)

select
    clocks.tenant_id,
    max(clocks.as_of) as as_of,
    coalesce(max(tariffs.currency_code), 'USD') as currency_code,
    coalesce(max(tariffs.penalty_basis), 'per_shipment') as penalty_basis,
    coalesce(max(tariffs.penalty_per_day), 0) as penalty_per_day,
    coalesce(max(tariffs.penalty_cap), 0) as penalty_cap,
    coalesce(max(tariffs.penalty_share_per_day), 0) as penalty_share_per_day,
    coalesce(max(tariffs.penalty_cap_share), 0) as penalty_cap_share,
    coalesce(max(tariffs.revenue_share), 0) as revenue_share,
    coalesce(max(tariffs.tier_weight_gold), 0) as tier_weight_gold,
    coalesce(max(tariffs.tier_weight_silver), 0) as tier_weight_silver,
    coalesce(max(tariffs.tier_weight_bronze), 0) as tier_weight_bronze,
    coalesce(max(tariffs.default_tier), 'bronze') as default_tier,
    coalesce(max(tariffs.shipment_value_default), 0) as shipment_value_default,
    coalesce(max(tariffs.assumption), 'No tariff is configured: nothing is assumed to be lost.') as assumption,
    list(distinct rules.exception_type order by rules.exception_type)
        filter (where rules.is_enabled) as enabled_types,
    {{ rule('rules', '*', 'severity_medium_from') }} as severity_medium_from,
    {{ rule('rules', '*', 'severity_high_from') }} as severity_high_from,
    {{ rule('rules', '*', 'severity_critical_from') }} as severity_critical_from,
    {{ rule('rules', '*', 'inventory_slip_days') }} as inventory_slip_days,
    {{ rule('rules', '*', 'otif_early_hours') }} as otif_early_hours,
    {{ rule('rules', '*', 'otif_late_hours') }} as otif_late_hours,
    {{ rule('rules', '*', 'otif_short_share') }} as otif_short_share,
    {{ rule('rules', 'predicted_late', 'late_probability') }} as predicted_late_late_probability,
    {{ rule('rules', 'predicted_late', 'minimum_expected_loss') }} as predicted_late_minimum_expected_loss,
    {{ rule('rules', 'late_now', 'grace_hours') }} as late_now_grace_hours,
    {{ rule('rules', 'late_now', 'harm_probability') }} as late_now_harm_probability,
    {{ rule('rules', 'tracking_silent', 'silent_hours') }} as tracking_silent_silent_hours,
    {{ rule('rules', 'tracking_silent', 'harm_probability') }} as tracking_silent_harm_probability,
    {{ rule('rules', 'late_departure', 'grace_hours') }} as late_departure_grace_hours,
    {{ rule('rules', 'late_departure', 'harm_probability') }} as late_departure_harm_probability,
    {{ rule('rules', 'facility_dwell', 'dwell_hours') }} as facility_dwell_dwell_hours,
    {{ rule('rules', 'facility_dwell', 'harm_probability') }} as facility_dwell_harm_probability,
    {{ rule('rules', 'customs_hold', 'hold_hours') }} as customs_hold_hold_hours,
    {{ rule('rules', 'customs_hold', 'harm_probability') }} as customs_hold_harm_probability,
    {{ rule('rules', 'pod_missing', 'hours_after_delivery') }} as pod_missing_hours_after_delivery,
    {{ rule('rules', 'pod_missing', 'harm_probability') }} as pod_missing_harm_probability,
    {{ rule('rules', 'trade_document_missing', 'hours_before_needed') }} as trade_document_missing_hours_before_needed,
    {{ rule('rules', 'trade_document_missing', 'harm_probability') }} as trade_document_missing_harm_probability,
    {{ rule('rules', 'stock_out_before_inbound', 'horizon_days') }} as stock_out_before_inbound_horizon_days,
    {{ rule('rules', 'stock_out_before_inbound', 'harm_probability') }} as stock_out_before_inbound_harm_probability,
    {{ rule('rules', 'disruption', 'minimum_shipments') }} as disruption_minimum_shipments,
    {{ rule('rules', 'disruption', 'minimum_severity') }} as disruption_minimum_severity,
    {{ rule('rules', 'disruption', 'horizon_hours') }} as disruption_horizon_hours,
    {{ rule('rules', 'disruption', 'harm_probability') }} as disruption_harm_probability,
    {{ rule('rules', 'feed_stale', 'grace_hours') }} as feed_stale_grace_hours,
    {{ rule('rules', 'feed_refused', 'grace_hours') }} as feed_refused_grace_hours,
    {{ rule('rules', 'quarantine_surge', 'minimum_rows') }} as quarantine_surge_minimum_rows,
    {{ rule('rules', 'quarantine_surge', 'refused_share') }} as quarantine_surge_refused_share
from {{ source('settings', 'tenant_clocks') }} as clocks
inner join rules
    on clocks.tenant_id = rules.tenant_id
left join {{ source('settings', 'tenant_tariffs') }} as tariffs
    on clocks.tenant_id = tariffs.tenant_id
group by clocks.tenant_id
