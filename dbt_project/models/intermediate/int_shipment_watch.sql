{{ config(tags=['decide']) }}
{{ touched('watched') }}
-- Each shipment that a rule may look at, with all it looks at: its promise, its last score, what it can cost and its
-- movement. What has ended with all its papers is left alone, so that the cost is that of what goes on.
with lacking as (
    select distinct
        tenant_id,
        shipment_id
    from {{ ref('fct_documents') }}
    where is_required and status != 'received'
),

-- of the many that have ended only those whose papers are asked for are read
watched as (
    select *
    from {{ ref('fct_shipments') }}
    where is_open
    union all
    select shipments.*
    from {{ ref('fct_shipments') }} as shipments
    inner join lacking
        on shipments.tenant_id = lacking.tenant_id and shipments.shipment_id = lacking.shipment_id
    where not shipments.is_open
),

scores as (
    {{ scores_that_count() }}
)

select
    shipments.*,
    settings.* exclude (tenant_id, as_of, currency_code, assumption),
    {% for column in score_columns() -%}
    scores.{{ column }},
    {% endfor -%}
    exposures.sla_penalty_per_day,
    exposures.sla_penalty_cap,
    exposures.revenue_at_risk,
    exposures.inventory_at_risk,
    exposures.customer_tier,
    exposures.customer_tier_amount,
    exposures.assumption,
    moves.last_move_code,
    moves.last_move_is_arrival,
    moves.last_move_facility_id,
    moves.last_move_at,
    moves.stay_until_at,
    moves.hold_facility_id,
    moves.held_at,
    moves.held_recorded_at,
    moves.hold_file_sha256,
    moves.hold_row_number,
    moves.hold_milestone_id,
    moves.hold_ended_at,
    coalesce(moves.is_held, false) as is_held,
    -- when the goods should be there by the best there is: our prediction, the carrier's estimate, the plan
    coalesce(scores.predicted_arrival_at, shipments.estimated_arrival_at, shipments.planned_arrival_at)
        as expected_arrival_at
from watched as shipments
inner join {{ ref('int_tenant_settings') }} as settings
    on shipments.tenant_id = settings.tenant_id
inner join {{ ref('fct_exposures') }} as exposures
    on shipments.tenant_id = exposures.tenant_id and shipments.shipment_id = exposures.shipment_id
left join scores
    on shipments.tenant_id = scores.tenant_id and shipments.shipment_id = scores.shipment_id
left join {{ ref('int_shipment_moves') }} as moves
    on shipments.tenant_id = moves.tenant_id and shipments.shipment_id = moves.shipment_id
