{{ touched('rows', read='shipments', key='shipment_id') }}
with told as (
    {{ known_as_of(source('network', 'shipment'), 'feed.shipment_no') }}
),

known as (
    {{ with_kept('told', 'facility_id', ['origin_code', 'destination_code']) }}
),

opinions as (
    select
        *,
        max(case when status is distinct from 'delivered' then _recorded_at end)
            over (partition by _tenant_id, shipment_no) as last_undelivered_at
    from known
),

latest as (
    select
        *,
        min(_recorded_at) over (partition by _tenant_id, shipment_no) as booked_at,
        -- The TMS may say delivered where no carrier did; its first word on it is then the best there is. What it takes
        -- back is said no more, and where it says so again, that is its first word.
        min(case when status = 'delivered' and _recorded_at >= coalesce(last_undelivered_at, _recorded_at)
            then _recorded_at end) over (partition by _tenant_id, shipment_no) as delivered_reported_at
    from opinions
    {{ keep_latest('_tenant_id, shipment_no') }}
)

select
    _tenant_id as tenant_id,
    shipment_no as shipment_id,
    order_no as order_id,
    customer_ref as erp_customer_no,
    carrier_scac as carrier_id,
    {{ normalise_reference("'PRO'", 'pro_number') }} as pro_key,
    {{ normalise_reference("'CONTAINER'", 'container_no') }} as container_key,
    {{ normalise_reference("'SHIPMENT'", 'shipment_no') }} as shipment_key,
    mode,
    service_level,
    origin_code as origin_facility_id,
    destination_code as destination_facility_id,
    planned_departure_at,
    planned_arrival_at,
    string_split(coalesce(required_documents, ''), '|') as required_documents,
    status,
    booked_at,
    case when status = 'delivered' then delivered_reported_at end as delivered_reported_at,
    _recorded_at as recorded_at,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from latest
