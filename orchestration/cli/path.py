"""Commands along the path: run, ingest, replay, simulate."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.output import plain, print_json, print_table, say
from orchestration.cli.progress import telling


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(run)
    app.command()(ingest)
    app.command()(rebuild)
    app.command()(replay)
    app.command()(simulate)
    app.command()(as_known)


def instant(text: str | None) -> datetime | None:
    """Return an ISO-8601 instant; a plain day means its first moment, and no zone means UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is not a day or an instant such as 2013-04-01 or 2013-04-01T06:00Z"
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


TENANTS = Annotated[
    list[str] | None, typer.Option("--tenant", help="Only this tenant; may be given more than once.")
]
JSON = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def run(
    tenant: TENANTS = None,
    as_of: Annotated[str | None, typer.Option(help="Make this past day now, for the tenants named.")] = None,
    as_json: JSON = False,
) -> None:
    """Do the main job: land the data sets, load, build, score, publish, open cases, draft."""
    from orchestration.pipeline import run_path
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    with telling("begin") as tell:
        platform = Platform(Settings.from_environment())
        report = run_path(platform, tenants=tenant, as_of=instant(as_of), tell=tell)
    if as_json:
        print_json(report)
        return
    print_report(report)


def rebuild(as_json: JSON = False) -> None:
    """Fill the warehouse again from the kept files, in the order they came in, and build and publish all of it."""
    from orchestration.assets.raw import raw_tables
    from orchestration.pipeline import run_path
    from orchestration.rebuilding import refill
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    with telling("begin") as tell:
        platform = Platform(Settings.from_environment())
        with platform.warehouse.lock():
            filled = refill(platform, raw_tables(platform), tell)
        report = run_path(platform, tell=tell, lay=False, anew=True)
    if as_json:
        print_json({"refilled": filled, "run": report})
        return
    say(f"Filled again: {filled.files:,} files, {filled.rows:,} rows, {filled.corrections:,} corrections.")
    print_report(report)


def print_report(report: object) -> None:
    """Print what a run did, a line per tenant, and what it cost."""
    from orchestration.pipeline import Report

    assert isinstance(report, Report)
    print_table(
        "Feeds to cases",
        ["tenant", "as of", "files", "rows in", "loaded", "quarantined", "duplicate", "shipments", "cases", "drafts"],
        [
            [t.tenant_id, f"{t.as_of:%Y-%m-%d %H:%M}Z", t.files, t.rows, t.loaded, t.quarantined, t.duplicates,
             t.shipments, t.cases, t.drafts]
            for t in report.tenants
        ],
        right=["files", "rows in", "loaded", "quarantined", "duplicate", "shipments", "cases", "drafts"],
    )  # fmt: skip
    types = sorted({name for t in report.tenants for name in t.exceptions})
    names = [t.tenant_id for t in report.tenants]
    print_table(
        "Exceptions by type", ["exception type", *names],
        [[name, *[t.exceptions.get(name, 0) or "–" for t in report.tenants]] for name in types], right=names,
    )  # fmt: skip
    print_table(
        "Seconds per stage", list(report.seconds), [[f"{value:.1f}" for value in report.seconds.values()]]
    )
    for tenant in report.tenants:
        if tenant.note:
            say(f"{tenant.tenant_id}: {tenant.note}")
        for refusal in tenant.refused:
            say(f"{tenant.tenant_id}: {refusal}")
    for account in report.accounts:
        say(f"account {account.login:<18} password {account.password}   ({account.roles})")
    if report.accounts:
        say(
            "These passwords are shown once and stored nowhere. `tidewaiter account reset LOGIN` makes a new one."
        )
    say(report.sentence)


def ingest(
    file: Annotated[Path, typer.Argument(help="The file to land.", exists=True, dir_okay=False)],
    tenant: Annotated[str, typer.Option(help="Whose file it is.")],
    feed: Annotated[str, typer.Option(help="Which feed it belongs to.")],
    as_json: JSON = False,
) -> None:
    """Land one file in its folder and carry it through to cases, waiting for whoever holds the warehouse."""
    from casework.ledger import FileKey, refusal_of
    from orchestration.errors import FileRefused, OrchestrationError
    from orchestration.pipeline import run_path
    from orchestration.resources import Platform
    from orchestration.settings import Settings
    from orchestration.world import copy_in

    platform = Platform(Settings.from_environment())
    if platform.contract_of(tenant, feed) is None:
        if broken := platform.mappings.broken.get((tenant, feed)):
            raise broken
        feeds = sorted(
            [name for (_, name), held in platform.contracts.items() if tenant in held.tenants()]
            + [name for owner, name in platform.mappings.feeds if owner == tenant]
        )
        raise OrchestrationError(
            f"Tenant {tenant!r} has no feed {feed!r}. Its feeds are: {', '.join(feeds) or 'none'}."
        )
    copy_in(file, platform.settings.landing / tenant / feed / file.name)
    with file.open("rb") as content:
        key = FileKey(tenant, feed, hashlib.file_digest(content, "sha256").hexdigest())
    with telling("begin") as tell:
        report = run_path(platform, tenants=[tenant], tell=tell, lay=False)
    if as_json:
        print_json(report)
    else:
        print_report(report)
    reason = refusal_of(platform.engine, key)
    if reason is not None:
        raise FileRefused(f"{file.name} was not loaded. {reason} Its bytes are kept.")


def replay(
    tenant: Annotated[str, typer.Option(help="Whose history goes on.")],
    days: Annotated[float, typer.Option(help="How many days of history.")] = 1.0,
    step_hours: Annotated[
        float, typer.Option(help="Hours of history a step; files land at each step.")
    ] = 6.0,
    speed: Annotated[float, typer.Option(help="Hours of history a second; 0 does not wait.")] = 6.0,
    process: Annotated[
        bool, typer.Option(help="Carry each step through to cases here (else the sensors do).")
    ] = False,
    as_json: JSON = False,
) -> None:
    """Go on from the tenant's clock, landing what arrived next at a chosen speed."""
    from orchestration.pipeline import run_path
    from orchestration.resources import Platform
    from orchestration.settings import Settings
    from orchestration.world import replay as go_on

    platform = Platform(Settings.from_environment())
    start = platform.casework.clock_of(tenant).as_of
    steps = []
    for step in go_on(
        platform,
        tenant,
        until=start + timedelta(days=days),
        step=timedelta(hours=step_hours),
        hours_per_second=speed,
    ):
        steps.append(plain(step))
        say(f"{step.tenant_id}: {step.as_of:%Y-%m-%d %H:%M}Z, {step.files} files landed")
        if process:
            with telling("begin") as tell:
                run_path(platform, tenants=[tenant], tell=tell, lay=False)
    if as_json:
        print_json(steps)


def simulate(
    out: Annotated[
        Path, typer.Argument(help="The folder to write landing/, upcoming/ and truth.jsonl into.")
    ],
    shipments: Annotated[int, typer.Option(help="How many shipments.")] = 900,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 7,
    as_of: Annotated[str, typer.Option(help="What arrived by then lies in landing/.")] = "2026-09-01T06:00Z",
    as_json: JSON = False,
) -> None:
    """Write a simulated network's feeds and the truth behind them."""
    from data.simulate import lay

    moment = instant(as_of)
    assert moment is not None
    with telling(f"simulate {shipments:,} shipments"):
        report = lay(
            out / "landing" / "demo",
            out / "upcoming" / "demo",
            out / "truth.jsonl",
            moment,
            seed=seed,
            shipments=shipments,
        )
    if as_json:
        print_json(report)
        return
    say(str(report))


def as_known(
    at: Annotated[
        str, typer.Argument(help="A past day or instant, such as 2026-08-15 or 2026-08-15T06:00Z.")
    ],
    to: Annotated[Path, typer.Option(help="The DuckDB file to make; must not exist.")],
    tenant: TENANTS = None,
    as_json: JSON = False,
) -> None:
    """Build the facts as they were known at an instant into a file of their own: nothing later is in it."""
    from orchestration.as_known import build
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    then = instant(at)
    assert then is not None
    with telling("build") as tell:
        tell("build")
        found = build(Platform(Settings.from_environment()), then, to, tenant)
    if as_json:
        print_json(found)
        return
    rows = [[table, count] for table, count in found.rows.items()]
    print_table(f"Known at {found.at:%Y-%m-%d %H:%M}Z", ["table", "rows"], rows, right=["rows"])
    say(f"{found.path}: open it with any DuckDB, for example `select * from marts.fct_shipments`.")
