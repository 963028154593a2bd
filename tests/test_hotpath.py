"""The hot path: who does what waits, what a short run builds, and that its parts may be taken again as they are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from casework.ledger import FileKey, refuse, register
from casework.store.engine import migrate
from orchestration import automation, hotpath, publishing
from orchestration.assets.raw import raw_tables
from orchestration.automation import landing_sensor
from orchestration.errors import CodeChanged
from orchestration.instance import SHORT, forget_short_runs
from orchestration.loading import waiting_for
from orchestration.pipeline import Runs
from orchestration.resources import Platform
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse

NOW = datetime(2026, 9, 1, 6, tzinfo=UTC)


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    home = tmp_path / "var"
    home.mkdir()
    made = Platform(Settings(home=home, datasets=None, store_url=f"sqlite:///{home / 'operational.db'}"))
    migrate(made.engine)
    made.casework.bootstrap(NOW)
    made.warehouse.prepare(raw_tables(made))
    return made


def land(platform: Platform, feed: str = "milestone", content: str = "a") -> None:
    key = FileKey("demo", feed, content * 64)
    register(
        platform.engine, key, file_name=f"{feed}_{content}.jsonl", size_bytes=1, recorded_at=NOW, now=NOW
    )


def ask(platform: Platform, cursor: str | None = None) -> tuple[Any, str | None]:
    """Return what the landing sensor asks for, and its cursor after."""
    with dg.instance_for_test() as instance:
        context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={"platform": platform})
        return landing_sensor(context), context.cursor


def test_the_sensor_leaves_what_waits_to_a_hot_path_that_lives(platform: Platform) -> None:
    land(platform)
    with hotpath.alive(platform.settings):
        left, cursor = ask(platform)
        assert isinstance(left, dg.SkipReason) and "hot path" in str(left.skip_message)
    asked, _ = ask(platform, cursor)
    assert isinstance(asked, dg.RunRequest)


def test_the_sensor_takes_what_a_living_hot_path_did_not_do_for_long(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = [1_000_000.0]
    monkeypatch.setattr(automation.time, "time", lambda: moment[0])
    land(platform)
    with hotpath.alive(platform.settings):
        left, cursor = ask(platform)
        assert isinstance(left, dg.SkipReason)
        moment[0] += hotpath.PATIENCE.total_seconds() - 1
        left, cursor = ask(platform, cursor)
        assert isinstance(left, dg.SkipReason)
        land(platform, content="b")  # more came: its own time begins, for all of it
        left, cursor = ask(platform, cursor)
        assert isinstance(left, dg.SkipReason)
        moment[0] += hotpath.PATIENCE.total_seconds()
        asked, cursor = ask(platform, cursor)
        again, _ = ask(platform, cursor)
    assert isinstance(asked, dg.RunRequest) and isinstance(again, dg.RunRequest)
    assert asked.run_key != again.run_key


def test_what_waits_names_the_tables_it_is_for(platform: Platform) -> None:
    assert waiting_for(platform).tables == frozenset()
    land(platform)
    land(platform, "x12_214", "b")
    land(platform, "no_such_feed", "c")
    waiting = waiting_for(platform)
    assert (waiting.tables, len(waiting.keys)) == ({"network__milestone", "partner__x12_214"}, 2)


@pytest.fixture
def selected(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], set[str]]:
    """What a run for one raw table would build, as `layer/name`."""
    # Reading the definitions parses the dbt project into the home, and tells the process where that is.
    monkeypatch.setenv("TIDEWAITER_HOME", str(platform.settings.home))
    for name in ("TIDEWAITER_WAREHOUSE", "DBT_TARGET_PATH", "DBT_LOG_PATH"):
        monkeypatch.setenv(name, str(platform.settings.home / "elsewhere"))
    from orchestration.definitions import build

    runs = object.__new__(Runs)
    runs.platform = platform
    runs.job = build(platform=platform).resolve_job_def("pipeline")

    def of(table: str) -> set[str]:
        keys = runs._selected([table])
        assert keys is not None
        return {"/".join(key.path) for key in keys}

    return of


def tell_as_is(platform: Platform) -> None:
    for name, rows in publishing.settings_told(platform).items():
        platform.warehouse.replace_told(name, rows)


def test_a_short_run_builds_what_follows_from_what_arrived_and_nothing_else(
    platform: Platform, selected: Callable[[str], set[str]]
) -> None:
    tell_as_is(platform)
    found = selected("network__weather")
    assert {"raw/network__weather", "staging/stg_network__weather_alerts", "marts/fct_exceptions"} <= found
    assert {"raw/feed_arrivals", "published/marts", "casework/cases"} <= found
    assert not found & {"raw/network__milestone", "marts/fct_milestones", "staging/stg_scms__line_items"}
    assert {"marts/fct_milestones", "features/ftr_shipments", "ml/arrival_scores"} <= selected(
        "network__milestone"
    )


def test_a_feed_that_no_model_reads_still_has_its_build_recorded(
    platform: Platform, selected: Callable[[str], set[str]]
) -> None:
    tell_as_is(platform)
    found = selected("partner__x12_990")
    assert "intermediate/int_tenant_settings" in found  # the step that records a build
    assert "marts/fct_shipments" not in found


def test_settings_that_changed_are_followed_too(
    platform: Platform, selected: Callable[[str], set[str]]
) -> None:
    tell_as_is(platform)
    assert "intermediate/int_tenant_settings" in selected("network__weather")
    assert "marts/fct_shipments" not in selected("network__weather")
    platform.casework.set_clock("demo", platform.casework.clock_of("demo").as_of + timedelta(hours=1))
    found = selected("network__weather")
    assert {"marts/fct_exceptions", "features/ftr_shipments"} <= found
    assert "raw/network__milestone" not in found


def test_a_told_table_is_compared_row_by_row(platform: Platform) -> None:
    warehouse, told = platform.warehouse, publishing.settings_told(platform)
    tell_as_is(platform)
    assert all(warehouse.tells(name, rows) for name, rows in told.items())
    rules = told["exception_rules"]
    assert not warehouse.tells("exception_rules", rules[1:])
    assert not warehouse.tells("exception_rules", [*rules, rules[0]])
    assert not warehouse.tells("exception_rules", [{**rules[0], "value": 4711.0}, *rules[1:]])
    assert warehouse.tells("exception_rules", rules[::-1])


def test_a_table_of_an_older_release_gets_the_columns_it_lacks(tmp_path: Path) -> None:
    warehouse = Platform(Settings(home=tmp_path, datasets=None, store_url="sqlite://")).warehouse
    warehouse.prepare({"network__thing": '"a" VARCHAR'})
    with warehouse.connect() as connection:
        connection.execute("insert into raw.network__thing values ('kept')")
    warehouse.prepare({"network__thing": '"a" VARCHAR, "b" DOUBLE, "at" TIMESTAMP WITH TIME ZONE'})
    warehouse.prepare({"network__thing": '"a" VARCHAR, "b" DOUBLE, "at" TIMESTAMP WITH TIME ZONE'})
    assert warehouse.read("select * from raw.network__thing").to_pylist() == [
        {"a": "kept", "b": None, "at": None}
    ]


def test_the_warehouse_is_open_to_others_once_its_lock_is_given_back(platform: Platform) -> None:
    with platform.warehouse.lock():
        platform.warehouse.read("select 1")
        platform.warehouse.read("select 2")
        assert platform.warehouse._database is not None
    assert platform.warehouse._database is None
    with duckdb.connect(str(platform.settings.warehouse_path), config={"threads": 1}) as other:
        assert other.execute("select 1").fetchone() == (1,)


def test_a_process_whose_code_was_changed_builds_nothing_more(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, stop = hotpath.HotPath(platform), threading.Event()
    land(platform)
    monkeypatch.setattr(publishing, "sources_digest", lambda: "changed")
    monkeypatch.setattr(hotpath, "Runs", lambda _platform: pytest.fail("it began a run"))
    with pytest.raises(CodeChanged, match="Start it again"):
        own.carry()
    monkeypatch.setattr(own, "prepare", lambda: None)
    own.run_forever(stop, interval=0.01)  # ends by itself, and whoever keeps it alive starts it again
    assert not stop.is_set() and not hotpath.is_alive(platform.settings)


def test_a_file_that_is_moved_in_is_carried_with_the_next_look_however_young(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried = []

    class Run:
        def __init__(self, _platform: Platform) -> None:
            return None

        def carry(self, tables: Any) -> dict[str, float]:
            carried.append(len(waiting_for(platform).keys))
            return {}

    monkeypatch.setattr(hotpath, "Runs", Run)
    own, folder = hotpath.HotPath(platform), platform.settings.landing / "demo" / "milestone"
    folder.mkdir(parents=True)
    with own._moves.watching(platform.settings.landing):
        for name in (".unfinished", "written.jsonl"):
            (folder / name).write_text(f'{{"a": "{name}"}}\n')
        (folder / ".unfinished").rename(folder / "moved.jsonl")
        own._moves.wait(5)
        own.carry()
    assert carried == [1]


@pytest.fixture
def run(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Runs that settle what waits, and note it with whether the warehouse was given back before."""
    told: dict[str, Any] = {"carried": [], "given back": 0, "then": lambda: None}

    class Run:
        def __init__(self, _platform: Platform) -> None:
            return None

        def carry(self, tables: Any) -> dict[str, float]:
            keys = waiting_for(platform).keys
            told["carried"].append([key.rsplit("/", 1)[-1][0] for key in keys])
            for key in keys:
                refuse(platform.engine, FileKey(*key.split("/")), "settled", NOW)
            told["then"]()
            return {}

    give_back = Warehouse._give_back
    monkeypatch.setattr(hotpath, "LINGER_SECONDS", 1.0)
    monkeypatch.setattr(hotpath, "Runs", Run)
    monkeypatch.setattr(publishing, "is_current", lambda _platform: True)
    monkeypatch.setattr(
        Warehouse,
        "_give_back",
        lambda self: (told.update({"given back": told["given back"] + 1}), give_back(self)),
    )
    return told


def test_what_comes_later_is_carried_with_the_warehouse_still_open(
    platform: Platform, run: dict[str, Any]
) -> None:
    names = iter("bc")
    run["then"] = lambda: [land(platform, content=name) for name in [next(names, None)] if name]
    land(platform)
    own = hotpath.HotPath(platform)
    own.carry(threading.Event())
    assert (run["carried"], run["given back"]) == ([["a"], ["b"], ["c"]], 1)
    assert own.carry(threading.Event()) is None


def test_others_get_their_turn_however_much_comes(platform: Platform, run: dict[str, Any]) -> None:
    other, taken = Warehouse(platform.warehouse.place), threading.Event()

    def take_it() -> None:
        with other.lock():
            taken.set()

    waits = threading.Thread(target=take_it)

    def comes() -> None:
        land(platform, content="b")
        waits.start()
        while not platform.warehouse.is_wanted():
            time.sleep(0.01)

    run["then"] = comes
    land(platform)
    assert not platform.warehouse.is_wanted()
    hotpath.HotPath(platform).carry(threading.Event())
    assert taken.wait(10)
    waits.join()
    assert run["carried"] == [["a"]]


def test_who_asks_while_nothing_comes_gets_the_warehouse_at_once(
    platform: Platform, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hotpath, "LINGER_SECONDS", 3600.0)
    has_run = threading.Event()
    run["then"] = has_run.set
    land(platform)
    carries = threading.Thread(target=lambda: hotpath.HotPath(platform).carry(threading.Event()))
    carries.start()
    assert has_run.wait(10)
    time.sleep(1.0)
    assert run["given back"] == 0
    with Warehouse(platform.warehouse.place).lock():
        carries.join(10)
    assert not carries.is_alive()
    assert run["carried"] == [["a"]]


def test_asked_to_stop_it_waits_for_nothing_more(platform: Platform, run: dict[str, Any]) -> None:
    stop = threading.Event()
    run["then"] = lambda: (land(platform, content="b"), stop.set())
    land(platform)
    hotpath.HotPath(platform).carry(stop)
    assert (run["carried"], run["given back"]) == ([["a"]], 1)


def test_the_history_of_old_short_runs_is_forgotten(tmp_path: Path) -> None:
    @dg.asset
    def thing() -> None:
        return None

    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        whole = dg.materialize([thing], instance=instance).run_id
        short = [dg.materialize([thing], instance=instance, tags=SHORT).run_id for _ in range(5)]
        assert forget_short_runs(instance, kept=2) == 3
        assert set(instance.get_run_ids()) == {whole, *short[-2:]}
        assert forget_short_runs(instance, kept=2) == 0
