"""Commands over cases: queue, case show."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.caller import reader
from orchestration.cli.output import plain, print_json, print_table, say

if TYPE_CHECKING:
    from casework.evidence.reconstruction import CaseAsKnown
    from casework.model import CaseView
    from casework.ranking.time_to_act import WaitingCost

AMOUNTS = ("sla_penalty_amount", "revenue_amount", "inventory_amount", "customer_tier_amount")
INSTANTS = [
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%S.%f%z",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d",
]
JSON = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(queue)


def as_row(case: CaseView) -> dict[str, Any]:
    """Return a case as the queue prints it; the decomposition adds up to the expected loss."""
    return {
        "case_id": case.case_id,
        "exception_type": case.exception_type,
        "subject": case.subject,
        "expected_loss": case.expected_loss,
        "ranked_amount": case.ranked_amount,
        "weights_version": case.weights_version,
        "currency_code": case.currency_code,
        "late_probability": case.late_probability,
        "predicted_at": case.predicted_at,
        "due_at": case.due_at,
        "state": case.state,
        "owner": case.owner_name or case.owner,
        "severity": case.severity,
        "decomposition": {name: getattr(case, name) for name in AMOUNTS},
        "assumption": case.assumption,
        "parent_case_id": case.parent_case_id,
    }


def minute(moment: datetime | None) -> str:
    """Return an instant to the minute, or nothing."""
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


def queue(
    tenant: Annotated[str, typer.Option(help="Whose queue.")],
    limit: Annotated[int, typer.Option(help="At most so many cases; 0 for all.")] = 0,
    exception_type: Annotated[str | None, typer.Option("--type", help="Only this exception type.")] = None,
    closed: Annotated[bool, typer.Option("--closed", help="Closed cases too.")] = False,
    by_waiting: Annotated[
        bool,
        typer.Option("--by-waiting", help="First what costs most if nobody looks before the next shift."),
    ] = False,
    as_json: JSON = False,
) -> None:
    """Print the ranked cases of a tenant, the most money at stake first."""
    from casework.model import QueueFilter
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    casework = Platform(Settings.from_environment()).casework
    principal = reader(casework)
    chosen = QueueFilter(
        exception_types=(exception_type,) if exception_type else (),
        include_closed=closed,
        sort="waiting" if by_waiting else "ranked",
        limit=200,
    )
    cases: list[CaseView] = []
    costs: dict[str, WaitingCost | None] = {}
    while not limit or len(cases) < limit:
        page = casework.search(principal, tenant, chosen)
        cases.extend(page.cases)
        costs |= page.waiting
        if page.next is None:
            break
        chosen = replace(chosen, after=page.next)
    rows = [
        as_row(case) | {"waiting": costs.get(case.case_id)} for case in (cases[:limit] if limit else cases)
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        f"{tenant}: {len(rows)} cases",
        ["case", "type", "subject", "at stake", "wait costs", "late", "predicted", "due", "state", "owner"],
        [
            [r["case_id"], r["exception_type"], r["subject"], f"{r['expected_loss']:,.2f} {r['currency_code']}",
             f"{r['waiting'].amount:,.2f}" if r["waiting"] else "",
             "" if r["late_probability"] is None else f"{r['late_probability']:.0%}",
             minute(r["predicted_at"]), minute(r["due_at"]),
             r["state"].value, r["owner"] or "-"]
            for r in rows
        ],
        right=["at stake", "wait costs", "late"],
    )  # fmt: skip


def case(
    words: Annotated[list[str], typer.Argument(metavar="[show] CASE", help="The case's number.")],
    tenant: Annotated[str | None, typer.Option(help="Whose case; looked for in all when not given.")] = None,
    at: Annotated[
        datetime | None,
        typer.Option(help="As it was known at this instant (UTC), from history alone.", formats=INSTANTS),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Print everything about one case: verdict, facts, drafts, effects, history."""
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    case_id = words[-1]
    if words[:-1] not in ([], ["show"]):
        raise typer.BadParameter("Name one case, for example `tidewaiter case show D-000001`.")
    casework = Platform(Settings.from_environment()).casework
    principal = reader(casework)
    owner = tenant or casework.tenant_of(principal, case_id)
    if at is not None:
        show_as_known(casework.as_known_at(principal, owner, case_id, aware(at)), as_json)
        return
    detail = casework.get(principal, owner, case_id)
    if as_json:
        print_json({**plain(detail), "queue_row": plain(as_row(detail.case))})
        return
    row = as_row(detail.case)
    print_table(
        f"Case {case_id}", ["what", "value"], [[k, plain(v)] for k, v in row.items() if k != "decomposition"]
    )
    print_table(
        f"Money at stake, by weights version {detail.case.weights_version}",
        ["part", row["currency_code"], "weight", "ranked"],
        [[part.label, part.amount, part.weight, part.ranked] for part in detail.ranking],
        right=[row["currency_code"], "weight", "ranked"],
    )
    if detail.waiting is not None:
        due = ", ".join(clock for clock, _at in detail.waiting.due) or "nothing becomes due"
        say(f"Waiting until the next shift, {minute(detail.waiting.until)}Z, costs "
            f"{detail.waiting.amount:,.2f} {row['currency_code']} ({due}).")  # fmt: skip
    print_table("Facts", ["fact", "value", "from"], [[f.label, f.value, f.source] for f in detail.facts])
    print_table("Drafts", ["draft", "kind", "state", "subject"],
                [[d.draft_id, d.kind.value, d.state.value, d.content["subject"]] for d in detail.drafts])  # fmt: skip
    print_table("Effects", ["effect", "to", "state", "attempts", "receipt"],
                [[e.effect_id, f"{e.target} {e.recipient}", e.state.value, e.attempts, e.receipt]
                 for e in detail.effects])  # fmt: skip
    print_table("History", ["when", "who", "what"],
                [[f"{h.occurred_at:%Y-%m-%d %H:%M:%S}Z", h.actor_name, h.fact] for h in detail.history])  # fmt: skip


def aware(moment: datetime) -> datetime:
    """Return an instant from the command line; one without a zone is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def show_as_known(known: CaseAsKnown, as_json: bool) -> None:
    """Print a case as it was known at an instant."""
    if as_json:
        print_json({**plain(known), "queue_row": plain(as_row(known.case))})
        return
    rows = {"known at": known.at, "audit entry": known.sequence, **as_row(known.case)}
    rows |= {"facts_version": known.case.facts_version, "first_response_at": known.case.first_response_at}
    rows |= {"resolution_due_at": known.case.resolution_due_at, "waiting_until": known.case.waiting_until}
    print_table(
        f"Case {known.case.case_id} as it was known at {minute(known.at)}Z",
        ["what", "value"],
        [[name, plain(value)] for name, value in rows.items() if name != "decomposition"],
    )
    print_table("Facts", ["fact", "value", "from"], [[f.label, f.value, f.source] for f in known.facts])
    print_table("Drafts", ["draft", "kind", "state", "version"],
                [[d.draft_id, d.kind.value, d.state.value, d.version] for d in known.drafts])  # fmt: skip
    print_table("Effects", ["effect", "to", "state"],
                [[e.effect_id, f"{e.channel} {e.recipient}", e.state.value] for e in known.effects])  # fmt: skip
    print_table("History", ["when", "who", "what"],
                [[f"{h.occurred_at:%Y-%m-%d %H:%M:%S}Z", h.actor_name, h.fact] for h in known.history])  # fmt: skip
