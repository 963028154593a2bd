{#- Feeds of status events that share one shape, whatever their format; each has its raw table. -#}
{% macro partner_status_feeds() -%}
    {{ return(var('partner_status_feeds')) }}
{%- endmacro %}

{#- Partners' references, prefixed by their feed: two partners may number alike. -#}
{% macro partner_event_id(feed, event_id) -%}
    '{{ feed }}/' || {{ event_id }}
{%- endmacro %}

{#- What a notice of shipped goods speaks of: the sender's shipment, or only what the message itself tells. -#}
{% macro notice_key(feed) -%}
    {{ return({
        'x12_945':
            "coalesce(nullif(feed.shipment_id, ''), nullif(feed.agent_shipment_id, ''), feed.message_id)",
        'x12_856': "coalesce(nullif(feed.shipment_id, ''), feed.message_id)"
    }[feed]) }}
{%- endmacro %}

{#-
    A local time on a zone's clock as an instant; null where that clock skips the time or shows it twice, for
    then only a guess could say which instant is meant.
-#}
{% macro instant_of_local(local_time, zone) -%}
    case
        when timezone({{ zone }}, timezone({{ zone }}, {{ local_time }})) = {{ local_time }}
            and timezone({{ zone }}, timezone({{ zone }}, {{ local_time }}) + interval '1 hour') != {{ local_time }}
            and timezone({{ zone }}, timezone({{ zone }}, {{ local_time }}) - interval '1 hour') != {{ local_time }}
            and timezone({{ zone }}, timezone({{ zone }}, {{ local_time }}) + interval '30 minutes') != {{ local_time }}
            and timezone({{ zone }}, timezone({{ zone }}, {{ local_time }}) - interval '30 minutes') != {{ local_time }}
            then timezone({{ zone }}, {{ local_time }})
    end
{%- endmacro %}
