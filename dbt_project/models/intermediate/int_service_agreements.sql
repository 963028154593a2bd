{{ touched('shipments') }}
-- The service agreement that a shipment falls under, if any: a customer's own goes before a lane's, a lane's before a
-- service's; of two that both name the customer, the one that names the lane too. In force when it was booked.
with shipments as (
    select
        *,
        coalesce(booked_at, planned_start_at, promised_at) as agreed_at
    from {{ ref('int_shipments_unioned') }}
)

select
    shipments.tenant_id,
    shipments.shipment_id,
    agreements.agreement_name,
    agreements.penalty_per_day,
    agreements.penalty_cap,
    agreements.otif_early_hours,
    agreements.otif_late_hours,
    agreements.otif_short_share,
    case
        when agreements.customer_id is not null then 'customer'
        when agreements.origin_facility_id is not null then 'lane'
        else 'service'
    end as resolved_by
from shipments
inner join {{ ref('stg_settings__service_agreements') }} as agreements
    on
        shipments.tenant_id = agreements.tenant_id
        and coalesce(shipments.customer_id = agreements.customer_id, agreements.customer_id is null)
        and coalesce(
            shipments.origin_facility_id = agreements.origin_facility_id
            and shipments.destination_facility_id = agreements.destination_facility_id,
            agreements.origin_facility_id is null
        )
        and coalesce(shipments.service_level = agreements.service_level, agreements.service_level is null)
        and shipments.agreed_at >= agreements.in_force_from
        and (agreements.in_force_until is null or shipments.agreed_at < agreements.in_force_until)
qualify row_number() over (
    partition by shipments.tenant_id, shipments.shipment_id
    order by
        agreements.customer_id is not null desc,
        agreements.origin_facility_id is not null desc,
        agreements.service_level is not null desc,
        agreements.agreement_name asc
) = 1
