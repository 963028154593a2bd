"""I8: what one tenant is shown and does is the same whatever other tenants have, and touches nothing of theirs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError, ProgrammingError

from casework.errors import CaseworkError
from casework.store.engine import writing
from casework.store.row_security import OWN_ROWS
from casework.store.tables import cases, drafts, escalations, metadata, priority_weights
from tests.casework import statements
from tests.casework.invariants import day, door
from tests.casework.invariants.conftest import Stores
from tests.casework.invariants.day import ADMIN, ADMINS, INSIDERS, OUTSIDERS
from tests.casework.invariants.door import READS, Things, outcome
from tests.casework.invariants.tenants import (
    OF_TENANTS,
    Twin,
    behind,
    normalised,
    open_to_all,
    rows_of,
    scramble,
)
from tests.casework.office import AUDITOR, CUSTOMER, LEAD, OWN_CUSTOMER, TENANT, Office
from tests.faults import figures, sizes

EVERYBODY = INSIDERS + OUTSIDERS
SOME = (LEAD, AUDITOR, day.NARROW, CUSTOMER, day.ADMIN)  # for what is asked again and again


def opened(stores: Stores) -> Office:
    """A desk with all kinds of people, before its day begins."""
    made = stores.fresh()
    day.name_in_order()
    open_to_all(made)
    day.settle_people(made)
    return made


def lived(
    office: Office,
    *,
    expected: list[str] | None = None,
    ahead: dict[str, Any] | None = None,
    to_the_end: bool = True,
) -> list[str]:
    """Live through a day and tell it; where it is known how a day alone goes, live it beside a twin.

    After each step nothing of the twin may have changed, and nothing may have come out otherwise.
    """
    told: list[str] = []

    def tell(*lines: str) -> None:
        if expected is not None:
            for line, alone in zip(lines, expected[len(told) :], strict=False):
                assert line == alone
        told.extend(lines)

    twin = Twin(office, ahead) if expected is not None else None
    for plan in (day.steps, *([day.last_steps] if to_the_end else [])):
        for name, do, is_the_workers in plan(office):
            if twin:
                twin.meet(is_due=not is_the_workers)
            tell(f"{name}: {normalised(_done(do))}")
            assert not (twin and twin.touched()), f"{name} changed rows of another tenant"
        tell(*seen(office))
    return told


def _done(do: day.Step) -> Any:
    try:
        return do()
    except CaseworkError as refused:
        return type(refused).__name__, refused.message


def seen(office: Office) -> list[str]:
    """Everything that people of every kind can be told at this moment, and every row of the tenant."""
    things = Things.of(office)
    asked = [(name, person, call) for name, calls in READS.items() for call in calls for person in SOME]
    asked += [(name, LEAD, call) for name, call in door.WITHOUT_A_PERSON.items() if call]
    told = [
        f"{name} by {person}: {normalised(outcome(call, office.casework, door.who(office, person), things))}"
        for name, person, call in asked
        if name != "tenant_of"  # asks about every tenant somebody works in
    ]
    with office.casework.desk.reading(TENANT) as connection:
        return [*told, normalised(rows_of(connection, TENANT))]


def test_a_day_beside_a_tenant_with_the_same_names_is_the_day_it_would_have_been_alone(
    stores: Stores,
) -> None:
    (alone, ahead), office = _alone(stores), opened(stores)
    beside = lived(office, expected=alone, ahead=ahead)
    stores.done(office)
    assert len(beside) == len(alone)
    refused = [line for line in alone if "Refused'" in line and " by " not in line[:60]]
    assert len(refused) < 10, refused  # a day in which nothing succeeds proves nothing
    figures.count("I8", stores.name, "steps and answers of a day beside a twin", len(beside))


def _alone(stores: Stores) -> tuple[list[str], dict[str, Any]]:
    """How the day goes where no other tenant has anything, and all the rows it makes."""
    office = opened(stores)
    told = lived(office)
    with behind(office) as connection:
        made = rows_of(connection, TENANT)
    a_case = {"case_id": "D-777777", "exception_key": "elsewhere", "shipment_id": day.ELSEWHERE}
    made["cases"].append({**made["cases"][0], **a_case})
    # Words and a name that are somebody else's with us are the customer's own with the twin.
    said = {"message_id": "elsewhere", "party_id": OWN_CUSTOMER, "body": "they called"}
    made["messages"].append({**made["messages"][0], **said})
    named = {"party_id": OWN_CUSTOMER, "channel": "fax", "party_name": "Highway Mutual"}
    made["contacts"].append({**made["contacts"][0], **named})
    stores.done(office)
    return told, made


def test_a_statement_that_forgets_its_tenant_is_found_whatever_it_would_have_returned() -> None:
    mine = cases.c.tenant_id == "demo"
    steps = select(escalations.c.step).where(escalations.c.case_id == cases.c.case_id).exists()
    joined = select(cases.c.case_id).join(drafts, drafts.c.case_id == cases.c.case_id)
    found = {
        name: sorted(statements.unnamed(statement))
        for name, statement in {
            "well": select(cases).where(mine),
            "a select": select(cases),
            "another column": select(cases).where(cases.c.case_id == "demo"),
            "an update": update(cases).values(version=1),
            "a subquery": select(cases).where(mine, steps),
            "a join": joined.where(mine),
            "a join of whatever tenant": joined.where(drafts.c.tenant_id == cases.c.tenant_id),
            "a joined well": joined.where(mine, drafts.c.tenant_id == cases.c.tenant_id),
        }.items()
    }
    assert found == {
        "well": [],
        "a select": ["cases"],
        "another column": ["cases"],
        "an update": ["cases"],
        "a subquery": ["escalations"],
        "a join": ["drafts"],
        "a join of whatever tenant": ["cases", "drafts"],
        "a joined well": [],
    }


def test_every_method_of_the_door_is_asked_or_says_why_not() -> None:
    asked = set(READS) | set(door.ATTEMPTS)
    assert asked | set(door.WITHOUT_A_PERSON) == door.public_methods()
    assert {name for name in door.public_methods() if door.takes_a_person(name)} == asked


def test_stores_that_differ_in_other_tenants_answer_the_same(stores: Stores) -> None:
    office = opened(stores)
    lived(office, to_the_end=False)
    things, rng = Things.of(office), random.Random(sizes.SEED)
    asked = [(name, person, call) for name, calls in READS.items() for call in calls for person in EVERYBODY]
    asked += [
        (name, person, call)
        for name, calls in door.ATTEMPTS.items()
        for call in calls
        for person in OUTSIDERS
        if not (person == ADMIN and name in ADMINS)  # those he may, and they change what is compared
    ]
    asked += [(name, LEAD, call) for name, call in door.WITHOUT_A_PERSON.items() if call]
    asked = [ask for ask in asked if ask[0] != "tenant_of"]
    expected: dict[int, Any] = {}
    for _twice in range(2):  # what tells of itself does so the first time
        expected = {
            number: outcome(call, office.casework, door.who(office, person), things)
            for number, (_name, person, call) in enumerate(asked)
        }
    kept = frozenset({LEAD, *(person for person in INSIDERS if person != AUDITOR)})
    for _pair in range(sizes.figure("pairs")):
        difference = scramble(office, rng, kept)
        number = rng.randrange(len(asked))
        name, person, call = asked[number]
        found = outcome(call, office.casework, door.who(office, person), things)
        assert found == expected[number], f"{name} by {person} answers otherwise: {difference}"
    figures.count("I8", stores.name, "pairs of stores", sizes.figure("pairs"))
    stores.done(office)


# --- PostgreSQL: the database itself -----------------------------------------------------------------------


def unguarded(office: Office) -> list[str]:
    """The tables in which the database lets a transaction of one tenant meet a row of another."""
    found = []
    for table in OF_TENANTS:
        with office.casework.desk.reading(TENANT) as connection:
            met = set(connection.scalars(text(f"select tenant_id from {table.name}")))
        with office.casework.desk.reading(None) as connection:
            met_by_nobody = connection.scalar(text(f"select count(*) from {table.name}"))
        forced = text("select relforcerowsecurity from pg_class where oid = to_regclass(:name)")
        with behind(office) as connection:
            is_forced = connection.scalar(forced, {"name": table.name})
        if met != {TENANT} or met_by_nobody or not is_forced or not _writes_are_guarded(office, table.name):
            found.append(table.name)
    return found


class _TakenBack(Exception):
    """What was tried worked, and is not kept."""


def _writes_are_guarded(office: Office, table: str) -> bool:
    """Whether a transaction of one tenant can neither touch a row of another nor make one for it."""
    columns = [f'"{column.name}"' for column in metadata.tables[table].c]
    theirs = ["'nobody'" if name == '"tenant_id"' else name for name in columns]
    like_ours = f"insert into {table} ({', '.join(columns)}) select {', '.join(theirs)} from {table} limit 1"
    with writing(office.engine, "nobody") as connection:
        if connection.execute(text(f"update {table} set tenant_id = tenant_id")).rowcount:
            return False
    try:
        with writing(office.engine, TENANT) as connection:
            connection.execute(text(like_ours))
            raise _TakenBack
    except _TakenBack:
        return False
    except IntegrityError:  # it came as far as the keys
        return False
    except ProgrammingError as refused:
        return "row-level security" in str(refused)


def _let_somebody_in(office: Office) -> None:
    """Put a row of ours into the tables of links, keys, lent rights and weights."""
    day.let_somebody_in(office)
    weights = {
        "tenant_id": TENANT,
        "version": 9,
        "weights": {},
        "applied_by": LEAD,
        "applied_at": office.clock(),
    }
    with behind(office) as connection:
        connection.execute(priority_weights.insert(), [weights])


@pytest.fixture
def guarded(request: pytest.FixtureRequest) -> Iterator[Office]:
    """A PostgreSQL desk after a day, with a twin."""
    template = request.getfixturevalue("postgres_template")
    folder = request.getfixturevalue("tmp_path")
    stores = Stores("postgres", folder, template, request.getfixturevalue("postgres_url"))
    made = opened(stores)
    for _name, do, _is_the_workers in (*day.steps(made), *day.steps_to_erasure(made)):
        _done(do)
    Twin(made).meet(is_due=True)
    _let_somebody_in(made)
    yield made
    stores.done(made)


def test_dropping_any_row_policy_is_noticed(guarded: Office) -> None:
    assert unguarded(guarded) == []
    for table in (table.name for table in OF_TENANTS):
        for undo, redo in (
            (
                f"alter table {table} disable row level security",
                f"alter table {table} enable row level security",
            ),
            (
                f"alter table {table} no force row level security",
                f"alter table {table} force row level security",
            ),
            (
                f"alter policy {OWN_ROWS} on {table} using (true)",
                f"alter policy {OWN_ROWS} on {table} using (tenant_id = "
                "nullif(current_setting('tidewaiter.tenant', true), ''))",
            ),
            (
                f"alter policy {OWN_ROWS} on {table} with check (true)",
                f"alter policy {OWN_ROWS} on {table} with check (tenant_id = "
                "nullif(current_setting('tidewaiter.tenant', true), ''))",
            ),
        ):
            with behind(guarded) as connection:
                connection.execute(text(undo))
            found = unguarded(guarded)
            with behind(guarded) as connection:
                connection.execute(text(redo))
            assert table in found, undo
            figures.count("I8", "postgres", "row policies taken off and noticed")
    assert unguarded(guarded) == []


def test_every_table_of_tenants_is_behind_the_rows_policy_and_the_others_are_named(guarded: Office) -> None:
    with behind(guarded) as connection:
        secured = set(
            connection.scalars(
                text(
                    "select relname from pg_class where relrowsecurity and relforcerowsecurity and relkind = 'r'"
                )
            )
        )
    assert secured == {table.name for table in metadata.sorted_tables if "tenant_id" in table.c}
