-- Shipments that are asked about again: those that are built again, and those with a checkpoint after something became
-- known of others, or of the weather, that is another than it was.
{%- if execute and not is_touched_build() %}
select cast(null as varchar) as tenant_id, cast(null as varchar) as shipment_id
where false
{%- else %}
select tenant_id, shipment_id
from {{ ref('touched_shipments') }}
union
select points.tenant_id, points.shipment_id
from {{ ref('int_checkpoints') }} as points
inner join {{ ref('touched_moments') }} as moments
    on points.tenant_id = moments.tenant_id and points.cutoff_at >= least(moments.known_at, moments.alerted_at)
{%- endif %}
