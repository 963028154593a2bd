"""Commands that prove: evidence export and verify, audit verify and key."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.caller import reader
from orchestration.cli.output import NOT_VERIFIED, print_json, say

PUBLIC_KEY = "tidewaiter-public-key.hex"
JSON = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    evidence = typer.Typer(help="Evidence packs: one case, provable offline.", no_args_is_help=True)
    evidence.command("export")(export)
    evidence.command("verify")(verify)
    app.add_typer(evidence, name="evidence")
    audit = typer.Typer(help="The audit chain of the store.", no_args_is_help=True)
    audit.command("verify")(verify_audit)
    app.add_typer(audit, name="audit")


def export(
    case_id: Annotated[str, typer.Argument(help="The case's number.")],
    out: Annotated[Path | None, typer.Option(help="Where to write the pack.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Whose case; looked for in all when not given.")] = None,
    as_json: JSON = False,
) -> None:
    """Make a pack of everything behind one case, and the public key that verifies it."""
    from casework.evidence import pack
    from orchestration.lineage import source_rows
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    platform = Platform(Settings.from_environment())
    principal = reader(platform.casework)
    owner = tenant or platform.casework.tenant_of(principal, case_id)
    target = out or platform.settings.home / "evidence" / f"{case_id}.zip"
    target.parent.mkdir(parents=True, exist_ok=True)
    exported = pack.export(
        platform.casework, principal, owner, case_id, target, source_rows=source_rows(platform, owner)
    )
    key = target.parent / PUBLIC_KEY
    shutil.copyfile(platform.casework.keys.public_path, key)
    if as_json:
        print_json(
            {"pack": target, "public_key": key, "sha256": exported.sha256, "members": exported.members}
        )
        return
    say(
        f"pack        {target}\npublic key  {key}\nverify with: tidewaiter evidence verify {target} --key {key}"
    )


def verify(
    pack_path: Annotated[Path, typer.Argument(metavar="PACK", help="The pack.", exists=True, dir_okay=False)],
    key: Annotated[
        Path | None, typer.Option(help="The public key; by default the one beside the pack.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Verify a pack with nothing but the pack and the public key."""
    from casework.evidence import pack

    report = pack.verify(pack_path, key or pack_path.parent / PUBLIC_KEY)
    finish(report.ok, report.sentence, report, as_json)


def verify_audit(
    tenant: Annotated[list[str] | None, typer.Option("--tenant", help="Only this tenant.")] = None,
    as_json: JSON = False,
) -> None:
    """Verify each tenant's chain against its signed checkpoints, and the tables against the chain."""
    from casework.evidence import chain
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    platform = Platform(Settings.from_environment())
    reports = [chain.verify(platform.casework, name) for name in tenant or sorted(platform.config.tenants)]
    finish(all(r.ok for r in reports), "\n".join(r.sentence for r in reports), reports, as_json)


def finish(ok: bool, sentence: str, report: object, as_json: bool) -> None:
    """Print a verdict and end with the code that says it."""
    if as_json:
        print_json(report)
    else:
        say(sentence)
    if not ok:
        raise typer.Exit(NOT_VERIFIED)
