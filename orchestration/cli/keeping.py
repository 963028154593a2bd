"""Commands that keep: retention and holds, versions of configuration, the event log, backups of the store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.caller import reader
from orchestration.cli.output import FAILED, print_json, print_table, say

if TYPE_CHECKING:
    from casework.evidence.configuration import Plan
    from casework.service import Casework

JSON = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
YES = Annotated[bool, typer.Option("--yes", help="Do it; without this it is only shown.")]
TENANT = Annotated[str, typer.Option(help="Whose records.")]
TENANTS = Annotated[list[str] | None, typer.Option("--tenant", help="Only this tenant.")]
REASON = Annotated[str, typer.Option(help="Why; it stays in the audit log.")]
DRY_RUN = Annotated[bool, typer.Option("--dry-run", help="Only show it, also with --yes.")]
PRUNE = Annotated[
    bool, typer.Option("--prune", help="Take away the roles that the files do not name; otherwise they stay.")
]
FOLDER = Annotated[Path | None, typer.Option(help="The configuration's folder, if not the installed one.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    retention = typer.Typer(help="How long records are kept, holds, and erasure.", no_args_is_help=True)
    retention.command("plan")(retention_plan)
    retention.command("apply")(retention_apply)
    retention.command("hold")(hold)
    retention.command("release")(release)
    retention.command("holds")(list_holds)
    retention.command("erase")(erase)
    app.add_typer(retention, name="retention")
    config = typer.Typer(help="Which configuration is and was in force.", no_args_is_help=True)
    config.command("validate")(config_validate)
    config.command("diff")(config_diff)
    config.command("apply")(config_apply)
    config.command("rollback")(config_rollback)
    config.command("history")(config_history)
    app.add_typer(config, name="config")
    store = typer.Typer(help="Backups of the operational store.", no_args_is_help=True)
    store.command("backup")(store_backup)
    store.command("restore-check")(restore_check)
    store.command("recount")(store_recount)
    app.add_typer(store, name="store")
    app.command("events")(events)


def _casework() -> Casework:
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    return Platform(Settings.from_environment()).casework


# --- retention ------------------------------------------------------------------------------------------


def retention_plan(tenant: TENANTS = None, as_json: JSON = False) -> None:
    """Show what has been kept long enough, and what a hold keeps; nothing is changed."""
    casework = _casework()
    names = tenant or sorted(casework.config.tenants)
    _show_run_out([found for name in names for found in casework.retention_plan(name)], as_json)


def retention_apply(tenant: TENANTS = None, yes: YES = False, as_json: JSON = False) -> None:
    """Empty what has been kept long enough; held records stay, and the audit log goes on verifying."""
    casework = _casework()
    names = tenant or sorted(casework.config.tenants)
    run = casework.retention_apply if yes else casework.retention_plan
    _show_run_out([found for name in names for found in run(name)], as_json)
    if not yes:
        say("Nothing was changed. Add --yes to empty what is due; it cannot be taken back.")


def _show_run_out(found: list[Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    print_table(
        "Retention",
        ["tenant", "records", "kept days", "due", "held", "emptied"],
        [
            [f.tenant_id, f"{f.record_class} ({f.unit})", f.keep_days or "for ever", f.due, f.held, f.emptied]
            for f in found
        ],
        right=["due", "held", "emptied"],
    )


def hold(
    tenant: TENANT,
    reason: REASON,
    case: Annotated[str | None, typer.Option(help="The case to hold.")] = None,
    party: Annotated[str | None, typer.Option(help="The customer, carrier or place to hold.")] = None,
    as_json: JSON = False,
) -> None:
    """Hold a case or a party: nothing of it is erased or runs out until the hold is released."""
    casework = _casework()
    found = casework.legal_hold(casework.operator(), tenant, case_id=case, party_id=party, reason=reason)
    if as_json:
        print_json(found)
        return
    say(f"hold {found.hold_id} on {found.subject_kind} {found.subject_id}")


def release(
    hold_id: Annotated[str, typer.Argument(help="The hold.")], tenant: TENANT, reason: REASON
) -> None:
    """Release a hold."""
    casework = _casework()
    found = casework.release_hold(casework.operator(), tenant, hold_id, reason)
    say(f"released: {found.subject_kind} {found.subject_id}")


def list_holds(tenant: TENANT, as_json: JSON = False) -> None:
    """List every hold there ever was, newest first."""
    casework = _casework()
    found = casework.legal_holds(casework.operator(), tenant)
    if as_json:
        print_json(found)
        return
    print_table(
        f"{tenant}: holds",
        ["hold", "on", "since", "reason", "released"],
        [
            [
                h.hold_id,
                f"{h.subject_kind} {h.subject_id}",
                h.placed_at.date(),
                h.reason,
                h.released_at or "-",
            ]
            for h in found
        ],
    )


def erase(tenant: TENANT, party: Annotated[str, typer.Option(help="Whose data.")], reason: REASON,
          yes: YES = False, as_json: JSON = False) -> None:  # fmt: skip
    """Take a party's addresses, name and words out of every record; without --yes show what is held of it."""
    casework = _casework()
    principal = casework.operator()
    if yes:
        done = casework.erase_party(principal, tenant, party, reason)
        title, rows, found = f"Erased: {done.values} values", done.rows, plain_of(done)
    else:
        held = casework.personal_data(principal, tenant, party)
        title, rows, found = f"Held of {party}, in {len(held.case_ids)} cases", held.rows, plain_of(held)
    if as_json:
        print_json(found)
        return
    print_table(title, ["records", "rows"], sorted(rows.items()), right=["rows"])
    if not yes:
        say("Nothing was changed. Add --yes to erase; it cannot be taken back.")


def plain_of(value: Any) -> Any:
    """Return a result as it is printed for programs."""
    return {name: getattr(value, name) for name in value.__slots__}


# --- configuration --------------------------------------------------------------------------------------


def config_validate(folder: FOLDER = None, as_json: JSON = False) -> None:
    """Say everything that is wrong with the files, each with its line and what to do; needs no store."""
    from casework.config import HERE
    from casework.config.validation import validate

    place = folder or HERE
    found = validate(place)
    if as_json:
        print_json(found)
    else:
        say(
            "\n".join(problem.sentence for problem in found) or f"The files in {place} are as they should be."
        )
    if found:
        raise typer.Exit(FAILED)


def config_diff(folder: FOLDER = None, prune: PRUNE = False, as_json: JSON = False) -> None:
    """Show what the files would change against what is in force, by path, and for the work at hand in words."""
    from casework.config import HERE

    _show_plan(_casework().config_diff(folder or HERE, prune=prune), as_json)


def config_apply(
    folder: FOLDER = None,
    note: Annotated[str | None, typer.Option(help="Why; it stays with the version.")] = None,
    prune: PRUNE = False,
    yes: YES = False,
    dry_run: DRY_RUN = False,
    as_json: JSON = False,
) -> None:
    """Put the files into force; without --yes only show what would change. Doing it again changes nothing."""
    from casework.config import HERE

    casework, place, is_meant = _casework(), folder or HERE, yes and not dry_run
    plan = casework.config_diff(place, prune=prune)
    if is_meant:
        plan = replace(casework.config_apply(place, note=note, prune=prune), words=plan.words)
    _show_plan(plan, as_json)
    say(
        "Restart what is running; files are read at the start."
        if is_meant
        else "Nothing was changed. Add --yes to apply."
    )


def config_rollback(
    version: Annotated[int, typer.Argument(help="The version to put back.")],
    folder: FOLDER = None,
    note: Annotated[str | None, typer.Option(help="Why; it stays with the version.")] = None,
    yes: YES = False,
    dry_run: DRY_RUN = False,
    as_json: JSON = False,
) -> None:
    """Put an older version's files back and into force again; without --yes only show it. Roles stay as they are."""
    from casework.config import HERE

    casework, is_meant = _casework(), yes and not dry_run
    plan = casework.config_rollback_plan(version)
    if is_meant:
        plan = replace(casework.config_rollback(version, folder or HERE, note=note), words=plan.words)
    _show_plan(plan, as_json)
    say(
        "Restart what is running; files are read at the start."
        if is_meant
        else "Nothing was changed. Add --yes."
    )


def config_history(as_json: JSON = False) -> None:
    """List every configuration that was put into force, newest first."""
    found = _casework().config_history()
    if as_json:
        print_json(found)
        return
    print_table(
        "Configuration",
        ["version", "hash", "by", "at", "note"],
        [
            [v.version, v.config_sha256[:12], v.applied_by, f"{v.applied_at:%Y-%m-%d %H:%M}Z",
             f"version {v.reapplies} again. {v.note or ''}" if v.reapplies else v.note]
            for v in found
        ],
    )  # fmt: skip


def _show_plan(plan: Plan, as_json: bool) -> None:
    if as_json:
        print_json(plan)
        return
    print_table(
        f"Against version {plan.in_force}: {len(plan.changes)} changes"
        + (f", applied as version {plan.applied}" if plan.applied else ""),
        ["path", "was", "will be"],
        [[change.path, change.was, change.will_be] for change in plan.changes],
    )
    for sentence in plan.words:
        say(sentence)


# --- events and the store -------------------------------------------------------------------------------


def events(
    tenant: TENANT,
    after: Annotated[int, typer.Option(help="Only events after this sequence number.")] = 0,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 500,
    consumer: Annotated[
        str | None, typer.Option(help="What this named consumer has not handled yet; made on first use.")
    ] = None,
    advance: Annotated[
        int | None, typer.Option(help="Record that the consumer handled everything up to this.")
    ] = None,
    replay_from: Annotated[
        int | None, typer.Option(help="Let the consumer read again from after this sequence.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Print a tenant's events in order, as CloudEvents."""
    casework = _casework()
    caller = reader(casework)
    if consumer is None:
        if advance is not None or replay_from is not None:
            raise typer.BadParameter("Name the consumer with --consumer.")
        found = casework.events(caller, tenant, after, limit)
    else:
        casework.follow_events(caller, tenant, consumer, after)
        if replay_from is not None:
            casework.replay_events(caller, tenant, consumer, replay_from)
        if advance is not None:
            casework.advance_events(caller, tenant, consumer, advance)
        found = casework.pending_events(caller, tenant, consumer, limit)
    if as_json:
        print_json(found)
        return
    print_table(
        f"{tenant}: {len(found)} events",
        ["no.", "when", "type", "subject"],
        [[e["sequence"], e["time"], e["type"], e["subject"]] for e in found],
    )


def store_backup(file: Annotated[Path, typer.Argument(help="The new file.", dir_okay=False)]) -> None:
    """Copy an SQLite store to a new file while it is in use. Back up the home's keys and checkpoints too."""
    size = _casework().backup(file)
    say(f"{file} ({size:,} bytes). Keep the home's keys/ and checkpoints/ safe as well, but never put older "
        "checkpoints back: they are what shows that a store is old.")  # fmt: skip


def store_recount(tenant: TENANTS = None) -> None:
    """Count each queue anew from its cases, find their words anew, and tell whether what was kept was right."""
    casework = _casework()
    for name in tenant or sorted(casework.config.tenants):
        kept, counted = casework.recount(name)
        said = "as it was kept" if kept == counted else f"{kept.count:,} were kept"
        say(f"{name}: {counted.count:,} cases in the queue ({said}).")


def restore_check(tenant: TENANTS = None, yes: YES = False, as_json: JSON = False) -> None:
    """Tell whether an older copy was put back; with --yes leave what may have been sent since to people."""
    casework = _casework()
    names = tenant or sorted(casework.config.tenants)
    found = [casework.restore_settle(name) if yes else casework.restore_check(name) for name in names]
    if as_json:
        print_json(found)
    else:
        say("\n".join(standing.sentence for standing in found))
    if any(standing.is_older for standing in found) and not yes:
        say("The desk and the worker change and send nothing until you run this with --yes.")
        raise typer.Exit(FAILED)
