"""Sentences about a case, made from its facts: what happened, to what, how sure, and by when.

Returned text may contain feed text; show it through `plain` or `literal`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo

from casework.config import Config
from casework.deadlines.acknowledgement import holds
from casework.model import CaseDetail, CaseView, Fact, State
from dashboard.components.text import moment, relative, share, span

STATE_WORDS = {
    "new": "New",
    "triaged": "Triaged",
    "in_progress": "In progress",
    "waiting": "Waiting",
    "resolved": "Resolved",
    "closed": "Closed",
    "dismissed": "Dismissed",
}
DRAFT_WORDS = {
    "customer_update": "Customer update",
    "carrier_request": "Carrier request",
    "recovery_recommendation": "Recovery recommendation",
}


def type_label(config: Config, exception_type: str) -> str:
    """Return the catalogue's label of a type."""
    kind = config.types.get(exception_type)
    return kind.label if kind else exception_type.replace("_", " ").capitalize()


def team_name(team: str) -> str:
    """Return a team's name as a person reads it."""
    return team.replace("_", " ").capitalize()


def state_words(case: CaseView, now: datetime) -> str:
    """Return the queue's word for where a case stands; an acknowledgement says how long it holds."""
    if holds(case, now) and case.acknowledged_until:
        return f"Ack. {span(case.acknowledged_until - now)}"
    return STATE_WORDS.get(case.state, str(case.state))


_DUE_WORDS = {
    "stock_out_before_inbound": "Runs out",
    "trade_document_missing": "Needed",
    "pod_missing": "Due",
    "disruption": "Lasts until",
}


def due_word(exception_type: str) -> str:
    """Return what the due instant of a type means; the promise where nothing else is said."""
    return _DUE_WORDS.get(exception_type, "Promise")


def subject_name(case: CaseView) -> str:
    """Return the short name of what the case is about."""
    return case.subject if case.subject_type != "shipment" else (case.shipment_id or case.subject)


def what(config: Config, case: CaseView) -> str:
    """Return the queue's line: type, subject, and how sure where the type itself is a prediction."""
    is_guess = case.exception_type == "predicted_late" and case.late_probability is not None
    sure = f" {share(case.late_probability)}" if is_guess else ""
    return f"{type_label(config, case.exception_type)}{sure} · {subject_name(case)}"


def actor_name(detail: CaseDetail, actor: str) -> str:
    """Return the name of whoever acted on a case, as its history knows it; else the id as it is."""
    return next((entry.actor_name for entry in detail.history if entry.actor == actor), actor)


def facts_by_id(facts: Iterable[Fact]) -> dict[str, Fact]:
    """Return the facts by their id."""
    return {fact.fact_id: fact for fact in facts}


def fact_text(fact: Fact, zone: tzinfo | None = None) -> str:
    """Return a fact's value as a person reads it; instants in this zone, else the viewer's."""
    if fact.type == "instant":
        at = instant_of(fact)
        return moment(at, zone) if at else str(fact.value)
    number = _as_number(fact.value)
    if number is None or fact.type not in ("probability", "money", "number"):
        return str(fact.value)
    if fact.type == "probability":
        return share(number)
    return f"{number:,.2f}" if fact.type == "money" else f"{number:,.1f}".removesuffix(".0")


def _as_number(value: object) -> float | None:
    """Return a number that may come as text, or None."""
    try:
        return float(str(value))
    except ValueError:
        return None


def instant_of(fact: Fact | None) -> datetime | None:
    """Return the instant a fact states, or None when it is absent, unreadable or without a zone."""
    if fact is None or fact.value is None:
        return None
    if isinstance(fact.value, datetime):
        return fact.value
    try:
        at = datetime.fromisoformat(str(fact.value))
    except ValueError:
        return None
    return at if at.tzinfo else None


def instant_text(value: object) -> str:
    """Return an ISO instant as a person reads it; other text as it is, None as empty."""
    if value is None:
        return ""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    return moment(at) if at.tzinfo else str(value)


def verdict(case: CaseView, facts: dict[str, Fact], as_of: datetime) -> str:
    """Return the one sentence a person needs first."""
    say = _VERDICTS.get(case.exception_type)
    return (
        say(case, facts, as_of)
        if say
        else f"{case.exception_type.replace('_', ' ').capitalize()}: {case.subject}"
    )


def because(facts: dict[str, Fact]) -> str:
    """Return the model's reasons as one line; empty when there are none."""
    reasons = [str(facts[name].value) for name in ("reason_1", "reason_2", "reason_3") if name in facts]
    return "; ".join(reasons)


def _predicted_late(case: CaseView, facts: dict[str, Fact], as_of: datetime) -> str:
    # the fact, not the case's column, so that it is said only to whom the fact is shown
    predicted = instant_of(facts.get("predicted_arrival_at"))
    if case.due_at and predicted and predicted > case.due_at:
        return f"{subject_name(case)} will miss its promise by about {_roughly(predicted - case.due_at)}"
    if case.late_probability is not None:
        return f"{subject_name(case)} is {share(case.late_probability)} likely to miss its promise"
    return f"{subject_name(case)} is likely to miss its promise"


def _late_now(case: CaseView, facts: dict[str, Fact], as_of: datetime) -> str:
    if case.due_at and case.due_at < as_of:
        return (
            f"{subject_name(case)} missed its promise {_roughly(as_of - case.due_at)} ago and has not arrived"
        )
    return f"{subject_name(case)} is late"


def _silent(case: CaseView, facts: dict[str, Fact], as_of: datetime) -> str:
    hours = _number(facts, "silent_hours")
    how_long = f" for {_roughly(timedelta(hours=hours))}" if hours else ""
    return f"Nothing heard of {subject_name(case)}{how_long}"


def _departure(case: CaseView, facts: dict[str, Fact], as_of: datetime) -> str:
    hours = _number(facts, "delay_hours")
    behind = f", {_roughly(timedelta(hours=hours))} behind plan" if hours else ""
    return f"{subject_name(case)} has not departed{behind}"


def _dwell(case: CaseView, facts: dict[str, Fact], as_of: datetime) -> str:
    hours = _number(facts, "dwell_hours")
    how_long = f" for {_roughly(timedelta(hours=hours))}" if hours else ""
    return f"{subject_name(case)} has been standing at {_place(case, facts)}{how_long}"


def _customs(case: CaseView, facts: dict[str, Fact], as_of: datetime) -> str:
    since = instant_of(facts.get("hold_since_at"))
    return f"{subject_name(case)} is held by customs{_at(facts, 'hold_place')}" + (
        f" since {moment(since)}" if since else ""
    )


def _pod(case: CaseView, facts: dict[str, Fact], as_of: datetime) -> str:
    return f"Proof of delivery of {subject_name(case)} has not arrived"


def _document(case: CaseView, facts: dict[str, Fact], as_of: datetime) -> str:
    kind = facts["document_type"].value if "document_type" in facts else "A trade document"
    by = instant_of(facts.get("needed_by_at"))
    return f"{kind} of {subject_name(case)} is missing" + (f", needed {relative(by, as_of)}" if by else "")


def _stock_out(case: CaseView, facts: dict[str, Fact], as_of: datetime) -> str:
    product = facts["product_name"].value if "product_name" in facts else case.subject
    when = facts["projected_stock_out_on"].value if "projected_stock_out_on" in facts else None
    on = f" on {when}" if when else ""
    place = facts["destination_name"].value if "destination_name" in facts else case.facility_id
    return f"{product} at {place} runs out{on}, before the next inbound"


def _disruption(case: CaseView, facts: dict[str, Fact], as_of: datetime) -> str:
    kind = (
        str(facts["alert_type"].value).replace("_", " ").capitalize()
        if "alert_type" in facts
        else "Disruption"
    )
    count = _number(facts, "affected_shipments")
    hit = f": {count:,.0f} shipments affected" if count else ""
    return f"{kind}{_at(facts, 'alert_place') or ' at ' + case.subject}{hit}"


def _manual(case: CaseView, facts: dict[str, Fact], as_of: datetime) -> str:
    title = facts.get("title")
    said = str(title.value) if title else "Opened by hand"
    return said if subject_name(case) in said else f"{subject_name(case)}: {said}"


def _feed_stale(case: CaseView, facts: dict[str, Fact], as_of: datetime) -> str:
    newest = instant_of(facts.get("newest_row_at"))
    how_long = f" for {_roughly(as_of - newest)}" if newest else ""
    return f"The feed {case.subject} has brought nothing new{how_long}"


def _feed_refused(case: CaseView, facts: dict[str, Fact], as_of: datetime) -> str:
    name = f" ({facts['refused_file'].value})" if "refused_file" in facts else ""
    return f"The newest file of the feed {case.subject}{name} could not be read"


def _quarantine_surge(case: CaseView, facts: dict[str, Fact], as_of: datetime) -> str:
    part = _number(facts, "refused_share")
    how_many = f"{share(part)} of the new rows" if part else "Many new rows"
    rule = f", mostly {facts['most_broken_rule'].value}" if "most_broken_rule" in facts else ""
    return f"{how_many} of the feed {case.subject} break its contract{rule}"


_VERDICTS = {
    "feed_stale": _feed_stale,
    "feed_refused": _feed_refused,
    "quarantine_surge": _quarantine_surge,
    "manual": _manual,
    "predicted_late": _predicted_late,
    "late_now": _late_now,
    "tracking_silent": _silent,
    "late_departure": _departure,
    "facility_dwell": _dwell,
    "customs_hold": _customs,
    "pod_missing": _pod,
    "trade_document_missing": _document,
    "stock_out_before_inbound": _stock_out,
    "disruption": _disruption,
}


def _number(facts: dict[str, Fact], name: str) -> float | None:
    return _as_number(facts[name].value) if name in facts else None


def _place(case: CaseView, facts: dict[str, Fact]) -> str:
    name = facts.get("facility_name")
    return str(name.value) if name else (case.facility_id or "an unnamed place")


def _at(facts: dict[str, Fact], name: str) -> str:
    return f" at {facts[name].value}" if name in facts else ""


def _roughly(length: timedelta) -> str:
    """Return a length in whole hours below two days, else in days and hours."""
    hours = round(length.total_seconds() / 3600)
    return f"{hours} h" if 1 <= hours < 48 else span(length)


def next_clock(case: CaseView) -> tuple[str, datetime | None]:
    """Return the desk clock that runs now and when it is due; a waiting or ended case has none running."""
    if case.state == State.WAITING:
        return "paused", None
    if not case.is_open:
        return "ended", None
    if case.first_response_at is None and case.first_response_due_at:
        return "first response", case.first_response_due_at
    return "resolution", case.resolution_due_at


def breach_text(case: CaseView, now: datetime) -> str:
    """Return the queue's countdown: time left, `paused`, or by how much a clock was missed."""
    word, due_at = next_clock(case)
    if due_at is None:
        return word
    return span(due_at - now) if due_at >= now else f"▲ {span(due_at - now)} over"


def is_breached(case: CaseView, now: datetime) -> bool:
    """Whether the running desk clock is past its deadline."""
    due_at = next_clock(case)[1]
    return due_at is not None and due_at < now
