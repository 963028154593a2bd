-- Tenants of whom everything is built again, and those of whom only the clock went on. Places, customers and the
-- sources that are not kept by key concern all shipments of their tenant.
{%- set feeds = [
    source('network', 'facility'),
    source('network', 'customer'),
    source('scms', 'line_item'),
    source('c2k', 'booking'),
    source('c2k', 'leg'),
    source('c2k', 'milestone'),
] %}
with concerning_all as (
    {{ tenants_told_by(feeds) }}
    union
    -- of orders that are not looked up by name, a notice may say how much was shipped
    select touched.tenant_id
    from {{ ref('touched_rows') }} as touched
    semi join {{ source('scms', 'line_item') }} as lines
        on touched.tenant_id = lines._tenant_id
    where touched.model_name = 'stg_partner__shipped_lines'
)

select
    clocks.tenant_id,
    built.tenant_id is null or concerning_all.tenant_id is not null as is_all_touched,
    coalesce(built.as_of != clocks.as_of, true) as has_clock_moved
from {{ source('settings', 'tenant_clocks') }} as clocks
left join {{ source('settings', 'built_clocks') }} as built
    on clocks.tenant_id = built.tenant_id
left join concerning_all
    on clocks.tenant_id = concerning_all.tenant_id
where {{ 'true' if is_touched_build() else 'false' }}
