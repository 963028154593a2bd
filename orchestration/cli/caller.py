"""Who a command acts as: this machine's console, the service of a key, or a person who signs in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from casework.model import Principal
    from casework.service import Casework

API_KEY = "TIDEWAITER_API_KEY"
LOGIN = Annotated[str, typer.Option("--as", help="Who does it: the login of a person.")]
PASSWORD = Annotated[
    str,
    typer.Option(
        prompt=True,
        hide_input=True,
        envvar="TIDEWAITER_PASSWORD",
        help="Asked for when it is not given in the environment.",
    ),
]


def door() -> Casework:
    """Return the door to the configured store."""
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    return Platform(Settings.from_environment()).casework


def reader(casework: Casework) -> Principal:
    """Return who a reading command reads as: the service whose key is in the environment, else the console."""
    key = os.environ.get(API_KEY)
    return casework.principal_of_key(key) if key else casework.operator()


@contextmanager
def signed_in(casework: Casework, login: str, password: str) -> Iterator[Principal]:
    """Act as a person who signs in for one command."""
    token, person = casework.sign_in(login, password)
    try:
        yield person
    finally:
        casework.sign_out(token)
