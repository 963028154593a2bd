{{ config(meta={'touched': {'read': 'shipments'}}) }}
with delivered as (
    select
        tenant_id,
        shipment_id,
        max(occurred_at) as delivered_at,
        max(recorded_at) as delivered_recorded_at
    from {{ ref('stg_c2k__milestones') }}
    where leg_role = 'outgoing' and milestone_code = 'DLV' and classifier = 'actual'
    group by tenant_id, shipment_id
)

select
    bookings.tenant_id,
    bookings.shipment_id,
    cast([] as varchar []) as order_ids,
    'consignee-' || bookings.destination_facility_id as customer_id,
    'forwarder' as carrier_id,
    cast(null as varchar) as vendor_id,
    bookings.origin_facility_ids[1] as origin_facility_id,
    bookings.destination_facility_id,
    bookings.hub_facility_id as last_leg_origin_facility_id,
    'air' as mode,
    'standard' as service_level,
    bookings.booked_at as ordered_at,
    bookings.booked_at,
    bookings.planned_start_at,
    bookings.planned_delivery_at as promised_at,
    delivered.delivered_at,
    delivered.delivered_recorded_at,
    bookings.incoming_leg_count,
    bookings.incoming_leg_count + 1 as leg_count,
    bookings.hop_count,
    bookings.recorded_at,
    bookings.source_file_sha256,
    bookings.source_row_number
from {{ ref('stg_c2k__bookings') }} as bookings
left join delivered
    on bookings.tenant_id = delivered.tenant_id and bookings.shipment_id = delivered.shipment_id
