{{ config(tags=['decide']) }}
{%- set watch = standing('intermediate', 'int_shipment_watch') %}
{%- set names_of = [
    ('customer', 'customer_id'), ('carrier', 'carrier_id'), ('vendor', 'vendor_id'),
    ('facility', 'origin_facility_id'), ('facility', 'destination_facility_id'),
    ('facility', 'last_move_facility_id'), ('facility', 'hold_facility_id')
] %}
-- Shipments that the rules look at again: those whose money at stake is counted again, and of those that the rules
-- looked at before, where the clock went on, another score counts, somebody or some place is called by another name, an
-- alert came, or stock ran out.
{%- if execute and not is_touched_build() %}
select cast(null as varchar) as tenant_id, cast(null as varchar) as shipment_id
where false
{%- else %}
with scores as (
    {{ scores_that_count() }}
),

masters as (
    select tenant_id, party_role as master_role, party_id as master_id, party_name as master_name
    from {{ ref('dim_parties') }}
    union all
    select tenant_id, 'facility', facility_id, facility_name
    from {{ ref('dim_facilities') }}
),

renamed as (
    select tenant_id, master_role, master_id
    from (
        select *, 1 as n from masters
        union all
        select tenant_id, master_role, master_id, master_name, -1 from {{ ref('touched_masters') }}
    )
    group by tenant_id, master_role, master_id, master_name
    having sum(n) != 0
)

select tenant_id, shipment_id
from {{ ref('touched_exposures') }}
union
select watch.tenant_id, watch.shipment_id
from {{ watch }} as watch
inner join {{ ref('int_tenant_settings') }} as settings
    on watch.tenant_id = settings.tenant_id
left join scores
    on watch.tenant_id = scores.tenant_id and watch.shipment_id = scores.shipment_id
where
    watch.as_of is distinct from settings.as_of
    {%- for column in score_columns() %}
    or watch.{{ column }} is distinct from scores.{{ column }}
    {%- endfor %}
union
select watch.tenant_id, watch.shipment_id
from {{ watch }} as watch
inner join {{ ref('touched_moments') }} as moments
    on watch.tenant_id = moments.tenant_id
where moments.alerted_at is not null and watch.is_open
union
select tenant_id, shipment_id
from {{ standing('intermediate', 'int_exceptions_of_papers_and_stock') }}
where subject_type = 'inventory'
{%- for role, column in names_of %}
union
select watch.tenant_id, watch.shipment_id
from {{ watch }} as watch
inner join renamed
    on
        watch.tenant_id = renamed.tenant_id
        and watch.{{ column }} = renamed.master_id
        and renamed.master_role = '{{ role }}'
{%- endfor %}
{%- endif %}
