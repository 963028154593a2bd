-- What a partner's event code means to us, whatever list it is of; blank where it is no milestone of a shipment.
{% for seed in var('event_code_lists') -%}
select
    code_list,
    event_code,
    event_name,
    nullif(milestone_code, '') as milestone_code,
    nullif(classifier, '') as classifier
from {{ ref(seed) }}
{% if not loop.last %}union all{% endif %}
{% endfor %}
