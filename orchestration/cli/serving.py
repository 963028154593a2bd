"""Long-lived commands: up, hot-path, worker, sandbox, receiver, mail-door."""

from __future__ import annotations

import logging
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.output import say

if TYPE_CHECKING:
    from casework.service import Casework


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(up)
    app.command()(hot_path)
    app.command()(worker)
    app.command()(sandbox)
    app.command()(receiver)
    app.command()(mail_door)


def up() -> None:
    """Serve Dagster on 127.0.0.1:3000 and the dashboard on 127.0.0.1:8501, hot path and worker beside them."""
    from orchestration import mail_door, receiver, supervisor
    from orchestration.errors import PortTaken
    from orchestration.instance import prepare_instance
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    settings = Settings.from_environment()
    platform = Platform(settings)
    doors = receiver.doors_of(platform, os.environ, receiver.Limits())
    mail_doors = mail_door.doors_of(platform, os.environ)
    prepare_instance(settings)
    supervisor.stop_strays(settings)
    ports = [
        supervisor.DAGSTER_PORT,
        supervisor.DASHBOARD_PORT,
        *([supervisor.RECEIVER_PORT] if doors else []),
        *([supervisor.MAIL_PORT] if mail_doors else []),
    ]
    for port in ports:
        if supervisor.port_is_taken(port):
            raise PortTaken(f"Something already listens on 127.0.0.1:{port}. Stop it, then run this again.")
    use_sandbox = not os.environ.get("TIDEWAITER_SMTP_URL")
    say(f"Dagster    http://127.0.0.1:{supervisor.DAGSTER_PORT}")
    say(f"Dashboard  http://127.0.0.1:{supervisor.DASHBOARD_PORT}")
    if use_sandbox:
        say(f"Sandbox    mail and portal messages stay on this machine, in {settings.home / 'sandbox'}")
    if doors:
        say(
            f"Receiver   http://127.0.0.1:{supervisor.RECEIVER_PORT}/feeds/<tenant>/<feed>, {len(doors)} feed(s)"
        )
    if mail_doors:
        say(f"Mail door  127.0.0.1:{supervisor.MAIL_PORT} for a mail server, {len(mail_doors)} feed(s)")
    say(f"Logs       {settings.home / 'logs'}\nCtrl-C stops everything.")
    children = supervisor.processes(
        settings, sandbox=use_sandbox, receiver=bool(doors), mail_door=bool(mail_doors)
    )
    raise typer.Exit(supervisor.supervise(children, settings))


def stop_event() -> threading.Event:
    """Return an event that is set when this process is asked to end."""
    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda _number, _frame: stop.set())
    return stop


def hot_path(
    once: Annotated[bool, typer.Option("--once", help="Carry what waits now, then end.")] = False,
    interval: Annotated[float, typer.Option(help="Seconds between looks.")] = 0.5,
) -> None:
    """Carry what arrives through to cases at once, in this one process."""
    from orchestration.cli.output import print_json
    from orchestration.hotpath import HotPath
    from orchestration.instance import prepare_instance
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    settings = Settings.from_environment()
    prepare_instance(settings)
    own = HotPath(Platform(settings))
    if once:
        print_json(own.carry())
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    # Dagster takes signals for itself in the main thread only: asked to stop, a run is finished first.
    with ThreadPoolExecutor(1, "hot-path") as thread:
        thread.submit(own.run_forever, stop_event(), interval).result()


def worker(
    once: Annotated[bool, typer.Option("--once", help="Do what is due now, then end.")] = False,
    interval: Annotated[float, typer.Option(help="Seconds between looks.")] = 1.0,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            help="Serve /metrics for Prometheus on this port of 127.0.0.1.", envvar="TIDEWAITER_METRICS_PORT"
        ),
    ] = None,
) -> None:
    """Send approved effects and fire due escalations, also while Dagster is down."""
    from casework import telemetry
    from casework.effects.worker import build_worker
    from orchestration import metrics
    from orchestration.cli.output import print_json
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    platform = Platform(Settings.from_environment())
    with ExitStack() as ends:
        ends.callback(telemetry.begin("tidewaiter-worker", os.environ))
        own = build_worker(platform.casework, home=platform.settings.home)
        if once:
            print_json(own.tick(platform.clock()))
            return
        stop = stop_event()
        if metrics_port:
            ends.callback(metrics.serve(own.desk, metrics_port, platform.clock))
        relaying = _relay(platform.casework, stop)
        own.run_forever(stop, interval=interval)
        if relaying:
            relaying.join(timeout=30)


def _relay(casework: Casework, stop: threading.Event) -> threading.Thread | None:
    """Begin to tell events on to NATS beside the worker, where the environment names a server."""
    from orchestration import relay

    settings = relay.Settings.from_environment(os.environ)
    if settings is None:
        return None
    telling = relay.Relay(casework, settings)
    thread = threading.Thread(target=telling.run_forever, args=(stop,), name="relay", daemon=True)
    thread.start()
    return thread


def sandbox(
    smtp_port: Annotated[
        int,
        typer.Option(
            help="Where the mail server listens on 127.0.0.1.", envvar="TIDEWAITER_SANDBOX_SMTP_PORT"
        ),
    ] = 8025,
    portal_port: Annotated[
        int,
        typer.Option(help="Where the portal listens on 127.0.0.1.", envvar="TIDEWAITER_SANDBOX_PORTAL_PORT"),
    ] = 8503,
) -> None:
    """Run a mail server and a customer portal on this machine; they keep what they are sent."""
    from casework.sandbox import serve
    from orchestration.settings import Settings

    serve(Settings.from_environment().home, smtp_port=smtp_port, portal_port=portal_port, stop=stop_event())


def receiver(
    port: Annotated[
        int, typer.Option(help="Where it listens on 127.0.0.1.", envvar="TIDEWAITER_RECEIVER_PORT")
    ] = 8504,
    max_bytes: Annotated[
        int, typer.Option(help="The largest post, in bytes.", envvar="TIDEWAITER_POST_MAX_BYTES", min=1)
    ] = 1024 * 1024,
) -> None:
    """Take in signed posts to /feeds/<tenant>/<feed>, for the feeds the environment holds secrets for."""
    from orchestration import receiver
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    platform = Platform(Settings.from_environment())
    receiver.serve(platform, os.environ, port, receiver.Limits(post_bytes=max_bytes), say)


def mail_door(
    port: Annotated[
        int, typer.Option(help="Where it listens on 127.0.0.1.", envvar="TIDEWAITER_MAIL_PORT")
    ] = 8505,
) -> None:
    """Take in mail to <tenant>.<feed>@…, for the feeds the environment names senders for."""
    from orchestration import mail_door
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    mail_door.serve(Platform(Settings.from_environment()), os.environ, port, stop_event(), say)
