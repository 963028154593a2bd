-- Keys of rows that came, or came to be known by the clock, since everything was built: whose rows of staging follow
-- from the rows of a feed with their key alone.
{%- set feeds = [
    ('stg_network__shipments', source('network', 'shipment'), 'feed.shipment_no'),
    ('stg_network__milestones', source('network', 'milestone'), 'feed.event_id'),
    ('stg_network__orders', source('network', 'order'), 'feed.order_no'),
    ('stg_network__commitments', source('network', 'commitment'), 'feed.commitment_id'),
    ('stg_network__documents', source('network', 'document'), 'feed.document_id'),
] %}
{%- for feed in partner_status_feeds() -%}
    {%- do feeds.append(('stg_partner__events', source('partner', feed), partner_event_id(feed, 'feed.event_id'))) -%}
{%- endfor %}
{%- for feed in ['x12_945', 'x12_856'] -%}
    {%- do feeds.append(('stg_partner__shipped_lines', source('partner', feed), notice_key(feed))) -%}
{%- endfor %}
-- tenants of whom accounts or places came: that one is another, as a person said, may hold only now
with named_anew as (
    {{ tenants_told_by([source('network', 'customer'), source('network', 'facility')]) }}
),

one_and_another as (
    select named_anew.tenant_id
    from named_anew
    semi join {{ source('settings', 'reference_decisions') }} as decisions
        on named_anew.tenant_id = decisions.tenant_id and decisions.reference_type in ('ACCOUNT', 'FACILITY')
)

{% for model_name, feed, row_key in feeds -%}
{% if model_name in ('stg_network__shipments', 'stg_network__commitments') -%}
select
    feed._tenant_id as tenant_id,
    '{{ model_name }}' as model_name,
    {{ row_key }} as row_key
from {{ feed }} as feed
inner join one_and_another
    on feed._tenant_id = one_and_another.tenant_id
where {{ 'true' if is_touched_build() else 'false' }}
union
{% endif -%}
select
    feed._tenant_id as tenant_id,
    '{{ model_name }}' as model_name,
    {{ row_key }} as row_key
from {{ feed }} as feed
inner join {{ source('settings', 'changed_files') }} as files
    on
        feed._tenant_id = files.tenant_id
        and feed._file_sha256 = files.file_sha256
        and files.table_name = '{{ feed.identifier }}'
where {{ 'true' if is_touched_build() else 'false' }}
union
select
    feed._tenant_id,
    '{{ model_name }}',
    {{ row_key }}
from {{ feed }} as feed
inner join {{ source('settings', 'built_clocks') }} as built
    on feed._tenant_id = built.tenant_id and feed._recorded_at > built.as_of
where {{ 'true' if is_touched_build() else 'false' }}
{% if not loop.last %}union{% endif %}
{% endfor %}
