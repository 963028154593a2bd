"""The store itself: migrations, exact money, aware instants, one canonical form, and what a kill leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import StatementError

from casework.canonical import canonical_bytes, canonical_sha256, clean_text, plain
from casework.config import load_config
from casework.errors import ConfigError, StoreUnavailable
from casework.evidence import chain
from casework.evidence.keys import Keys, is_signed, read_public
from casework.model import Action, State
from casework.store.engine import migrate, open_store, reading_across
from casework.store.tables import audit_entries, case_facts, cases, events, metadata, tenant_clocks
from casework.store.work import Work
from tests.casework.office import LEAD, TENANT, Office, exception


def test_the_migrations_make_exactly_the_tables_of_the_code(office: Office) -> None:
    migrate(office.engine)
    with reading_across(office.engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_sqlite_is_opened_durable_and_waits_for_a_lock(sqlite_office: Office) -> None:
    with sqlite_office.engine.connect() as connection:
        found = {
            name: connection.execute(text(f"pragma {name}")).scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 30_000, "foreign_keys": 1}


@given(amounts=st.lists(st.decimals("-9999999999.99", "9999999999.99", places=2), min_size=1, max_size=20))
def test_money_comes_back_and_adds_up_exactly(amounts: list[Decimal]) -> None:
    engine = open_store("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection, tables=[cases])
        for number, amount in enumerate(amounts):
            connection.execute(insert(cases).values(_bare_case(number, amount)))
        query = select(cases.c.expected_loss).order_by(cases.c.case_id)
        assert connection.scalars(query).all() == amounts
        assert connection.scalar(select(func.sum(cases.c.expected_loss))) == sum(amounts)


def _bare_case(number: int, amount: Decimal) -> dict[str, object]:
    record = exception(number)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    parts = ("sla_penalty_amount", "revenue_amount", "inventory_amount", "customer_tier_amount")
    return {
        **dict.fromkeys(parts, Decimal(0)),
        "tenant_id": "t",
        "case_id": f"{number:04d}",
        "exception_key": record.exception_key,
        "exception_type": record.exception_type,
        "subject_type": "shipment",
        "subject": record.subject,
        "state": "new",
        "is_open": True,
        "is_present": True,
        "severity": "low",
        "expected_loss": amount,
        "currency_code": "USD",
        "detected_at": now,
        "opened_at": now,
        "version": 1,
        "facts_version": 1,
        "facts_sha256": "x",
        "publication_id": "p",
        "updated_at": now,
    }


def test_instants_are_aware_and_come_back_in_utc(office: Office) -> None:
    row = {"tenant_id": "new", "mode": "replay", "set_at": datetime(2026, 1, 1, tzinfo=UTC)}
    there = datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    with office.engine.begin() as connection:
        connection.execute(insert(tenant_clocks).values(row | {"as_of": there}))
        query = select(tenant_clocks.c.as_of).where(tenant_clocks.c.tenant_id == "new")
        found = connection.scalar(query)
    assert found == there and found.tzinfo is UTC
    naive = row | {"tenant_id": "naive", "as_of": datetime(2026, 1, 1)}  # noqa: DTZ001
    with pytest.raises(StatementError, match="no time zone"), office.engine.begin() as connection:
        connection.execute(insert(tenant_clocks).values(naive))


def test_a_store_that_cannot_be_reached_says_so_for_people(tmp_path: Path) -> None:
    engine = open_store("postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")
    with (
        pytest.raises(StoreUnavailable, match="Look whether it was saved"),
        reading_across(engine) as connection,
    ):
        connection.execute(select(1))


# --- one canonical form ------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(value=JSON)
def test_a_value_read_back_from_json_has_the_same_hash(value: object) -> None:
    assert canonical_sha256(json.loads(json.dumps(value))) == canonical_sha256(value)
    assert canonical_sha256(plain(value)) == canonical_sha256(value)
    canonical_bytes(value).decode("ascii")


def test_the_canonical_form_is_what_it_says() -> None:
    class Kind(StrEnum):
        A = "a"

    @dataclass(frozen=True)
    class Thing:
        b: Decimal
        a: datetime

    at = datetime(2026, 1, 2, 4, 4, 5, 6, tzinfo=timezone(timedelta(hours=1)))
    value = {"z": Thing(Decimal("1.10"), at), "k": Kind.A, "t": ("é", {2, 1})}
    expected = b'{"k":"a","t":["\\u00e9",[1,2]],"z":{"a":"2026-01-02T03:04:05.000006Z","b":"1.10"}}'
    assert canonical_bytes(value) == canonical_bytes(plain(value)) == expected
    for refused in (float("nan"), float("inf"), {"x": float("-inf")}):
        with pytest.raises(ValueError, match="Out of range"):
            canonical_bytes(refused)
    with pytest.raises(ValueError, match="no time zone"):
        canonical_bytes(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(TypeError, match="no canonical form"):
        canonical_bytes(object())


@given(dirty=st.text() | st.text(alphabet=["\x00", "\ud800", "\udfff", "a", "\U0001f6a2"]))
def test_cleaned_text_can_be_stored_anywhere(dirty: str) -> None:
    cleaned = clean_text(dirty)
    assert "\x00" not in cleaned
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert clean_text(cleaned) == cleaned


# --- keys and configuration --------------------------------------------------------------------------------


def test_a_key_is_made_once_for_its_owner_alone_and_handed_out_in_public_only(tmp_path: Path) -> None:
    first, second = Keys(tmp_path / "keys"), Keys(tmp_path / "keys")
    assert first.public == second.public
    assert (tmp_path / "keys" / "ed25519.pem").stat().st_mode & 0o777 == 0o600
    for exported in (first.public_path, first.write_public(tmp_path / "out" / "public.pem")):
        assert read_public(exported) == first.public
        assert b"PRIVATE" not in exported.read_bytes()
    signature = first.sign(b"message")
    assert is_signed(second.public, signature, b"message")
    assert not is_signed(second.public, signature, b"massage")
    assert not is_signed(Keys(tmp_path / "other").public, signature, b"message")
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["ed25519.pem", "ed25519.pub"]


@pytest.mark.parametrize(
    ("file", "find", "put", "says"),
    [
        ("exceptions.yml", "latched: true", "latched: true\n    colour: red", "types.facility_dwell.colour"),
        ("exceptions.yml", "recovers: false", "recovers: true", "cannot recover by itself"),
        ("exceptions.yml", "[mitigated,", "[vanished,", "unknown resolution codes: vanished"),
        ("escalation.yml", "share: 0.75, ", "", "exactly one of share and after_minutes"),
        ("tenants/demo.yml", "currency_code: USD", "currency_code: dollars", "currency_code"),
        ("tenants/demo.yml", "tenant_id: demo", "tenant_id: other", "must equal the file's name"),
        ("tenants/demo.yml", "06:00:00Z", "06:00:00", "as_of"),
        ("tenants/demo.yml", "case_prefix: D", "case_prefix: H", "same case_prefix"),
        ("codes.yml", "resolution_codes:", "resolution_codes: [", "not valid YAML"),
    ],
)
def test_a_mistake_in_a_configuration_file_is_named_with_file_and_field(
    tmp_path: Path, file: str, find: str, put: str, says: str
) -> None:
    import shutil

    from casework.config import HERE

    folder = tmp_path / "config"
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    original = (folder / file).read_text()
    assert find in original
    (folder / file).write_text(original.replace(find, put, 1))
    with pytest.raises(ConfigError, match=says) as refused:
        load_config(folder)
    assert str(folder) in refused.value.message


def test_every_threshold_and_tariff_of_every_tenant_is_handed_on_whole() -> None:
    config = load_config()
    for tenant_id in config.tenants:
        rules = config.exception_rules(tenant_id)
        assert {rule["exception_type"] for rule in rules} == set(config.detected_types)
        assert len({(rule["exception_type"], rule["parameter"]) for rule in rules}) == len(rules)
        tariff = config.tariff(tenant_id)
        assert tariff["assumption"] and tariff["tenant_id"] == tenant_id


# --- killed between two writes -----------------------------------------------------------------------------

ONE_ACTION = """
import sys
from pathlib import Path
from casework.model import Action
from casework.store.engine import open_store
from tests.casework.office import LEAD, Office
home = Path(sys.argv[1])
office = Office(open_store(f"sqlite:///{home}/operational.db"), home)
if sys.argv[2] == "approve":
    office.approve(office.draft())
else:
    office.perform(office.case_id(), Action.START, LEAD)
"""


def killed_at(office: Office, point: str, action: str) -> int:
    office.engine.dispose()
    root = Path(__file__).parents[2]
    environment = {**os.environ, "TIDEWAITER_CRASH_AT": point, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", ONE_ACTION, str(office.home), action],
        env=environment,
        cwd=root,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return done.returncode


@pytest.mark.parametrize(
    ("point", "action", "is_saved"),
    [
        ("desk:before-commit", "start", False),
        ("desk:after-commit-before-checkpoint", "start", True),
        ("drafts:after-approval-before-effects", "approve", False),
        ("desk:before-commit", "approve", False),
        ("desk:after-commit-before-checkpoint", "approve", True),
    ],
)
def test_a_killed_process_leaves_a_decision_whole_or_not_at_all(
    sqlite_office: Office, point: str, action: str, is_saved: bool
) -> None:
    office = sqlite_office
    office.sync(exception())
    before = counts(office)
    assert killed_at(office, point, action) == -signal.SIGKILL
    after = counts(office)
    told = {name: after[name] - before[name] for name in before}
    effects = 2 if action == "approve" else 0
    expected = {"audit": 1, "facts": 1, "events": 1, "version": 1, "effects": effects}
    assert told == (expected if is_saved else dict.fromkeys(expected, 0))
    assert chain.verify(office.casework, TENANT).ok
    if action == "start":
        assert office.case()["state"] == (State.IN_PROGRESS if is_saved else State.NEW)
        if not is_saved:
            office.perform(office.case_id(), Action.START, LEAD)


def counts(office: Office) -> dict[str, int]:
    with office.casework.desk.reading_across() as connection:
        tables = {"audit": audit_entries, "facts": case_facts, "events": events}
        found = {
            name: connection.scalar(
                select(func.count()).select_from(table).where(table.c.tenant_id == TENANT)
            )
            or 0
            for name, table in tables.items()
        }
    return found | {"version": office.case()["version"], "effects": len(office.effects())}


def test_a_decision_whose_log_cannot_be_written_is_not_saved_either(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.sync(exception())
    before, told = office.case(), counts(office)

    def full_disk(_self: Work) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Work, "finish", full_disk)
        with pytest.raises(OSError, match="No space left"):
            office.perform(office.case_id(), Action.START, LEAD)
        with pytest.raises(OSError, match="No space left"):
            office.approve(office.draft())
    assert (office.case(), counts(office), office.effects()) == (before, told, [])
    assert chain.verify(office.casework, TENANT).ok
