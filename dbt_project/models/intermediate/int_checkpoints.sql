{{ touched('shipments') }}
-- One row per shipment and checkpoint it has reached, with the instant at which that was known.
with planned_legs as (
    select
        tenant_id,
        shipment_id,
        leg_role,
        max(sequence) filter (where milestone_code = 'RCF') as last_rcf_sequence
    from {{ ref('stg_c2k__milestones') }}
    where classifier = 'planned'
    group by tenant_id, shipment_id, leg_role
),

airfreight_legs as (
    select
        milestones.tenant_id,
        milestones.shipment_id,
        legs.leg_role,
        max(milestones.recorded_at) filter (where milestones.milestone_code = 'DLV') as delivered_known_at,
        max(milestones.recorded_at) filter (
            where milestones.milestone_code = 'RCF' and milestones.sequence = legs.last_rcf_sequence
        ) as last_rcf_known_at
    from {{ ref('stg_c2k__milestones') }} as milestones
    inner join planned_legs as legs
        on
            milestones.tenant_id = legs.tenant_id
            and milestones.shipment_id = legs.shipment_id
            and milestones.leg_role = legs.leg_role
    where milestones.classifier = 'actual'
    group by milestones.tenant_id, milestones.shipment_id, legs.leg_role
),

airfreight_incoming as (
    select
        tenant_id,
        shipment_id,
        min(delivered_known_at) as first_known_at,
        max(delivered_known_at) as all_known_at,
        count(delivered_known_at) as delivered_count
    from airfreight_legs
    where leg_role != 'outgoing'
    group by tenant_id, shipment_id
),

-- the last stop before the destination, where the route has more than one
network_last_hubs as (
    select
        milestones.tenant_id,
        milestones.shipment_id,
        arg_max(milestones.facility_id, (milestones.sequence, milestones.facility_id)) as last_hub_id
    from {{ ref('fct_milestones') }} as milestones
    inner join {{ ref('int_network_shipments') }} as booked
        on milestones.tenant_id = booked.tenant_id and milestones.shipment_id = booked.shipment_id
    where
        milestones.classifier = 'planned'
        and milestones.milestone_code in ('ARRI', 'GATE_IN')
        and milestones.facility_id not in (booked.origin_facility_id, booked.destination_facility_id)
    group by milestones.tenant_id, milestones.shipment_id
    having count(distinct milestones.facility_id) > 1
),

network_firsts as (
    select
        milestones.tenant_id,
        milestones.shipment_id,
        min(milestones.recorded_at) filter (where milestones.is_departure) as departed_known_at,
        min(milestones.recorded_at) filter (
            where
            milestones.milestone_code in ('ARRI', 'GATE_IN')
            and milestones.facility_id not in (booked.origin_facility_id, booked.destination_facility_id)
        ) as hub_known_at,
        min(milestones.recorded_at) filter (
            where milestones.milestone_code = 'DEPA' and milestones.facility_id != booked.origin_facility_id
        ) as hub_left_known_at,
        min(milestones.recorded_at) filter (
            where milestones.milestone_code = 'ARRI' and milestones.facility_id = hubs.last_hub_id
        ) as last_hub_known_at
    from {{ ref('fct_milestones') }} as milestones
    inner join {{ ref('int_network_shipments') }} as booked
        on milestones.tenant_id = booked.tenant_id and milestones.shipment_id = booked.shipment_id
    left join network_last_hubs as hubs
        on milestones.tenant_id = hubs.tenant_id and milestones.shipment_id = hubs.shipment_id
    where milestones.classifier = 'actual'
    group by milestones.tenant_id, milestones.shipment_id
),

reached as (
    select tenant_id, shipment_id, 'plan' as checkpoint, 1 as checkpoint_rank, booked_at as cutoff_at
    from {{ ref('int_c2k_shipments') }}
    union all
    select tenant_id, shipment_id, 'incoming_first_delivered', 2, first_known_at
    from airfreight_incoming
    union all
    select incoming.tenant_id, incoming.shipment_id, 'incoming_all_delivered', 3, incoming.all_known_at
    from airfreight_incoming as incoming
    inner join {{ ref('int_c2k_shipments') }} as booked
        on incoming.tenant_id = booked.tenant_id and incoming.shipment_id = booked.shipment_id
    where incoming.delivered_count = booked.incoming_leg_count
    union all
    select tenant_id, shipment_id, 'outgoing_last_rcf', 4, last_rcf_known_at
    from airfreight_legs
    where leg_role = 'outgoing'
    union all
    select tenant_id, shipment_id, 'plan', 1, booked_at
    from {{ ref('int_network_shipments') }}
    union all
    select tenant_id, shipment_id, 'departed', 2, departed_known_at
    from network_firsts
    union all
    select tenant_id, shipment_id, 'arrived_hub', 3, hub_known_at
    from network_firsts
    union all
    select tenant_id, shipment_id, 'left_hub', 4, hub_left_known_at
    from network_firsts
    union all
    select tenant_id, shipment_id, 'arrived_last_hub', 5, last_hub_known_at
    from network_firsts
    union all
    -- one question about a purchase order: thirty days before its promise, or when it was sent if that is
    -- later; for a promise further off than that, now
    select
        booked.tenant_id,
        booked.shipment_id,
        'purchase_order',
        1,
        least(
            greatest(
                booked.promised_at - interval '30 days',
                coalesce(booked.ordered_at, booked.promised_at - interval '30 days')
            ),
            settings.as_of
        )
    from {{ ref('int_scms_shipments') }} as booked
    inner join {{ ref('int_tenant_settings') }} as settings
        on booked.tenant_id = settings.tenant_id
)

select
    reached.tenant_id,
    reached.shipment_id,
    reached.checkpoint,
    reached.checkpoint_rank,
    reached.cutoff_at,
    shipments.is_open
from reached
inner join {{ ref('fct_shipments') }} as shipments
    on reached.tenant_id = shipments.tenant_id and reached.shipment_id = shipments.shipment_id
where
    reached.cutoff_at <= shipments.as_of
    and shipments.status != 'cancelled'
    -- once the outcome is known there is nothing left to predict
    and (shipments.delivered_recorded_at is null or reached.cutoff_at < shipments.delivered_recorded_at)
-- a shipment under way is scored where it stands; a finished one teaches at every checkpoint it passed
qualify
    not shipments.is_open
    or row_number() over (
        partition by reached.tenant_id, reached.shipment_id order by reached.checkpoint_rank desc
    ) = 1
