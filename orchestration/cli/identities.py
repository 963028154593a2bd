"""Commands over the company identities that may sign in as an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.output import print_table, say

if TYPE_CHECKING:
    from casework.service import Casework

ACTOR = "service:operator"
LOGIN = Annotated[str, typer.Argument(help="Whose account.")]
ISSUER = Annotated[
    str | None,
    typer.Option(help="The provider's issuer, as it names itself.", envvar="TIDEWAITER_OIDC_ISSUER"),
]


def register(accounts: typer.Typer) -> None:
    """Add this module's commands to those over accounts."""
    accounts.command("link")(link)
    accounts.command("unlink")(unlink)
    accounts.command("identities")(identities)


def _casework() -> Casework:
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    return Platform(Settings.from_environment()).casework


def link(
    login: LOGIN,
    subject: Annotated[str, typer.Option(help="The `sub` that the provider states for the person.")],
    issuer: ISSUER = None,
) -> None:
    """Let a person's identity at an OpenID provider sign in as an account."""
    found = _casework().link_identity(login, issuer or "", subject, ACTOR)
    say(f"{found.subject} at {found.issuer} signs in as {found.principal_id}")


def unlink(login: LOGIN, issuer: ISSUER = None) -> None:
    """Take an account's identities at a provider away; the account's sessions end."""
    gone = _casework().unlink_identity(login, issuer or "", ACTOR)
    say(f"{gone} identities of {login} were taken away; its sessions have ended")


def identities(login: LOGIN) -> None:
    """Print the identities that sign in as an account."""
    found = _casework().identities_of(login)
    rows = [[one.issuer, one.subject, f"{one.linked_at:%Y-%m-%d %H:%M}Z"] for one in found]
    print_table(f"{login}: {len(rows)} identities", ["issuer", "subject", "linked"], rows)
