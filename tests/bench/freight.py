"""A freight network of any size in the raw tables, made by DuckDB itself: ten milestones to a shipment.

Some years of shipments, one order of one line each, half of them under a commitment of the CRM. The latest are still
under way. Every shipment is told of by its PRO number: five events planned, and the actuals.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

TENANT, AS_OF = "demo", "2026-09-01 06:00:00+00"
#: When the shipment of a number was to leave; and the number's own small chances, spread by a prime.
LEAVES = f"timestamptz '{AS_OF}' - to_seconds((1 - n / ?) * 31536000 * ?) + interval '3 days'"
COLUMNS = "_tenant_id, _file_sha256, _row_number, _row_sha256, _recorded_at, _loader_version"


def meta(row: str, recorded: str) -> str:
    """What the loader says of a row: a file of fifty thousand."""
    return f"'{TENANT}', md5((({row}) // 50000)::varchar), {row}, md5(({row})::varchar), {recorded}, 'bench'"


def fill(connection: duckdb.DuckDBPyConnection, shipments: int, years: float = 2) -> None:
    """Put a network of so many shipments, and ten times as many milestones, into the empty raw tables."""
    connection.execute(f"insert into raw.tenant_clocks values ('{TENANT}', '{AS_OF}')")
    connection.execute(f"""
        insert into raw.tenant_tariffs
        values ('{TENANT}', 'USD', 400, 2000, 'per_shipment', 0, 0, 0.1, 0.1, 0.05, 0, 'silver', 12000, 'We assume.')
    """)
    at = f"timestamptz '{AS_OF}' - interval '30 years'"
    for table, names, values, count in (
        ("facility", "facility_code, facility_name, facility_type, un_locode, latitude, longitude, country_code, "
         "time_zone, exported_at, city, region_code",
         "'FAC-' || n, 'Facility ' || n, case when n % 10 = 0 then 'hub' else 'plant' end, null, n % 120 - 60, "
         f"n % 340 - 170, 'US', 'America/Chicago', {at}, 'Town ' || n, 'IL'", 200),
        ("carrier", "carrier_scac, carrier_name, mode, contact_email, exported_at",
         f"'CA' || chr(65 + n::int) || 'R', 'Carrier ' || n, 'road', 'c@example.com', {at}", 20),
        ("customer", "customer_id, erp_customer_no, customer_name, customer_tier, contact_email, portal_url, "
         "exported_at", "'CUST-' || n, 'C' || (1000000 + n), 'Customer ' || n, "
         f"case n % 3 when 0 then 'gold' when 1 then 'silver' else 'bronze' end, 'x@example.com', null, {at}", 500),
    ):  # fmt: skip
        connection.execute(
            f"insert into raw.network__{table} ({names}, {COLUMNS}) "
            f"select {values}, {meta('n', at)} from range({count}) as made(n)"
        )
    _fill_bookings(connection, shipments, years)
    tell(connection)


def _fill_bookings(connection: duckdb.DuckDBPyConnection, shipments: int, years: float) -> None:
    connection.execute(
        f"""
        create temp table booked as
        select
            n, {LEAVES} as leaves_at, to_hours(24 + (n * 7919 % 96)::int) as takes,
            'SH-' || (10000000 + n) as shipment_no, 'SO-' || (10000000 + n) as order_no,
            'C' || (1000000 + n * 31 % 500) as customer_ref, 'CA' || chr(65 + (n * 17 % 20)::int) || 'R' as scac,
            'FAC-' || (n * 13 % 200) as origin, 'FAC-' || ((n * 13 + 1 + n * 29 % 199) % 200) as destination,
            'FAC-' || (n * 7 % 20 * 10) as hub, (700000000 + n)::varchar as pro
        from range(?) as made(n)
        """,
        [shipments, years, shipments],
    )
    booked = meta("n", "leaves_at - interval '5 days'")
    for table, names, values in (
        ("shipment", "shipment_no, order_no, customer_ref, carrier_scac, pro_number, mode, service_level, origin_code, "
         "destination_code, planned_departure_at, planned_arrival_at, required_documents, status, exported_at",
         "shipment_no, order_no, customer_ref, scac, pro, 'road', 'standard', origin, destination, leaves_at, "
         "leaves_at + takes, '', 'booked', leaves_at - interval '5 days'"),
        ("order", "order_no, order_line, customer_ref, sku, quantity, unit_price, currency_code, "
         "requested_delivery_at, promised_delivery_at, ordered_at, exported_at",
         "order_no, 1, customer_ref, 'SKU-' || (n % 1000), n % 50 + 1, 20 + n % 400, 'USD', leaves_at + takes, "
         "leaves_at + takes, leaves_at - interval '9 days', leaves_at - interval '5 days'"),
        ("commitment", "commitment_id, customer_ref, customer_name, customer_tier, order_no, promised_at, "
         "penalty_per_day, penalty_cap, currency_code, contact_email, exported_at",
         "'CM-' || n, 'CUST-' || (n * 31 % 500), 'Customer', 'gold', order_no, leaves_at + takes, 300, 1500, 'USD', "
         "'x@example.com', leaves_at - interval '5 days'"),
    ):  # fmt: skip
        wanted = "where n % 2 = 0" if table == "commitment" else ""
        connection.execute(
            f'insert into raw."network__{table}" ({names}, {COLUMNS}) '
            f"select {values}, {booked} from booked {wanted}"
        )


STEPS = """
    select booked.*, unnest([
        {'step': 1, 'code': 'DEPA', 'place': origin, 'share': 0.0},
        {'step': 2, 'code': 'ARRI', 'place': hub, 'share': 0.4},
        {'step': 3, 'code': 'DEPA', 'place': hub, 'share': 0.5},
        {'step': 4, 'code': 'ARRI', 'place': destination, 'share': 0.95},
        {'step': 5, 'code': 'DELIVERED', 'place': destination, 'share': 1.0}
    ]) as to_do
    from booked
"""
TIMED = f"""
    select
        *, leaves_at + to_seconds(epoch(takes) * to_do.share) as planned_at,
        to_minutes((n * 104729 % 1200)::int) * to_do.share as slip
    from ({STEPS})
"""
TOLD = (
    "event_id, carrier_scac, reference, reference_type, event_code, classifier, location_code, occurred_at, "
    "reported_at"
)


def tell(connection: duckdb.DuckDBPyConnection) -> None:
    """Tell the milestones of every shipment: what lies before the clock is actual, once."""
    connection.execute(f"""
        insert into raw.network__milestone ({TOLD}, {COLUMNS})
        with told as (
            select
                *, 'planned' as classifier, planned_at as occurred_at, leaves_at - interval '4 days' as known_at
            from ({TIMED})
            union all
            select *, 'actual', planned_at + slip, planned_at + slip + interval '20 minutes' from ({TIMED})
            where planned_at + slip + interval '20 minutes' < timestamptz '{AS_OF}'
        )
        select
            pro || '-' || classifier[1] || to_do.step, scac, pro, 'PRO', to_do.code, classifier, to_do.place,
            occurred_at, known_at, '{TENANT}', md5((n // 5000)::varchar),
            n * 10 + to_do.step + 5 * (classifier = 'actual')::int,
            md5(pro || classifier || to_do.step), known_at, 'bench'
        from told
    """)


def news(connection: duckdb.DuckDBPyConnection, count: int, hours: int, before: int) -> pa.Table:
    """Return so many events of some hours after the clock, `before` times as many hours on, as loaded rows.

    What happened in them comes first, then estimates for what is under way, by turns.
    """
    since = f"timestamptz '{AS_OF}' + interval '{hours * before} hours'"
    until = f"timestamptz '{AS_OF}' + interval '{hours * (before + 1)} hours'"
    return connection.execute(
        f"""
        with happened as (
            select *, 'actual' as classifier, planned_at + slip as occurred_at, 0 as turn
            from ({TIMED})
            where
                planned_at + slip + interval '20 minutes' >= {since}
                and planned_at + slip + interval '20 minutes' < {until}
        ),
        expected as (
            select
                timed.* replace ({{'step': 9, 'code': 'ETA', 'place': destination, 'share': 1.0}} as to_do),
                'estimated', planned_at + slip + to_minutes(turn::int), turn
            from ({TIMED}) as timed, range(1, 100) as turns(turn)
            where
                to_do.step = 5 and planned_at + slip > {until}
                and leaves_at < timestamptz '{AS_OF}' + interval '3 days'
        )
        select
            pro || '-' || classifier[1] || to_do.step || '-' || {before} || '-' || turn as event_id,
            scac as carrier_scac, pro as reference, 'PRO' as reference_type, to_do.code as event_code, classifier,
            to_do.place as location_code, occurred_at, {until} - interval '1 minute' as reported_at,
            '{TENANT}' as _tenant_id, 'news-{before}' as _file_sha256,
            row_number() over (order by turn, n, to_do.step) as _row_number,
            md5(pro || classifier || to_do.step || '-' || turn || 'news-{before}') as _row_sha256,
            {until} - interval '1 minute' as _recorded_at, 'bench' as _loader_version
        from (from happened union all from expected)
        order by turn, n, to_do.step
        limit ?
    """,
        [count],
    ).to_arrow_table()
