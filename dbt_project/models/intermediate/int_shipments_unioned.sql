{{ touched('shipments') }}
-- Columns a source does not have are null; `union all by name` fills them.
select
    *,
    false as is_cancelled,
    promised_at as planned_arrival_at
from {{ ref('int_scms_shipments') }}
union all by name
select
    *,
    false as is_cancelled,
    promised_at as planned_arrival_at
from {{ ref('int_c2k_shipments') }}
union all by name
select * exclude (order_id)
from {{ ref('int_network_shipments') }}
