"""Commands over approvals: what a case's drafts ask and who is still needed; rights to approve that are lent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.desk import AMOUNT
from orchestration.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from casework.approvals.delegation import Delegation
    from casework.service import Casework

JSON = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
TENANT = Annotated[str, typer.Option(help="Whose approvals.")]
LOGIN = Annotated[str, typer.Option("--as", help="Who does it.")]
REASON = Annotated[str, typer.Option(help="Why; it stays in the log.")]
PASSWORD = Annotated[
    str,
    typer.Option(
        prompt=True,
        hide_input=True,
        envvar="TIDEWAITER_PASSWORD",
        help="Asked for when it is not given in the environment.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    approvals = typer.Typer(help="Who must approve, who has, and who may for whom.", no_args_is_help=True)
    approvals.command("show")(show)
    approvals.command("delegations")(delegations)
    approvals.command("delegate")(delegate)
    approvals.command("end")(end)
    app.add_typer(approvals, name="approvals")


def _casework() -> Casework:
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    return Platform(Settings.from_environment()).casework


def show(case: Annotated[str, typer.Argument(help="The case's number.")], as_json: JSON = False) -> None:
    """Print what each draft of a case asks, who approved it, and who could."""
    casework = _casework()
    reader = casework.operator()
    detail = casework.get(reader, casework.tenant_of(reader, case), case)
    if as_json:
        print_json([{"draft_id": d.draft_id, "kind": d.kind, "standing": d.standing} for d in detail.drafts])
        return
    for draft in detail.drafts:
        standing = draft.standing
        if standing is None:
            continue
        say(f"{draft.kind} ({draft.state}), tier {standing.tier}. {standing.asks}")
        for given in standing.given:
            whom = f" for {given.on_behalf_of_name}" if given.on_behalf_of_name else ""
            why = f" (does not count: {given.why_not})" if given.why_not else ""
            say(f"  approved by {given.approver_name}{whom}{why}")
        if draft.state == "waiting":
            could = [
                f"{one.name} for {one.on_behalf_of_name}" if one.on_behalf_of_name else one.name
                for one in standing.candidates
                if one.why_not is None
            ]
            say(f"  {standing.still_needed} Could approve: {', '.join(could) or 'nobody'}.")


def delegations(
    tenant: TENANT,
    ended: Annotated[bool, typer.Option("--ended", help="Those that ended too.")] = False,
    as_json: JSON = False,
) -> None:
    """Print the rights to approve that are lent, newest first."""
    casework = _casework()
    now = datetime.now(UTC)
    found = casework.delegations(casework.operator(), tenant)
    shown = [one for one in found if ended or (one.revoked_at is None and one.ends_at > now)]
    if as_json:
        print_json(shown)
        return
    print_table(
        f"{tenant}: {len(shown)} delegations",
        ["delegation", "for", "approves", "from", "until", "up to", "ended", "reason"],
        [_row(one) for one in shown],
    )


def _row(one: Delegation) -> list[Any]:
    minutes = (f"{moment:%Y-%m-%d %H:%M}Z" for moment in (one.starts_at, one.ends_at))
    ended = one.revoked_at and f"{one.revoked_at:%Y-%m-%d %H:%M}Z: {one.revoke_reason}"
    return [
        one.delegation_id, one.from_principal, one.to_principal, *minutes,
        one.up_to, ended, one.reason,
    ]  # fmt: skip


def delegate(
    tenant: TENANT,
    login: LOGIN,
    to: Annotated[str, typer.Option(help="The login of whoever approves meanwhile.")],
    days: Annotated[float, typer.Option(help="For so many days from now.", min=0.01)],
    reason: REASON,
    password: PASSWORD,
    up_to: Annotated[Any, typer.Option(help="At most so much at stake.", **AMOUNT)] = None,
    customer: Annotated[str | None, typer.Option(help="Only cases of this customer.")] = None,
    types: Annotated[list[str] | None, typer.Option("--type", help="Only this exception type.")] = None,
    as_json: JSON = False,
) -> None:
    """Lend the right to approve of whoever signs in, or a part of it, to another person."""
    from casework.approvals.delegation import Lent

    casework = _casework()
    scope = Lent(customer_id=customer, exception_types=tuple(types) if types else None, up_to=up_to)
    token, person = casework.sign_in(login, password)
    try:
        lent = casework.delegate_approval(
            person,
            tenant,
            f"person:{to}",
            until=casework.desk.clock() + timedelta(days=days),
            reason=reason,
            scope=scope,
        )
    finally:
        casework.sign_out(token)
    if as_json:
        print_json(lent)
        return
    say(f"delegation {lent.delegation_id}: {to} may approve for {login} until {lent.ends_at:%Y-%m-%d %H:%M}Z")


def end(
    delegation_id: Annotated[str, typer.Argument(help="The delegation.")],
    tenant: TENANT,
    login: LOGIN,
    reason: REASON,
    password: PASSWORD,
) -> None:
    """Take a lent right back: whoever lent it, has it, or leads; from the next request on."""
    casework = _casework()
    token, person = casework.sign_in(login, password)
    try:
        casework.end_delegation(person, tenant, delegation_id, reason)
    finally:
        casework.sign_out(token)
    say(f"delegation {delegation_id} has ended")
