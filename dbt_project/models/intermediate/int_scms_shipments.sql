{{ config(meta={'touched': {'read': 'shipments'}}) }}
with lines as (
    select
        lines.*,
        countries.country_code,
        coalesce(lines.purchase_order_sent_on, lines.quoted_on) as ordered_on
    from {{ ref('stg_scms__line_items') }} as lines
    left join {{ ref('countries') }} as countries
        on lines.country_name = countries.country_name
)

select
    tenant_id,
    shipment_id,
    list_sort(list(distinct order_id)) as order_ids,
    'programme-' || max(coalesce(lower(country_code), {{ slug('country_name') }})) as customer_id,
    cast(null as varchar) as carrier_id,
    'vendor-' || {{ slug('arg_max(vendor_name, (line_value, line_item_id))') }} as vendor_id,
    'site-' || {{ slug('arg_max(manufacturing_site, (line_value, line_item_id))') }} as origin_facility_id,
    'country-' || max(coalesce(lower(country_code), {{ slug('country_name') }})) as destination_facility_id,
    arg_max(mode, (line_value, line_item_id)) as mode,
    'standard' as service_level,
    {{ start_of_day('min(ordered_on)') }} as ordered_at,
    min(first_recorded_at) as booked_at,
    -- a shipment keeps its promise when its last line is there; a promise given as a day holds to its end
    {{ end_of_day('max(scheduled_delivery_on)') }} as promised_at,
    case when bool_and(delivered_on is not null) then {{ start_of_day('max(delivered_on)') }} end as delivered_at,
    case
        when bool_and(delivered_on is not null)
            then max(least(recorded_at, coalesce({{ start_of_day('delivery_recorded_on') }}, recorded_at)))
    end as delivered_recorded_at,
    case
        when bool_and(delivered_on is not null)
            then 24.0 * date_diff('day', max(scheduled_delivery_on), max(delivered_on))
    end as delay_hours,
    arg_max(product_group, (line_value, line_item_id)) as product_group,
    arg_max(sub_classification, (line_value, line_item_id)) as sub_classification,
    arg_max(fulfill_via, (line_value, line_item_id)) as fulfill_via,
    arg_max(inco_term, (line_value, line_item_id)) as inco_term,
    bool_or(is_first_line) as first_line,
    {{ exact_sum('quantity') }} as quantity,
    {{ exact_sum('line_value') }} as amount,
    -- weight and freight are recorded when the goods ship: no feature may use them
    {{ exact_sum('weight_kg') }} as shipped_weight_kg,
    date_diff('day', min(ordered_on), max(scheduled_delivery_on)) as lead_time_days,
    date_diff('day', min(quoted_on), max(scheduled_delivery_on)) as quote_lead_time_days,
    count(*) as order_line_count,
    {{ exact_sum('line_value') }} as order_amount,
    arg_max(pack_price, (line_value, line_item_id)) as pack_price,
    arg_max(unit_price, (line_value, line_item_id)) as unit_price,
    arg_max(pack_size, (line_value, line_item_id)) as pack_size,
    max(recorded_at) as recorded_at,
    arg_max(source_file_sha256, (recorded_at, line_item_id)) as source_file_sha256,
    arg_max(source_row_number, (recorded_at, line_item_id)) as source_row_number
from lines
group by tenant_id, shipment_id
