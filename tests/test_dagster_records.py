"""Dagster's records of runs and events, kept open: what is stored is what Dagster's own storages store and read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration.event_log import KeptOpenEventLogStorage
from orchestration.run_log import KeptOpenRunStorage


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance of Dagster with our event log, and a batch of events for each run."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    (tmp_path / "dagster.yaml").write_text(
        "event_log_storage: {module: orchestration.event_log, class: KeptOpenEventLogStorage}\n"
        "run_storage: {module: orchestration.run_log, class: KeptOpenRunStorage}\n"
    )
    with dg.DagsterInstance.get() as opened:
        assert isinstance(opened.event_log_storage, KeptOpenEventLogStorage)
        assert isinstance(opened.run_storage, KeptOpenRunStorage)
        yield opened


def stock(instance: dg.DagsterInstance, folder: str | None = None) -> Any:
    """Dagster's own event log over the same files, or of its own."""
    from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

    return SqliteEventLogStorage(folder or str(Path(instance.root_directory) / "history" / "runs"))


@dg.asset
def thing() -> None:
    return None


def test_the_event_log_kept_open_is_the_one_dagster_itself_would_read(instance: dg.DagsterInstance) -> None:
    runs = [dg.materialize([thing], instance=instance).run_id for _ in range(12)]
    kept = {run: [str(one.message) for one in instance.all_logs(run)] for run in runs}
    assert len(instance.event_log_storage._engines) <= 8
    own = stock(instance)
    for run, told in kept.items():
        assert [str(one.message) for one in own.get_logs_for_run(run)] == told
    assert len(own.get_asset_records([dg.AssetKey("thing")])) == 1


def test_what_assets_were_last_made_of_is_what_dagster_itself_would_say(instance: dg.DagsterInstance) -> None:
    key, storage, own = dg.AssetKey("thing"), instance.event_log_storage, stock(instance)

    def newest() -> list[str | None]:
        """Return the run that made the asset last, as ours and as Dagster's own tell it."""
        told = []
        for log in (storage, own):
            records = log.get_asset_records([key])
            made = [one.asset_entry.last_materialization_record for one in records]
            told.append(made[0].run_id if made and made[0] else None)
        return told

    assert newest() == [None, None]
    for _ in range(2):
        run = dg.materialize([thing], instance=instance).run_id
        assert newest() == newest() == [run, run]
    instance.wipe_assets([key])
    assert newest() == [None, None]
    run = dg.materialize([thing], instance=instance).run_id
    assert newest() == [run, run]


def test_what_a_run_plans_to_make_is_stored_as_dagster_itself_stores_it(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dg.asset
    def other() -> None:
        return None

    def stored(within: dg.DagsterInstance, assets: list[Any]) -> list[Any]:
        """Return what is in the run's database, in the index and about each asset, but for times and ids."""
        run = dg.materialize(assets, instance=within).run_id
        told: list[Any] = []
        for shard in (run, "index"):
            with within.event_log_storage.run_connection(shard) as connection:
                asked = "select dagster_event_type, step_key, asset_key, partition from event_logs where run_id = ?"
                told += connection.exec_driver_sql(f"{asked} order by id", (run,)).all()
        with within.event_log_storage.index_connection() as connection:
            asked = (
                "select asset_key, last_run_id = ?, last_materialization_timestamp is null from asset_keys"
            )
            return [*told, *connection.exec_driver_sql(f"{asked} order by 1", (run,)).all()]

    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "dagster.yaml").write_text("")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "own"))
    with dg.DagsterInstance.get() as own:
        for assets in ([thing], [thing, other], [thing, other]):  # a new one, both, known ones
            told = stored(instance, assets)
            assert told == stored(own, assets)
            assert ("ASSET_MATERIALIZATION_PLANNED", "thing", '["thing"]', None) in told


def test_runs_kept_open_are_those_that_dagster_itself_would_read(instance: dg.DagsterInstance) -> None:
    from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage

    run = dg.materialize([thing], instance=instance, tags={"a": "b"}).run_id
    instance.add_run_tags(run, {"c": "d"})
    own = SqliteRunStorage.from_local(str(Path(instance.root_directory) / "history"))
    assert own.get_runs() == list(instance.get_runs())
    assert {"a": "b", "c": "d"}.items() <= own.get_runs()[0].tags.items()
    plan = own.get_runs()[0].execution_plan_snapshot_id
    assert plan and instance.run_storage.has_execution_plan_snapshot(plan)
    assert not instance.run_storage.has_execution_plan_snapshot("another")
    instance.delete_run(run)
    assert own.get_runs() == list(instance.get_runs()) == []


def test_a_runs_database_is_laid_as_dagster_itself_lays_it(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    def laid(storage: Any, run: str) -> list[Any]:
        with storage.run_connection(run) as connection:
            told = connection.exec_driver_sql(
                "select type, name, tbl_name, sql from sqlite_master order by 1, 2"
            ).all()
            return [*told, *connection.exec_driver_sql("select * from alembic_version").all()]

    run = dg.materialize([thing], instance=instance).run_id
    assert laid(instance.event_log_storage, run) == laid(stock(instance, str(tmp_path / "own")), "another")
    assert not list(tmp_path.rglob("*.part"))


def test_a_batch_of_events_is_stored_whole_or_not_at_all(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dagster._core.events.log import EventLogEntry

    storage, run = instance.event_log_storage, "a-run"
    good, bad = (EventLogEntry(None, 10, message, run, 1.0, None, None, None) for message in ("good", "bad"))
    prepare = storage.prepare_insert_event

    def refusing(event: Any) -> Any:
        if event is bad:
            raise ValueError("bad")
        return prepare(event)

    monkeypatch.setattr(storage, "prepare_insert_event", refusing)
    with pytest.raises(ValueError, match="bad"):
        storage.store_event_batch([good, bad])
    assert list(storage.get_logs_for_run(run)) == []
    storage.store_event_batch([good, good])
    storage.store_event(good)
    assert len(stock(instance).get_logs_for_run(run)) == 3
