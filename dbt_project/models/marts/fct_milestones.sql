{{ touched('shipments') }}
with airfreight as (
    select
        actual.tenant_id,
        actual.event_id as milestone_id,
        actual.shipment_id,
        actual.leg_id,
        'c2k' as source,
        actual.milestone_code,
        actual.sequence,
        actual.facility_id,
        actual.classifier,
        actual.occurred_at,
        planned.occurred_at as planned_at,
        actual.recorded_at as told_at,
        actual.recorded_at,
        actual.source_file_sha256,
        actual.source_row_number
    from {{ ref('stg_c2k__milestones') }} as actual
    left join {{ ref('stg_c2k__milestones') }} as planned
        on
            actual.tenant_id = planned.tenant_id
            and actual.shipment_id = planned.shipment_id
            and actual.leg_id = planned.leg_id
            and actual.sequence = planned.sequence
            and planned.classifier = 'planned'
),

network as (
    select
        tenant_id,
        milestone_id,
        shipment_id,
        cast(null as varchar) as leg_id,
        'network' as source,
        milestone_code,
        sequence,
        facility_id,
        classifier,
        occurred_at,
        planned_at,
        told_at,
        recorded_at,
        source_file_sha256,
        source_row_number
    from {{ ref('int_network_milestones') }}
),

-- the health programme sends no tracking: its milestones are the order, the promise and the outcome
health as (
    select
        tenant_id,
        shipment_id,
        vendor_id,
        destination_facility_id,
        unnest([
            struct_pack(
                code := 'ORDERED', sequence := 10, classifier := 'actual', at := ordered_at, known_at := booked_at
            ),
            struct_pack(
                code := 'DELIVERED', sequence := 20, classifier := 'planned', at := promised_at, known_at := booked_at
            ),
            struct_pack(
                code := 'DELIVERED',
                sequence := 20,
                classifier := 'actual',
                at := delivered_at,
                known_at := delivered_recorded_at
            )
        ]) as told,
        promised_at,
        source_file_sha256,
        source_row_number
    from {{ ref('int_scms_shipments') }}
),

unioned as (
    select * from airfreight
    union all
    select * from network
    union all
    select
        tenant_id,
        shipment_id || ':' || told.code || ':' || told.classifier,
        shipment_id,
        null,
        'scms',
        told.code,
        told.sequence,
        case when told.code = 'DELIVERED' then destination_facility_id end,
        told.classifier,
        told.at,
        case when told.code = 'DELIVERED' then promised_at end,
        told.known_at,
        told.known_at,
        source_file_sha256,
        source_row_number
    from health
    where told.at is not null
)

select
    unioned.tenant_id,
    unioned.milestone_id,
    unioned.shipment_id,
    unioned.leg_id,
    unioned.milestone_code,
    codes.milestone_name,
    codes.is_departure,
    codes.is_arrival,
    cast(unioned.sequence as bigint) as sequence,
    unioned.facility_id,
    unioned.classifier,
    unioned.occurred_at,
    unioned.planned_at,
    unioned.told_at,
    unioned.recorded_at,
    unioned.source_file_sha256,
    unioned.source_row_number
from unioned
left join {{ ref('milestone_codes') }} as codes
    on unioned.source = codes.source and unioned.milestone_code = codes.milestone_code
