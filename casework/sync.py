"""Exceptions become cases: the open cases agree with what a publication states, however often it is synced.

The natural key is the exception key. A case opens when its exception appears, gets a new version of its facts
when they change, and resolves itself when its exception vanishes, if its type recovers and nobody has taken
it. An exception whose case was ended and that still stands opens nothing new until it has been away once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import RowMapping, select

from casework import changes, lifecycle, telemetry
from casework.access import bootstrap
from casework.canonical import canonical_sha256, plain
from casework.crashpoints import crashpoint
from casework.deadlines import acknowledgement, clocks
from casework.desk import Desk
from casework.drafting import redraft
from casework.errors import SyncRefused
from casework.escalations import escalation
from casework.evidence import configuration
from casework.evidence.fold import STATED
from casework.incidents import correlation, vanishing
from casework.model import (
    OPEN_STATES,
    Action,
    DraftState,
    ExceptionRecord,
    Publication,
    State,
    SyncResult,
)
from casework.queue import tally
from casework.ranking import priority, weights
from casework.store.tables import Values, audit_heads, case_evidence, cases
from casework.store.work import Work

CHUNK = 250
# What makes two statements of an exception the same; where it was read from is not part of it.
COMPARED = (
    "severity",
    "due_at",
    "predicted_at",
    "late_probability",
    "currency_code",
    "assumption",
    "customer_id",
    "carrier_id",
    "facility_id",
    "customer_tier",
    "documents",
)
COPIED = (
    "exception_key",
    "exception_type",
    "subject_type",
    "subject",
    "shipment_id",
    "severity",
    "customer_id",
    "carrier_id",
    "facility_id",
    "customer_tier",
    "late_probability",
    "predicted_at",
    "due_at",
    "currency_code",
    "assumption",
)


@telemetry.traced("publication.sync", "tenant_id")
def sync(
    desk: Desk,
    tenant_id: str,
    publication: Publication,
    exceptions: Sequence[ExceptionRecord],
    actor: str,
) -> SyncResult:
    """Make the tenant's cases agree with the exceptions; a rerun finishes what a crash left."""
    for record in exceptions:
        _check(desk, tenant_id, record)
    ordered = correlation.parents_first(exceptions)
    counts: Counter[str] = Counter()
    for chunk in _chunks(ordered):
        with desk.writing(tenant_id, actor) as work:
            counts.update(_take_up(desk, work, publication, chunk))
        crashpoint("sync:between-chunks")
    counts.update(vanishing.recover(desk, tenant_id, actor, {record.exception_key for record in ordered}))
    crashpoint("sync:before-drafts")
    drafted = redraft.write_missing(desk, tenant_id, actor)
    return SyncResult(
        opened=counts["opened"],
        updated=counts["updated"],
        recovered=counts["recovered"],
        unchanged=counts["unchanged"],
        reappeared=counts["reappeared"],
        drafted=drafted,
    )


def last_entry(desk: Desk, tenant_id: str) -> str | None:
    """Return the hash of a tenant's newest audit entry; None where time alone may do something, or there is none.

    While it is the same nothing happened: a sync of what was synced before would find nothing to do.
    """
    head = select(audit_heads.c.entry_hash).where(audit_heads.c.tenant_id == tenant_id)
    held = select(cases.c.case_id).where(
        cases.c.tenant_id == tenant_id,
        cases.c.is_open,
        ~cases.c.is_present,
        cases.c.flapping_until.is_not(None),
    )
    with desk.reading(tenant_id) as connection:
        return None if connection.scalar(held.limit(1)) else connection.scalar(head)


def _check(desk: Desk, tenant_id: str, record: ExceptionRecord) -> None:
    named = desk.config.types.get(record.exception_key.split(":", 1)[0])
    if any(kind and not kind.is_detected for kind in (desk.catalogue(record.exception_type), named)):
        raise SyncRefused(
            f"The exception {record.exception_key!r} is of a type that only people open; "
            "a publication cannot state it.",
            exception_key=record.exception_key,
        )
    if record.tenant_id != tenant_id:
        raise SyncRefused(
            f"The exception {record.exception_key!r} belongs to tenant {record.tenant_id!r}, "
            f"not to {tenant_id!r}; nothing was opened.",
            exception_key=record.exception_key,
        )


def _chunks(records: Sequence[ExceptionRecord]) -> Iterator[Sequence[ExceptionRecord]]:
    for start in range(0, len(records), CHUNK):
        yield records[start : start + CHUNK]


# --- appearing and changing ------------------------------------------------------------------------------


def _take_up(
    desk: Desk, work: Work, publication: Publication, chunk: Sequence[ExceptionRecord]
) -> Counter[str]:
    """Open, update or leave the cases of one chunk; return what became of them."""
    latest = _latest(work, chunk)
    parents = {row["exception_key"]: row["case_id"] for row in latest.values()}
    counts: Counter[str] = Counter()
    applied = weights.in_force(work.connection, work.tenant_id)
    opened: list[dict[str, Any]] = []
    known: list[tuple[ExceptionRecord, Values]] = []
    number = tally.ever(work)
    for record in chunk:
        case = latest.get(record.exception_key)
        if case is not None and not _is_over(case):
            known.append((record, case))
            continue
        new = _new_case(desk, work, publication, record, number + len(opened) + 1, parents, applied)
        parents[record.exception_key] = new["case_id"]
        opened.append(new)
    _open(desk, work, publication, opened, chunk)
    _know_parties(desk, work, chunk)
    counts["opened"] = len(opened)
    return counts + _bring_up_to_date(desk, work, publication, known, applied)


def open_one(
    desk: Desk, work: Work, publication: Publication, record: ExceptionRecord, **changed: Any
) -> dict[str, Any]:
    """Open the case of one record that no publication states, with what is different about it."""
    applied = weights.in_force(work.connection, work.tenant_id)
    case = _new_case(desk, work, publication, record, tally.ever(work) + 1, {}, applied) | changed
    _open(desk, work, publication, [case], [record])
    return case


def _latest(work: Work, chunk: Sequence[ExceptionRecord]) -> dict[str, RowMapping]:
    """Return the newest case of each key of a chunk, and of the incidents its exceptions name."""
    keys = {record.exception_key for record in chunk}
    keys |= {record.parent_exception_key for record in chunk if record.parent_exception_key}
    query = (
        select(cases)
        .where(cases.c.tenant_id == work.tenant_id, cases.c.exception_key.in_(sorted(keys)))
        .order_by(cases.c.is_open, cases.c.opened_at, cases.c.case_id)
    )
    return {row["exception_key"]: row for row in work.connection.execute(query).mappings()}


def _is_over(case: Values) -> bool:
    """Whether an exception that stands now needs a new case: its last one ended, and it was away since."""
    ended = State(case["state"]) in (State.CLOSED, State.DISMISSED)
    return ended and not case["is_present"]


def facts_sha256(record: ExceptionRecord) -> str:
    """Return the hash of what an exception states: facts, documents, impact; not where it was read."""
    facts = sorted(
        ([fact.fact_id, fact.label, plain(fact.value), fact.type, fact.source] for fact in record.facts),
        key=str,
    )
    stated = {column: getattr(record, column) for column in COMPARED}
    return canonical_sha256({"facts": facts, "amounts": priority.amounts(record), **stated})


def _new_case(
    desk: Desk,
    work: Work,
    publication: Publication,
    record: ExceptionRecord,
    number: int,
    parents: Mapping[str, str],
    applied: weights.Applied,
) -> dict[str, Any]:
    copied = {column: getattr(record, column) for column in COPIED}
    return {
        **copied,
        **priority.amounts(record),
        **weights.ranked(applied, priority.amounts(record)),
        "penalty_per_day": priority.penalty_per_day(record),
        **clocks.deadlines(desk.config, copied | {"tenant_id": work.tenant_id}, work.now),
        "tenant_id": work.tenant_id,
        "case_id": f"{desk.config.tenants[work.tenant_id].case_prefix}-{number:06d}",
        "parent_case_id": correlation.parent_case(record, parents),
        "state": State.NEW.value,
        "is_open": True,
        "is_present": True,
        "owner": None,
        "team": None,
        "detected_at": record.detected_at,
        "opened_at": work.now,
        "first_response_at": None,
        "waiting_since": None,
        "waiting_until": None,
        "waiting_for": None,
        "acknowledged_until": None,
        "acknowledged_by": None,
        "resolution_code": None,
        "root_cause_code": None,
        "closed_at": None,
        "merged_into": None,
        "flapping_until": None,
        "version": 1,
        "facts_version": 1,
        "facts_sha256": facts_sha256(record),
        "publication_id": publication.publication_id,
        "updated_at": work.now,
    }


def _open(
    desk: Desk,
    work: Work,
    publication: Publication,
    opened: list[dict[str, Any]],
    chunk: Sequence[ExceptionRecord],
) -> None:
    """Save new cases with their evidence and deadlines, and say that they opened."""
    if not opened:
        return
    records = {record.exception_key: record for record in chunk}
    work.connection.execute(cases.insert(), opened)
    for case in opened:
        work.note_change(None, case)
    work.connection.execute(
        case_evidence.insert(),
        [_evidence(work, publication, records[case["exception_key"]], case) for case in opened],
    )
    escalation.schedule(work, desk.config, opened)
    under: dict[str, Any] = {
        "config_version": configuration.version_of(work.connection, desk.config),
        "config_sha256": desk.config.sha256,
    }
    for case in opened:
        details = under | {
            "exception_key": case["exception_key"],
            "exception_type": case["exception_type"],
            "expected_loss": case["expected_loss"],
            "currency_code": case["currency_code"],
            "publication_id": publication.publication_id,
            "parent_case_id": case["parent_case_id"],
        }
        work.say("case:opened", case=case, details=details)


def _evidence(work: Work, publication: Publication, record: ExceptionRecord, case: Values) -> dict[str, Any]:
    return {
        "tenant_id": work.tenant_id,
        "case_id": case["case_id"],
        "facts_version": case["facts_version"],
        "facts_sha256": case["facts_sha256"],
        "facts": [plain(fact) for fact in record.facts],
        "documents": plain(record.documents),
        "lineage": lineage_of(record, publication),
        "publication_id": publication.publication_id,
        "recorded_at": work.now,
        "stated": {column: plain(case[column]) for column in STATED},
    }


def lineage_of(record: ExceptionRecord, publication: Publication) -> dict[str, Any]:
    """Return where an exception's facts come from: runs, models, and the rows of files behind them."""
    read: dict[str, set[int]] = {}
    for fact in record.facts:
        if fact.file_sha256 and fact.row_number is not None:
            read.setdefault(fact.file_sha256, set()).add(fact.row_number)
    files = [{"file_sha256": sha, "row_numbers": sorted(numbers)} for sha, numbers in sorted(read.items())]
    return asdict(publication) | {"files": files}


def _bring_up_to_date(
    desk: Desk,
    work: Work,
    publication: Publication,
    known: list[tuple[ExceptionRecord, Values]],
    applied: weights.Applied,
) -> Counter[str]:
    """Give known cases what the publication says of them now; return what became of them."""
    changed: list[tuple[ExceptionRecord, dict[str, Any], Values]] = []
    counts: Counter[str] = Counter()
    for record, case in known:
        is_back = not case["is_present"]
        if is_back:
            case = _reappear(desk, work, case)
        is_worked = State(case["state"]) in OPEN_STATES
        has_changed = is_worked and facts_sha256(record) != case["facts_sha256"]
        if has_changed:
            changed.append((record, _with_facts(work, publication, record, case, applied), case))
        counts["reappeared" if is_back else "updated" if has_changed else "unchanged"] += 1
    if changed:
        _save_changed(desk, work, publication, changed)
    return counts


def _reappear(desk: Desk, work: Work, case: Values) -> dict[str, Any]:
    """An exception came back: a case resolved meanwhile is new again; one still worked goes on."""
    changed: dict[str, Any] = {"is_present": True, "flapping_until": None}
    before = State(case["state"])
    if before == State.RESOLVED:
        after = lifecycle.advance(before, Action.REAPPEAR)
        changed |= {"state": after.value, "is_open": True, "resolution_code": None, "root_cause_code": None}
        changed |= {"first_response_at": None, "merged_into": None} | acknowledgement.NONE
        changed |= clocks.deadlines(desk.config, case, work.now) | weights.ranked_now(work, case)
    saved = changes.touch(work, case, **changed)
    if before == State.RESOLVED:
        escalation.restart(work, desk.config, saved)
    work.say("exception:reappeared", case=saved, details={"from": before.value, "to": saved["state"]})
    return saved


def _with_facts(
    work: Work, publication: Publication, record: ExceptionRecord, case: Values, applied: weights.Applied
) -> dict[str, Any]:
    """Return a case with the next version of its facts."""
    return changes.moved(
        work,
        case,
        **{column: getattr(record, column) for column in COPIED},
        **priority.amounts(record),
        **weights.ranked(applied, priority.amounts(record)),
        penalty_per_day=priority.penalty_per_day(record),
        facts_version=case["facts_version"] + 1,
        facts_sha256=facts_sha256(record),
        publication_id=publication.publication_id,
    )


def _save_changed(
    desk: Desk,
    work: Work,
    publication: Publication,
    changed: list[tuple[ExceptionRecord, dict[str, Any], Values]],
) -> None:
    """Save new facts; nothing approved on the old ones may leave any more."""
    changes.save_all(work, [(before, case) for _record, case, before in changed])
    work.connection.execute(
        case_evidence.insert(),
        [_evidence(work, publication, record, case) for record, case, _before in changed],
    )
    case_ids = [case["case_id"] for _record, case, _before in changed]
    withdrawn = changes.withdraw_all(work, case_ids, "The facts changed before it was sent.")
    changes.set_drafts(work, sorted(withdrawn), DraftState.APPROVED, DraftState.VOID)
    grown = [case for _, case, before in changed if _weighs_more(case, before) and not case["merged_into"]]
    escalation.schedule(work, desk.config, grown)
    for _record, case, before in changed:
        details = {
            "facts_version": case["facts_version"],
            "publication_id": publication.publication_id,
            "expected_loss": case["expected_loss"],
            "was_expected_loss": before["expected_loss"],
            "effects_withdrawn": withdrawn.get(case["case_id"], 0),
        }
        work.say("case:facts:changed", case=case, details=details)


def _weighs_more(case: Values, before: Values) -> bool:
    """Whether a rule of escalation may be for a case now that was not for it before."""
    amounts = ("expected_loss", "inventory_amount", "revenue_amount")
    named = ("severity", "customer_tier")
    return any(case[column] > before[column] for column in amounts) or any(
        case[column] != before[column] for column in named
    )


def _know_parties(desk: Desk, work: Work, chunk: Sequence[ExceptionRecord]) -> None:
    """Make addresses by the tenant's patterns for parties nobody has named an address for."""
    parties = []
    for record in chunk:
        named = {fact.fact_id: str(fact.value) for fact in record.facts}
        for role in ("customer", "carrier"):
            party = getattr(record, f"{role}_id")
            if party:
                parties.append((party, role, named.get(f"{role}_name", party)))
    for contact in bootstrap.contacts_by_pattern(
        work.connection, desk.config, work.tenant_id, _one_name_each(parties)
    ):
        bootstrap.save_contact(work, contact)


def _one_name_each(parties: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    chosen: dict[tuple[str, str], str] = {}
    for party, role, name in sorted(parties):
        chosen.setdefault((party, role), name)
    return [(party, role, name) for (party, role), name in chosen.items()]
