{{ touched('shipments') }}
-- what was called off owes no papers, whatever is told of it afterwards
with required as (
    select
        tenant_id,
        shipment_id,
        unnest(list_distinct(list_filter(required_documents, lambda d: d != ''))) as document_type
    from {{ ref('int_network_shipments') }}
    where not is_cancelled
),

taken_in as (
    select
        tenant_id,
        shipment_id,
        document_type,
        arg_max(status, (received_at, document_id)) as status,
        arg_max(received_at, (received_at, document_id)) as received_at,
        arg_max(source_file_sha256, (received_at, document_id)) as source_file_sha256,
        arg_max(source_row_number, (received_at, document_id)) as source_row_number
    from {{ ref('stg_network__documents') }}
    group by tenant_id, shipment_id, document_type
),

documents as (
    select
        coalesce(required.tenant_id, taken_in.tenant_id) as tenant_id,
        coalesce(required.shipment_id, taken_in.shipment_id) as shipment_id,
        coalesce(required.document_type, taken_in.document_type) as document_type,
        required.shipment_id is not null as is_required,
        coalesce(taken_in.status, 'missing') as status,
        taken_in.received_at,
        taken_in.source_file_sha256,
        taken_in.source_row_number
    from required
    full outer join taken_in
        on
            required.tenant_id = taken_in.tenant_id
            and required.shipment_id = taken_in.shipment_id
            and required.document_type = taken_in.document_type
)

select
    documents.tenant_id,
    documents.shipment_id || ':' || documents.document_type as document_key,
    documents.shipment_id,
    documents.document_type,
    documents.is_required,
    documents.status,
    documents.received_at,
    -- Papers of the journey are needed before it ends, the notice of what was shipped once it has left too; the proof
    -- of delivery after it has ended.
    case
        when documents.document_type = 'POD'
            then
                {{ hours_after('shipments.delivered_at', 'settings.pod_missing_hours_after_delivery') }}
        when documents.document_type = 'ASN'
            then least(
                shipments.departed_at,
                {{ hours_after(
                    'shipments.planned_arrival_at', '-settings.trade_document_missing_hours_before_needed'
                ) }}
            )
        else
            {{ hours_after('shipments.planned_arrival_at', '-settings.trade_document_missing_hours_before_needed') }}
    end as needed_by_at,
    documents.source_file_sha256,
    documents.source_row_number
from documents
inner join {{ ref('fct_shipments') }} as shipments
    on documents.tenant_id = shipments.tenant_id and documents.shipment_id = shipments.shipment_id
inner join {{ ref('int_tenant_settings') }} as settings
    on documents.tenant_id = settings.tenant_id
