-- What was told at a place that nobody knows, and what a person decided about it.
select
    told.*,
    decisions.decision_id,
    decisions.decision
from {{ ref('idn_events_at_no_place') }} as told
left join {{ source('settings', 'reference_decisions') }} as decisions
    on
        told.tenant_id = decisions.tenant_id
        and decisions.reference_type = 'PLACE'
        and told.place_key = decisions.reference_key
        and told.carrier_id is not distinct from decisions.carrier_id
-- whoever keeps no list of places has none that could be meant
semi join {{ ref('stg_network__facilities') }} as known
    on told.tenant_id = known.tenant_id
