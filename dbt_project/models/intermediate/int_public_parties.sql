-- Parties that only shipments of the public data name: apart, for it is a long way to them and they hardly change.
with health_customers as (
    select
        shipments.tenant_id,
        shipments.customer_id as party_id,
        'customer' as party_role,
        max(lines.country_name) || ' country programme' as party_name,
        cast(null as varchar) as customer_tier,
        cast(null as varchar) as contact_email,
        to_json(list_sort(list(distinct lines.project_code))) as source_ids
    from {{ ref('int_scms_shipments') }} as shipments
    inner join {{ ref('stg_scms__line_items') }} as lines
        on shipments.tenant_id = lines.tenant_id and shipments.shipment_id = lines.shipment_id
    group by shipments.tenant_id, shipments.customer_id
),

health_vendors as (
    select
        tenant_id,
        'vendor-' || {{ slug('vendor_name') }} as party_id,
        'vendor' as party_role,
        min(vendor_name) as party_name,
        null as customer_tier,
        null as contact_email,
        to_json(list_sort(list(distinct vendor_name))) as source_ids
    from {{ ref('stg_scms__line_items') }}
    group by all
),

airfreight as (
    select distinct
        tenant_id,
        customer_id as party_id,
        'customer' as party_role,
        'Consignee at ' || destination_facility_id as party_name,
        null as customer_tier,
        null as contact_email,
        to_json([destination_facility_id]) as source_ids
    from {{ ref('int_c2k_shipments') }}
    union all
    select distinct
        tenant_id, carrier_id, 'carrier', 'Air freight forwarder', null, null, to_json(['Cargo 2000'])
    from {{ ref('int_c2k_shipments') }}
)

select * from health_customers
union all
select * from health_vendors
union all
select * from airfreight
