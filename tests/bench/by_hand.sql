-- The marts of one network, as somebody would write them who has this network alone: no layers, no tests, no lists of
-- partners' codes, no other source. Row by row the same as `marts.*` (the bench compares them).
create schema by_hand;

create temp table clock as
select c.tenant_id, c.as_of, t.* exclude (tenant_id) from raw.tenant_clocks c join raw.tenant_tariffs t using (tenant_id);

create temp table booked as
select s.*,
    ltrim(regexp_replace(regexp_replace(upper(pro_number), '[^A-Z0-9]', '', 'g'), '^PRO(NO|NUMBER)?', ''), '0') as pro_key,
    count(*) filter (where status <> 'cancelled') over (partition by _tenant_id, order_no) as order_shipments
from (
    select *,
        min(_recorded_at) over shipment as booked_at,
        min(case when status = 'delivered' then _recorded_at end) over shipment as told_delivered_at
    from raw.network__shipment
    window shipment as (partition by _tenant_id, shipment_no)
    qualify row_number() over (
        partition by _tenant_id, shipment_no order by _recorded_at desc, _row_number desc, _row_sha256 desc
    ) = 1
) s;

create temp table lines as
select * from raw.network__order
qualify row_number() over (
    partition by _tenant_id, order_no, order_line order by _recorded_at desc, _row_number desc, _row_sha256 desc
) = 1;

create temp table promises as
select * from raw.network__commitment
qualify row_number() over (
    partition by _tenant_id, commitment_id order by _recorded_at desc, _row_number desc, _row_sha256 desc
) = 1;

create temp table customers as
select * from raw.network__customer
qualify row_number() over (
    partition by _tenant_id, customer_id order by _recorded_at desc, _row_number desc, _row_sha256 desc
) = 1;

create temp table places as
select * from raw.network__facility
qualify row_number() over (
    partition by _tenant_id, facility_code order by _recorded_at desc, _row_number desc, _row_sha256 desc
) = 1;

-- a message belongs to the one shipment of its carrier that has its PRO number and was under way then
create temp table told as
with events as (
    select _tenant_id, event_id, carrier_scac, event_code, classifier, location_code, occurred_at, _recorded_at,
        _file_sha256, _row_number,
        ltrim(regexp_replace(regexp_replace(upper(reference), '[^A-Z0-9]', '', 'g'), '^PRO(NO|NUMBER)?', ''), '0') as pro_key
    from raw.network__milestone
    where reference_type = 'PRO'
    qualify row_number() over (
        partition by _tenant_id, event_id order by _recorded_at desc, _row_number desc, _row_sha256 desc
    ) = 1
),
matched as (
    select e._tenant_id, e.event_id, min(b.shipment_no) as shipment_no
    from events e
    join booked b
        on b._tenant_id = e._tenant_id and b.pro_key = e.pro_key and b.carrier_scac = e.carrier_scac
    where e.occurred_at between least(b.booked_at, b.planned_departure_at) - interval '7 days'
        and b.planned_arrival_at + interval '45 days'
    group by all
    having count(distinct b.shipment_no) = 1
)
select
    e._tenant_id as tenant_id, e.event_id as milestone_id, m.shipment_no as shipment_id, e.event_code as milestone_code,
    p.facility_code as facility_id, e.classifier, e.occurred_at, e._recorded_at as told_at,
    min(e._recorded_at) over same as recorded_at, e._file_sha256, e._row_number
from events e
join matched m using (_tenant_id, event_id)
left join places p on p._tenant_id = e._tenant_id and p.facility_code = e.location_code
window same as (
    partition by e._tenant_id, m.shipment_no, e.event_code, e.classifier, p.facility_code, e.occurred_at,
        case when e.classifier = 'estimated' then e.event_id end
)
qualify row_number() over (
    partition by e._tenant_id, m.shipment_no, e.event_code, e.classifier, p.facility_code, e.occurred_at,
        case when e.classifier = 'estimated' then e.event_id end
    order by e._recorded_at, e.event_id
) = 1;

create table by_hand.fct_milestones as
with all_told as (
    from told
    union all by name
    select
        b._tenant_id as tenant_id, 'booked/' || b.shipment_no || ':' || u.step.code as milestone_id,
        b.shipment_no as shipment_id, u.step.code as milestone_code, u.step.place as facility_id,
        'planned' as classifier, u.step.due_at as occurred_at, b.booked_at as told_at, b.booked_at as recorded_at,
        b._file_sha256, b._row_number
    from booked b,
        unnest([
            {'code': 'DEPA', 'place': b.origin_code, 'due_at': b.planned_departure_at},
            {'code': 'DELIVERED', 'place': b.destination_code, 'due_at': b.planned_arrival_at}
        ]) u(step)
    where not exists (
        from told t
        where t.tenant_id = b._tenant_id and t.shipment_id = b.shipment_no and t.classifier = 'planned'
    )
),
route as (
    select tenant_id, shipment_id, milestone_code, facility_id, occurred_at as planned_at,
        10 * row_number() over (
            partition by tenant_id, shipment_id order by occurred_at, milestone_code, facility_id
        ) as sequence,
        count(*) over (partition by tenant_id, shipment_id, milestone_code) as same_code
    from all_told
    where classifier = 'planned'
    qualify row_number() over (
        partition by tenant_id, shipment_id, milestone_code, facility_id order by recorded_at desc, occurred_at
    ) = 1
)
select
    t.tenant_id, t.milestone_id, t.shipment_id, null::varchar as leg_id, t.milestone_code, c.milestone_name,
    c.is_departure, c.is_arrival, coalesce(r.sequence, l.sequence)::bigint as sequence, t.facility_id, t.classifier,
    t.occurred_at, coalesce(r.planned_at, l.planned_at) as planned_at, t.told_at, t.recorded_at,
    t._file_sha256 as source_file_sha256, t._row_number as source_row_number
from all_told t
left join route r
    on r.tenant_id = t.tenant_id and r.shipment_id = t.shipment_id and r.milestone_code = t.milestone_code
    and r.facility_id = t.facility_id
left join (from route where same_code = 1) l
    on l.tenant_id = t.tenant_id and l.shipment_id = t.shipment_id
    and l.milestone_code = case when t.facility_id is null then t.milestone_code end
left join staging.milestone_codes c on c.source = 'network' and c.milestone_code = t.milestone_code;

create table by_hand.fct_shipments as
with so_far as (
    select
        tenant_id, shipment_id,
        min(occurred_at) filter (where classifier = 'planned' and is_departure) as planned_departure_at,
        min(occurred_at) filter (where classifier = 'actual' and is_departure) as departed_at,
        min(occurred_at) filter (where classifier = 'actual' and (is_departure or is_arrival)) as first_moved_at,
        arg_max(occurred_at, (told_at, occurred_at)) filter (where classifier = 'estimated') as estimated_arrival_at,
        max(recorded_at) filter (where classifier = 'estimated') as estimated_recorded_at,
        max({'at': occurred_at, 'n': coalesce(sequence, 0), 'id': milestone_id, 'code': milestone_code}) filter (
            where classifier = 'actual'
        ) as newest,
        max(recorded_at) filter (where classifier = 'actual') as last_milestone_recorded_at,
        max(recorded_at) filter (where classifier in ('actual', 'estimated')) as last_heard_at,
        coalesce(bool_or(classifier = 'actual' and occurred_at > recorded_at + interval '1 hour'), false) as is_early,
        arg_max(occurred_at, (told_at, occurred_at)) filter (
            where classifier = 'actual' and milestone_code = 'DELIVERED'
        ) as arrived_at,
        min(recorded_at) filter (where classifier = 'actual' and milestone_code = 'DELIVERED') as arrived_known_at
    from by_hand.fct_milestones
    group by all
),
ordered as (
    select _tenant_id, order_no, max(promised_delivery_at) as promised_at, max(currency_code) as currency_code,
        sum((quantity * unit_price)::decimal(28, 6))::double as amount
    from lines group by all
),
promised as (
    select _tenant_id, order_no, min(promised_at) as promised_at, min(customer_ref) as customer_id
    from promises group by all
),
joined as (
    select
        b._tenant_id as tenant_id, b.shipment_no as shipment_id, b.order_no as order_ids,
        coalesce(k.customer_id, p.customer_id, b.customer_ref) as customer_id, b.carrier_scac as carrier_id,
        b.origin_code, b.destination_code, b.mode, b.service_level, b.booked_at,
        coalesce(f.planned_departure_at, b.planned_departure_at) as planned_departure_at, b.planned_arrival_at,
        coalesce(p.promised_at, o.promised_at, b.planned_arrival_at) as promised_at, f.* exclude (
            tenant_id, shipment_id, planned_departure_at
        ),
        coalesce(f.arrived_at, b.told_delivered_at) as delivered_at,
        coalesce(f.arrived_known_at, b.told_delivered_at) as delivered_recorded_at,
        b.status = 'cancelled' as is_cancelled, o.amount / greatest(1, b.order_shipments) as amount,
        coalesce(o.currency_code, c.currency_code) as currency_code, c.shipment_value_default, c.as_of,
        b._file_sha256, b._row_number, b._recorded_at
    from booked b
    join clock c on c.tenant_id = b._tenant_id
    left join so_far f on f.tenant_id = b._tenant_id and f.shipment_id = b.shipment_no
    left join ordered o on o._tenant_id = b._tenant_id and o.order_no = b.order_no
    left join promised p on p._tenant_id = b._tenant_id and p.order_no = b.order_no
    left join customers k on k._tenant_id = b._tenant_id and k.erp_customer_no = b.customer_ref
)
select
    tenant_id, shipment_id, order_ids, customer_id, carrier_id, null::varchar as vendor_id,
    origin_code as origin_facility_id, destination_code as destination_facility_id,
    origin_code || '>' || destination_code as lane_id, mode, service_level, booked_at, planned_departure_at,
    planned_arrival_at, promised_at, departed_at, estimated_arrival_at, estimated_recorded_at, delivered_at,
    delivered_recorded_at, newest.id as last_milestone_id, newest.code as last_milestone_code,
    newest.at as last_milestone_at, last_milestone_recorded_at, last_heard_at,
    case when is_cancelled then 'cancelled' when delivered_at is not null then 'delivered'
        when first_moved_at is not null then 'in_transit' else 'planned' end as status,
    delivered_at is null and not is_cancelled as is_open,
    case when is_cancelled then null when delivered_at is not null then delivered_at > promised_at
        when promised_at < as_of then true end as is_late,
    case when is_cancelled then null
        when delivered_at is not null then round((epoch(delivered_at) - epoch(promised_at)) / 3600.0, 4)
        when promised_at < as_of then round((epoch(as_of) - epoch(promised_at)) / 3600.0, 4) end as delay_hours,
    round(coalesce(amount, shipment_value_default), 2)::decimal(18, 2) as shipment_value,
    amount is null as is_value_assumed, currency_code,
    coalesce(delivered_at < departed_at or delivered_at < first_moved_at, false) or coalesce(is_early, false) as has_contradictory_times, as_of,
    _file_sha256 as source_file_sha256, _row_number as source_row_number, _recorded_at as recorded_at
from joined;

create table by_hand.fct_orders as
with carried as (
    select _tenant_id, order_no, arg_min(shipment_no, (status = 'cancelled', planned_departure_at, shipment_no)) as first
    from booked group by all
)
select
    l._tenant_id as tenant_id, l.order_no || ':' || l.order_line::bigint as order_line_id, l.order_no as order_id,
    coalesce(k.customer_id, l.customer_ref) as customer_id, l.sku as product_id, l.sku as product_name,
    l.quantity::double as quantity, round(l.quantity::double * l.unit_price::double, 2)::decimal(18, 2) as amount,
    l.currency_code, l.ordered_at, l.promised_delivery_at as promised_at, c.first as shipment_id,
    l._file_sha256 as source_file_sha256, l._row_number as source_row_number
from lines l
left join customers k on k._tenant_id = l._tenant_id and k.erp_customer_no = l.customer_ref
left join carried c on c._tenant_id = l._tenant_id and c.order_no = l.order_no;

create table by_hand.fct_commitments as
select
    s.tenant_id, coalesce(p.commitment_id || ':' || s.shipment_id, 'assumed:' || s.shipment_id) as commitment_id,
    s.shipment_id, s.order_ids as order_id, s.customer_id, coalesce(p.promised_at, s.promised_at) as promised_at,
    round(coalesce(p.penalty_per_day / greatest(1, b.order_shipments), c.penalty_per_day), 2)::decimal(18, 2)
        as penalty_per_day,
    round(coalesce(p.penalty_cap / greatest(1, b.order_shipments), c.penalty_cap), 2)::decimal(18, 2) as penalty_cap,
    coalesce(p.currency_code, s.currency_code) as currency_code, p.commitment_id is null as is_assumed,
    case when p.commitment_id is null then 'default' else 'order' end as resolved_by, null::varchar as agreement_name,
    p._file_sha256 as source_file_sha256, p._row_number as source_row_number
from by_hand.fct_shipments s
join clock c using (tenant_id)
join booked b on b._tenant_id = s.tenant_id and b.shipment_no = s.shipment_id
left join promises p on p._tenant_id = s.tenant_id and p.order_no = s.order_ids;

create table by_hand.fct_exposures as
with due as (
    select tenant_id, shipment_id, sum(penalty_per_day) as per_day, sum(penalty_cap) as cap, bool_or(is_assumed) as assumed
    from by_hand.fct_commitments group by all
)
select
    s.tenant_id, s.shipment_id, round(d.per_day, 2)::decimal(18, 2) as sla_penalty_per_day,
    round(d.cap, 2)::decimal(18, 2) as sla_penalty_cap,
    round(s.shipment_value * c.revenue_share, 2)::decimal(18, 2) as revenue_at_risk,
    0::decimal(18, 2) as inventory_at_risk, coalesce(k.customer_tier, c.default_tier) as customer_tier,
    round(s.shipment_value * case coalesce(k.customer_tier, c.default_tier) when 'gold' then c.tier_weight_gold
        when 'silver' then c.tier_weight_silver else c.tier_weight_bronze end, 2)::decimal(18, 2) as customer_tier_amount,
    s.currency_code, case when d.assumed or s.is_value_assumed then c.assumption end as assumption
from by_hand.fct_shipments s
join clock c using (tenant_id)
join due d using (tenant_id, shipment_id)
left join customers k on k._tenant_id = s.tenant_id and k.customer_id = s.customer_id;
