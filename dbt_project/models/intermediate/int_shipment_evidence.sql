{{ config(tags=['decide']) }}
{{ touched('watched') }}
{%- set of_shipment = "'fct_shipments:' || watch.shipment_id" %}
{%- set of_score = "'arrival_scores:' || watch.shipment_id" %}
{%- set of_exposure = "'fct_exposures:' || watch.shipment_id" %}
{%- set of_commitment = "'fct_commitments:' || commitments.commitment_id" %}
-- The facts that every exception of a shipment carries, each with the row it came from. What is not known stays
-- in the list without a value and is left out when an exception is written.
with concerned as (
    select tenant_id, shipment_id from {{ ref('int_exceptions_of_movement') }}
    union
    select tenant_id, shipment_id from {{ ref('int_exceptions_of_papers_and_stock') }}
),

promised as (
    select commitments.*
    from {{ ref('fct_commitments') }} as commitments
    inner join concerned
        on commitments.tenant_id = concerned.tenant_id and commitments.shipment_id = concerned.shipment_id
),

commitments as (
    select
        tenant_id,
        shipment_id,
        arg_min(commitment_id, (promised_at, commitment_id)) as commitment_id,
        min(agreement_name) as agreement_name,
        arg_min(source_file_sha256, (promised_at, commitment_id)) as file_sha256,
        arg_min(source_row_number, (promised_at, commitment_id)) as row_number
    from promised
    group by tenant_id, shipment_id
),

told as (
    select milestones.*
    from {{ ref('fct_milestones') }} as milestones
    inner join concerned
        on milestones.tenant_id = concerned.tenant_id and milestones.shipment_id = concerned.shipment_id
),

last_told as (
    select
        shipments.tenant_id,
        shipments.shipment_id,
        milestones.milestone_id,
        milestones.milestone_name,
        milestones.source_file_sha256 as file_sha256,
        milestones.source_row_number as row_number
    from {{ ref('int_shipment_watch') }} as shipments
    inner join told as milestones
        on
            shipments.tenant_id = milestones.tenant_id
            and shipments.shipment_id = milestones.shipment_id
            and shipments.last_milestone_id = milestones.milestone_id
)

select
    watch.tenant_id,
    watch.shipment_id,
    [
        {{ fact('shipment_id', 'Shipment', 'watch.shipment_id', 'text', of_shipment,
            'watch.source_file_sha256', 'watch.source_row_number') }},
        {{ fact('order_id', 'Order', "split_part(watch.order_ids, '|', 1)", 'text', of_shipment,
            'watch.source_file_sha256', 'watch.source_row_number') }},
        {{ fact('customer_name', 'Customer', 'customers.party_name', 'text', "'dim_parties:' || watch.customer_id") }},
        {{ fact('customer_tier', 'Customer tier', 'watch.customer_tier', 'text', of_exposure) }},
        {{ fact('carrier_name', 'Carrier', 'carriers.party_name', 'text', "'dim_parties:' || watch.carrier_id") }},
        {{ fact('vendor_name', 'Vendor', 'vendors.party_name', 'text', "'dim_parties:' || watch.vendor_id") }},
        {{ fact('origin_name', 'From', 'origins.facility_name', 'text',
            "'dim_facilities:' || watch.origin_facility_id") }},
        {{ fact('destination_name', 'To', 'destinations.facility_name', 'text',
            "'dim_facilities:' || watch.destination_facility_id") }},
        {{ fact('facility_name', 'Place', 'places.facility_name', 'text',
            "'dim_facilities:' || watch.last_move_facility_id") }},
        {{ fact('hold_place', 'Held at', 'case when watch.is_held then holds.facility_name end', 'text',
            "'dim_facilities:' || watch.hold_facility_id") }},
        {{ fact('mode', 'Mode', 'watch.mode', 'text', of_shipment,
            'watch.source_file_sha256', 'watch.source_row_number') }},
        {{ fact('promised_at', 'Promised', 'watch.promised_at', 'instant', of_commitment,
            'coalesce(commitments.file_sha256, watch.source_file_sha256)',
            'coalesce(commitments.row_number, watch.source_row_number)') }},
        {{ fact('planned_arrival_at', 'Planned arrival', 'watch.planned_arrival_at', 'instant', of_shipment,
            'watch.source_file_sha256', 'watch.source_row_number') }},
        {{ fact('carrier_eta_at', "Carrier''s estimate", 'watch.estimated_arrival_at', 'instant', of_shipment) }},
        {{ fact('predicted_arrival_at', 'Predicted arrival', 'watch.predicted_arrival_at', 'instant', of_score) }},
        {{ fact('interval_low_at', 'Not before', 'watch.interval_low_at', 'instant', of_score) }},
        {{ fact('interval_high_at', 'Not after', 'watch.interval_high_at', 'instant', of_score) }},
        {{ fact('late_probability', 'Probability of being late', 'watch.late_probability', 'probability',
            of_score) }},
        {{ fact('expected_delay_hours', 'Expected delay in hours',
            'case when watch.predicted_arrival_at > watch.promised_at then '
            ~ hours_between('watch.promised_at', 'watch.predicted_arrival_at') ~ ' end', 'number', of_score) }},
        {{ fact('delay_hours', 'Late by hours', 'case when watch.is_late then watch.delay_hours end', 'number',
            of_shipment) }},
        {{ fact('last_milestone', 'Last milestone', 'last_told.milestone_name', 'text',
            "'fct_milestones:' || last_told.milestone_id", 'last_told.file_sha256', 'last_told.row_number') }},
        {{ fact('last_milestone_at', 'Last milestone at', 'watch.last_milestone_at', 'instant',
            "'fct_milestones:' || last_told.milestone_id", 'last_told.file_sha256', 'last_told.row_number') }},
        {% for number in range(3) -%}
            {{ fact('reason_' ~ (number + 1), 'Reason ' ~ (number + 1), score_reason('watch.reasons', number),
                'text', of_score) }},
        {% endfor -%}
        {{ fact('penalty_per_day', 'Penalty for each day', 'watch.sla_penalty_per_day', 'money', of_commitment,
            'commitments.file_sha256', 'commitments.row_number') }},
        {{ fact('service_agreement', 'Agreement', 'commitments.agreement_name', 'text', of_commitment) }},
        {{ fact('shipment_value', 'Value of the shipment', 'watch.shipment_value', 'money', of_shipment,
            'case when not watch.is_value_assumed then watch.source_file_sha256 end',
            'case when not watch.is_value_assumed then watch.source_row_number end') }},
        {{ fact('currency_code', 'Currency', 'watch.currency_code', 'text', of_exposure) }}
    ] as facts
from {{ ref('int_shipment_watch') }} as watch
inner join concerned
    on watch.tenant_id = concerned.tenant_id and watch.shipment_id = concerned.shipment_id
left join commitments
    on watch.tenant_id = commitments.tenant_id and watch.shipment_id = commitments.shipment_id
left join last_told
    on watch.tenant_id = last_told.tenant_id and watch.shipment_id = last_told.shipment_id
{%- for side, role, column in [
    ('customers', 'customer', 'customer_id'), ('carriers', 'carrier', 'carrier_id'), ('vendors', 'vendor', 'vendor_id')
] %}
left join {{ ref('dim_parties') }} as {{ side }}
    on
        watch.tenant_id = {{ side }}.tenant_id
        and watch.{{ column }} = {{ side }}.party_id
        and {{ side }}.party_role = '{{ role }}'
{%- endfor %}
{%- for side, column in [
    ('origins', 'origin_facility_id'), ('destinations', 'destination_facility_id'),
    ('places', 'last_move_facility_id'), ('holds', 'hold_facility_id')
] %}
left join {{ ref('dim_facilities') }} as {{ side }}
    on watch.tenant_id = {{ side }}.tenant_id and watch.{{ column }} = {{ side }}.facility_id
{%- endfor %}
