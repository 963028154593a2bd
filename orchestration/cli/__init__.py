"""The command line: `tidewaiter`. Each command parses, calls one function of a room, and prints.

Exit codes: 0 done · 1 failed, with a sentence · 2 wrong usage · 3 evidence does not verify · 4 not found.
"""

from __future__ import annotations

import sys

import typer

from orchestration.cli import (
    access,
    approvals,
    cases,
    desk,
    escalations,
    evidence,
    feeds,
    identity,
    keeping,
    learning,
    path,
    serving,
    usage,
)
from orchestration.cli.output import explain

app = typer.Typer(
    name="tidewaiter",
    help="Supply-chain exceptions: from feeds to a ranked queue, approved messages and evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
path.register(app)
feeds.register(app)
cases.register(app)
desk.register(app)
access.register(app)
approvals.register(app)
escalations.register(app)
evidence.register(app)
identity.register(app)
keeping.register(app)
learning.register(app)
serving.register(app)
usage.register(app)


def main() -> None:
    """Run a command; an error of ours is a sentence and an exit code, not a stack trace."""
    try:
        app()
    except Exception as error:
        code = explain(error)
        if code is None:
            raise
        sys.exit(code)
