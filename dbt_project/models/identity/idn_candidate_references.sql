-- For each reference that named no shipment: those it may have meant, each with a score and its reasons in words.
-- Only shipments of the tenant that were under way when it was said of, at most five, the likeliest first; a person
-- decides. The score (0 to 1) weighs how alike the two numbers are written (Jaro-Winkler similarity, Winkler 1990)
-- with what else agrees; it ranks, and never decides.
with unmatched as (
    select
        events.tenant_id,
        events.reference_type,
        events.reference_key,
        events.carrier_id,
        min(events.occurred_about) as first_told_of,
        max(events.occurred_about) as last_told_of
    from {{ ref('idn_event_references') }} as events
    inner join {{ ref('idn_milestone_references') }} as refs
        on events.tenant_id = refs.tenant_id and events.event_id = refs.event_id
    where refs.shipment_id is null and refs.match_status != 'ignored' and events.reference_key != ''
    group by all
),

compared as (
    select
        unmatched.*,
        names.shipment_id,
        names.reference_type as named_as,
        jaro_winkler_similarity(unmatched.reference_key, names.reference_key) as likeness,
        damerau_levenshtein(unmatched.reference_key, names.reference_key) as edits,
        unmatched.carrier_id is not null and unmatched.carrier_id = names.carrier_id as is_same_carrier,
        unmatched.carrier_id is null as is_carrier_unsaid,
        unmatched.reference_type = names.reference_type as is_same_type,
        unmatched.last_told_of between names.valid_from and names.valid_until as is_in_time
    from unmatched
    inner join {{ ref('idn_shipment_references') }} as names
        on unmatched.tenant_id = names.tenant_id
    -- a number so short that two strokes make another says nothing by its likeness
    where
        unmatched.reference_key = names.reference_key
        or (
            least(length(unmatched.reference_key), length(names.reference_key)) >= 5
            and (
                left(unmatched.reference_key, 2) = left(names.reference_key, 2)
                or right(unmatched.reference_key, 4) = right(names.reference_key, 4)
            )
            and jaro_winkler_similarity(unmatched.reference_key, names.reference_key) >= 0.9
        )
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
    where is_in_time or edits = 0
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
