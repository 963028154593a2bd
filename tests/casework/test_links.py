"""A partner's link: its party's masked view, for a while, until it is taken back; every look is on record."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from casework.access.links import NewLink
from casework.access.seen import PartnerLink
from casework.errors import (
    CaseNotFound,
    CaseworkError,
    DetailsRefused,
    LinkRefused,
    NotFound,
    NotPermitted,
    SessionEnded,
)
from casework.evidence import chain
from casework.model import Action, Contact, Grant, Principal, Publication, QueueFilter, Role
from casework.service import Casework
from casework.store.engine import writing_across
from casework.store.tables import audit_entries, link_views, partner_links
from tests.casework.office import (
    ADMIN,
    APPROVER,
    AUDITOR,
    CARRIER,
    CONFIG,
    CUSTOMER,
    LEAD,
    OWN_CARRIER,
    OWN_CUSTOMER,
    PLANNER,
    START,
    TENANT,
    Office,
    exception,
)

OWN_PARTY = {Role.CUSTOMER: "customer_id", Role.CARRIER: "carrier_id", Role.WAREHOUSE: "facility_id"}


@pytest.fixture
def desk(office: Office) -> Office:
    """Four cases of one tenant and one of another; SH-1 is the carrier's and the customer's own."""
    office.sync(
        exception(1),
        exception(2, customer_id="C-OTHER"),
        exception(3, carrier_id="OTHR"),
        exception(4, exception_type="stock_out_before_inbound"),
    )
    office.casework.sync("health", Publication("pub-1"), [exception(9, tenant_id="health")])
    return office


def asked(office: Office, **changed: Any) -> NewLink:
    plain: dict[str, Any] = {
        "party_role": Role.CARRIER,
        "reason": "They asked by phone.",
        "expires_at": office.clock.at + timedelta(days=7),
    }
    if "case_id" not in changed:
        plain["case_id"] = office.case_id()
    return NewLink(**(plain | changed))


def made(office: Office, who: str = LEAD, **changed: Any) -> tuple[PartnerLink, str]:
    return office.casework.make_link(office.who(who), TENANT, asked(office, **changed))


def opened(office: Office, token: str) -> Principal:
    return office.casework.session(office.casework.open_link(token, "203.0.113.9", "Browser/1.0"))


# --- what a link shows -------------------------------------------------------------------------------------


def test_a_link_shows_its_one_case_and_nothing_else(desk: Office) -> None:
    link, token = made(desk)
    visitor = opened(desk, token)
    page = desk.casework.search(visitor, TENANT)
    assert [case.case_id for case in page.cases] == [desk.case_id()]
    assert page.total == 1
    shown = desk.casework.get(visitor, TENANT, desk.case_id())
    as_account = desk.casework.get(desk.who(CARRIER), TENANT, desk.case_id())
    assert replace(shown, possible_actions=()) == replace(as_account, possible_actions=())
    assert shown.possible_actions == ()
    for key in ("predicted_late:SH-2", "predicted_late:SH-3", "predicted_late:SH-4"):
        with pytest.raises(CaseNotFound):
            desk.casework.get(visitor, TENANT, desk.case_id(key))
    assert link.state == "open" and link.party_id == OWN_CARRIER


def test_a_link_opens_nothing_of_another_tenant_whatever_is_asked(desk: Office) -> None:
    visitor = opened(desk, made(desk, case_id=None, party_id=OWN_CARRIER)[1])
    with desk.casework.desk.reading_across() as connection:
        ids = connection.scalars(select(audit_entries.c.case_id).where(audit_entries.c.tenant_id == "health"))
        elsewhere = next(case_id for case_id in ids if case_id)
    for tenant in (TENANT, "health", "airfreight", "nowhere", "", "' or 1=1 --"):
        with pytest.raises(CaseworkError):
            desk.casework.get(visitor, tenant, elsewhere)
        with pytest.raises(CaseworkError):
            desk.casework.as_known_at(visitor, tenant, elsewhere, desk.clock.at)
        if tenant != TENANT:
            with pytest.raises(NotPermitted):
                desk.casework.search(visitor, tenant)
    with pytest.raises(CaseNotFound):
        desk.casework.tenant_of(visitor, elsewhere)


def test_nothing_else_of_the_door_is_open_to_a_link(desk: Office) -> None:
    link, token = made(desk, may_comment=True)
    visitor, door, case_id = opened(desk, token), desk.casework, desk.case_id()
    draft = desk.draft()
    for tried in (
        lambda: door.people(visitor, TENANT),
        lambda: door.workload(visitor, TENANT),
        lambda: door.hand_overs(visitor, TENANT),
        lambda: door.quarantine(visitor, TENANT),
        lambda: door.feed_health(visitor, TENANT),
        lambda: door.events(visitor, TENANT),
        lambda: door.legal_holds(visitor, TENANT),
        lambda: door.personal_data(visitor, TENANT, OWN_CARRIER),
        lambda: door.partner_links(visitor, TENANT),
        lambda: door.link_views(visitor, TENANT, link_id=link.link_id),
        lambda: door.make_link(visitor, TENANT, asked(desk)),
        lambda: door.revoke_link(visitor, TENANT, link.link_id, "mine"),
        lambda: door.accounts(visitor, TENANT),
        lambda: door.api_keys(visitor, TENANT),
        lambda: door.escalation_plan(visitor, TENANT),
        lambda: door.reject(visitor, TENANT, draft.draft_id, version=draft.version, reason="no"),
        lambda: door.perform(visitor, TENANT, case_id, Action.START),
        lambda: door.search(visitor, TENANT, QueueFilter(customer_id=OWN_CUSTOMER)),
    ):
        with pytest.raises(CaseworkError):
            tried()


def test_only_a_link_that_allows_it_can_comment_and_it_comes_in_as_the_partys_message(desk: Office) -> None:
    silent, talking = opened(desk, made(desk)[1]), opened(desk, made(desk, may_comment=True)[1])
    with pytest.raises(NotPermitted):
        desk.casework.perform(silent, TENANT, desk.case_id(), Action.COMMENT, text="hello")
    desk.casework.perform(talking, TENANT, desk.case_id(), Action.COMMENT, text="It left at noon.")
    (message,) = desk.detail().messages
    assert (message.direction, message.party_id, message.body) == ("in", OWN_CARRIER, "It left at noon.")
    said = next(entry for entry in desk.detail().history if entry.fact == "case:commented")
    assert (said.actor, said.actor_name) == (talking.principal_id, f"Carrier {OWN_CARRIER}, by link")
    assert desk.casework.get(talking, TENANT, desk.case_id()).possible_actions == (Action.COMMENT,)


def test_a_case_that_goes_to_another_carrier_is_gone_from_the_link(desk: Office) -> None:
    visitor = opened(desk, made(desk)[1])
    desk.sync(exception(1, carrier_id="OTHR"), exception(2), exception(3), exception(4), publication="pub-2")
    with pytest.raises(CaseNotFound):
        desk.casework.get(visitor, TENANT, desk.case_id())
    assert desk.casework.search(visitor, TENANT).total == 0


# --- a link equals an account with the same grant -----------------------------------------------------------

PARTIES = st.sampled_from(["X", "Y"])
KINDS = ("predicted_late", "pod_missing", "customs_hold", "stock_out_before_inbound")


@pytest.fixture(scope="module")
def many(module_office: Office) -> Office:
    number, records = 0, []
    for customer in ("X", "Y"):
        for carrier in ("X", "Y"):
            for kind in KINDS:
                number += 1
                records.append(
                    exception(
                        number,
                        exception_type=kind,
                        exception_key=f"{kind}:{number}",
                        customer_id=customer,
                        carrier_id=carrier,
                        facility_id=["X", "Y"][number % 2],
                    )
                )
    module_office.sync(*records)
    return module_office


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    role=st.sampled_from(sorted(OWN_PARTY)),
    party=PARTIES,
    types=st.one_of(st.none(), st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True)),
    single=st.one_of(st.none(), st.integers(0, 15)),
    words=st.sampled_from(["", "SH-1", "X", "late"]),
)
def test_a_link_shows_exactly_what_a_partners_account_with_the_same_grant_is_shown(
    many: Office, role: Role, party: str, types: list[str] | None, single: int | None, words: str
) -> None:
    door, column = many.casework, OWN_PARTY[role]
    shared = set(CONFIG.shared_types(role.value))
    everything = door.search(many.who(LEAD), TENANT, QueueFilter(limit=500)).cases
    case_id = None if single is None else sorted(case.case_id for case in everything)[single]
    narrowed = None if types is None or case_id else tuple(types)
    wanted = asked(
        many,
        party_role=role,
        party_id=party if case_id is None else None,
        case_id=case_id,
        exception_types=narrowed,
    )
    case = next((case for case in everything if case.case_id == case_id), None)
    if set(narrowed or ()) - shared or (case and case.exception_type not in shared):
        with pytest.raises(DetailsRefused):
            door.make_link(many.who(LEAD), TENANT, wanted)
        return
    link, token = door.make_link(many.who(LEAD), TENANT, wanted)
    visitor = door.session(door.open_link(token))
    account = CUSTOMER if role == Role.CUSTOMER else CARRIER
    door.revoke(account, TENANT, ADMIN)
    scope: dict[str, Any] = {column: link.party_id, "exception_types": narrowed}
    door.give(account, Grant(TENANT, role, **scope), ADMIN)
    partner = many.who(account)
    for case in everything:
        if case_id in (None, case.case_id):
            assert outcome(door, visitor, case.case_id) == outcome(door, partner, case.case_id)
        else:
            assert outcome(door, visitor, case.case_id) == "not found"
    if case_id is None:
        asks = QueueFilter(search=words, limit=100)
        assert door.search(visitor, TENANT, asks) == door.search(partner, TENANT, asks)
    else:
        assert {c.case_id for c in door.search(visitor, TENANT).cases} <= {case_id}


def outcome(door: Any, who: Principal, case_id: str) -> Any:
    try:
        return replace(door.get(who, TENANT, case_id), possible_actions=())
    except CaseNotFound:
        return "not found"


# --- who may make one, and how far it reaches ---------------------------------------------------------------


@pytest.mark.parametrize("who", [PLANNER, APPROVER, AUDITOR, ADMIN, CUSTOMER, CARRIER])
def test_only_who_the_tenant_lets_makes_links(desk: Office, who: str) -> None:
    with pytest.raises(CaseworkError) as refused:
        made(desk, who)
    assert isinstance(refused.value, NotPermitted)
    assert desk.casework.partner_links(desk.who(LEAD), TENANT) == ()


def test_a_tenant_may_let_its_planners_make_links(desk: Office) -> None:
    desk.configure(links={"made_by": ["ops_lead", "planner"], "longest_days": 3})
    link, _token = made(desk, PLANNER, expires_at=START + timedelta(days=3))
    assert link.made_by == PLANNER
    with pytest.raises(DetailsRefused, match="3 days"):
        made(desk, PLANNER, expires_at=START + timedelta(days=3, seconds=1))


def test_a_link_reaches_no_further_than_the_grant_it_was_made_under(desk: Office) -> None:
    desk.casework.revoke(LEAD, TENANT, ADMIN)
    desk.casework.give(LEAD, Grant(TENANT, Role.OPS_LEAD, customer_id="C-OTHER"), ADMIN)
    with pytest.raises(CaseNotFound):
        made(desk)
    visitor = opened(desk, made(desk, case_id=None, party_id=OWN_CARRIER)[1])
    found = desk.casework.search(visitor, TENANT).cases
    assert {case.subject for case in found} == {"SH-2"}
    with pytest.raises(DetailsRefused):
        made(desk, case_id=None, party_id="OTHR")  # has cases, but none of this customer's


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": "  "},
        {"party_role": Role.PLANNER},
        {"party_id": "SOMEBODY"},
        {"case_id": None},
        {"case_id": None, "party_id": "NOBODY"},
        {"case_id": None, "party_id": OWN_CARRIER, "exception_types": ("stock_out_before_inbound",)},
        {"expires_at": START},
        {"expires_at": START + timedelta(days=31)},
        {"expires_at": (START + timedelta(days=1)).replace(tzinfo=None)},
    ],
)
def test_a_link_that_makes_no_sense_is_refused_and_none_is_made(desk: Office, wrong: dict[str, Any]) -> None:
    with pytest.raises(DetailsRefused):
        made(desk, **wrong)
    assert desk.casework.partner_links(desk.who(LEAD), TENANT) == ()


def test_a_case_of_a_type_that_is_not_shared_is_not_shared_by_a_link(desk: Office) -> None:
    with pytest.raises(DetailsRefused, match="not shown"):
        made(desk, case_id=desk.case_id("predicted_late:SH-4"))


# --- the token ---------------------------------------------------------------------------------------------


def test_the_token_is_kept_nowhere(desk: Office) -> None:
    _link, token = made(desk)
    session = desk.casework.open_link(token)
    with desk.casework.desk.reading_across() as connection:
        for table in partner_links.metadata.sorted_tables:
            stored = repr(connection.execute(select(table)).all())
            assert token not in stored and session not in stored, table.name


def test_whatever_is_wrong_with_a_link_is_said_in_the_same_words(desk: Office) -> None:
    ended, revoked = made(desk, expires_at=START + timedelta(hours=1)), made(desk)
    desk.casework.revoke_link(desk.who(LEAD), TENANT, revoked[0].link_id, "sent to the wrong person")
    desk.clock.forward(hours=1)
    said = set()
    for token in ("", "guessed", "\x00", "\ud800", ended[1], revoked[1], ended[1] + " ", "x" * 10_000):
        with pytest.raises(LinkRefused) as refused:
            desk.casework.open_link(token, "203.0.113.9", "Browser")
        said.add(refused.value.message)
    for principal_id in ("link:", "link:nobody", f"link:{ended[0].link_id}", f"link:{revoked[0].link_id}"):
        with pytest.raises(LinkRefused) as refused:
            desk.casework.search(Principal(principal_id, "link", "x", "x"), TENANT)
        said.add(refused.value.message)
    assert len(said) == 1
    with pytest.raises(SessionEnded):
        desk.casework.session(revoked[1])  # a link's token is no session's


@pytest.mark.parametrize("how", ["revoked", "ended", "session idle"])
def test_an_open_page_is_closed_with_its_next_request(desk: Office, how: str) -> None:
    link, token = made(desk, expires_at=START + timedelta(minutes=40), may_comment=True)
    session = desk.casework.open_link(token)
    visitor = desk.casework.session(session)
    assert desk.casework.search(visitor, TENANT).total == 1
    if how == "revoked":
        desk.casework.revoke_link(desk.who(LEAD), TENANT, link.link_id, "done")
    else:
        desk.clock.forward(minutes=40 if how == "ended" else 31)
    with pytest.raises(LinkRefused):
        desk.casework.session(session)
    if how == "session idle":
        return  # the link itself still opens
    for tried in (
        lambda: desk.casework.search(visitor, TENANT),
        lambda: desk.casework.get(visitor, TENANT, desk.case_id()),
        lambda: desk.casework.as_known_at(visitor, TENANT, desk.case_id(), desk.clock.at),
        lambda: desk.casework.perform(visitor, TENANT, desk.case_id(), Action.COMMENT, text="still here"),
        lambda: desk.casework.open_link(token),
    ):
        with pytest.raises(LinkRefused):
            tried()
    assert desk.detail().messages == ()


def test_nothing_comes_in_by_a_link_once_its_revocation_stands(desk: Office) -> None:
    """Many comment while the lead takes the link back: in the log, every comment stands before the end."""
    link, token = made(desk, may_comment=True)
    visitor, case_id, lead = opened(desk, token), desk.case_id(), desk.who(LEAD)
    doors = [desk.door() for _ in range(4)]

    def comment(door: Casework) -> None:
        for number in range(5):
            with suppress(LinkRefused):
                door.perform(visitor, TENANT, case_id, Action.COMMENT, text=f"note {number}")

    with ThreadPoolExecutor(len(doors) + 1) as threads:
        running = [threads.submit(comment, door) for door in doors]
        desk.casework.revoke_link(lead, TENANT, link.link_id, "done")
        for task in running:
            task.result()
    with pytest.raises(LinkRefused):
        desk.casework.perform(visitor, TENANT, case_id, Action.COMMENT, text="late")
    with desk.casework.desk.reading_across() as connection:
        query = select(audit_entries).where(audit_entries.c.tenant_id == TENANT)
        told = connection.execute(query.order_by(audit_entries.c.sequence)).mappings().all()
    ended = next(entry["sequence"] for entry in told if entry["action"] == "link:revoked")
    assert all(entry["sequence"] < ended for entry in told if entry["actor"] == visitor.principal_id)
    assert chain.verify(desk.casework, TENANT).ok


def test_a_revocation_says_why_and_happens_once(desk: Office) -> None:
    link, _token = made(desk)
    for who in (APPROVER, AUDITOR, CUSTOMER):
        with pytest.raises(NotPermitted):
            desk.casework.revoke_link(desk.who(who), TENANT, link.link_id, "x")
    with pytest.raises(DetailsRefused):
        desk.casework.revoke_link(desk.who(LEAD), TENANT, link.link_id, " ")
    with pytest.raises(NotFound):
        desk.casework.revoke_link(desk.who(LEAD), "health", link.link_id, "x")
    first = desk.casework.revoke_link(desk.who(LEAD), TENANT, link.link_id, "wrong person")
    again = desk.casework.revoke_link(desk.who(PLANNER), TENANT, link.link_id, "me too")
    assert (first.state, again.revoke_reason, again.revoked_by_name) == (
        "revoked",
        "wrong person",
        "Operations lead",
    )
    assert desk.facts_of().count("link:revoked") == 1


def test_guessing_is_slowed_by_network_address_and_only_there(desk: Office) -> None:
    _link, token = made(desk)
    for _ in range(CONFIG.accounts.links.unknown_allowed):
        with pytest.raises(LinkRefused):
            desk.casework.open_link("guess", "198.51.100.7")
    with pytest.raises(LinkRefused):
        desk.casework.open_link(token, "198.51.100.7")
    assert desk.casework.open_link(token, "203.0.113.9")
    assert desk.casework.open_link(token)
    desk.clock.forward(minutes=CONFIG.accounts.links.within_minutes)
    assert desk.casework.open_link(token, "198.51.100.7")


# --- what was seen -----------------------------------------------------------------------------------------


def test_every_opening_and_every_case_looked_at_is_on_record(desk: Office) -> None:
    link, token = made(desk, case_id=None, party_id=OWN_CARRIER)
    first = opened(desk, token)
    for _ in range(3):
        desk.casework.get(first, TENANT, desk.case_id())
    desk.clock.forward(minutes=16)
    desk.casework.get(first, TENANT, desk.case_id())
    second = desk.casework.session(desk.casework.open_link(token, None, "Other\x00\n" + "x" * 500))
    desk.casework.get(second, TENANT, desk.case_id())
    desk.casework.get(second, TENANT, desk.case_id("predicted_late:SH-2"))

    views = desk.casework.link_views(desk.who(LEAD), TENANT, link_id=link.link_id)
    assert [view.kind for view in views].count("opening") == 2
    looked = [(view.case_id, view.user_agent) for view in views if view.kind == "partner_view"]
    assert len(looked) == 4
    assert looked[-1] == (desk.case_id(), "Browser/1.0")
    assert looked[0][0] == desk.case_id("predicted_late:SH-2")
    assert looked[0][1] is not None and len(looked[0][1]) == 120
    assert {bool(view.address_hash) for view in views} == {True, False}
    assert "203.0.113.9" not in repr(views)
    (listed,) = desk.casework.partner_links(desk.who(LEAD), TENANT)
    assert (listed.openings, listed.views, listed.last_view_at) == (2, 4, desk.clock.at)
    (on_case,) = desk.casework.link_views(
        desk.who(AUDITOR), TENANT, case_id=desk.case_id("predicted_late:SH-2")
    )
    assert on_case.link_id == link.link_id
    assert [one.link_id for one in desk.casework.partner_links(desk.who(LEAD), TENANT, desk.case_id())] == [
        link.link_id
    ]


def test_the_chain_tells_of_every_look_and_explains_every_link(desk: Office) -> None:
    link, token = made(desk)
    visitor = opened(desk, token)
    desk.casework.get(visitor, TENANT, desk.case_id())
    desk.casework.as_known_at(visitor, TENANT, desk.case_id(), desk.clock.at)
    desk.casework.revoke_link(desk.who(LEAD), TENANT, link.link_id, "done")
    with desk.casework.desk.reading_across() as connection:
        query = select(audit_entries).where(audit_entries.c.tenant_id == TENANT)
        told = connection.execute(query.order_by(audit_entries.c.sequence)).mappings().all()
    mine = [entry["action"] for entry in told if entry["actor"] == visitor.principal_id]
    assert mine == ["link:opened", "case:read:sensitive", "case:read:sensitive"]
    assert token not in json.dumps([entry["payload"] for entry in told])
    assert {"link:created", "link:revoked"} <= set(desk.facts_of())
    assert desk.casework.verify_audit(TENANT).ok


@pytest.mark.parametrize(
    "change",
    [
        {"revoked_at": None},
        {"carrier_id": "OTHR"},
        {"case_id": None},
        {"may_comment": True},
        {"expires_at": START + timedelta(days=900)},
        {"token_sha256": "ab" * 32},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_link_changed_behind_the_door_does_not_verify(desk: Office, change: dict[str, Any]) -> None:
    link, _token = made(desk)
    desk.casework.revoke_link(desk.who(LEAD), TENANT, link.link_id, "done")
    assert chain.verify(desk.casework, TENANT).ok
    with writing_across(desk.engine) as connection:
        connection.execute(update(partner_links).values(change))
    report = chain.verify(desk.casework, TENANT)
    assert not report.ok and report.problem and link.link_id in report.problem


def test_what_was_seen_cannot_be_changed_or_taken_out(desk: Office) -> None:
    opened(desk, made(desk)[1])
    for statement in (update(link_views).values(kind="x"), link_views.delete()):
        with pytest.raises(Exception, match="append-only"), desk.engine.begin() as connection:
            connection.execute(statement)


def test_a_scoped_reader_sees_the_links_that_lie_within_the_scope(desk: Office) -> None:
    about, _ = made(desk)
    wide, token = made(desk, case_id=None, party_id=OWN_CARRIER)
    visitor = opened(desk, token)
    for key in ("predicted_late:SH-1", "predicted_late:SH-2"):
        desk.casework.get(visitor, TENANT, desk.case_id(key))
    desk.casework.revoke(AUDITOR, TENANT, ADMIN)
    desk.casework.give(AUDITOR, Grant(TENANT, Role.AUDITOR, customer_id=OWN_CUSTOMER), ADMIN)
    found = desk.casework.partner_links(desk.who(AUDITOR), TENANT)
    assert [link.link_id for link in found] == [about.link_id]
    (look,) = desk.casework.link_views(desk.who(AUDITOR), TENANT, case_id=desk.case_id())
    assert (look.link_id, look.case_id) == (wide.link_id, desk.case_id())
    elsewhere = desk.case_id("predicted_late:SH-2")
    assert desk.casework.link_views(desk.who(AUDITOR), TENANT, case_id=elsewhere) == ()
    desk.casework.revoke(AUDITOR, TENANT, ADMIN)
    desk.casework.give(AUDITOR, Grant(TENANT, Role.AUDITOR, customer_id="C-OTHER"), ADMIN)
    assert desk.casework.partner_links(desk.who(AUDITOR), TENANT) == ()
    assert desk.casework.link_views(desk.who(AUDITOR), TENANT, case_id=desk.case_id()) == ()


def test_what_is_erased_of_a_party_is_erased_of_the_reasons_of_links_and_still_explained(
    desk: Office,
) -> None:
    contact = Contact(OWN_CARRIER, "mail", "carrier", "Highway Mutual", "ops@highway.example", True)
    desk.casework.put_contacts(TENANT, [contact], "service:test")
    link, token = made(desk, reason="Highway Mutual asked, by ops@highway.example.")
    desk.casework.revoke_link(desk.who(LEAD), TENANT, link.link_id, "Highway Mutual has an account now.")
    for draft in desk.detail().drafts:
        desk.casework.reject(desk.who(LEAD), TENANT, draft.draft_id, version=draft.version, reason="no")
    desk.casework.erase_party(desk.who(LEAD), TENANT, OWN_CARRIER, "request 7")
    with desk.casework.desk.reading_across() as connection:
        kept = repr(connection.execute(select(partner_links)).all())
    assert "Highway" not in kept and "ops@" not in kept and OWN_CARRIER in kept
    assert chain.verify(desk.casework, TENANT).ok
