-- Demurrage, rail storage and detention: three clocks of a container, each with its free days, its last free day and
-- what it costs. Days are the place's own; the day on which a clock stops still counts.
with clocks as (
    select
        started.*,
        settings.as_of,
        settings.currency_code
    from {{ ref('int_free_time_clocks') }} as started
    inner join {{ ref('int_tenant_settings') }} as settings
        on started.tenant_id = settings.tenant_id
),

-- Terms of the place and the carrier go before the place's, those before the carrier's, those before all others. They
-- come into force on a day, which the settings hold as the midnight of UTC: it begins by the clock of the place.
agreed as (
    select
        clocks.tenant_id,
        clocks.clock_id,
        terms.terms_name,
        terms.free_days,
        terms.starts,
        terms.free_days_are,
        terms.charged_days_are,
        from_json(terms.closed_on, '["DATE"]') as closed_on,
        from_json(terms.rates, '[{"from_day": "BIGINT", "per_day": "DOUBLE"}]') as rates
    from clocks
    inner join {{ ref('stg_settings__free_time_terms') }} as terms
        on clocks.tenant_id = terms.tenant_id and clocks.clock = terms.clock
    where
        coalesce(terms.facility_id = clocks.facility_id, terms.facility_id is null)
        and coalesce(terms.carrier_id = clocks.carrier_id, terms.carrier_id is null)
        and timezone(clocks.time_zone, clocks.started_at) >= timezone('UTC', terms.in_force_from)
        and (
            terms.in_force_until is null
            or timezone(clocks.time_zone, clocks.started_at) < timezone('UTC', terms.in_force_until)
        )
    qualify row_number() over (
        partition by clocks.tenant_id, clocks.clock_id
        order by terms.facility_id is not null desc, terms.carrier_id is not null desc, terms.terms_name asc
    ) = 1
),

counted as (
    select
        clocks.*,
        agreed.* exclude (tenant_id, clock_id),
        cast(timezone(clocks.time_zone, clocks.started_at) as date)
        + case when agreed.starts = 'same_day' then 0 else 1 end as first_day,
        cast(timezone(clocks.time_zone, coalesce(clocks.ended_at, clocks.as_of)) as date) as until_day
    from clocks
    left join agreed
        on clocks.tenant_id = agreed.tenant_id and clocks.clock_id = agreed.clock_id
),

-- as many days as it may take to find the last free one, and a week beyond today
listed as (
    select
        *,
        unnest(range(0, greatest(0, until_day - first_day) + 2 * free_days + len(closed_on) + 15)) as day_number
    from counted
    where terms_name is not null
),

dated as (
    select
        *,
        first_day + cast(day_number as integer) as day
    from listed
),

days as (
    select
        tenant_id,
        clock_id,
        free_days,
        rates,
        until_day,
        day,
        free_days_are = 'calendar'
        or (isodow(day) < 6 and not list_contains(closed_on, day)) as is_counted_free,
        charged_days_are = 'calendar'
        or (isodow(day) < 6 and not list_contains(closed_on, day)) as is_counted_charged
    from dated
),

numbered as (
    select
        *,
        sum(case when is_counted_free then 1 else 0 end) over (
            partition by tenant_id, clock_id order by day
        ) as free_number
    from days
),

-- what is not counted after the last free day is free as well where only working days are charged
charged as (
    select
        *,
        row_number() over (partition by tenant_id, clock_id order by day) as charged_number
    from numbered
    where is_counted_charged and (free_number > free_days or (free_number = free_days and not is_counted_free))
),

priced as (
    select
        *,
        struct_extract(list_last(list_filter(rates, lambda rate: rate.from_day <= charged_number)), 'per_day')
            as amount
    from charged
),

costs as (
    select
        tenant_id,
        clock_id,
        count(*) filter (where day <= until_day) as charged_days,
        coalesce({{ exact_sum('case when day <= until_day then amount end') }}, 0) as amount,
        coalesce({{ exact_sum('case when day = until_day + 1 then amount end') }}, 0) as tomorrow_amount,
        coalesce({{ exact_sum('case when day <= until_day + 7 then amount end') }}, 0) as in_a_week_amount
    from priced
    group by tenant_id, clock_id
),

last_days as (
    select
        tenant_id,
        clock_id,
        min(day) as last_free_day
    from numbered
    where free_number = free_days and is_counted_free
    group by tenant_id, clock_id
)

select
    counted.tenant_id,
    counted.clock_id,
    counted.shipment_id,
    counted.clock,
    counted.facility_id,
    counted.carrier_id,
    counted.started_at,
    counted.start_milestone_id,
    counted.ended_at,
    counted.end_milestone_id,
    counted.time_zone,
    counted.terms_name,
    counted.free_days,
    -- without a free day the last one is the one before the clock starts
    case
        when counted.free_days = 0 then cast(counted.first_day - 1 as date) else cast(last_days.last_free_day as date)
    end as last_free_day,
    coalesce(costs.charged_days, 0) as charged_days,
    {{ money('costs.amount') }} as amount,
    {{ money('case when counted.ended_at is null then costs.tomorrow_amount end') }} as tomorrow_amount,
    {{ money('case when counted.ended_at is null then costs.in_a_week_amount else costs.amount end') }}
        as in_a_week_amount,
    counted.currency_code,
    case
        when counted.terms_name is null then 'no_terms'
        when counted.ended_at is not null and costs.charged_days > 0 then 'charged'
        when counted.ended_at is not null then 'ended_free'
        when costs.charged_days > 0 then 'accruing'
        else 'free'
    end as clock_status,
    counted.source_file_sha256,
    counted.source_row_number
from counted
left join costs
    on counted.tenant_id = costs.tenant_id and counted.clock_id = costs.clock_id
left join last_days
    on counted.tenant_id = last_days.tenant_id and counted.clock_id = last_days.clock_id
