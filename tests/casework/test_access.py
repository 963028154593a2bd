"""Keys for services and grants of accounts: who gives what to whom, and that nobody gains by giving."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from casework.access.administration import covers
from casework.access.api_keys import OFFERED, ApiKey, NewKey
from casework.errors import (
    CaseNotFound,
    CaseworkError,
    DetailsRefused,
    KeyRefused,
    NotFound,
    NotPermitted,
    SessionEnded,
    SignInRefused,
)
from casework.model import PARTNER_ROLES, Action, Grant, Publication, Role
from casework.permissions.tenantwide import CONSOLE
from casework.store.engine import writing_across
from casework.store.tables import api_keys, audit_entries
from tests.casework.office import (
    ADMIN,
    APPROVER,
    AUDITOR,
    CARRIER,
    CUSTOMER,
    ENGINEER,
    LEAD,
    OWN_CUSTOMER,
    PLANNER,
    START,
    TENANT,
    Office,
    exception,
)


@pytest.fixture
def desk(office: Office) -> Office:
    office.sync(exception(1), exception(2, customer_id="C-OTHER"))
    office.casework.sync("health", Publication("pub-1"), [exception(9, tenant_id="health")])
    return office


def asked(**changed: Any) -> NewKey:
    plain: dict[str, Any] = {
        "key_name": "TMS bridge",
        "permissions": ("case:read",),
        "expires_at": START + timedelta(days=90),
        "holder": "lead",
    }
    return NewKey(**(plain | changed))


def drawn(office: Office, **changed: Any) -> tuple[ApiKey, str]:
    key = office.casework.make_key(office.who(ADMIN), TENANT, asked(**changed))
    return key, office.casework.draw_key(office.who(LEAD), TENANT, key.key_id)


# --- keys --------------------------------------------------------------------------------------------------


def test_a_key_reads_what_it_was_made_for_and_nothing_else(desk: Office) -> None:
    _key, secret = drawn(desk, customer_id=OWN_CUSTOMER)
    service, door = desk.casework.principal_of_key(secret), desk.casework
    assert [case.subject for case in door.search(service, TENANT).cases] == ["SH-1"]
    assert door.get(service, TENANT, desk.case_id()).case.expected_loss is not None
    for tried in (
        lambda: door.get(service, TENANT, desk.case_id("predicted_late:SH-2")),
        lambda: door.get(service, "health", desk.case_id("predicted_late:SH-9")),
        lambda: door.search(service, "health"),
        lambda: door.events(service, TENANT),
        lambda: door.quarantine(service, TENANT),
        lambda: door.perform(service, TENANT, desk.case_id(), Action.START),
        lambda: door.perform(service, TENANT, desk.case_id(), Action.COMMENT, text="x"),
        lambda: door.accounts(service, TENANT),
        lambda: door.make_key(service, TENANT, asked()),
        lambda: door.partner_links(service, TENANT),
    ):
        with pytest.raises(CaseworkError):
            tried()


@pytest.mark.parametrize("permission", OFFERED)
def test_each_permission_of_a_key_opens_its_own_reading_alone(desk: Office, permission: str) -> None:
    _key, secret = drawn(desk, permissions=(permission,))
    service, door, case_id = desk.casework.principal_of_key(secret), desk.casework, desk.case_id()
    readings = {
        "case:read": lambda: door.search(service, TENANT),
        "event:read": lambda: door.events(service, TENANT),
        "feed:read": lambda: door.feed_health(service, TENANT),
        "quarantine:read": lambda: door.quarantine(service, TENANT),
    }
    for name, reading in readings.items():
        if name == permission:
            reading()
        else:
            with pytest.raises(NotPermitted):
                reading()
    if permission != "case:read":
        with pytest.raises(CaseNotFound):
            door.get(service, TENANT, case_id)


def test_the_administrator_who_makes_a_key_never_sees_it(desk: Office) -> None:
    admin = desk.who(ADMIN)
    key = desk.casework.make_key(admin, TENANT, asked())
    for who in (ADMIN, PLANNER, CARRIER):
        with pytest.raises(NotFound):
            desk.casework.draw_key(desk.who(who), TENANT, key.key_id)
    for holder in ("admin", "engineer", "customer", "nobody", None):
        with pytest.raises(DetailsRefused):
            desk.casework.make_key(admin, TENANT, asked(holder=holder))
    (waiting,) = desk.casework.keys_to_draw(desk.who(LEAD), TENANT)
    assert (waiting.state, desk.casework.keys_to_draw(admin, TENANT)) == ("to_draw", ())
    secret = desk.casework.draw_key(desk.who(LEAD), TENANT, key.key_id)
    assert secret.startswith(f"{key.prefix}_")
    with pytest.raises(DetailsRefused):
        desk.casework.draw_key(desk.who(LEAD), TENANT, key.key_id)
    (listed,) = desk.casework.api_keys(admin, TENANT)
    assert listed.state == "live" and secret not in repr(listed)


def test_who_lost_the_role_in_between_draws_no_key(desk: Office) -> None:
    key = desk.casework.make_key(desk.who(ADMIN), TENANT, asked())
    desk.casework.revoke(LEAD, TENANT, ADMIN)
    with pytest.raises(NotPermitted):
        desk.casework.draw_key(desk.who(LEAD), TENANT, key.key_id)


def test_the_secret_is_kept_nowhere(desk: Office) -> None:
    _key, secret = drawn(desk)
    desk.casework.principal_of_key(secret)
    with desk.casework.desk.reading_across() as connection:
        for table in api_keys.metadata.sorted_tables:
            assert secret not in repr(connection.execute(select(table)).all()), table.name


def test_whatever_is_wrong_with_a_key_is_said_in_the_same_words(desk: Office) -> None:
    (short, ended), (taken, revoked) = drawn(desk, expires_at=START + timedelta(hours=1)), drawn(desk)
    service = desk.casework.principal_of_key(ended)
    desk.casework.revoke_key(desk.who(ADMIN), TENANT, taken.key_id, "leaked")
    desk.clock.forward(hours=1)
    undrawn = desk.casework.make_key(desk.who(ADMIN), TENANT, asked())
    said = set()
    for secret in (ended, revoked, "", "tw_00000000_x", "\ud800", short.prefix):
        with pytest.raises(KeyRefused) as refused:
            desk.casework.principal_of_key(secret)
        said.add(refused.value.message)
    for principal_id in (f"key:{undrawn.key_id}", "key:", "key:x", service.principal_id):
        with pytest.raises(KeyRefused) as refused:
            desk.casework.search(type(service)(principal_id, "service", "x", "x"), TENANT)
        said.add(refused.value.message)
    assert len(said) == 1


def test_a_revoked_key_opens_nothing_from_the_next_call_on(desk: Office) -> None:
    key, secret = drawn(desk)
    service = desk.casework.principal_of_key(secret)
    assert desk.casework.search(service, TENANT).total == 2
    assert desk.casework.revoke_key(desk.who(ADMIN), TENANT, key.key_id, "leaked").state == "revoked"
    with pytest.raises(KeyRefused):
        desk.casework.search(service, TENANT)
    again = desk.casework.revoke_key(desk.who(ADMIN), TENANT, key.key_id, "again")
    assert again.revoke_reason == "leaked"


def test_when_a_key_was_last_used_is_known(desk: Office) -> None:
    _key, secret = drawn(desk)
    assert desk.casework.api_keys(desk.who(ADMIN), TENANT)[0].last_used_at is None
    desk.clock.forward(hours=2)
    desk.casework.principal_of_key(secret)
    assert desk.casework.api_keys(desk.who(ADMIN), TENANT)[0].last_used_at == desk.clock.at


@pytest.mark.parametrize(
    "wrong",
    [
        {"key_name": " "},
        {"permissions": ()},
        {"permissions": ("case:start",)},
        {"permissions": ("case:read", "*")},
        {"expires_at": START},
        {"expires_at": START + timedelta(days=400)},
        {"expires_at": (START + timedelta(days=1)).replace(tzinfo=None)},
        {"exception_types": ("made_up",)},
        {"holder": "planner", "permissions": ("event:read",)},
    ],
)
def test_a_key_that_makes_no_sense_is_refused(desk: Office, wrong: dict[str, Any]) -> None:
    with pytest.raises(DetailsRefused):
        desk.casework.make_key(desk.who(ADMIN), TENANT, asked(**wrong))
    assert desk.casework.api_keys(desk.who(ADMIN), TENANT) == ()


@pytest.mark.parametrize("who", [LEAD, PLANNER, APPROVER, AUDITOR, ENGINEER, CUSTOMER])
def test_only_who_manages_accounts_makes_lists_or_revokes_keys(desk: Office, who: str) -> None:
    key, _secret = drawn(desk)
    for tried in (
        lambda: desk.casework.make_key(desk.who(who), TENANT, asked()),
        lambda: desk.casework.api_keys(desk.who(who), TENANT),
        lambda: desk.casework.revoke_key(desk.who(who), TENANT, key.key_id, "x"),
    ):
        with pytest.raises(NotPermitted):
            tried()
    with pytest.raises(NotFound):
        desk.casework.revoke_key(desk.who(ADMIN), "health", key.key_id, "x")


@pytest.mark.parametrize(
    "change",
    [{"revoked_at": None}, {"permissions": list(OFFERED)}, {"secret_sha256": "ab" * 32}, {"holder": CARRIER}],
    ids=lambda change: next(iter(change)),
)
def test_a_key_changed_behind_the_door_does_not_verify(desk: Office, change: dict[str, Any]) -> None:
    key, _secret = drawn(desk)
    desk.casework.revoke_key(desk.who(ADMIN), TENANT, key.key_id, "leaked")
    assert desk.casework.verify_audit(TENANT).ok
    with writing_across(desk.engine) as connection:
        connection.execute(update(api_keys).values(change))
    assert not desk.casework.verify_audit(TENANT).ok


def test_the_console_draws_its_own_keys(desk: Office) -> None:
    operator = desk.casework.operator()
    key = desk.casework.make_key(operator, TENANT, asked(holder=None))
    assert key.holder == CONSOLE
    secret = desk.casework.draw_key(operator, TENANT, key.key_id)
    assert desk.casework.search(desk.casework.principal_of_key(secret), TENANT).total == 2


# --- accounts ----------------------------------------------------------------------------------------------


def grants_of(desk: Office, login: str, tenant: str = TENANT) -> dict[Role, str]:
    account = next(a for a in desk.casework.accounts(desk.who(ADMIN), tenant) if a.login == login)
    return {held.grant.role: held.grant_id for held in account.grants}


def test_an_administrator_sees_who_holds_what_and_no_case(desk: Office) -> None:
    admin = desk.who(ADMIN)
    found = {account.login: account for account in desk.casework.accounts(admin, TENANT)}
    assert {"lead", "customer", "operator"} <= set(found)
    assert [held.grant.customer_id for held in found["customer"].grants] == [OWN_CUSTOMER]
    assert {h.grant.tenant_id for account in found.values() for h in account.grants} == {TENANT}
    case_id = desk.case_id()
    for reading in (
        lambda: desk.casework.search(admin, TENANT),
        lambda: desk.casework.get(admin, TENANT, case_id),
        lambda: desk.casework.as_known_at(admin, TENANT, case_id, desk.clock.at),
        lambda: desk.casework.link_views(admin, TENANT, case_id=case_id),
        lambda: desk.casework.partner_links(admin, TENANT),
        lambda: desk.casework.events(admin, TENANT),
        lambda: desk.casework.quarantine(admin, TENANT),
        lambda: desk.casework.workload(admin, TENANT),
        lambda: desk.casework.tenant_of(admin, case_id),
    ):
        with pytest.raises(CaseworkError):
            reading()


def test_a_grant_is_given_and_taken_and_both_are_told(desk: Office) -> None:
    admin = desk.who(ADMIN)
    grant = Grant(TENANT, Role.PLANNER, customer_id=OWN_CUSTOMER)
    grant_id = desk.casework.give_grant(admin, "engineer", grant)
    assert [c.subject for c in desk.casework.search(desk.who(ENGINEER), TENANT).cases] == ["SH-1"]
    with pytest.raises(DetailsRefused):
        desk.casework.give_grant(admin, "engineer", grant)
    with pytest.raises(DetailsRefused):
        desk.casework.take_grant(admin, TENANT, grant_id, "")
    desk.casework.take_grant(admin, TENANT, grant_id, "helped out for a day")
    with pytest.raises(NotPermitted):
        desk.casework.search(desk.who(ENGINEER), TENANT)
    with pytest.raises(NotFound):
        desk.casework.take_grant(admin, TENANT, grant_id, "again")
    with desk.casework.desk.reading_across() as connection:
        query = select(audit_entries).where(
            audit_entries.c.object_id == ENGINEER, audit_entries.c.actor == ADMIN
        )
        told = connection.execute(query.order_by(audit_entries.c.sequence)).mappings().all()
    assert [entry["action"] for entry in told] == ["grant:given", "grant:revoked"]
    assert "helped out" in json.dumps(told[1]["payload"])


@pytest.mark.parametrize("role", Role)
def test_nobody_gives_themselves_anything(desk: Office, role: Role) -> None:
    desk.casework.give(LEAD, Grant(TENANT, Role.PLATFORM_ADMIN), ADMIN)
    for who, login in ((ADMIN, "admin"), (ADMIN, " ADMIN "), (LEAD, "lead")):
        with pytest.raises(NotPermitted):
            desk.casework.give_grant(desk.who(who), login, Grant(TENANT, role, customer_id=OWN_CUSTOMER))
    with pytest.raises(NotPermitted):
        desk.casework.give_grant(desk.who(ADMIN), "operator", Grant(TENANT, role))
    with pytest.raises(NotPermitted):
        desk.casework.take_grant(desk.who(LEAD), TENANT, grants_of(desk, "lead")[Role.OPS_LEAD], "mine")


@pytest.mark.parametrize("who", [LEAD, PLANNER, APPROVER, AUDITOR, ENGINEER, CUSTOMER, CARRIER])
def test_only_who_manages_accounts_changes_them(desk: Office, who: str) -> None:
    caller, grant_id = desk.who(who), grants_of(desk, "planner")[Role.PLANNER]
    for tried in (
        lambda: desk.casework.accounts(caller, TENANT),
        lambda: desk.casework.give_grant(caller, "auditor", Grant(TENANT, Role.AUDITOR)),
        lambda: desk.casework.take_grant(caller, TENANT, grant_id, "x"),
        lambda: desk.casework.deactivate_account(caller, TENANT, "planner", "x"),
        lambda: desk.casework.activate_account(caller, TENANT, "planner", "x"),
    ):
        with pytest.raises(NotPermitted):
            tried()


def test_an_administrator_of_a_part_manages_that_part_alone(desk: Office) -> None:
    desk.casework.revoke(ADMIN, "health", CONSOLE)
    desk.casework.revoke(ADMIN, TENANT, CONSOLE)
    desk.casework.give(ADMIN, Grant(TENANT, Role.PLATFORM_ADMIN, customer_id=OWN_CUSTOMER), CONSOLE)
    admin = desk.who(ADMIN)
    wider = (
        Grant(TENANT, Role.PLANNER),
        Grant(TENANT, Role.PLANNER, customer_id="C-OTHER"),
        Grant(TENANT, Role.PLANNER, carrier_id="TSWN"),
        Grant("health", Role.PLANNER, customer_id=OWN_CUSTOMER),
    )
    for grant in wider:
        with pytest.raises(NotPermitted):
            desk.casework.give_grant(admin, "engineer", grant)
    desk.casework.give_grant(admin, "engineer", Grant(TENANT, Role.PLANNER, customer_id=OWN_CUSTOMER))
    assert {a.login for a in desk.casework.accounts(admin, TENANT)} >= {"customer", "engineer"}
    assert "lead" not in {a.login for a in desk.casework.accounts(admin, TENANT)}
    with pytest.raises(NotPermitted):
        desk.casework.make_key(admin, TENANT, asked())
    with pytest.raises(NotPermitted):
        desk.casework.deactivate_account(admin, TENANT, "lead", "x")
    desk.casework.deactivate_account(admin, TENANT, "customer", "left the firm")


def test_an_administrator_of_another_tenant_manages_nothing_here(desk: Office) -> None:
    desk.casework.revoke(ADMIN, TENANT, CONSOLE)
    admin = desk.who(ADMIN)
    assert {grant.tenant_id for grant in admin.grants} == {"airfreight", "health"}
    for attempt in (
        lambda: desk.casework.accounts(admin, TENANT),
        lambda: desk.casework.api_keys(admin, TENANT),
        lambda: desk.casework.give_grant(admin, "engineer", Grant(TENANT, Role.PLANNER)),
        lambda: desk.casework.deactivate_account(admin, TENANT, "planner", "x"),
    ):
        with pytest.raises(NotPermitted):
            attempt()


def test_a_deactivated_account_is_out_at_once_and_can_come_back(
    desk: Office, passwords: dict[str, str]
) -> None:
    admin = desk.who(ADMIN)
    token, planner = desk.casework.sign_in("planner", passwords["planner"])
    desk.casework.deactivate_account(admin, TENANT, "planner", "on leave")
    with pytest.raises(SessionEnded):
        desk.casework.session(token)
    with pytest.raises(NotPermitted):
        desk.casework.search(planner, TENANT)
    with pytest.raises(SignInRefused):
        desk.casework.sign_in("planner", passwords["planner"])
    desk.casework.activate_account(admin, TENANT, "planner", "is back")
    assert desk.casework.search(planner, TENANT).total == 2
    with pytest.raises(SessionEnded):
        desk.casework.session(token)
    for login in ("admin", "operator"):
        with pytest.raises(NotPermitted):
            desk.casework.deactivate_account(admin, TENANT, login, "x")
    assert desk.casework.verify_audit("health").ok


def test_an_account_that_acts_elsewhere_is_not_deactivated_from_here(desk: Office) -> None:
    desk.casework.revoke(ADMIN, "health", CONSOLE)
    with pytest.raises(NotPermitted):
        desk.casework.deactivate_account(desk.who(ADMIN), TENANT, "planner", "x")
    assert desk.casework.search(desk.who(PLANNER), TENANT).total == 2


@pytest.mark.parametrize(
    ("login", "grant"),
    [
        ("planner", Grant(TENANT, Role.CUSTOMER, customer_id="X")),
        ("customer", Grant(TENANT, Role.PLANNER)),
        ("carrier", Grant(TENANT, Role.CARRIER)),
        ("planner", Grant(TENANT, Role.AUDITOR, exception_types=("made_up",))),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(desk: Office, login: str, grant: Grant) -> None:
    with pytest.raises(DetailsRefused):
        desk.casework.give_grant(desk.who(ADMIN), login, grant)


IDS, TYPES = st.sampled_from([None, "X", "Y"]), st.sampled_from([None, ("a",), ("b",), ("a", "b"), ()])
SCOPED = st.builds(
    Grant,
    tenant_id=st.sampled_from(["demo", "health"]),
    role=st.sampled_from(sorted(set(Role) - PARTNER_ROLES)),
    customer_id=IDS,
    carrier_id=IDS,
    facility_id=IDS,
    exception_types=TYPES,
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(mine=SCOPED, given_away=SCOPED)
def test_what_is_given_reaches_no_row_that_the_giver_does_not_manage(mine: Grant, given_away: Grant) -> None:
    if not covers((mine,), given_away):
        return
    for tenant in ("demo", "health"):
        for party in ("X", "Y", "Z"):
            for column in ("customer_id", "carrier_id", "facility_id"):
                for kind in ("a", "b", "c"):
                    row = {"customer_id": "X", "carrier_id": "X", "facility_id": "X"} | {column: party}
                    if reaches(given_away, tenant, kind, row):
                        assert reaches(mine, tenant, kind, row)


def reaches(grant: Grant, tenant: str, kind: str, row: dict[str, str]) -> bool:
    """The rule in plain words."""
    if grant.tenant_id != tenant or (grant.exception_types is not None and kind not in grant.exception_types):
        return False
    return all(getattr(grant, column) in (None, value) for column, value in row.items())
