"""Commands over what arrived: feeds, quarantine."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.cli.caller import reader
from orchestration.cli.output import print_json, print_table, say

JSON = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
TENANT = Annotated[str, typer.Option(help="Whose feeds.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(feeds)
    quarantine = typer.Typer(help="Rows that their feed's contract refused.", no_args_is_help=True)
    quarantine.command("list")(quarantine_list)
    quarantine.command("fix")(quarantine_fix)
    app.add_typer(quarantine, name="quarantine")


def feeds(tenant: TENANT, as_json: JSON = False) -> None:
    """Print each feed's counts: rows in = loaded + quarantined + duplicate."""
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    casework = Platform(Settings.from_environment()).casework
    health = casework.feed_health(reader(casework), tenant)
    if as_json:
        print_json(health)
        return
    columns = ["feed", "files", "waiting", "refused", "rows", "loaded", "quarantined", "duplicate"]
    print_table(
        f"{tenant}: feeds", columns,
        [[h.feed, h.files, h.files_waiting, h.files_refused, h.rows, h.loaded, h.quarantined, h.duplicates]
         for h in health], right=columns[1:],
    )  # fmt: skip


def quarantine_list(tenant: TENANT, feed: str | None = None, limit: int = 50, as_json: JSON = False) -> None:
    """Print quarantined rows: file, row, column, rule, raw content."""
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    casework = Platform(Settings.from_environment()).casework
    page = casework.quarantine(reader(casework), tenant, feed=feed, limit=limit)
    if as_json:
        print_json(page)
        return
    print_table(
        f"{tenant}: {page.total} rows in quarantine", ["id", "file", "row", "column", "rule", "what is wrong"],
        [[r.quarantine_id, r.file_name, r.row_number, r.column_name, r.rule, r.message] for r in page.rows],
    )  # fmt: skip


def quarantine_fix(
    tenant: TENANT,
    quarantine_id: Annotated[str, typer.Argument(help="The row's id.")],
    cell: Annotated[list[str], typer.Option("--set", help="column=value; may be given more than once.")],
) -> None:
    """Correct cells of a quarantined row; it is replayed by the next run."""
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    values = dict(item.split("=", 1) for item in cell if "=" in item)
    if len(values) != len(cell):
        raise typer.BadParameter("--set takes column=value")
    casework = Platform(Settings.from_environment()).casework
    casework.correct_row(casework.operator(), tenant, quarantine_id, values)
    say("Corrected. It is checked against its contract again and loaded by the next run.")
