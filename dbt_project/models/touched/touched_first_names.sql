-- Names of what was touched itself: of shipments, old and new, references of messages, orders.
{%- if execute and not is_touched_build() %}
select
    cast(null as varchar) as tenant_id,
    cast(null as varchar) as reference_type,
    cast(null as varchar) as reference_key
where false
{%- else %}
with names as not materialized (
    {{ names_of_shipments() }}
),

-- shipments that begin it: changed, told of before by a message that changed, under way or come to be delivered while
-- the clock went on, all
begun as (
    select tenant_id, row_key as shipment_id
    from {{ ref('touched_rows') }}
    where model_name = 'stg_network__shipments'
    union
    select matches.tenant_id, matches.shipment_id
    from {{ standing('identity', 'idn_milestone_references') }} as matches
    inner join {{ ref('touched_rows') }} as touched
        on matches.tenant_id = touched.tenant_id and matches.event_id = touched.row_key
    where touched.model_name in ('stg_network__milestones', 'stg_partner__events') and matches.shipment_id is not null
    union
    select shipments.tenant_id, shipments.shipment_id
    from {{ standing('marts', 'fct_shipments') }} as shipments
    inner join {{ ref('touched_tenants') }} as tenants
        on shipments.tenant_id = tenants.tenant_id
    where tenants.is_all_touched or (tenants.has_clock_moved and shipments.is_open)
    union
    {{ deliveries_reached() }}
    union
    -- a paper may have been told of another shipment before
    select papers._tenant_id, papers.shipment_no
    from {{ source('network', 'document') }} as papers
    inner join {{ ref('touched_rows') }} as touched
        on papers._tenant_id = touched.tenant_id and papers.document_id = touched.row_key
    where touched.model_name = 'stg_network__documents'
),

-- orders of which something was shipped, by the word of a notice that came, or of one whose place it takes
noticed as (
    {% for feed, order_id in [('x12_945', 'depositor_order_no'), ('x12_856', 'purchase_order_no')] -%}
    select feed._tenant_id as tenant_id, upper(trim(feed.{{ order_id }})) as order_id
    from {{ source('partner', feed) }} as feed
    inner join {{ ref('touched_rows') }} as touched
        on feed._tenant_id = touched.tenant_id and {{ notice_key(feed) }} = touched.row_key
    where touched.model_name = 'stg_partner__shipped_lines'
    {% if not loop.last %}union{% endif %}
    {% endfor %}
)

select names.tenant_id, names.reference_type, names.reference_key
from names
inner join begun
    on names.tenant_id = begun.tenant_id and names.shipment_id = begun.shipment_id
union
select events.tenant_id, events.reference_type, events.reference_key
from {{ ref('idn_event_references') }} as events
inner join {{ ref('touched_rows') }} as touched
    on events.tenant_id = touched.tenant_id and events.event_id = touched.row_key
where touched.model_name in ('stg_network__milestones', 'stg_partner__events')
union
select tenant_id, 'ORDER ITSELF', row_key
from {{ ref('touched_rows') }}
where model_name = 'stg_network__orders'
union
select orders.tenant_id, 'ORDER ITSELF', orders.order_id
from {{ ref('stg_network__orders') }} as orders
inner join noticed
    on orders.tenant_id = noticed.tenant_id and upper(orders.order_id) = noticed.order_id
union
-- a promise may have been told of another order before
select promises._tenant_id, 'ORDER ITSELF', promises.order_no
from {{ source('network', 'commitment') }} as promises
inner join {{ ref('touched_rows') }} as touched
    on promises._tenant_id = touched.tenant_id and promises.commitment_id = touched.row_key
where touched.model_name = 'stg_network__commitments'
{%- endif %}
