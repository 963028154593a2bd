"""Which tenants a publication is taken up for: those that it says something new of, and those somebody worked in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from casework.model import Action, ExceptionRecord, Publication
from casework.permissions import grants
from casework.store.engine import migrate
from casework.store.tables import cases
from orchestration.assets.decisions import ADDRESSED, AMOUNTS, COPIED, take_up
from orchestration.resources import Platform
from orchestration.settings import Settings
from tests.casework.office import LEAD, exception

NOW = datetime(2026, 9, 1, 6, tzinfo=UTC)


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    home = tmp_path / "var"
    home.mkdir()
    settings = Settings(home=home, datasets=None, store_url=f"sqlite:///{home / 'operational.db'}")
    moment = [NOW]

    def clock() -> datetime:
        moment[0] += timedelta(seconds=1)
        return moment[0]

    made = Platform(settings, clock)
    migrate(made.engine)
    made.casework.bootstrap(NOW)
    return made


@pytest.fixture
def synced(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return the tenants whose cases were synced, one after another."""
    tenants: list[str] = []
    sync: Callable[..., Any] = platform.casework.sync

    def counted(tenant_id: str, *args: Any) -> Any:
        tenants.append(tenant_id)
        return sync(tenant_id, *args)

    monkeypatch.setattr(platform.casework, "sync", counted)
    yield tenants


def published(folder: Path, *records: ExceptionRecord, mail: str | None = "acme@example.com") -> Path:
    """Publish some exceptions, as the warehouse writes them, with the address of one party."""
    folder.mkdir(exist_ok=True)
    rows = [
        {name: getattr(record, name) for name in COPIED}
        | {name: float(getattr(record, name)) for name in AMOUNTS}
        | {
            "subject_id": record.subject,
            "evidence": json.dumps([{"fact_id": fact.fact_id, "label": fact.label, "value": fact.value,
                                     "type": fact.type, "source": fact.source, "file_sha256": None,
                                     "row_number": None} for fact in record.facts]),
            "documents": json.dumps(list(record.documents)),
        }
        for record in records
    ]  # fmt: skip
    party = dict(zip(ADDRESSED, ("CUST-1", "customer", "Acme Health", mail), strict=True))
    pq.write_table(pa.Table.from_pylist(rows), folder / "fct_exceptions.parquet")
    pq.write_table(pa.Table.from_pylist([party | {"tenant_id": "demo"}]), folder / "dim_parties.parquet")
    return folder


def take(platform: Platform, folder: Path) -> Counter[str]:
    return take_up(platform, "demo", Publication("pub-1", "run-1", "dbt-1"), folder)


def test_what_changed_nothing_before_is_not_taken_up_again(
    platform: Platform, synced: list[str], tmp_path: Path
) -> None:
    folder = published(tmp_path / "one", exception(1), exception(2))
    assert take(platform, folder)["opened"] == 2
    assert take(platform, folder)["unchanged"] == 2  # what it did itself, it looks at once more
    assert synced == ["demo", "demo"]
    assert take(platform, published(tmp_path / "same", exception(1), exception(2)))["unchanged"] == 2
    assert synced == ["demo", "demo"]


@pytest.mark.parametrize(
    ("records", "mail", "became"),
    [
        ([exception(1), replace(exception(2), late_probability=0.9)], "acme@example.com", "updated"),
        ([exception(1), exception(2), exception(3)], "acme@example.com", "opened"),
        ([exception(1)], "acme@example.com", "recovered"),
        ([exception(1), exception(2)], "other@example.com", "unchanged"),
    ],
)
def test_what_says_something_new_is_taken_up(
    platform: Platform,
    synced: list[str],
    tmp_path: Path,
    records: list[ExceptionRecord],
    mail: str,
    became: str,
) -> None:
    folder = published(tmp_path / "one", exception(1), exception(2))
    for _ in range(3):
        take(platform, folder)
    assert len(synced) == 2
    assert take(platform, published(tmp_path / "two", *records, mail=mail))[became] > 0
    assert len(synced) == 3


def test_a_case_that_people_open_again_gets_the_facts_that_it_missed(
    platform: Platform, synced: list[str], tmp_path: Path
) -> None:
    take(platform, published(tmp_path / "one", exception(1)))
    ((case_id, facts),) = cases_of(platform)
    with platform.casework.desk.reading_across() as connection:
        lead = grants.current(connection, LEAD)
    platform.casework.perform(lead, "demo", case_id, Action.DISMISS, reason="No news to us.")
    folder = published(tmp_path / "two", replace(exception(1), late_probability=0.99))
    for _ in range(3):
        take(platform, folder)
    assert cases_of(platform) == [(case_id, facts)] and len(synced) == 2  # nobody works on it
    platform.casework.perform(lead, "demo", case_id, Action.REOPEN, reason="It is.")
    assert take(platform, folder)["updated"] == 1
    assert cases_of(platform) == [(case_id, facts + 1)]


def cases_of(platform: Platform) -> list[tuple[str, int]]:
    query = sa.select(cases.c.case_id, cases.c.facts_version).where(cases.c.tenant_id == "demo")
    with platform.casework.desk.reading("demo") as connection:
        return [(row.case_id, row.facts_version) for row in connection.execute(query)]


def test_what_waits_for_time_alone_is_looked_at_every_time(
    platform: Platform, synced: list[str], tmp_path: Path
) -> None:
    both, one = (
        published(tmp_path / "both", exception(1), exception(2)),
        published(tmp_path / "one", exception(1)),
    )
    for folder in (both, one, both, one, both, one, both, one):  # the second comes and goes: it is held open
        take(platform, folder)
    assert platform.casework.last_entry("demo") is None
    before = len(synced)
    take(platform, one)
    take(platform, one)
    assert len(synced) == before + 2
