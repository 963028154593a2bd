"""What is noted of what was loaded since everything was built, and when the next build has to be of everything."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from orchestration import places
from orchestration.changes import Changes, versions
from orchestration.places import OneFile
from orchestration.touched import FEW_ROWS, Step
from orchestration.warehouse import Warehouse

COLUMNS = {
    "network__thing": "_tenant_id varchar, _file_sha256 varchar, _row_number bigint, _row_sha256 varchar",
}
DIGEST = "these models and settings"


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """A warehouse of which everything is built."""
    made = Warehouse(OneFile(tmp_path / "warehouse.duckdb"))
    made.prepare(COLUMNS)
    made.replace_told("tenant_clocks", [{"tenant_id": "demo", "as_of": datetime(2026, 9, 1, 6, tzinfo=UTC)}])
    made.begin_build()
    made.end_build(DIGEST)
    return made


def rows(file: str, *hashes: str) -> dict[str, pa.Table]:
    """The rows of one file, by their hashes."""
    told = [
        {"_tenant_id": "demo", "_file_sha256": file, "_row_number": number, "_row_sha256": sha256}
        for number, sha256 in enumerate(hashes)
    ]
    return {file: pa.Table.from_pylist(told)}


def changed(warehouse: Warehouse) -> list[str]:
    return [row["file_sha256"] for row in warehouse.read("from raw.changed_files order by all").to_pylist()]


def test_a_file_is_noted_until_what_follows_from_it_is_built(warehouse: Warehouse) -> None:
    assert changed(warehouse) == [] and warehouse.is_built_from(DIGEST)
    warehouse.load_files("network__thing", rows("a", "1", "2"), "demo")
    warehouse.load_row("network__thing", rows("b", "3")["b"], "demo", "b", 0)
    assert changed(warehouse) == ["a", "b"] and warehouse.is_built_from(DIGEST)
    warehouse.begin_build()
    assert not warehouse.is_built_from(DIGEST)  # broken off here, the next is of everything
    assert changed(warehouse) == ["a", "b"]
    warehouse.end_build(DIGEST)
    assert changed(warehouse) == [] and warehouse.is_built_from(DIGEST)
    clocks = warehouse.read("from raw.built_clocks").to_pylist()
    assert [clock["as_of"] for clock in clocks] == [datetime(2026, 9, 1, 6, tzinfo=UTC)]


def test_what_follows_from_a_build_knows_whether_it_was_of_what_was_touched_alone(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    assert not warehouse.is_built_short()
    warehouse.end_build(DIGEST, is_short=True)
    assert warehouse.is_built_short() and warehouse.is_built_from(DIGEST)
    warehouse.begin_build()
    assert not warehouse.is_built_short()
    warehouse.end_build(DIGEST)
    assert not warehouse.is_built_short() and warehouse.is_built_from(DIGEST)
    older = Warehouse(OneFile(tmp_path / "older.duckdb"))
    with older.transaction() as connection:  # as a release before this one laid it
        connection.execute("create schema raw")
        connection.execute("create table raw.built_from as select ? as digest", [DIGEST])
    older.prepare(COLUMNS)
    assert older.is_built_from(DIGEST) and not older.is_built_short()


def test_other_models_or_settings_make_the_next_build_one_of_everything(warehouse: Warehouse) -> None:
    assert not warehouse.is_built_from("other models, or settings")


def test_rows_that_are_taken_out_make_the_next_build_one_of_everything(warehouse: Warehouse) -> None:
    warehouse.load_files("network__thing", rows("a", "1", "2"), "demo")
    assert warehouse.is_built_from(DIGEST)
    warehouse.load_files("network__thing", rows("a", "1"), "demo")  # the file again, with a row less
    assert not warehouse.is_built_from(DIGEST)
    warehouse.end_build(DIGEST)
    warehouse.forget_files("network__thing", ["a"], "demo")
    assert not warehouse.is_built_from(DIGEST)
    warehouse.end_build(DIGEST)
    warehouse.empty(COLUMNS)
    assert not warehouse.is_built_from(DIGEST)


def test_a_warehouse_that_never_built_anything_can_be_emptied(tmp_path: Path) -> None:
    made = Warehouse(OneFile(tmp_path / "new.duckdb"))
    made.empty(COLUMNS)
    made.load_files("network__thing", rows("a", "1"), "demo")
    assert changed(made) == ["a"] and not made.is_built_from(DIGEST)


def notes(warehouse: Warehouse, told: list[str], *built: tuple[str, bool]) -> Changes:
    """Be a short run that builds these steps, each with whether its table is another than it was."""
    with warehouse.transaction() as connection:
        changes = Changes(connection, told)
        for step, is_other in built:
            changes.built(step, is_other)
        changes.note()
        return changes


def since(warehouse: Warehouse, step: str, *tables: str, told: tuple[str, ...] = ()) -> bool:
    with warehouse.connect() as connection:
        return Changes(connection, told).since(step, tables)


def test_a_step_is_built_again_when_what_it_reads_was_changed_after_it(warehouse: Warehouse) -> None:
    assert since(warehouse, "marts.a", "marts.b")  # it never was
    notes(warehouse, [], ("marts.b", True), ("marts.a", True))
    assert not since(warehouse, "marts.a", "marts.b")
    notes(warehouse, [], ("marts.b", False))
    assert not since(warehouse, "marts.a", "marts.b")
    notes(
        warehouse, [], ("marts.b", True)
    )  # a run that did not come to the other step, or was of other models
    notes(warehouse, [])
    assert since(warehouse, "marts.a", "marts.b") and not since(warehouse, "marts.a", "marts.c")
    notes(warehouse, [], ("marts.a", False))
    assert not since(warehouse, "marts.a", "marts.b")


def test_a_feed_is_changed_by_its_files_and_a_told_table_by_whatever_it_holds(warehouse: Warehouse) -> None:
    clocks = "raw.tenant_clocks"
    notes(warehouse, [clocks], ("marts.a", True))
    assert not since(warehouse, "marts.a", "raw.network__thing", clocks, told=(clocks,))
    warehouse.load_files("network__thing", rows("a", "1"), "demo")
    assert since(warehouse, "marts.a", "raw.network__thing") and not since(warehouse, "marts.a", "raw.other")
    with warehouse.connect() as connection:
        connection.execute("update raw.tenant_clocks set as_of = as_of + interval 1 second")
    assert since(warehouse, "marts.a", clocks, told=(clocks,))
    with warehouse.connect() as connection:
        connection.execute("delete from raw.tenant_clocks")
    assert since(warehouse, "marts.a", clocks, told=(clocks,))


def test_of_one_number_there_is_one_content(warehouse: Warehouse) -> None:
    def numbers() -> dict[str, int]:
        with warehouse.connect() as connection:
            return versions(connection, ["marts.a", "marts.b"])

    assert numbers() == {}
    notes(warehouse, [])
    begun = numbers()
    assert set(begun) == {"marts.a", "marts.b"}
    notes(warehouse, [], ("marts.a", True), ("marts.b", False))
    assert numbers()["marts.a"] > begun["marts.a"] and numbers()["marts.b"] == begun["marts.b"]
    with warehouse.connect() as connection:
        connection.execute("delete from raw.built_steps")  # as a build by dbt begins
    assert numbers() == {}
    notes(warehouse, [])
    assert not set(numbers().values()) & {*begun.values(), begun["marts.a"] + 1}


def test_a_told_table_that_holds_the_same_is_left_alone(warehouse: Warehouse) -> None:
    def snapshot() -> list[int]:
        return warehouse.read("select rowid from raw.tenant_clocks").column(0).to_pylist()

    told = [{"tenant_id": "demo", "as_of": datetime(2026, 9, 1, 6, tzinfo=UTC)}]
    before = snapshot()
    warehouse.replace_told("tenant_clocks", told)
    assert snapshot() == before
    warehouse.replace_told("tenant_clocks", [*told, {"tenant_id": "health", "as_of": told[0]["as_of"]}])
    assert len(snapshot()) == 2


FEW = "select * from (values (1, 'a'), (1, 'a'), (2, null), (3, 'c')) as t (number, text)"
MANY = f"select number, 'text ' || number as text from range({FEW_ROWS + 5}) as t (number)"


@pytest.mark.parametrize(
    ("stands", "made", "is_other"),
    [
        (FEW, f"select * from ({FEW}) order by number desc", False),  # rows have no order
        (FEW, FEW.replace("(1, 'a'), (1, 'a')", "(1, 'a')"), True),
        (FEW, FEW.replace("(1, 'a'), (1, 'a')", "(1, 'a'), (3, 'c')"), True),  # as many, of the same ones
        (FEW, FEW.replace("null", "''"), True),
        (FEW, f"{FEW} where false", True),
        (f"{FEW} where false", f"{FEW} where false", False),
        (MANY, f"{MANY} order by number desc", False),
        (MANY, f"select if(number = 7, 8, number) as number, text from ({MANY})", True),
    ],
)
def test_a_table_made_whole_is_another_where_a_row_is(
    warehouse: Warehouse, stands: str, made: str, is_other: bool
) -> None:
    step = Step("model.thing", "thing", "raw", None, made, frozenset())
    with warehouse.transaction() as connection:
        connection.execute(f"create table raw.thing as {stands}")
        expected = sorted(connection.execute(made).fetchall(), key=str)
        assert step.run(connection) == (len(expected), is_other)
        assert sorted(connection.execute("from raw.thing").fetchall(), key=str) == expected


def test_short_questions_are_answered_by_one_thread_and_of_long_tables_by_all(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def threads() -> int:
        return int(warehouse.read("select current_setting('threads') as n").to_pylist()[0]["n"])

    with warehouse.lock():
        with warehouse.connect() as connection:
            connection.execute("create table raw.thing as from range(10)")
        every = threads()
        with pytest.raises(ZeroDivisionError), warehouse.short_questions():
            assert threads() == 1
            _broken = 1 / 0
        assert threads() == every
        monkeypatch.setattr(places, "LONG_ROWS", 9)
        with warehouse.short_questions():
            assert threads() == every
