"""PostgreSQL's second line: a role that owns nothing, rows of one tenant at a time, doors across that are named."""

from __future__ import annotations

import ast
import uuid
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import ProgrammingError

from casework.escalations.escalation import fire_due
from casework.evidence import chain
from casework.evidence.keys import Keys
from casework.model import Action
from casework.service import Casework
from casework.store.engine import MIGRATIONS, migrate, open_store, owning, reading, writing
from casework.store.row_security import DESK_ROLE
from casework.store.tables import cases, metadata
from tests.casework.conftest import Template, _administer, database
from tests.casework.office import CONFIG, START, TENANT, Office, exception

ROOT = Path(__file__).parent.parent.parent


def go_to(engine: Engine, version: str) -> None:
    with owning(engine) as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, version)


@pytest.fixture
def plain_owner(postgres_url: str, postgres_template: Template, tmp_path: Path) -> Iterator[Engine]:
    """A database of a login that owns its tables and is no superuser; the desk's role was made beforehand."""
    name = f"owner_{uuid.uuid4().hex}"
    _administer(postgres_url, f"create role {name} login")
    _administer(postgres_url, f"grant {DESK_ROLE} to {name}")
    _administer(postgres_url, f"create database {name} owner {name}")
    engine = open_store(
        database(postgres_url, name)
        .replace("postgres:", f"{name}:", 1)
        .replace("postgresql://postgres", f"postgresql://{name}", 1)
    )
    migrate(engine)
    yield engine
    engine.dispose()
    _administer(postgres_url, f"drop database {name} with (force)")


@pytest.fixture
def desk_of_a_plain_owner(plain_owner: Engine, tmp_path: Path) -> Office:
    home = tmp_path / "plain"
    door = Casework(plain_owner, config=CONFIG, keys=Keys(home / "keys"), home=home, clock=lambda: START)
    door.bootstrap()
    return Office(plain_owner, home)


def test_a_login_that_owns_the_tables_and_is_no_superuser_works_a_whole_day(
    desk_of_a_plain_owner: Office,
) -> None:
    office = desk_of_a_plain_owner
    with office.engine.connect() as connection:
        assert not connection.scalar(text("select rolsuper from pg_roles where rolname = current_user"))
    office.sync(exception(1), exception(2))
    office.perform(office.case_id(), Action.START)
    office.approve(office.draft())
    office.clock.forward(days=9)
    assert fire_due(office.casework.desk, office.clock()) > 0
    assert chain.verify(office.casework, TENANT).ok


def test_without_a_tenant_even_the_owner_sees_no_row(desk_of_a_plain_owner: Office) -> None:
    office = desk_of_a_plain_owner
    office.sync(exception())
    for opened in (
        office.engine.connect(),
        reading(office.engine, None),
        reading(office.engine, "' or true --"),
    ):
        with opened as connection:
            for table in metadata.sorted_tables:
                if "tenant_id" in table.c:
                    assert connection.scalar(select(func.count()).select_from(table)) == 0, table.name
    with owning(office.engine) as connection:
        assert connection.scalar(select(func.count()).select_from(cases)) == 1


def test_migrations_that_change_rows_reach_every_tenants_and_go_back(desk_of_a_plain_owner: Office) -> None:
    office = desk_of_a_plain_owner
    office.sync(exception(1), exception(2))
    before = office.case()
    go_to(office.engine, "0004")  # 0005 reads and writes the rows of every tenant on its way up
    migrate(office.engine)
    assert office.case() == before
    assert chain.verify(office.casework, TENANT).ok


def test_going_back_takes_all_of_it_off(postgres_office: Office) -> None:
    go_to(postgres_office.engine, "0005")
    with postgres_office.engine.connect() as connection:
        assert connection.scalar(text("select count(*) from pg_policies")) == 0
        secured = text("select count(*) from pg_class where relrowsecurity or relforcerowsecurity")
        assert connection.scalar(secured) == 0
        granted = text("select count(*) from information_schema.role_table_grants where grantee = :role")
        assert connection.scalar(granted, {"role": DESK_ROLE}) == 0
    migrate(postgres_office.engine)
    postgres_office.sync(exception())
    assert postgres_office.case_id()


@pytest.mark.parametrize(
    "statement",
    [
        "truncate cases",
        "alter table cases disable row level security",
        "drop policy own_tenant on cases",
        "drop trigger audit_entries_append_only on audit_entries",
        "create table mine (x integer)",
        "update alembic_version set version_num = '0001'",
        "set session_replication_role = replica",
    ],
)
def test_the_desks_role_owns_nothing(postgres_office: Office, statement: str) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied|must be owner"),
        writing(postgres_office.engine, TENANT) as connection,
    ):
        connection.execute(text(statement))


def test_role_and_tenant_end_with_their_transaction(postgres_office: Office) -> None:
    engine = postgres_office.engine
    asked = text("select current_user, current_setting('tidewaiter.tenant', true), pg_backend_pid()")
    with writing(engine, TENANT) as connection:
        role, tenant, backend = connection.execute(asked).one()
    assert (role, tenant) == (DESK_ROLE, TENANT)
    with engine.connect() as connection:
        role, tenant, same = connection.execute(asked).one()
    assert (role == DESK_ROLE, tenant or "", same) == (False, "", backend)
    with pytest.raises(ZeroDivisionError), writing(engine, TENANT) as connection:
        raise ZeroDivisionError
    with reading(engine, None) as connection:
        assert connection.execute(asked).one()[1] == ""


def test_every_table_can_be_used_by_the_desk(postgres_office: Office) -> None:
    """A migration that adds a table must `secure` it, or the desk cannot read it."""
    with reading(postgres_office.engine, TENANT) as connection:
        for table in metadata.sorted_tables:
            connection.execute(select(func.count()).select_from(table))


# --- the doors across ------------------------------------------------------------------------------------

ACROSS = {"reading_across", "writing_across", "owning"}
# Who looks over all tenants, and what for.
MAY = {
    "casework/access/administration.py": {"set_active"},  # an account acts in every tenant it holds a role in
    "casework/access/api_keys.py": {"principal_of_key"},  # whose key it is
    "casework/access/opening.py": {"open_link"},  # whose link it is
    "casework/access/accounts.py": {
        "open_session",
        "session",
        "operator",
        "reset_password",
    },  # what somebody holds
    "casework/escalations/auditor.py": {"audit_missed"},  # what was missed, in every tenant
    "casework/desk.py": {"reading_across", "writing_all"},  # the doors themselves; one decision about several
    "casework/effects/outbox.py": {"due"},  # the worker: what is to leave
    "casework/evidence/configuration.py": {"_foreseen"},  # files are of every tenant
    "casework/gauges.py": {"standing", "events_since"},  # what watches the platform
    "casework/access/identities.py": {"_say"},  # what somebody holds
    "orchestration/metrics.py": {"_events"},
    "casework/escalations/escalation.py": {"_fire_all"},  # the worker: what is due
    "casework/teamwork/handover.py": {"fire_due", "missed"},  # the worker, the auditor
    "casework/ledger.py": {"known_files", "any_loaded", "release_claims", "_reading"},  # what arrived
    "casework/queue/one_case.py": {"tenant_of"},  # whose case a number names, among the reader's tenants
    "casework/store/engine.py": {"migrate"},
    "orchestration/publishing.py": {"input_digest"},  # one publication holds every tenant
}


def _calls() -> Iterator[tuple[str, str, ast.Call]]:
    for room in ("casework", "orchestration", "dashboard"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for outer in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(outer, ast.FunctionDef):
                    for node in ast.walk(outer):
                        if isinstance(node, ast.Call):
                            yield str(path.relative_to(ROOT)), outer.name, node


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def test_only_these_look_over_all_tenants() -> None:
    found = defaultdict(set)
    for place, function, call in _calls():
        if _name(call) in ACROSS:
            found[place].add(function)
    assert dict(found) == MAY


def test_nobody_opens_the_store_past_its_doors() -> None:
    raw = {
        (place, function)
        for place, function, call in _calls()
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in ("connect", "begin", "raw_connection")
        and "engine" in ast.unparse(call.func.value)
    }
    # the history of its runs, other databases
    dagsters_own = {("orchestration/event_log.py", "_connect"), ("orchestration/run_log.py", "connect")}
    assert raw - dagsters_own == {
        ("casework/store/engine.py", "_writing"),
        ("casework/store/engine.py", "_reading"),
    }
