{{ config(tags=['decide']) }}
{{ touched('watched') }}
-- Papers that are not there when they are needed, and stock that ends before its inbound arrives.
with documents as (
    select
        documents.*,
        'fct_documents:' || documents.document_key as source,
        watch.* exclude (tenant_id, shipment_id, status, source_file_sha256, source_row_number)
    from {{ ref('fct_documents') }} as documents
    inner join {{ ref('int_shipment_watch') }} as watch
        on documents.tenant_id = watch.tenant_id and documents.shipment_id = watch.shipment_id
    where documents.is_required and documents.status != 'received' and documents.needed_by_at <= watch.as_of
),

papers as (
    select
        case when document_type = 'POD' then 'pod_missing' else 'trade_document_missing' end as exception_type,
        case when document_type = 'POD' then shipment_id else shipment_id || ':' || document_type end as subject_id,
        case
            when document_type = 'POD' then pod_missing_harm_probability
            else greatest(coalesce(late_probability, 0), trade_document_missing_harm_probability)
        end as harm_probability,
        greatest(expected_arrival_at, as_of) as harm_until_at,
        needed_by_at as detected_at,
        case when document_type = 'POD' then needed_by_at else planned_arrival_at end as due_at,
        destination_facility_id as facility_id,
        [
            {{ fact('document_type', 'Document', 'document_type', 'text', 'source') }},
            {{ fact(
                'needed_by_at', 'Needed by', 'needed_by_at', 'instant', 'source',
                'source_file_sha256', 'source_row_number'
            ) }}
        ] as own_facts,
        enabled_types,
        tenant_id,
        shipment_id
    from documents
    where
        (document_type = 'POD' and delivered_at is not null)
        or (document_type in ('BOL', 'CUSTOMS', 'ASN') and is_open)
),

stock as (
    select
        inventory.*,
        facilities.facility_name as stock_place,
        watch.expected_arrival_at,
        watch.enabled_types,
        watch.as_of,
        watch.stock_out_before_inbound_harm_probability as harm_probability,
        'fct_inventory_projection:' || inventory.facility_id || ':' || inventory.product_id as source,
        least(
            inventory.daily_demand_quantity * {{ hours_between(
                'inventory.stock_out_at', 'greatest(watch.expected_arrival_at, watch.as_of)'
            ) }} / 24,
            inventory.inbound_quantity
        ) * inventory.unit_value as inventory_amount
    from {{ ref('int_inventory_inbound') }} as inventory
    inner join {{ ref('int_shipment_watch') }} as watch
        on inventory.tenant_id = watch.tenant_id and inventory.inbound_shipment_id = watch.shipment_id
    left join {{ ref('dim_facilities') }} as facilities
        on inventory.tenant_id = facilities.tenant_id and inventory.facility_id = facilities.facility_id
    where
        watch.is_open
        and inventory.stock_out_at < greatest(watch.expected_arrival_at, watch.as_of)
        and inventory.stock_out_at <= {{ hours_after(
            'watch.as_of', '24 * watch.stock_out_before_inbound_horizon_days'
        ) }}
)

select
    exception_type,
    'shipment' as subject_type,
    subject_id,
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
from papers
where list_contains(enabled_types, exception_type)
union all
select
    'stock_out_before_inbound',
    'inventory',
    facility_id || ':' || product_id,
    harm_probability,
    expected_arrival_at,
    least(counted_at, as_of),
    stock_out_at,
    facility_id,
    [
        {{ fact('product_name', 'Product', 'product_id', 'text', 'source') }},
        {{ fact('stock_place', 'Runs out at', 'coalesce(stock_place, facility_id)', 'text', 'source') }},
        {{ fact(
            'projected_stock_out_on', 'Projected to run out on', 'stock_out_at', 'date', 'source',
            'source_file_sha256', 'source_row_number'
        ) }},
        {{ fact('inbound_arrival_at', 'Inbound expected', 'expected_arrival_at', 'instant', 'source') }},
        {{ fact(
            'on_hand_quantity', 'On hand', 'on_hand_quantity', 'number', 'source',
            'source_file_sha256', 'source_row_number'
        ) }}
    ],
    false,
    inventory_amount,
    tenant_id,
    inbound_shipment_id
from stock
where list_contains(enabled_types, 'stock_out_before_inbound')
