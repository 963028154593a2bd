{{ touched('rows', read='events', key='event_id') }}
-- Status events of partners in every format, one row each; what their codes mean, the code lists say.
-- What was taken back stays taken back, in whatever order the two messages came.
with told as (
    {% for feed in partner_status_feeds() -%}
    select
        '{{ feed }}' as feed,
        {{ partner_event_id(feed, 'event_id') }} as event_key,
        *
    from ({{ known_as_of(source('partner', feed), partner_event_id(feed, 'feed.event_id')) }})
    {% if not loop.last %}union all by name{% endif %}
    {% endfor %}
),

latest as (
    select *
    from told
    qualify row_number() over (
        partition by _tenant_id, event_key
        order by coalesce(is_withdrawn, false) desc, _recorded_at desc, _row_number desc, _row_sha256 desc
    ) = 1
)

select
    latest._tenant_id as tenant_id,
    latest.event_key as event_id,
    latest.feed,
    latest.sender_id,
    latest.carrier_scac as carrier_id,
    latest.shipment_references,
    latest.equipment_no,
    latest.code_list,
    latest.event_code,
    codes.event_name,
    codes.milestone_code,
    latest.reason_code,
    coalesce(latest.classifier, nullif(codes.classifier, ''), 'actual') as classifier,
    latest.occurred_at,
    -- a day without its time is taken at noon: wrong by twelve hours at most, whichever way
    coalesce(
        try_cast(latest.occurred_local as timestamp),
        cast(try_cast(latest.occurred_local as date) as timestamp)
    ) + case when length(latest.occurred_local) = 10 then interval '12 hours' else interval '0 hours' end
        as occurred_local,
    case when length(latest.occurred_local) = 10 then 'day' else 'moment' end as occurred_precision,
    upper(latest.location_code) as location_code,
    latest.location_name,
    {{ bare_reference('latest.city') }} as city_key,
    latest.city,
    upper(latest.region_code) as region_code,
    upper(latest.country_code) as country_code,
    latest.latitude,
    latest.longitude,
    coalesce(latest.is_withdrawn, false) as is_withdrawn,
    latest.sent_at,
    latest.remark,
    latest.position,
    latest._recorded_at as recorded_at,
    latest._file_sha256 as source_file_sha256,
    latest._row_number as source_row_number
from latest
left join {{ ref('stg_partner__event_codes') }} as codes
    on latest.code_list = codes.code_list and latest.event_code = codes.event_code
