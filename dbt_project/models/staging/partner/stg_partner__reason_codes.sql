-- Why a partner says that something happened, by the list its event code is of; and who answers for that reason.
with reasons as (
    {% for seed in var('reason_code_lists') -%}
    select
        code_list as reason_list,
        reason_code,
        reason_name,
        nullif(responsible_party, '') as responsible_party
    from {{ ref(seed) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    lists.code_list,
    reasons.reason_code,
    reasons.reason_name,
    reasons.responsible_party
from {{ ref('reason_lists') }} as lists
inner join reasons on lists.reason_list = reasons.reason_list
