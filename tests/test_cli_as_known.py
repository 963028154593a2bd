"""What was known at an instant, from the command line: what it refuses, and that a refusal leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from typer.testing import CliRunner

from casework.store.engine import migrate
from orchestration import as_known
from orchestration.cli import app
from orchestration.cli.output import explain
from orchestration.errors import PipelineFailed
from orchestration.resources import Platform
from orchestration.settings import Settings

THEN, YEAR = datetime(2026, 8, 1, tzinfo=UTC), timedelta(days=365)


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """A platform with tenants and clocks, and no warehouse yet."""
    monkeypatch.setenv("TIDEWAITER_HOME", str(tmp_path / "var"))
    monkeypatch.delenv("TIDEWAITER_STORE_URL", raising=False)
    made = Platform(Settings.from_environment())
    (tmp_path / "var").mkdir()
    migrate(made.engine)
    made.casework.bootstrap()
    yield made
    made.engine.dispose()


def refusal(*words: str) -> str:
    done = CliRunner().invoke(app, ["as-known", *words])
    assert isinstance(done.exception, Exception), done.output
    assert explain(done.exception) == 1
    return str(done.exception)


def test_a_file_that_is_there_is_never_written_over(platform: Platform, tmp_path: Path) -> None:
    there = tmp_path / "then.duckdb"
    there.write_bytes(b"somebody's")
    assert "is there already" in refusal("2026-08-01", "--to", str(there), "--tenant", "demo")
    assert there.read_bytes() == b"somebody's"


def test_what_lies_ahead_of_a_tenants_clock_is_not_known(platform: Platform, tmp_path: Path) -> None:
    later = platform.casework.clock_of("demo").as_of + timedelta(days=1)
    said = refusal(later.isoformat(), "--to", str(tmp_path / "then.duckdb"), "--tenant", "demo")
    assert said.startswith("demo stands at")
    assert list(tmp_path.glob("*.duckdb")) == []


def test_without_a_warehouse_or_a_known_tenant_it_says_what_to_do(platform: Platform, tmp_path: Path) -> None:
    to = ("--to", str(tmp_path / "then.duckdb"))
    assert "run `tidewaiter run` first" in refusal("2026-08-01", *to, "--tenant", "demo")
    assert "The tenants are:" in refusal("2026-08-01", *to, "--tenant", "nobody")
    assert CliRunner().invoke(app, ["as-known", "last week", *to]).exit_code == 2
    assert {path.name for path in tmp_path.iterdir()} == {"var"}


def test_models_that_do_not_build_leave_no_half_a_file(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.warehouse.prepare({})
    monkeypatch.setattr(as_known, "dbt_executable", lambda: "/bin/false")
    with pytest.raises(PipelineFailed, match="could not be built"):
        as_known.build(platform, THEN, tmp_path / "then.duckdb", ["demo"])
    assert {path.name for path in tmp_path.iterdir()} == {"var"}


def test_a_decision_counts_until_it_was_undone_by_the_clock_of_the_desk(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.warehouse.prepare({})
    desk, operator = platform.casework, platform.casework.operator()
    moments: list[datetime] = []

    def decided(means: str) -> str:
        made = desk.decide_reference(operator, "demo", "PRO", "4711", "HWYM", means, "Looked up.")
        moments.append(made.decided_at)
        return str(made.decision_id)

    desk.undo_reference_decision(operator, "demo", decided("SH-1"), "A slip.")
    decided("SH-2")
    monkeypatch.setattr(as_known, "build_facts", lambda *_: None)
    # the tenant's files are of a day before the desk's; at that clock it is as it stands now
    monkeypatch.setattr(type(desk), "clock_of", lambda *_: SimpleNamespace(as_of=moments[-1] + YEAR))
    told = []
    for number, at in enumerate([moments[0] - YEAR, moments[0], moments[1], moments[1] + YEAR]):
        built = as_known.build(platform, at, tmp_path / f"{number}.duckdb", ["demo"])
        with duckdb.connect(str(built.path), read_only=True) as then:
            query = "select shipment_id from raw.reference_decisions"
            told.append([means for (means,) in then.execute(query).fetchall()])
    assert told == [[], ["SH-1"], ["SH-2"], ["SH-2"]]
