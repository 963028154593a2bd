-- Under which subjects a shipment's outcome counts. A programme without carriers answers through its vendors,
-- and its lane is vendor to country; everywhere else a lane joins the last leg's origin to the destination. The one
-- forwarder of the air-freight data is the whole network, so it is no subject of its own.
select
    tenant_id,
    shipment_id,
    coalesce(last_leg_origin_facility_id, origin_facility_id) as origin,
    [
        struct_pack(kind := 'network', key := '*'),
        struct_pack(kind := 'carrier', key := coalesce(nullif(carrier_id, 'forwarder'), vendor_id)),
        struct_pack(
            kind := 'lane',
            key := coalesce(vendor_id, last_leg_origin_facility_id, origin_facility_id)
            || '>' || destination_facility_id
        ),
        struct_pack(kind := 'destination', key := destination_facility_id),
        struct_pack(kind := 'origin', key := coalesce(last_leg_origin_facility_id, origin_facility_id)),
        struct_pack(
            kind := 'service',
            key := coalesce(fulfill_via, 'any:' || coalesce(mode, 'unknown'))
        )
    ] as subjects
from {{ ref('int_shipments_unioned') }}
