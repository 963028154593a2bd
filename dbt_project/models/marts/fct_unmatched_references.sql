-- What waits for a person: references whose messages name no shipment, places that nobody knows by the name they are
-- given, customer numbers without an account, accounts and facilities that may be one with another. A message counts
-- under the one reference that says most about a shipment.
with naming_no_shipment as (
    select
        events.tenant_id,
        events.event_id,
        events.reference_type,
        events.reference_key,
        events.reference,
        events.carrier_id,
        events.match_status,
        events.remark,
        decisions.decision_id,
        decisions.decision,
        events.recorded_at,
        events.source_file_sha256,
        events.source_row_number
    from {{ ref('idn_events_of_no_shipment') }} as events
    left join {{ source('settings', 'reference_decisions') }} as decisions
        on
            events.tenant_id = decisions.tenant_id
            and events.reference_type = decisions.reference_type
            and events.reference_key = decisions.reference_key
            and events.carrier_id is not distinct from decisions.carrier_id
    qualify row_number() over (
        partition by events.tenant_id, events.event_id
        order by
            list_position(
                ['PRO', 'CONTAINER', 'SHIPMENT', 'BOL', 'BOOKING', 'LOAD', 'ORDER', 'CUSTOMER_ORDER', 'OTHER'],
                events.reference_type
            ),
            events.reference_key,
            events.reference
    ) = 1
),

waiting as (
    select * from naming_no_shipment
    union all
    select
        tenant_id, event_id, 'PLACE', place_key, place, carrier_id,
        case when decision = 'ignore' then 'ignored' else match_status end,
        remark, decision_id, decision, recorded_at, source_file_sha256, source_row_number
    from {{ ref('idn_unmatched_places') }}
    union all
    select
        tenant_id, named_in || ' ' || named_by, 'CUSTOMER', erp_customer_no, erp_customer_no, null,
        case when decision = 'ignore' then 'ignored' else 'unknown_customer' end,
        null, decision_id, decision, recorded_at, source_file_sha256, source_row_number
    from {{ ref('idn_unmatched_customers') }}
    union all
    select
        accounts.tenant_id, accounts.customer_id, 'ACCOUNT', accounts.customer_id, accounts.customer_name, null,
        'may_be_another', null, null, null, accounts.recorded_at, accounts.source_file_sha256,
        accounts.source_row_number
    from {{ ref('stg_network__customers') }} as accounts
    semi join {{ ref('idn_alike_customers') }} as alike
        on accounts.tenant_id = alike.tenant_id and accounts.customer_id = alike.customer_id
    union all
    select
        places.tenant_id, places.facility_id, 'FACILITY', places.facility_id, places.facility_name, null,
        'may_be_another', null, null, null, places.recorded_at, places.source_file_sha256, places.source_row_number
    from {{ ref('stg_network__facilities') }} as places
    semi join {{ ref('idn_alike_facilities') }} as alike
        on places.tenant_id = alike.tenant_id and places.facility_id = alike.facility_id
),

counted as (
    select
        tenant_id,
        reference_type,
        reference_key,
        carrier_id,
        arg_min(reference, event_id) as reference,
        arg_max(match_status, (recorded_at, event_id)) as match_status,
        count(*) as message_count,
        min(recorded_at) as first_told_at,
        max(recorded_at) as last_told_at,
        min(event_id) as example_event_id,
        arg_min_null(remark, event_id) as example_remark,
        min(decision_id) as decision_id,
        min(decision) as decision,
        -- in full, for an order has many lines
        arg_min(source_file_sha256, (event_id, source_file_sha256, source_row_number)) as source_file_sha256,
        arg_min(source_row_number, (event_id, source_file_sha256, source_row_number)) as source_row_number
    from waiting
    group by tenant_id, reference_type, reference_key, carrier_id
),

candidates as (
    select
        tenant_id, reference_type, reference_key, carrier_id,
        shipment_id as means, cast(null as varchar) as name, score, reasons, place
    from {{ ref('idn_candidate_references') }}
    union all
    select tenant_id, 'PLACE', place_key, carrier_id, facility_id, facility_name, score, reasons, place
    from {{ ref('idn_candidate_places') }}
    union all
    select tenant_id, 'CUSTOMER', erp_customer_no, null, customer_id, customer_name, score, reasons, place
    from {{ ref('idn_candidate_customers') }}
    union all
    select tenant_id, 'ACCOUNT', customer_id, null, kept_customer_id, customer_name, score, reasons, place
    from {{ ref('idn_alike_customers') }}
    union all
    select tenant_id, 'FACILITY', facility_id, null, kept_facility_id, facility_name, score, reasons, place
    from {{ ref('idn_alike_facilities') }}
),

listed as (
    select
        tenant_id,
        reference_type,
        reference_key,
        carrier_id,
        to_json(
            list(struct_pack(means := means, name := name, score := score, reasons := reasons) order by place)
        ) as candidates
    from candidates
    group by all
)

select
    counted.tenant_id,
    counted.reference_type,
    counted.reference_key,
    counted.reference,
    counted.carrier_id,
    counted.match_status,
    counted.message_count,
    counted.first_told_at,
    counted.last_told_at,
    counted.example_event_id,
    counted.example_remark,
    coalesce(cast(listed.candidates as varchar), '[]') as candidates,
    counted.decision_id,
    counted.decision,
    counted.source_file_sha256,
    counted.source_row_number
from counted
left join listed
    on
        counted.tenant_id = listed.tenant_id
        and counted.reference_type = listed.reference_type
        and counted.reference_key = listed.reference_key
        and counted.carrier_id is not distinct from listed.carrier_id
