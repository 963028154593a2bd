"""Commands over names that nobody knows, and what may be one with another: what waits, and what a person decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.caller import LOGIN, PASSWORD, reader, signed_in
from orchestration.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from casework.identity.decisions import ReferenceDecision
    from orchestration.resources import Platform

JSON = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
TENANT = Annotated[str, typer.Option(help="Whose references.")]
REASON = Annotated[str, typer.Option(help="Why; it stays in the log.")]
TYPE = Annotated[
    str,
    typer.Argument(
        help="The reference's type as `identity list` names it, such as PRO, PLACE, CUSTOMER or ACCOUNT."
    ),
]
KEY = Annotated[str, typer.Argument(help="The reference in the comparable form that `identity list` names.")]
CARRIER = Annotated[
    str | None, typer.Option(help="The carrier whose reference it is; left out where the list names none.")
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    identity = typer.Typer(
        help="Names of shipments, places and customers that nobody knows; accounts and facilities that are one.",
        no_args_is_help=True,
    )
    identity.command("list")(identity_list)
    identity.command("match")(identity_match)
    identity.command("ignore")(identity_ignore)
    identity.command("undo")(identity_undo)
    app.add_typer(identity, name="identity")


def _platform() -> Platform:
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    return Platform(Settings.from_environment())


def identity_list(
    tenant: TENANT,
    decided: Annotated[
        bool, typer.Option("--decided", help="What was decided, instead of what waits.")
    ] = False,
    undone: Annotated[bool, typer.Option("--undone", help="With --decided, what was undone too.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=500)] = 50,
    as_json: JSON = False,
) -> None:
    """Print the references that wait for a person, most messages first; or the decisions about them."""
    platform = _platform()
    casework = platform.casework
    caller = reader(casework)
    if decided:
        made = casework.reference_decisions(caller, tenant, include_undone=undone, limit=limit)
        _print_decisions(tenant, made, as_json=as_json)
        return
    known = casework.reference_decisions(caller, tenant)
    rows = _waiting(platform, tenant, known, limit)
    if as_json:
        print_json(rows)
        return
    print_table(
        f"{tenant}: {len(rows)} references wait for a person",
        ["type", "reference", "carrier", "as sent", "messages", "why", "may mean"],
        [
            [row["reference_type"], row["reference_key"], row["carrier_id"], row["reference"],
             row["message_count"], row["match_status"], _likeliest(row)]
            for row in rows
        ],
        right=["messages"],
    )  # fmt: skip


def _waiting(
    platform: Platform, tenant: str, known: tuple[ReferenceDecision, ...], limit: int
) -> list[dict[str, Any]]:
    """Return what the newest publication says waits, but for what was decided since."""
    import json

    import pyarrow.parquet as pq

    path = _published(platform, "fct_unmatched_references")
    if path is None:
        return []
    table = pq.read_table(path, filters=[("tenant_id", "=", tenant)])
    ranked = table.sort_by([("message_count", "descending"), ("last_told_at", "descending")])
    decided = {(made.reference_type, made.reference_key, made.carrier_id) for made in known}
    found: list[dict[str, Any]] = []
    for batch in ranked.to_batches(max_chunksize=500):
        for row in batch.to_pylist():
            reference = (row["reference_type"], row["reference_key"], row["carrier_id"])
            if row["decision_id"] is None and reference not in decided:
                found.append(row | {"candidates": json.loads(row["candidates"] or "[]")})
            if len(found) == limit:
                return found
    return found


def _published(platform: Platform, mart: str) -> Any:
    """Return the file of a mart in the newest publication, or None before there is one."""
    from orchestration.publishing import current_publication

    publication = current_publication(platform.settings.published)
    path = platform.settings.published / publication / f"{mart}.parquet" if publication else None
    return path if path is not None and path.is_file() else None


def _likeliest(row: dict[str, Any]) -> str:
    if not row["candidates"]:
        return "nothing known"
    first = row["candidates"][0]
    name = f" {first['name']}" if first["name"] else ""
    return f"{first['means']}{name} ({first['score']:.0%}: {', '.join(first['reasons'])})"


def _print_decisions(tenant: str, made: tuple[ReferenceDecision, ...], *, as_json: bool) -> None:
    if as_json:
        print_json(list(made))
        return
    print_table(
        f"{tenant}: {len(made)} decisions about references",
        ["decision", "type", "reference", "carrier", "means", "by", "at", "reason", "undone"],
        [
            [one.decision_id, one.reference_type, one.reference_key, one.carrier_id,
             one.means or "left out", one.decided_by_name, f"{one.decided_at:%Y-%m-%d %H:%M}Z", one.reason,
             one.undone_at and f"{one.undone_at:%Y-%m-%d %H:%M}Z by {one.undone_by_name}: {one.undo_reason}"]
            for one in made
        ],
    )  # fmt: skip


def identity_match(
    reference_type: TYPE,
    reference_key: KEY,
    means: Annotated[
        str,
        typer.Argument(
            help="The shipment that is meant; of a PLACE the facility, of a CUSTOMER the account; of an ACCOUNT or "
            "a FACILITY the one that it is, and that is kept."
        ),
    ],
    tenant: TENANT,
    login: LOGIN,
    reason: REASON,
    password: PASSWORD,
    carrier: CARRIER = None,
    as_json: JSON = False,
) -> None:
    """Say what a reference means; its messages follow with the next run."""
    platform = _platform()
    with signed_in(platform.casework, login, password) as person:
        platform.casework.reference_decisions(
            person, tenant, limit=0
        )  # whoever may not look asks for nothing
        _check_known(platform, tenant, reference_type, reference_key, means)
        made = platform.casework.decide_reference(
            person, tenant, reference_type, reference_key, carrier, means, reason
        )
    _tell(made, f"means {made.means}", as_json=as_json)


# By what a reference may mean: the mart that holds it, and what else picks it out there.
KNOWN_IN: dict[str, tuple[str, list[tuple[str, str, str]], str]] = {
    "shipment_id": ("fct_shipments", [], "shipment_id"),
    "facility_id": ("dim_facilities", [], "facility_id"),
    "customer_id": ("dim_parties", [("party_role", "=", "customer")], "party_id"),
}


def _check_known(
    platform: Platform, tenant: str, reference_type: str, reference_key: str, means: str
) -> None:
    """Refuse an id that nothing published of the tenant has: a slip of the pen would match nothing."""
    from casework.errors import NotFound
    from casework.identity.decisions import OURS, WHAT, Reference

    reference = Reference(reference_type.strip().upper(), reference_key)
    what = reference.means
    for named in (reference_key, means) if reference.reference_type in OURS else (means,):
        if not _is_known(platform, tenant, what, named):
            raise NotFound(
                f"No published {WHAT[what]} of {tenant} is called {named!r}. Check the number; one that is new "
                "can be named after the next run.",
                **{what: named},
            )


def _is_known(platform: Platform, tenant: str, what: str, known_id: str) -> bool:
    import pyarrow.parquet as pq

    mart, of_kind, column = KNOWN_IN[what]
    path = _published(platform, mart)
    wanted = [("tenant_id", "=", tenant), (column, "=", known_id), *of_kind]
    return path is not None and bool(pq.read_table(path, columns=[column], filters=wanted).num_rows)


def identity_ignore(
    reference_type: TYPE,
    reference_key: KEY,
    tenant: TENANT,
    login: LOGIN,
    reason: REASON,
    password: PASSWORD,
    carrier: CARRIER = None,
    as_json: JSON = False,
) -> None:
    """Say that a reference means nothing of the tenant's; its messages wait no longer."""
    casework = _platform().casework
    with signed_in(casework, login, password) as person:
        made = casework.decide_reference(person, tenant, reference_type, reference_key, carrier, None, reason)
    _tell(made, "is left out", as_json=as_json)


def identity_undo(
    decision_id: Annotated[str, typer.Argument(help="The decision, as `identity list --decided` names it.")],
    tenant: TENANT,
    login: LOGIN,
    reason: REASON,
    password: PASSWORD,
    as_json: JSON = False,
) -> None:
    """Take a decision about a reference back; with the next run it waits again."""
    casework = _platform().casework
    with signed_in(casework, login, password) as person:
        made = casework.undo_reference_decision(person, tenant, decision_id, reason)
    _tell(made, "waits for a decision again", as_json=as_json)


def _tell(made: ReferenceDecision, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    carrier = f" of {made.carrier_id}" if made.carrier_id else ""
    say(
        f"{made.reference_type} {made.reference_key}{carrier} {what}, from the next run on ({made.decision_id})"
    )
