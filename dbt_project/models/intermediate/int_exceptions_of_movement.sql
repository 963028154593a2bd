{{ config(tags=['decide']) }}
{{ touched('watched') }}
-- Exceptions a shipment's own movement shows, each with the chance of harm its rule gives it. Where the model
-- has an opinion that is graver, the model's counts. What should be there and is not comes now at the earliest.
{%- set shipment_source = "'fct_shipments:' || shipment_id" %}
with watch as (
    select
        * replace (greatest(expected_arrival_at, as_of) as expected_arrival_at),
        {{ hours_after('last_heard_at', 'tracking_silent_silent_hours') }} as silent_from_at,
        {{ hours_after('planned_departure_at', 'late_departure_grace_hours') }} as late_departure_from_at,
        {{ hours_after('promised_at', 'late_now_grace_hours') }} as late_from_at,
        {{ hours_after('held_at', 'customs_hold_hold_hours') }} as hold_from_at,
        -- hours in which customs held the goods during the stay are not the place's
        {{ hours_after(
            'stay_until_at',
            'facility_dwell_dwell_hours + case when held_at >= last_move_at then coalesce('
            ~ hours_between('held_at', 'coalesce(hold_ended_at, last_milestone_at)') ~ ', 0) else 0 end'
        ) }} as dwell_from_at
    from {{ ref('int_shipment_watch') }}
),

found as (
    select
        'predicted_late' as exception_type,
        late_probability as harm_probability,
        expected_arrival_at as harm_until_at,
        scored_as_of as detected_at,
        promised_at as due_at,
        destination_facility_id as facility_id,
        {{ no_facts() }} as own_facts,
        enabled_types,
        tenant_id,
        shipment_id
    from watch
    where is_open and promised_at >= as_of and late_probability >= predicted_late_late_probability
    union all
    select
        'late_now',
        late_now_harm_probability,
        expected_arrival_at,
        late_from_at,
        promised_at,
        destination_facility_id,
        {{ no_facts() }},
        enabled_types,
        tenant_id,
        shipment_id
    from watch
    where is_open and late_from_at < as_of
    union all
    select
        'tracking_silent',
        greatest(coalesce(late_probability, 0), tracking_silent_harm_probability),
        expected_arrival_at,
        silent_from_at,
        promised_at,
        last_move_facility_id,
        [{{ fact(
            'silent_hours', 'Hours without a message', hours_between('last_heard_at', 'as_of'), 'number',
            shipment_source
        ) }}],
        enabled_types,
        tenant_id,
        shipment_id
    from watch
    where status = 'in_transit' and silent_from_at <= as_of
    union all
    select
        'late_departure',
        greatest(coalesce(late_probability, 0), late_departure_harm_probability),
        greatest(
            expected_arrival_at,
            coalesce(estimated_arrival_at, planned_arrival_at + (as_of - planned_departure_at))
        ),
        late_departure_from_at,
        promised_at,
        origin_facility_id,
        {{ no_facts() }},
        enabled_types,
        tenant_id,
        shipment_id
    from watch
    where status = 'planned' and late_departure_from_at <= as_of and mode is not null and carrier_id is not null
    union all
    select
        'facility_dwell',
        greatest(coalesce(late_probability, 0), facility_dwell_harm_probability),
        expected_arrival_at,
        dwell_from_at,
        promised_at,
        last_move_facility_id,
        [
            {{ fact('dwell_since_at', 'Standing since', 'last_move_at', 'instant', shipment_source) }},
            {{ fact(
                'dwell_hours', 'Hours standing', hours_between('last_move_at', 'as_of'), 'number', shipment_source
            ) }}
        ],
        enabled_types,
        tenant_id,
        shipment_id
    from watch
    where status = 'in_transit' and last_move_is_arrival and not is_held and dwell_from_at <= as_of
    union all
    select
        'customs_hold',
        greatest(coalesce(late_probability, 0), customs_hold_harm_probability),
        expected_arrival_at,
        greatest(hold_from_at, held_recorded_at),
        promised_at,
        hold_facility_id,
        [{{ fact(
            'hold_since_at', 'Held since', 'held_at', 'instant', "'fct_milestones:' || hold_milestone_id",
            'hold_file_sha256', 'hold_row_number'
        ) }}],
        enabled_types,
        tenant_id,
        shipment_id
    from watch
    where is_open and is_held and hold_from_at <= as_of
)

select
    exception_type,
    'shipment' as subject_type,
    shipment_id as subject_id,
    harm_probability,
    harm_until_at,
    detected_at,
    due_at,
    facility_id,
    own_facts,
    true as has_shipment_exposure,
    cast(null as double) as own_inventory_amount,
    tenant_id,
    shipment_id
from found
where list_contains(enabled_types, exception_type)
