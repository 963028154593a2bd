-- What the master data said of each party, and from when until when it said so: a snapshot that a rebuild makes again,
-- for it is taken from the rows as they came. Said again in the same words, or out of order, it is one version.
with told as (
    select
        _tenant_id as tenant_id,
        customer_id as party_id,
        'customer' as party_role,
        customer_name as party_name,
        customer_tier,
        contact_email,
        _recorded_at,
        _file_sha256,
        _row_number,
        _row_sha256
    from ({{ known_as_of(source('network', 'customer')) }})
    union all
    select
        _tenant_id, carrier_scac, 'carrier', carrier_name, null, contact_email,
        _recorded_at, _file_sha256, _row_number, _row_sha256
    from ({{ known_as_of(source('network', 'carrier')) }})
),

-- of what was recorded at one moment, what dim_parties takes
at_each_moment as (
    select *
    from told
    qualify row_number() over (
        partition by tenant_id, party_role, party_id, _recorded_at
        order by _row_number desc, _row_sha256 desc
    ) = 1
),

followed as (
    select
        *,
        row_number() over in_time as place,
        lag(party_name) over in_time as party_name_before,
        lag(customer_tier) over in_time as customer_tier_before,
        lag(contact_email) over in_time as contact_email_before
    from at_each_moment
    window in_time as (partition by tenant_id, party_role, party_id order by _recorded_at)
),

changed as (
    select *
    from followed
    where
        place = 1
        or party_name is distinct from party_name_before
        or customer_tier is distinct from customer_tier_before
        or contact_email is distinct from contact_email_before
)

select
    tenant_id,
    party_id,
    party_role,
    party_name,
    customer_tier,
    contact_email,
    _recorded_at as valid_from,
    lead(_recorded_at) over in_time as valid_until,
    lead(_recorded_at) over in_time is null as is_current,
    _file_sha256 as source_file_sha256,
    _row_number as source_row_number
from changed
window in_time as (partition by tenant_id, party_role, party_id order by _recorded_at)
