-- The one place where a threshold's default meets a tenant's own value.
with rules as (
    select
        tenant_id,
        exception_type,
        parameter,
        max(value) as value
    from {{ source('settings', 'exception_rules') }}
    where parameter is not null
    group by tenant_id, exception_type, parameter
),

switches as (
    select
        tenant_id,
        exception_type,
        bool_and(coalesce(is_enabled, true)) as is_enabled
    from {{ source('settings', 'exception_rules') }}
    group by tenant_id, exception_type
)

select
    clocks.tenant_id,
    defaults.exception_type,
    defaults.parameter,
    cast(coalesce(rules.value, defaults.value) as double) as value,
    rules.value is not null as is_own_value,
    coalesce(switches.is_enabled, true) as is_enabled
from {{ source('settings', 'tenant_clocks') }} as clocks
cross join {{ ref('exception_rule_defaults') }} as defaults
left join rules
    on
        clocks.tenant_id = rules.tenant_id
        and defaults.exception_type = rules.exception_type
        and defaults.parameter = rules.parameter
left join switches
    on
        clocks.tenant_id = switches.tenant_id
        and defaults.exception_type = switches.exception_type
