"""Commands over who gets in: links for partners, keys for services, accounts and their grants."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli import identities
from orchestration.cli.caller import LOGIN, PASSWORD, door, signed_in
from orchestration.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from casework.access.seen import PartnerLink

JSON = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
TENANT = Annotated[str, typer.Option(help="Whose.")]
REASON = Annotated[str, typer.Option(help="Why; it stays on record.")]
CUSTOMER = Annotated[str | None, typer.Option(help="Only this customer's.")]
CARRIER = Annotated[str | None, typer.Option(help="Only this carrier's.")]
FACILITY = Annotated[str | None, typer.Option(help="Only this facility's.")]
TYPES = Annotated[list[str] | None, typer.Option("--type", help="Only this exception type; repeatable.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    links = typer.Typer(help="Links that let a partner see its cases.", no_args_is_help=True)
    links.command("create")(link_create)
    links.command("list")(link_list)
    links.command("views")(link_views)
    links.command("revoke")(link_revoke)
    app.add_typer(links, name="link")
    keys = typer.Typer(help="Keys that let a service read.", no_args_is_help=True)
    keys.command("create")(key_create)
    keys.command("list")(key_list)
    keys.command("revoke")(key_revoke)
    app.add_typer(keys, name="key")
    accounts = typer.Typer(help="Local accounts and what they hold.", no_args_is_help=True)
    accounts.command("reset")(account_reset)
    accounts.command("list")(account_list)
    accounts.command("grant")(account_grant)
    accounts.command("ungrant")(account_ungrant)
    accounts.command("deactivate")(account_deactivate)
    accounts.command("activate")(account_activate)
    identities.register(accounts)
    app.add_typer(accounts, name="account")


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z" if moment else ""


def _scope(
    customer: str | None, carrier: str | None, facility: str | None, types: list[str] | None
) -> dict[str, Any]:
    parties = {"customer_id": customer, "carrier_id": carrier, "facility_id": facility}
    return parties | {"exception_types": tuple(types) if types else None}


# --- links -----------------------------------------------------------------------------------------------


def link_create(
    tenant: TENANT,
    party_role: Annotated[str, typer.Option("--with", help="customer, carrier or warehouse.")],
    reason: REASON,
    login: LOGIN,
    password: PASSWORD,
    case: Annotated[str | None, typer.Option(help="The one case it shows.")] = None,
    party: Annotated[str | None, typer.Option(help="All cases of this party instead.")] = None,
    types: TYPES = None,
    days: Annotated[float, typer.Option(help="For so many days.")] = 7,
    comment: Annotated[bool, typer.Option("--comment", help="They may comment.")] = False,
    as_json: JSON = False,
) -> None:
    """Make a link and print its address once; whoever has it sees what that party may see, and nothing else."""
    from casework.access.links import NewLink
    from casework.model import PARTNER_ROLES, Role

    if party_role not in {role.value for role in PARTNER_ROLES}:
        raise typer.BadParameter("--with is customer, carrier or warehouse.")
    if (case is None) == (party is None):
        raise typer.BadParameter("Name one case with --case, or one party with --party.")
    casework = door()
    asked = NewLink(
        party_role=Role(party_role),
        reason=reason,
        expires_at=casework.desk.clock() + timedelta(days=days),
        case_id=case,
        party_id=party,
        exception_types=tuple(types) if types else None,
        may_comment=comment,
    )
    with signed_in(casework, login, password) as person:
        made, token = casework.make_link(person, tenant, asked)
    address = f"{_dashboard()}/link#{token}"
    if as_json:
        print_json({"link_id": made.link_id, "address": address, "expires_at": made.expires_at})
        return
    say(f"link {made.link_id} for {made.party_name}, until {_minute(made.expires_at)}; shown once:")
    typer.echo(address)


def _dashboard() -> str:
    port = os.environ.get("TIDEWAITER_DASHBOARD_PORT", "8501")
    return (os.environ.get("TIDEWAITER_DASHBOARD_URL") or f"http://127.0.0.1:{port}").rstrip("/")


def link_list(
    tenant: TENANT,
    case: Annotated[str | None, typer.Option(help="Only those to this case.")] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Those that open nothing any more too.")] = False,
    as_json: JSON = False,
) -> None:
    """Print the links of a tenant, with how often each was opened and when last."""
    casework = door()
    found = casework.partner_links(casework.operator(), tenant, case, include_ended=ended)
    if as_json:
        print_json(list(found))
        return
    print_table(
        f"{tenant}: {len(found)} links",
        ["link", "for", "shows", "may", "state", "until", "opened", "looked at", "last", "by", "why"],
        [_link_row(link) for link in found],
        right=["opened", "looked at"],
    )


def _link_row(link: PartnerLink) -> list[Any]:
    shows = link.case_id or ", ".join(link.exception_types or ()) or "all their cases"
    may = "look, comment" if link.may_comment else "look"
    until, last = _minute(link.expires_at), _minute(link.last_view_at)
    whom = f"{link.party_role.value} {link.party_name}"
    used = [link.openings, link.views, last, link.made_by_name, link.reason]
    return [link.link_id, whom, shows, may, link.state, until, *used]


def link_views(
    tenant: TENANT,
    link: Annotated[str | None, typer.Option(help="Only through this link.")] = None,
    case: Annotated[str | None, typer.Option(help="Only of this case.")] = None,
    as_json: JSON = False,
) -> None:
    """Print what was opened and looked at through links, newest first."""
    casework = door()
    found = casework.link_views(casework.operator(), tenant, link_id=link, case_id=case)
    if as_json:
        print_json(list(found))
        return
    print_table(
        f"{tenant}: {len(found)} views",
        ["when", "link", "who", "what", "case", "network", "browser"],
        [
            [_minute(v.viewed_at), v.link_id, f"{v.party_role.value} {v.party_id}", v.kind, v.case_id,
             (v.address_hash or "")[:8], v.user_agent]
            for v in found
        ],
    )  # fmt: skip


def link_revoke(
    link_id: Annotated[str, typer.Argument(help="The link.")], tenant: TENANT, reason: REASON
) -> None:
    """Take a link back; what it opened is closed with the next request."""
    casework = door()
    casework.revoke_link(casework.operator(), tenant, link_id, reason)
    say(f"link {link_id} opens nothing any more")


# --- keys ------------------------------------------------------------------------------------------------


def key_create(
    name: Annotated[str, typer.Argument(help="The service that will use it.")],
    tenant: TENANT,
    may: Annotated[list[str], typer.Option(help="What it may, for example case:read; repeatable.")],
    days: Annotated[float, typer.Option(help="For so many days.")],
    holder: Annotated[
        str | None, typer.Option(help="Who draws it in the dashboard; without it the key is printed here.")
    ] = None,
    customer: CUSTOMER = None,
    carrier: CARRIER = None,
    facility: FACILITY = None,
    types: TYPES = None,
    as_json: JSON = False,
) -> None:
    """Make a key for a service and print it once, or let its holder draw it."""
    from casework.access.api_keys import NewKey

    casework = door()
    operator, ends = casework.operator(), casework.desk.clock() + timedelta(days=days)
    asked = NewKey(name, tuple(may), ends, holder, **_scope(customer, carrier, facility, types))
    made = casework.make_key(operator, tenant, asked)
    secret = casework.draw_key(operator, tenant, made.key_id) if holder is None else None
    if as_json:
        print_json(
            {"key_id": made.key_id, "prefix": made.prefix, "key": secret, "expires_at": made.expires_at}
        )
        return
    if secret is None:
        say(f"key {made.key_id} ({made.prefix}) waits for {holder}, under Links in the dashboard")
        return
    say(f"key {made.key_id} for {name}, until {_minute(made.expires_at)}; shown once:")
    typer.echo(secret)


def key_list(tenant: TENANT, as_json: JSON = False) -> None:
    """Print the keys of a tenant: what each may, until when, when it was last used; never the key itself."""
    casework = door()
    found = casework.api_keys(casework.operator(), tenant)
    if as_json:
        print_json(list(found))
        return
    print_table(
        f"{tenant}: {len(found)} keys",
        ["key", "prefix", "service", "may", "state", "until", "last used", "held by"],
        [
            [k.key_id, k.prefix, k.key_name, ", ".join(k.permissions), k.state, _minute(k.expires_at),
             _minute(k.last_used_at), k.holder]
            for k in found
        ],
    )  # fmt: skip


def key_revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id.")], tenant: TENANT, reason: REASON
) -> None:
    """Take a key back; it opens nothing from the next call on."""
    casework = door()
    casework.revoke_key(casework.operator(), tenant, key_id, reason)
    say(f"key {key_id} opens nothing any more")


# --- accounts --------------------------------------------------------------------------------------------


def account_reset(login: Annotated[str, typer.Argument(help="Whose password.")]) -> None:
    """Make a new password for an account and print it once; the account's sessions end."""
    password = door().reset_password(login)
    say(f"account {login}   password {password}   (shown once, stored nowhere)")


def account_list(tenant: TENANT, as_json: JSON = False) -> None:
    """Print the accounts that hold or held a role in a tenant, with what each holds."""
    casework = door()
    found = casework.accounts(casework.operator(), tenant)
    if as_json:
        print_json(list(found))
        return
    rows = []
    for account in found:
        acts = "yes" if account.is_active else "no"
        held = [[h.grant.role.value, _within(h.grant), h.grant_id] for h in account.grants] or [["", "", ""]]
        rows += [[account.login, account.kind, acts, *each] for each in held]
    print_table(
        f"{tenant}: {len(found)} accounts", ["login", "kind", "acts", "role", "within", "grant"], rows
    )


def _within(grant: Any) -> str:
    parties = [grant.customer_id, grant.carrier_id, grant.facility_id]
    return ", ".join(part for part in (*parties, *(grant.exception_types or ())) if part)


def account_grant(
    login: Annotated[str, typer.Argument(help="Whom.")],
    tenant: TENANT,
    role: Annotated[str, typer.Option(help="The role.")],
    customer: CUSTOMER = None,
    carrier: CARRIER = None,
    facility: FACILITY = None,
    types: TYPES = None,
) -> None:
    """Give an account a role within a scope."""
    from casework.model import Grant, Role

    if role not in {known.value for known in Role}:
        raise typer.BadParameter(f"--role is one of {', '.join(known.value for known in Role)}.")
    casework = door()
    grant = Grant(tenant, Role(role), **_scope(customer, carrier, facility, types))
    say(f"grant {casework.give_grant(casework.operator(), login, grant)} given to {login}")


def account_ungrant(
    grant_id: Annotated[str, typer.Argument(help="The grant, as `account list` names it.")],
    tenant: TENANT,
    reason: REASON,
) -> None:
    """Take one role away."""
    casework = door()
    casework.take_grant(casework.operator(), tenant, grant_id, reason)
    say(f"grant {grant_id} is taken away")


def account_deactivate(
    login: Annotated[str, typer.Argument(help="Whom.")], tenant: TENANT, reason: REASON
) -> None:
    """Let an account act no more, anywhere, and end its sessions."""
    casework = door()
    casework.deactivate_account(casework.operator(), tenant, login, reason)
    say(f"account {login} acts no more")


def account_activate(
    login: Annotated[str, typer.Argument(help="Whom.")], tenant: TENANT, reason: REASON
) -> None:
    """Let an account act again, with the roles it still holds."""
    casework = door()
    casework.activate_account(casework.operator(), tenant, login, reason)
    say(f"account {login} acts again")
