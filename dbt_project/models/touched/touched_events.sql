-- Messages that are matched again: those that came, and those that give a name that was touched.
{%- if execute and not is_touched_build() %}
select cast(null as varchar) as tenant_id, cast(null as varchar) as event_id
where false
{%- else %}
{% for reference_type in shipment_name_types() -%}
select events.tenant_id, events.event_id
from {{ ref('stg_network__milestones') }} as events
inner join {{ ref('touched_names') }} as touched
    on events.tenant_id = touched.tenant_id and events.reference_key = touched.reference_key
where events.reference_type = '{{ reference_type }}' and touched.reference_type = '{{ reference_type }}'
union
{% endfor -%}
select events.tenant_id, events.event_id
from {{ ref('stg_partner__event_references') }} as events
inner join {{ ref('touched_names') }} as touched
    on
        events.tenant_id = touched.tenant_id
        and events.reference_type = touched.reference_type
        and events.reference_key = touched.reference_key
union
select tenant_id, row_key
from {{ ref('touched_rows') }}
where model_name in ('stg_network__milestones', 'stg_partner__events')
union
select events.tenant_id, events.event_id
from (
    select tenant_id, event_id from {{ ref('stg_network__milestones') }}
    union all
    select tenant_id, event_id from {{ ref('stg_partner__events') }}
) as events
inner join {{ ref('touched_tenants') }} as tenants
    on events.tenant_id = tenants.tenant_id
where tenants.is_all_touched
{%- endif %}
