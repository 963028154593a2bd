-- Every name that leads to or from what was touched: names of shipments, old and new, references of messages, orders.
-- What shares a name may be told apart, or no more, so everything that hangs together by names is built again together.
{%- set old_names = standing('identity', 'idn_shipment_references') %}
{%- set old_shipments = standing('intermediate', 'int_network_shipments') %}
{%- set old_matches = standing('identity', 'idn_milestone_references') %}
{%- if execute and not is_touched_build() %}
select
    cast(null as varchar) as tenant_id,
    cast(null as varchar) as reference_type,
    cast(null as varchar) as reference_key
where false
{%- else %}
with recursive changed_shipments as (
    select shipments.*
    from {{ ref('stg_network__shipments') }} as shipments
    inner join {{ ref('touched_rows') }} as touched
        on shipments.tenant_id = touched.tenant_id and shipments.shipment_id = touched.row_key
    where touched.model_name = 'stg_network__shipments'
),

-- (name, what bears it): shipments by their old and new names, and by what a person decided; messages that give several
borne as (
    select tenant_id, reference_type, reference_key, 's:' || shipment_id as bearer
    from {{ old_names }}
    union all
    select tenant_id, reference_type, reference_key, 's:' || shipment_id
    from ({{ shipment_names('changed_shipments') }})
    union all
    select tenant_id, 'ORDER ITSELF', order_id, 's:' || shipment_id
    from {{ old_shipments }}
    union all
    select tenant_id, 'ORDER ITSELF', order_id, 's:' || shipment_id
    from changed_shipments
    union all
    select tenant_id, reference_type, reference_key, 's:' || shipment_id
    from {{ source('settings', 'reference_decisions') }}
    where shipment_id is not null
    union all
    select tenant_id, reference_type, reference_key, 'e:' || event_id
    from {{ ref('stg_partner__event_references') }}
),

-- shipments that begin it: changed, told of before by a message that changed, under way while the clock went on, all
begun as (
    select tenant_id, shipment_id
    from changed_shipments
    union
    select matches.tenant_id, matches.shipment_id
    from {{ old_matches }} as matches
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
),

reached as (
    select distinct borne.tenant_id, borne.reference_type, borne.reference_key
    from borne
    inner join begun
        on borne.tenant_id = begun.tenant_id and borne.bearer = 's:' || begun.shipment_id
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
),

joined as (
    select tenant_id, reference_type, reference_key
    from reached
    union
    select others.tenant_id, others.reference_type, others.reference_key
    from joined
    inner join borne
        on
            joined.tenant_id = borne.tenant_id
            and joined.reference_type = borne.reference_type
            and joined.reference_key = borne.reference_key
    inner join borne as others
        on borne.tenant_id = others.tenant_id and borne.bearer = others.bearer
)

select
    tenant_id,
    reference_type,
    reference_key
from joined
{%- endif %}
