-- What partners told in each feed of status events, as it was sent; known by the tenant's clock.
{% for feed in partner_status_feeds() -%}
select
    '{{ feed }}' as feed,
    {{ partner_event_id(feed, 'event_id') }} as event_key,
    *
from ({{ known_as_of(source('partner', feed)) }})
{% if not loop.last %}union all by name{% endif %}
{% endfor %}
