"""I9: what the policies decide is what a second, plain writing of the rules says; what is unknown is denied."""

from __future__ import annotations

import itertools
import random
from typing import Any

import cedarpy
import pytest
from sqlalchemy import select

from casework.model import Action, Grant, Principal, Publication, Role, State
from casework.permissions import policy
from casework.permissions.scope import Scope
from casework.store.tables import cases
from tests.casework.invariants.conftest import Stores
from tests.casework.office import CONFIG, TENANT, exception
from tests.faults import figures, sizes

# --- the reference: written from the descriptions in docs/security.md, sharing nothing with the policies ---

WORK = {
    *("open", "triage", "start", "wait", "resume", "resolve", "close", "dismiss", "reopen", "assign"),
    *("claim", "release", "transfer", "acknowledge", "merge"),
}
LEAD, PLANNER, APPROVER, AUDITOR = "ops_lead", "planner", "approver", "auditor"
PARTNERS = {"customer": "customer_id", "carrier": "carrier_id", "warehouse": "facility_id"}
ON_CASES: dict[str, set[str]] = {
    **{f"case:{verb}": {LEAD, PLANNER} for verb in WORK},
    "case:read": {LEAD, PLANNER, APPROVER, AUDITOR, "service", *PARTNERS},
    "case:comment": {LEAD, PLANNER, APPROVER, *PARTNERS},
    "case:escalate": {LEAD, PLANNER, APPROVER},
    "draft:edit": {LEAD, PLANNER, APPROVER},
    "draft:reject": {LEAD, PLANNER, APPROVER},
    "draft:approve": {LEAD, APPROVER},
    "draft:approve_within": {PLANNER},
    "link:create": {LEAD, PLANNER},
    "link:revoke": {LEAD, PLANNER},
    "link:read": {LEAD, PLANNER, AUDITOR},
    "evidence:export": {LEAD, PLANNER, APPROVER, AUDITOR, "service"},
    "audit:read": {LEAD, AUDITOR},
}
ON_TENANTS: dict[str, set[str]] = {
    "feed:read": {LEAD, PLANNER, APPROVER, AUDITOR, "service", "data_engineer", "platform_admin"},
    "quarantine:read": {LEAD, PLANNER, APPROVER, AUDITOR, "service", "data_engineer"},
    "quarantine:correct": {LEAD, "data_engineer"},
    "identity:decide": {LEAD, PLANNER, "data_engineer"},
    "record:hold": {LEAD, AUDITOR},
    "record:erase": {LEAD},
    "event:read": {LEAD, AUDITOR, "service"},
    "usage:read": {LEAD, AUDITOR, "service"},
    "account:manage": {"platform_admin"},
    "clock:set": {"platform_admin"},
}
SHARED = {
    role: {name for name, kind in CONFIG.types.items() if role in kind.shared_with} for role in PARTNERS
}
UNKNOWN = ("case:recover", "case:reappear", "case:fly", "case", "", "*", "draft:send", "Case:read")
ACTIONS = (*ON_CASES, *ON_TENANTS, *UNKNOWN)
OF_OWNERS = ("case:release", "case:claim", "case:assign")  # where whose it is could matter
TYPES = ("predicted_late", "stock_out_before_inbound", "manual")


def reference(holder: str, grants: tuple[Grant, ...], action: str, thing: Any) -> bool:
    """Whether somebody may do this; `thing` is a row of a case, or a tenant's id."""
    return any(_by_one(holder, grant, action, thing) for grant in grants)


def _by_one(holder: str, grant: Grant, action: str, thing: Any) -> bool:
    role = str(grant.role)
    if grant.permissions is not None and action not in grant.permissions:
        return False
    narrowed = {
        name: getattr(grant, name)
        for name in ("customer_id", "carrier_id", "facility_id")
        if getattr(grant, name) is not None
    }
    if isinstance(thing, str):
        whole = not narrowed and grant.exception_types is None and grant.case_id is None
        return whole and thing == grant.tenant_id and role in ON_TENANTS.get(action, set())
    if role not in ON_CASES.get(action, set()) or thing["tenant_id"] != grant.tenant_id:
        return False
    if any(thing[name] != value for name, value in narrowed.items()):
        return False
    if grant.case_id not in (None, thing["case_id"]):
        return False
    if grant.exception_types is not None and thing["exception_type"] not in grant.exception_types:
        return False
    if role in PARTNERS:
        return PARTNERS[role] in narrowed and thing["exception_type"] in SHARED[role]
    if action == "case:release":
        return bool(thing["owner"] == holder)
    return True


def row(**changed: Any) -> dict[str, Any]:
    """A case as far as permission goes."""
    return {
        "tenant_id": "demo",
        "case_id": "D-000001",
        "exception_type": "predicted_late",
        "state": "in_progress",
        "owner": None,
        "customer_id": "X",
        "carrier_id": "X",
        "facility_id": "X",
    } | changed


def ask(holder: str, grants: tuple[Grant, ...], asked: list[tuple[str, Any]]) -> list[bool]:
    """What the policies say."""
    person = Principal(holder, "person", holder, holder, grants)
    actions: dict[str, list[str]] = {}
    known = {repr(thing): thing for _action, thing in asked}
    for action, thing in asked:
        actions.setdefault(repr(thing), []).append(action)
    answers = {
        (name, action): answer
        for name, thing in known.items()
        for action, answer in zip(
            actions[name], policy.decide_many(person, actions[name], _resource(thing)), strict=True
        )
    }
    return [answers[repr(thing), action] for action, thing in asked]


def _resource(thing: Any) -> policy.Resource:
    return policy.tenant(thing) if isinstance(thing, str) else policy.case(thing, CONFIG)


# Grants that stand to a case of X's in every way there is.
RELATIONS: dict[str, dict[str, Any]] = {
    "the whole tenant": {},
    "another tenant": {"tenant_id": "health"},
    "its own party": {"customer_id": "X", "carrier_id": "X", "facility_id": "X"},
    "its own customer alone": {"customer_id": "X"},
    "another customer": {"customer_id": "Y", "carrier_id": "X", "facility_id": "X"},
    "another carrier": {"customer_id": "X", "carrier_id": "Y", "facility_id": "X"},
    "another facility": {"customer_id": "X", "carrier_id": "X", "facility_id": "Y"},
    "its type": {
        "customer_id": "X",
        "carrier_id": "X",
        "facility_id": "X",
        "exception_types": ("predicted_late",),
    },
    "another type": {"exception_types": ("pod_missing",)},
    "no type": {"exception_types": ()},
    "its case": {"customer_id": "X", "carrier_id": "X", "facility_id": "X", "case_id": "D-000001"},
    "another case": {"customer_id": "X", "carrier_id": "X", "facility_id": "X", "case_id": "D-000002"},
    "one case of the tenant's own": {"case_id": "D-000001"},
    "to look alone": {"permissions": frozenset({"case:read", "feed:read"})},
}


def test_every_role_action_state_and_relation() -> None:
    done = 0
    for role, (relation, scope) in itertools.product(Role, RELATIONS.items()):
        grants = (Grant(**({"tenant_id": "demo", "role": role} | scope)),)
        asked: list[tuple[str, Any]] = []
        for action, state, kind, owner in itertools.product(ACTIONS, State, TYPES, (None, "me", "you")):
            if owner != "you" and action not in OF_OWNERS:
                continue
            case = row(state=state.value, exception_type=kind, owner=owner)
            asked.append((action, case))
        asked += [(action, tenant) for action in ACTIONS for tenant in ("demo", "health")]
        found = ask("me", grants, asked)
        for (action, thing), decided in zip(asked, found, strict=True):
            assert decided == reference("me", grants, action, thing), (role, relation, action, thing)
        done += len(asked)
    figures.count("I9", "cedar", "rows of the table role x action x state x relation", done)


def drawn(rng: random.Random) -> tuple[Grant, ...]:
    """Some grants, as somebody could hold them."""
    party = [None, None, None, None, None, "X", "X", "Y"]
    return tuple(
        Grant(
            rng.choice(["demo", "demo", "demo", "health"]),
            rng.choice(list(Role)),
            rng.choice(party),
            rng.choice(party),
            rng.choice(party),
            rng.choice([None] * 6 + [("predicted_late", "pod_missing"), ("manual",), ()]),
            rng.choice([None] * 14 + ["D-000001", "D-000002"]),
            rng.choice([None] * 12 + [frozenset({"case:read", "draft:approve"}), frozenset()]),
        )
        for _ in range(rng.randrange(4))
    )


def test_the_policies_decide_as_the_reference_does() -> None:
    rng, left, allowed = random.Random(sizes.SEED), sizes.figure("decisions"), 0
    while left > 0:
        grants, batch = drawn(rng), min(left, 50)
        asked: list[tuple[str, Any]] = []
        for _ in range(batch):
            case = row(
                tenant_id=rng.choice(["demo", "demo", "demo", "health", "airfreight"]),
                case_id=rng.choice(["D-000001", "D-000001", "D-000003"]),
                exception_type=rng.choice(TYPES),
                state=rng.choice(list(State)).value,
                owner=rng.choice([None, "me", "you"]),
                **{
                    name: rng.choice([None, "X", "X", "Y"])
                    for name in ("customer_id", "carrier_id", "facility_id")
                },
            )
            whole = rng.random() < 0.2
            action = rng.choice([*ACTIONS, "draft:approve", "case:release"])
            asked.append((action, "demo" if whole else case))
        for (action, thing), decided in zip(asked, ask("me", grants, asked), strict=True):
            assert decided == reference("me", grants, action, thing), (grants, action, thing)
            allowed += decided
        left -= batch
    figures.count("I9", "cedar", "random decisions compared with the reference", sizes.figure("decisions"))
    assert allowed > sizes.figure("decisions") / 50  # where nothing is let, nothing is compared


# --- the same grants, as rows ------------------------------------------------------------------------------


def test_the_where_clause_the_plain_answer_and_the_policies_choose_the_same_cases(stores: Stores) -> None:
    office = stores.fresh()
    parties = list(itertools.product((None, "X", "Y"), repeat=3))
    for tenant in ("demo", "health"):
        records = [
            exception(
                number,
                tenant_id=tenant,
                exception_type=TYPES[number % 2],
                **dict(zip(("customer_id", "carrier_id", "facility_id"), party, strict=True)),
            )
            for number, party in enumerate(parties * 2)
        ]
        office.casework.sync(tenant, Publication("pub-1"), records)
    with office.casework.desk.reading_across() as connection:
        every = [dict(found) for found in connection.execute(select(cases)).mappings()]
    rng, tried = random.Random(sizes.SEED), max(20, sizes.figure("decisions") // 200)
    own = [found | {"owner": "me"} for found in every]
    for _ in range(tried):
        grants, permission = drawn(rng), rng.choice([*ON_CASES])
        tenant = rng.choice(["demo", "health"])
        person = Principal("me", "person", "me", "Me", grants)
        scope = Scope.of(person, tenant, permission, CONFIG)
        with office.casework.desk.reading(tenant) as connection:
            chosen = set(connection.scalars(select(cases.c.case_id).where(scope.where())))
        decided = ask("me", grants, [(permission, case) for case in own])
        by_policy = {
            case["case_id"]
            for case, yes in zip(own, decided, strict=True)
            if yes and case["tenant_id"] == tenant
        }
        assert chosen == {case["case_id"] for case in every if scope.covers(case)} == by_policy
    figures.count("I9", stores.name, "scopes compared with the policies, row by row", tried)
    stores.done(office)


# --- what is unknown, missing or wrong ---------------------------------------------------------------------

ALL_MIGHTY = Principal("me", "person", "me", "Me", (Grant("demo", Role.OPS_LEAD),))


@pytest.mark.parametrize("missing", ["tenant", "number", "type", "state", "shared_with"])
def test_a_thing_that_lacks_something_is_denied_even_to_who_may_do_everything(missing: str) -> None:
    whole = policy.case(row(), CONFIG)
    lacking = policy.Resource("Case", {k: v for k, v in whole.attributes.items() if k != missing})
    assert policy.decide(ALL_MIGHTY, "case:read", whole) is True
    assert policy.decide(ALL_MIGHTY, "case:read", lacking) is False


@pytest.mark.parametrize(
    "wrong", [{"tenant": 5}, {"type": ["x"]}, {"shared_with": "customer"}, {"more": "x"}, {"owner": object()}]
)
def test_a_thing_of_another_shape_is_denied_and_raises_nothing(wrong: dict[str, Any]) -> None:
    odd = policy.Resource("Case", {**policy.case(row(), CONFIG).attributes, **wrong})
    assert policy.decide(ALL_MIGHTY, "case:read", odd) is False


def test_somebody_who_holds_nothing_may_do_nothing() -> None:
    nobody = Principal("n", "person", "n", "N", ())
    case = policy.case(row(), CONFIG)
    assert policy.decide_many(nobody, ACTIONS, case) == (False,) * len(ACTIONS)
    assert policy.decide_many(ALL_MIGHTY, [], case) == ()


def test_every_action_of_a_case_is_known_to_the_policies_but_those_of_the_system() -> None:
    known = set(policy.permissions())
    assert {f"case:{a}" for a in Action} - known == {"case:recover", "case:reappear"}
    assert known == {*ON_CASES, *ON_TENANTS}


def test_the_policies_are_well_formed_for_the_schema() -> None:
    text, schema = policy.POLICIES.read_text(encoding="utf-8"), policy.SCHEMA.read_text(encoding="utf-8")
    assert cedarpy.validate_policies(text, schema).errors == []


def test_the_plain_answer_of_a_scope_needs_no_tenant_but_its_own() -> None:
    scope = Scope.of(ALL_MIGHTY, TENANT, "case:read", CONFIG)
    assert scope.covers(row()) and not scope.covers(row(tenant_id="health"))
