{{ config(materialized='view') }}
-- a view: one model reads it, and of a long feed only the orders it asks for
-- What warehouses (X12 945) and suppliers (X12 856) say they shipped, line by line; known by the tenant's clock.
with told as (
    select
        _tenant_id as tenant_id,
        'x12_945' as feed,
        message_id,
        sender_id,
        upper(trim(depositor_order_no)) as order_id,
        {{ notice_key('x12_945') }} as notice_key,
        '00' as purpose_code,
        item_ids,
        shipped_quantity,
        quantity_unit,
        _recorded_at,
        _file_sha256,
        _row_number
    from ({{ known_as_of(source('partner', 'x12_945')) }}) as feed
    union all
    select
        _tenant_id,
        'x12_856',
        message_id,
        sender_id,
        upper(trim(purchase_order_no)),
        {{ notice_key('x12_856') }},
        purpose_code,
        item_ids,
        shipped_quantity,
        shipped_unit,
        _recorded_at,
        _file_sha256,
        _row_number
    from ({{ known_as_of(source('partner', 'x12_856')) }}) as feed
),

-- a newer message about a shipment stands for those before it; one that names no shipment stands for itself
newest as (
    select
        *,
        first_value(message_id) over (
            partition by
                tenant_id,
                feed,
                sender_id,
                notice_key,
                case when feed = 'x12_945' then order_id end
            order by _recorded_at desc, message_id desc
        ) as newest_message_id
    from told
)

select
    tenant_id,
    feed,
    message_id,
    sender_id,
    order_id,
    list_transform(try(from_json(item_ids, '[["VARCHAR"]]')), lambda pair: upper(trim(pair[2]))) as item_ids,
    cast(shipped_quantity as double) as shipped_quantity,
    quantity_unit,
    _recorded_at as recorded_at,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from newest
where message_id = newest_message_id and purpose_code != '01' and order_id is not null
