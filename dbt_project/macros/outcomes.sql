{#-
    Shipments with the subjects their outcome counts for, and the outcome from when it was known as it stands: a delivery
    that was told anew, with another time, counts from then on. A programme without carriers answers through its
    vendors, and its lane is vendor to country; everywhere else a lane joins the last leg's origin to the destination.
    The one forwarder of the air-freight data is the whole network, so it is no subject of its own.
-#}
{% macro outcomes(booked, shipments) -%}
    select
        booked.tenant_id,
        booked.shipment_id,
        coalesce(booked.last_leg_origin_facility_id, booked.origin_facility_id) as origin,
        [
            struct_pack(kind := 'network', key := '*'),
            struct_pack(kind := 'carrier', key := coalesce(nullif(booked.carrier_id, 'forwarder'), booked.vendor_id)),
            struct_pack(
                kind := 'lane',
                key := coalesce(booked.vendor_id, booked.last_leg_origin_facility_id, booked.origin_facility_id)
                || '>' || booked.destination_facility_id
            ),
            struct_pack(kind := 'destination', key := booked.destination_facility_id),
            struct_pack(
                kind := 'origin', key := coalesce(booked.last_leg_origin_facility_id, booked.origin_facility_id)
            ),
            struct_pack(
                kind := 'service',
                key := coalesce(booked.fulfill_via, 'any:' || coalesce(booked.mode, 'unknown'))
            )
        ] as subjects,
        case
            when known.shipment_id is not null then coalesce(booked.outcome_known_at, known.delivered_recorded_at)
        end as known_at,
        known.is_late,
        known.delay_hours
    from {{ booked }} as booked
    left join {{ shipments }} as known
        on
            booked.tenant_id = known.tenant_id
            and booked.shipment_id = known.shipment_id
            and known.status = 'delivered'
            and known.is_late is not null
{%- endmacro %}
