"""Whatever order messages reach us in, and however often: the same current view and the same open exceptions.

Each tenant of one warehouse is a copy of the same small world that is told the same partner's events in an order
of its own, some of them again. All are built at once; whatever is known of when we knew is left out of the
comparison, for that is what differs.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import small_world
from conftest import DECIDE, FACTS, Built, Dbt
from raw_tables import FEEDS, create_raw

from tests.faults.sizes import SEED, figure

TOLD_FROM, TOLD_FOR = small_world._ago("demo", 6), timedelta(hours=5)
#: What says when we knew, or which message said it first; everything else must be equal.
WHEN_WE_KNEW = {"recorded_at", "last_heard_at", "source_file_sha256", "source_row_number"}
#: The facts of an exception, each with its value; the file and row that said it first are left out.
FACTS_SAID = """
    list_sort(list_transform(
        from_json(evidence, '[{"fact_id": "VARCHAR", "value": "VARCHAR"}]'),
        lambda fact: fact.fact_id || '=' || coalesce(fact.value, '')
    ))
"""

pytestmark = pytest.mark.feeds


def event(number: int, code: str, hours_ago: float, sent_hours_ago: float, **others: Any) -> dict[str, Any]:
    """One event of a partner about the shipment of a number."""
    return {
        "event_id": f"m{sent_hours_ago}-{code}-{hours_ago}", "code_list": "x12_1650", "event_code": code,
        "carrier_scac": "AAAA", "shipment_references": f'[["B10-01", "000000000{number}"]]',
        "occurred_at": small_world._ago("demo", hours_ago), "location_code": "DC-1", "position": "x",
        "sent_at": small_world._ago("demo", sent_hours_ago), **others,
    }  # fmt: skip


EVENTS = [
    event(1, "AG", -100, 40.0),
    event(1, "AG", -120, 30.0),
    event(1, "AG", -98, 20.0),
    event(2, "AF", 200, 90.0, location_code="PL-1"),
    event(2, "X6", 100, 99.5),
    event(3, "AF", 230, 47.0, location_code="PL-1"),
    event(3, "AF", 228, 46.0, location_code="PL-1", is_withdrawn=True),
    event(4, "D1", 48, 31.0),
    event(4, "D1", 48, 29.0),
    event(5, "D1", 20, 10.0, occurred_at=None, occurred_local="2026-08-31T10:00:00"),
    event(5, "D1", 19, 9.0),
    event(5, "AF", -9000, 8.0, location_code="PL-1"),
    event(9, "AF", 10, 7.0),
    # left and came to a stop, told in whatever order
    event(1, "AF", 130, 36.0, location_code="PL-1"),
    event(1, "X1", 70, 33.0),
    # told, and taken back under the same id
    event(1, "X6", 60, 28.0, event_id="taken back"),
    event(1, "X6", 60, 27.0, event_id="taken back", is_withdrawn=True),
]


def orders(count: int) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Each tenant's number with its own order of the events, a quarter of them told again somewhere later."""
    chance = random.Random(SEED)
    for number in range(count):
        told = [*EVENTS, *chance.sample(EVENTS, len(EVENTS) // 4)]
        chance.shuffle(told)
        yield number, told


def told_rows(count: int) -> pa.Table:
    """The rows of all tenants' partner feed, recorded in the order they were told."""
    rows = []
    for number, told in orders(count):
        for place, said in enumerate(told):
            at = TOLD_FROM + TOLD_FOR * place / len(told)
            rows.append({**dict.fromkeys(("occurred_at", "occurred_local", "is_withdrawn")), **said,
                         "_tenant_id": f"t{number}", "_recorded_at": at, "_row_number": place,
                         "_file_sha256": "e" * 64, "_row_sha256": said["event_id"]})  # fmt: skip
    return pa.Table.from_pylist(rows)


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A warehouse in which every tenant was told the same in another order."""
    count = figure("permutations")
    path = tmp_path_factory.mktemp("shuffled") / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        create_raw(connection)
        small_world.fill(connection)
        for name in (*(f"raw.{feed}" for feed in FEEDS), "raw.tenant_clocks", "raw.tenant_tariffs"):
            _copy_demo(connection, name, count)
        connection.register("told", told_rows(count))
        connection.execute("insert into raw.partner__x12_214 by name select * from told")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEWAITER_WAREHOUSE", str(path))
        patch.setenv("DBT_TARGET_PATH", str(path.parent / "target"))
        patch.setenv("DBT_LOG_PATH", str(path.parent / "logs"))
        run = Dbt()
        quick = ("--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")
        return Built(
            path, {"facts": run("build", *FACTS[:2], *quick), "decide": run("build", *DECIDE[:2], *quick)}
        )


def _copy_demo(connection: duckdb.DuckDBPyConnection, table: str, count: int) -> None:
    """Give every tenant the demo tenant's rows of a table, and take the others' away."""
    tenant = "tenant_id" if table in ("raw.tenant_clocks", "raw.tenant_tariffs") else "_tenant_id"
    connection.execute(
        f"create or replace table {table} as select * replace ('t' || number as {tenant}) "
        f"from {table}, range(?) as numbers(number) where {tenant} = 'demo'",
        [count],
    )


@pytest.mark.parametrize("mart", ["fct_shipments", "fct_milestones", "fct_status_events", "fct_exceptions"])
def test_every_order_ends_in_the_same_view(shuffled: Built, mart: str) -> None:
    assert {status for run in shuffled.outcomes.values() for status in run.values()} <= {"success", "no-op"}
    columns = [
        name
        for (name,) in shuffled.rows(f"select column_name from (describe marts.{mart})")
        if name not in WHEN_WE_KNEW | {"tenant_id"} and not name.endswith("recorded_at")
    ]
    listed = ", ".join(FACTS_SAID if name == "evidence" else f'"{name}"' for name in columns)
    views = shuffled.rows(
        f"with told as (select tenant_id, cast(({listed}) as varchar) as line from marts.{mart}) "
        "select string_agg(line, chr(10) order by line) from told group by tenant_id"
    )
    seen = Counter(view for (view,) in views)
    assert sum(seen.values()) == figure("permutations")
    assert len(seen) == 1, difference(*list(seen)[:2])


def difference(one: str, other: str) -> str:
    """The lines that only one of two views has."""
    return "\n".join(sorted(set(one.splitlines()) ^ set(other.splitlines())))
