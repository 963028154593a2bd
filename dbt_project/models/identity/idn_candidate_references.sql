-- For each reference that named no shipment: those it may have meant, each with a score and its reasons in words.
-- Only shipments of the tenant that were under way when it was said of, at most five, the likeliest first; a person
-- decides. The score (0 to 1) weighs how alike the two numbers are written (Jaro-Winkler similarity, Winkler 1990)
-- with what else agrees; it ranks, and never decides.
with unmatched as (
    select
        tenant_id,
        reference_type,
        reference_key,
        carrier_id,
        min(occurred_about) as first_told_of,
        max(occurred_about) as last_told_of
    from {{ ref('idn_events_of_no_shipment') }}
    where match_status != 'ignored' and reference_key != ''
    group by all
),

-- A slip leaves the head or the tail of a number whole, a little less than half of it; only those that share one are
-- compared. A number so short that two strokes make another says nothing by its likeness.
asked as (
    select
        *,
        cast(floor((length(reference_key) - 1) / 2) as integer) as width
    from unmatched
    where length(reference_key) >= 5
),

widths as (
    select distinct
        tenant_id,
        width
    from asked
),

named as (
    select
        names.*,
        widths.width
    from {{ ref('idn_shipment_references') }} as names
    inner join widths
        on names.tenant_id = widths.tenant_id
    where length(names.reference_key) >= 5
),

{%- for end in ['left', 'right'] %}

by_{{ end }} as (
    select
        asked.* exclude (width),
        named.shipment_id,
        named.carrier_id as named_carrier_id,
        named.reference_type as named_as,
        named.reference_key as named_key,
        true as is_in_time
    from asked
    inner join named
        on
            asked.tenant_id = named.tenant_id
            and asked.width = named.width
            and {{ end }}(asked.reference_key, asked.width) = {{ end }}(named.reference_key, named.width)
    where
        asked.reference_key != named.reference_key
        and asked.last_told_of between named.valid_from and named.valid_until
        and jaro_winkler_similarity(asked.reference_key, named.reference_key) >= 0.9
),
{%- endfor %}

the_same as (
    select
        unmatched.*,
        names.shipment_id,
        names.carrier_id as named_carrier_id,
        names.reference_type as named_as,
        names.reference_key as named_key,
        unmatched.last_told_of between names.valid_from and names.valid_until as is_in_time
    from unmatched
    inner join {{ ref('idn_shipment_references') }} as names
        on unmatched.tenant_id = names.tenant_id and unmatched.reference_key = names.reference_key
),

found as (
    select * from by_left
    union
    select * from by_right
    union
    select * from the_same
),

compared as (
    select
        *,
        jaro_winkler_similarity(reference_key, named_key) as likeness,
        damerau_levenshtein(reference_key, named_key) as edits,
        carrier_id is not null and carrier_id = named_carrier_id as is_same_carrier,
        carrier_id is null as is_carrier_unsaid,
        reference_type = named_as as is_same_type
    from found
),

scored as (
    select
        *,
        round(
            0.6 * likeness
            + case when is_same_carrier then 0.2 when is_carrier_unsaid then 0.1 else 0 end
            + case when is_in_time then 0.15 else 0 end
            + case when is_same_type then 0.05 else 0 end,
            3
        ) as score
    from compared
),

ranked as (
    select *
    from scored
    qualify row_number() over (
        partition by tenant_id, reference_type, reference_key, carrier_id, shipment_id
        order by score desc, named_as asc
    ) = 1
)

select
    tenant_id,
    reference_type,
    reference_key,
    carrier_id,
    shipment_id,
    score,
    list_filter([
        case edits when 0 then 'the same number' when 1 then 'one sign differs' else edits || ' signs differ' end,
        case when is_same_carrier then 'the same carrier' when not is_carrier_unsaid then 'another carrier' end,
        case when is_in_time then 'under way at that time' else 'not under way at that time' end,
        case when not is_same_type then 'it is that shipment''s ' || named_as end
    ], lambda reason: reason is not null) as reasons,
    row_number() over (
        partition by tenant_id, reference_type, reference_key, carrier_id
        order by score desc, shipment_id asc
    ) as place
from ranked
qualify place <= 5
