{{ config(meta={'touched': {'read': 'orders'}}) }}
with known as (
    {{ known_as_of(source('scms', 'line_item')) }}
),

latest as (
    select
        *,
        min(_recorded_at) over (partition by _tenant_id, id) as first_recorded_at
    from known
    {{ keep_latest('_tenant_id, id') }}
)

select
    _tenant_id as tenant_id,
    cast(id as varchar) as line_item_id,
    coalesce(asn_dn_number, po_so_number) as shipment_id,
    po_so_number as order_id,
    project_code,
    country as country_name,
    managed_by,
    fulfill_via,
    case when vendor_inco_term not like 'N/A%' then vendor_inco_term end as inco_term,
    case when shipment_mode != 'N/A' then lower(shipment_mode) end as mode,
    {{ scms_date('pq_first_sent_to_client_date') }} as quoted_on,
    pq_first_sent_to_client_date as quote_status,
    {{ scms_date('po_sent_to_vendor_date') }} as purchase_order_sent_on,
    po_sent_to_vendor_date as purchase_order_status,
    scheduled_delivery_date as scheduled_delivery_on,
    delivered_to_client_date as delivered_on,
    delivery_recorded_date as delivery_recorded_on,
    product_group,
    sub_classification,
    vendor as vendor_name,
    item_description as product_name,
    coalesce(molecule_test_type, item_description) as product_molecule,
    cast(line_item_quantity as double) as quantity,
    cast(line_item_value as double) as line_value,
    cast(pack_price as double) as pack_price,
    cast(unit_price as double) as unit_price,
    cast(unit_of_measure_per_pack as double) as pack_size,
    case
        when manufacturing_site is null or manufacturing_site = 'Not Applicable' then vendor
        else manufacturing_site
    end as manufacturing_site,
    first_line_designation = 'Yes' as is_first_line,
    try_cast(weight_kilograms as double) as weight_kg,
    regexp_extract(weight_kilograms, 'ID#:([0-9]+)', 1) as weight_in_line_item_id,
    try_cast(freight_cost_usd as double) as freight_amount,
    first_recorded_at,
    _recorded_at as recorded_at,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from latest
