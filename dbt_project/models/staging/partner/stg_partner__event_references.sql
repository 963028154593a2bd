{{ touched('rows', read='events', key='event_id', rows_of='stg_partner__events') }}
-- What partners call the shipment they speak of: one row per event and reference, in comparable form. Our readers write
-- a list of pairs; of another text, as a mapping may take it from any column, nothing is known.
with named as (
    select
        tenant_id,
        event_id,
        carrier_id,
        coalesce(occurred_at, occurred_local at time zone 'UTC') as occurred_about,
        unnest(
            coalesce(try(from_json(shipment_references, '[["VARCHAR"]]')), [])
            || case when equipment_no is not null then [['equipment', equipment_no]] else [] end
        ) as pair
    from {{ ref('stg_partner__events') }}
),

typed as (
    select
        named.tenant_id,
        named.event_id,
        named.carrier_id,
        named.occurred_about,
        named.pair[1] as qualifier,
        named.pair[2] as reference,
        coalesce(kinds.reference_type, 'OTHER') as reference_type
    from named
    left join {{ ref('reference_qualifiers') }} as kinds
        on named.pair[1] = kinds.qualifier
)

select
    *,
    {{ normalise_reference('reference_type', 'reference') }} as reference_key
from typed
