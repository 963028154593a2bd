"""Commands over what arrived: feeds, quarantine, a partner's own table as a feed, and what was answered."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.caller import reader
from orchestration.cli.output import plain, print_json, print_table, say

if TYPE_CHECKING:
    from casework.answers import FileAnswer
    from data.contract import Contract, Split
    from data.mapping.drift import Drift
    from orchestration.resources import Platform

JSON = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
TENANT = Annotated[str, typer.Option(help="Whose feeds.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(feeds)
    quarantine = typer.Typer(help="Rows that their feed's contract refused.", no_args_is_help=True)
    quarantine.command("list")(quarantine_list)
    quarantine.command("fix")(quarantine_fix)
    app.add_typer(quarantine, name="quarantine")
    feed = typer.Typer(help="A partner's own table as a feed; answers to files.", no_args_is_help=True)
    feed.command("new")(feed_new)
    feed.command("drift")(feed_drift)
    feed.command("read-again")(feed_read_again)
    feed.command("answers")(feed_answers)
    app.add_typer(feed, name="feed")


def feeds(tenant: TENANT, as_json: JSON = False) -> None:
    """Print each feed's counts: rows in = loaded + quarantined + duplicate."""
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    platform = Platform(Settings.from_environment())
    casework = platform.casework
    health = casework.feed_health(reader(casework), tenant)
    for (owner, _), broken in platform.mappings.broken.items():
        if owner == tenant:
            say(str(broken))
    if as_json:
        print_json(health)
        return
    columns = ["feed", "files", "waiting", "refused", "rows", "loaded", "quarantined", "duplicate"]
    print_table(
        f"{tenant}: feeds", columns,
        [[h.feed, h.files, h.files_waiting, h.files_refused, h.rows, h.loaded, h.quarantined, h.duplicates]
         for h in health], right=columns[1:],
    )  # fmt: skip


def feed_answers(
    tenant: TENANT,
    feed: Annotated[str | None, typer.Option(help="Of one feed alone.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many, the newest.")] = 50,
    as_json: JSON = False,
) -> None:
    """Print what partners were answered about their X12 files, newest first, and why some were not."""
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    platform = Platform(Settings.from_environment())
    casework, outgoing = platform.casework, platform.settings.outgoing / tenant
    found = casework.file_answers(reader(casework), tenant, feed=feed, limit=limit)
    paths = [outgoing / one.feed / one.answer_name if one.answer_name else None for one in found]
    if as_json:
        print_json([{**plain(one), "path": path} for one, path in zip(found, paths, strict=True)])
        return
    columns = ["kind", "number", "to", "verdict", "file", "made", "path, or why there is none"]
    print_table(
        f"{tenant}: {len(found)} answers", columns,
        [[one.kind, one.control_number, one.partner_id, one.verdict, one.file_name,
          f"{one.made_at:%Y-%m-%d %H:%M}Z", whereabouts(one, path)]
         for one, path in zip(found, paths, strict=True)], right=["number"],
    )  # fmt: skip


def whereabouts(answer: FileAnswer, path: Path | None) -> str:
    """Say where an answer was laid, that it is not out yet, and what there is to note about it."""
    is_waiting = path is not None and answer.laid_at is None
    said = [str(path) if path else None, "Not out yet." if is_waiting else None, answer.note]
    return " ".join(part for part in said if part)


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


#: Reasons printed of a checked sample; the rest is counted.
SHOWN_REASONS = 10
SAMPLE = Annotated[Path, typer.Argument(help="A file as the partner sends it.", exists=True, dir_okay=False)]


def feed_new(
    sample: SAMPLE,
    tenant: TENANT,
    contract: Annotated[
        str | None, typer.Option(help="What the file is mapped onto, such as network/milestone.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The feed's name, and its folder under landing; else the sample's.")
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="Which sheet of a workbook with several.")] = None,
    header_row: Annotated[
        int | None, typer.Option(min=1, max=1000, help="The row of the headings of a workbook or a CSV file.")
    ] = None,
    rows_at: Annotated[
        str | None, typer.Option(help="Where in a JSON document its list of rows is, such as data.events.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over the mapping there is.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Run the sample through the mapping there is; write nothing.")
    ] = False,
    as_json: JSON = False,
) -> None:
    """Propose a mapping file from a partner's sample, or check a sample with the mapping there is."""
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    platform = Platform(Settings.from_environment())
    feed = name or feed_name(sample)
    path = platform.settings.home / "mappings" / tenant / f"{feed}.yml"
    if check:
        print_check(judged(platform, tenant, feed, path, sample), as_json)
        return
    if contract is None:
        raise typer.BadParameter("Say what the file is mapped onto, such as --contract network/milestone.")
    refuse_unsuitable(platform, tenant, feed, path, force)
    left = proposed(platform, sample, tenant, contract, path, sheet, header_row, rows_at)
    if as_json:
        print_json({"path": path, "feed": feed, "left": left})
        return
    say(f"Wrote {path}. Left to decide:")
    for question in left:
        say(f"  - {question}")
    say(f"Then: tidewaiter feed new {sample} --tenant {tenant} --name {feed} --check")


FEED = Annotated[str, typer.Option(help="Which feed.")]


def feed_drift(
    tenant: TENANT,
    feed: FEED,
    sample: Annotated[
        Path | None,
        typer.Argument(help="A file as the partner sends it now; else the last that was refused."),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Change the mapping like this.")] = False,
    as_json: JSON = False,
) -> None:
    """Compare a file's columns with the agreed ones, and propose how the feed's own file would have to change."""
    from data.mapping.drift import difference, drift_of
    from orchestration.errors import OrchestrationError

    platform = _platform()
    contract, agreed = agreement(platform, tenant, feed)
    drift = drift_of(contract, sample or last_refused(platform, tenant, feed))
    if drift is None:
        raise OrchestrationError(
            f"{feed} is {contract.format}, whose fields are its standard's. Nothing can drift."
        )
    diff = difference(agreed, drift)
    if write and diff:
        change(platform, tenant, feed, agreed, drift)
    if as_json:
        print_json({"path": agreed, "missing": drift.missing, "unknown": drift.unknown, "diff": diff,
                    "renamed": {guess.column: guess.heading for guess in drift.renamed}})  # fmt: skip
        return
    for guess in drift.renamed:
        say(f"{guess.column!r} is perhaps {guess.heading!r} now, {guess.reason}.")
    for name in drift.missing:
        if name not in {guess.column for guess in drift.renamed}:
            say(f"{name!r} is missing, and nothing is surely it.")
    say(diff or "Nothing to change is proposed.")


def agreement(platform: Platform, tenant: str, feed: str) -> tuple[Contract, Path]:
    """Return what a feed is held to, and the file that says so: the user's mapping, or a packaged contract."""
    from data.contract import contract_path
    from orchestration.errors import OrchestrationError

    contract = platform.contract_of(tenant, feed)
    if contract is None:
        raise OrchestrationError(
            f"{tenant} has no feed {feed} whose agreement can be read. See tidewaiter feeds."
        )
    own = platform.settings.home / "mappings" / tenant / f"{feed}.yml"
    return contract, own if (tenant, feed) in platform.mappings.feeds else contract_path(
        contract.source, feed
    )


def last_refused(platform: Platform, tenant: str, feed: str) -> Path:
    """Return the kept bytes of the last file that could not be read."""
    from casework import arrivals
    from orchestration.errors import OrchestrationError

    found = {one.feed: one for one in arrivals.of_tenant(platform.engine, tenant, platform.clock())}
    if feed not in found or found[feed].refused_file_sha256 is None:
        raise OrchestrationError(f"No file of {tenant}'s {feed} stands refused. Name one to compare.")
    return platform.originals.path(str(found[feed].refused_file_sha256))


def change(platform: Platform, tenant: str, feed: str, agreed: Path, drift: Drift) -> None:
    """Take a proposal over into the user's mapping; what would not be a mapping any more is not written."""
    from data.mapping import mapped_contract, read_mapping
    from data.mapping.drift import changed
    from data.mapping.propose import Proposal, write
    from orchestration.errors import OrchestrationError

    if (tenant, feed) not in platform.mappings.feeds:
        raise OrchestrationError(
            f"{agreed} is a contract of the product. Change it there, with a review, not here."
        )
    before = agreed.read_text("utf-8")
    write(Proposal(changed(before, drift)), agreed)
    try:
        mapped_contract(read_mapping(agreed), platform.contracts, agreed)
    except Exception:
        write(Proposal(before), agreed)
        raise


def feed_read_again(
    tenant: TENANT,
    feed: FEED,
    reason: Annotated[str, typer.Option(help="Why it can be read now.")],
    file: Annotated[
        str | None, typer.Option(help="The file's SHA-256; else the last that was refused.")
    ] = None,
) -> None:
    """Have a file that could not be read tried once more, under what is agreed now."""
    platform = _platform()
    casework = platform.casework
    sha256 = file or last_refused(platform, tenant, feed).name
    name = casework.read_again(casework.operator(), tenant, feed, sha256, reason)
    say(f"{name} is read again by the next run.")


def _platform() -> Platform:
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    return Platform(Settings.from_environment())


def feed_name(sample: Path) -> str:
    """Return a feed name from a file's, without the stamp or number it ends in."""
    plain = re.sub(r"[^a-z0-9]+", "_", sample.stem.lower()).strip("_")
    return re.sub(r"(_[0-9][0-9tz]*)+$", "", plain).lstrip("0123456789_")[:60] or "partner"


def refuse_unsuitable(platform: Platform, tenant: str, feed: str, path: Path, force: bool) -> None:
    """Refuse to propose for no tenant, under a name that is taken, or over a person's work."""
    from orchestration.errors import OrchestrationError

    if tenant not in platform.config.tenants:
        listed = ", ".join(platform.config.tenants)
        raise OrchestrationError(f"There is no tenant {tenant!r}. The tenants are: {listed}.")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", feed):
        raise OrchestrationError(f"{feed!r} is no feed name: small letters, digits and _ only. Give --name.")
    if platform.contract_of(tenant, feed) and (tenant, feed) not in platform.mappings.feeds:
        raise OrchestrationError(f"{tenant} has a feed {feed} already. Give the new one another --name.")
    if path.exists() and not force:
        raise OrchestrationError(f"{path} is there already. Use --force to write over it, or another --name.")


def proposed(
    platform: Platform,
    sample: Path,
    tenant: str,
    contract: str,
    path: Path,
    sheet: str | None,
    header_row: int | None,
    rows_at: str | None,
) -> list[str]:
    """Write the proposal and return what is left to decide."""
    from data.mapping.propose import propose, write
    from data.mapping.sample import sample_of
    from orchestration.errors import OrchestrationError

    source, _, feed = contract.partition("/")
    base = platform.contracts.get((source, feed))
    if base is None:
        listed = ", ".join("/".join(key) for key in platform.contracts)
        raise OrchestrationError(f"There is no contract {contract!r}. The contracts are: {listed}.")
    proposal = propose(sample_of(sample, sheet, header_row, rows_at), base, tenant, sample.name)
    write(proposal, path)
    return proposal.left


def judged(platform: Platform, tenant: str, feed: str, path: Path, sample: Path) -> Split:
    """Return the sample's rows, good and refused, as a load would judge them; nothing is kept."""
    from data.contract import split, stamp_of
    from data.formats import read
    from data.mapping import mapped_contract, read_mapping

    held = mapped_contract(read_mapping(path), platform.contracts, path)
    return split(held, read(held, sample), tenant, "0" * 64, platform.clock(), stamp_of(sample.name))


def print_check(found: Split, as_json: bool) -> None:
    """Print how many rows are good, and why the first of the others are not."""
    refused = [
        {"row": rejection.row_number, "column": rejection.column, "rule": rejection.rule,
         "message": rejection.message}
        for rejection in found.rejected[:SHOWN_REASONS]
    ]  # fmt: skip
    counts = {"rows": found.row_count, "good": found.rows.num_rows, "quarantined": len(found.rejected)}
    if as_json:
        print_json({**counts, "reasons": refused})
        return
    print_table(
        f"{counts['rows']} rows: {counts['good']} good, {counts['quarantined']} would go to quarantine",
        ["row", "column", "rule", "what is wrong"], [list(reason.values()) for reason in refused],
    )  # fmt: skip
