"""`tidewaiter up`: the long-lived processes, started together, watched, restarted, stopped together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestration.settings import PROJECT_ROOT, Settings

# Another port is for a second copy on one machine, as in the tests.
DAGSTER_PORT = int(os.environ.get("TIDEWAITER_DAGSTER_PORT", "3000"))
DASHBOARD_PORT = int(os.environ.get("TIDEWAITER_DASHBOARD_PORT", "8501"))
RECEIVER_PORT = int(os.environ.get("TIDEWAITER_RECEIVER_PORT", "8504"))
MAIL_PORT = int(os.environ.get("TIDEWAITER_MAIL_PORT", "8505"))
STOP_SECONDS = 15.0
# A process that dies comes back after this long, longer each time up to the last.
RESTART_SECONDS = (0.5, 2.0, 5.0, 15.0)


@dataclass
class Process:
    """One long-lived child: its command, its log, and how often it had to be started."""

    name: str
    command: Sequence[str]
    log: Path
    child: subprocess.Popen[bytes] | None = None
    starts: int = 0
    next_start_at: float = 0.0
    started_at: float = field(default=0.0)

    def start(self, environment: dict[str, str]) -> None:
        """Start the child in its own process group, output to its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as stream:
            self.child = subprocess.Popen(
                list(self.command),
                cwd=PROJECT_ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid_file.write_text(str(self.child.pid))
        self.starts += 1
        self.started_at = time.monotonic()

    @property
    def pid_file(self) -> Path:
        """Where the child's process id is noted, so that a later `up` finds what an earlier one left."""
        return self.log.with_suffix(".pid")

    def is_running(self) -> bool:
        """Say whether the child is alive."""
        return self.child is not None and self.child.poll() is None

    def schedule_restart(self) -> None:
        """Decide when to start again: at once after a long life, later after a short one."""
        lived = time.monotonic() - self.started_at
        step = 0 if lived > 60 else min(self.starts - 1, len(RESTART_SECONDS) - 1)
        self.next_start_at = time.monotonic() + RESTART_SECONDS[step]
        self.child = None

    def stop(self) -> None:
        """Ask the child's whole group to end; insist after a while."""
        if self.child is None:
            return
        for signum, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
            try:
                os.killpg(self.child.pid, signum)
                self.child.wait(timeout=patience)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
            # The leader is gone; whoever is left of its group goes with it.
            with suppress(ProcessLookupError):
                os.killpg(self.child.pid, signal.SIGKILL)
            self.pid_file.unlink(missing_ok=True)
            return


def processes(settings: Settings, *, sandbox: bool, receiver: bool, mail_door: bool) -> list[Process]:
    """Return what `up` keeps alive; the sandbox stands in where no mail server is configured.

    The receiver is among them where the environment holds a secret for posts, the mail door where it names senders:
    without them they have no door.
    """
    bin_dir = Path(sys.executable).parent
    logs = settings.home / "logs"
    tidewaiter = str(bin_dir / "tidewaiter")
    commands: dict[str, Sequence[str]] = {
        "webserver": [
            str(bin_dir / "dagster-webserver"), "-h", "127.0.0.1", "-p", str(DAGSTER_PORT),
            "-w", str(PROJECT_ROOT / "workspace.yaml"),
        ],
        "daemon": [str(bin_dir / "dagster-daemon"), "run", "-w", str(PROJECT_ROOT / "workspace.yaml")],
        "hotpath": [tidewaiter, "hot-path"],
        "worker": [tidewaiter, "worker"],
        "dashboard": [
            str(bin_dir / "streamlit"), "run", str(PROJECT_ROOT / "dashboard" / "server.py"),
            "--server.address", "127.0.0.1", "--server.port", str(DASHBOARD_PORT), "--server.headless", "true",
        ],
    }  # fmt: skip
    if sandbox:
        commands["sandbox"] = [tidewaiter, "sandbox"]
    if receiver:
        commands["receiver"] = [tidewaiter, "receiver", "--port", str(RECEIVER_PORT)]
    if mail_door:
        commands["maildoor"] = [tidewaiter, "mail-door", "--port", str(MAIL_PORT)]
    return [Process(name, command, logs / f"{name}.log") for name, command in commands.items()]


def stop_strays(settings: Settings) -> None:
    """End what an earlier `up` left behind when it was killed: two daemons on one instance are not supported."""
    for pid_file in (settings.home / "logs").glob("*.pid"):
        pid = int(pid_file.read_text() or 0)
        command = Path(f"/proc/{pid}/cmdline")
        # The number may belong to somebody else by now: only a command of this environment is ours.
        if pid and command.exists() and str(Path(sys.executable).parent).encode() in command.read_bytes():
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        pid_file.unlink()


def sandbox_addresses() -> dict[str, str]:
    """Return where the sandbox's mail server and portal are found, for those that nobody configured.

    TIDEWAITER_SANDBOX tells the pages which of them stand in.
    """
    smtp = os.environ.get("TIDEWAITER_SANDBOX_SMTP_PORT", "8025")
    portal = os.environ.get("TIDEWAITER_SANDBOX_PORTAL_PORT", "8503")
    standing_in = {
        "TIDEWAITER_SMTP_URL": f"smtp://127.0.0.1:{smtp}",
        "TIDEWAITER_PORTAL_URL": f"http://127.0.0.1:{portal}/webhooks",
    }
    missing = {name: address for name, address in standing_in.items() if not os.environ.get(name)}
    words = {"TIDEWAITER_SMTP_URL": "mail", "TIDEWAITER_PORTAL_URL": "portal"}
    return {**missing, "TIDEWAITER_SANDBOX": " ".join(words[name] for name in missing)}


def port_is_taken(port: int) -> bool:
    """Say whether something already listens on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def supervise(children: Sequence[Process], settings: Settings, *, poll_seconds: float = 0.5) -> int:
    """Keep every child alive until this process is asked to end; return an exit code."""
    asked: list[int] = []
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda number, _frame: asked.append(number))
    environment = {**os.environ, **settings.to_environment()}
    if any(process.name == "sandbox" for process in children):
        environment |= sandbox_addresses()
    try:
        while not asked:
            for process in children:
                if process.child is not None and not process.is_running():
                    process.schedule_restart()
                if process.child is None and time.monotonic() >= process.next_start_at:
                    process.start(environment)
            time.sleep(poll_seconds)
    finally:
        for process in reversed(children):
            process.stop()
    return 0
