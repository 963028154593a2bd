"""The configuration files as JSON schemas, made from the models that read them: `python -m casework.config.schema`.

An editor that knows `schemas/` completes and checks the files while they are written; `validation` next door
uses the same schemas to say on which line something is wrong.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel

from casework.config import Accounts, Calendar, Codes, EscalationPolicy, ExceptionType, TenantConfig
from casework.config.retention import Retention
from casework.config.strict import Strict

FOLDER = Path(__file__).parent / "schemas"


class ExceptionsFile(Strict):
    """The exception catalogue."""

    types: dict[str, ExceptionType]


class CalendarsFile(Strict):
    """The business calendars, by name."""

    calendars: dict[str, Calendar]


# What each file of a configuration folder says; every file of `tenants/` is one tenant.
MODELS: dict[str, type[BaseModel]] = {
    "accounts": Accounts,
    "calendars": CalendarsFile,
    "codes": Codes,
    "escalation": EscalationPolicy,
    "exceptions": ExceptionsFile,
    "retention": Retention,
    "tenant": TenantConfig,
}


def name_of(file: str) -> str | None:
    """Return the name of the schema of a file of the folder; None for a file that means nothing here."""
    place = PurePosixPath(file)
    if place.parts[:-1] == ("tenants",):
        return "tenant"
    return place.stem if place.parent == PurePosixPath() and place.stem in MODELS else None


@lru_cache(maxsize=len(MODELS))
def schema(name: str) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of one kind of file."""
    made = MODELS[name].model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def text_of(name: str) -> str:
    """Return a schema as it is published."""
    return json.dumps(schema(name), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def publish(folder: Path = FOLDER) -> None:
    """Write every schema into a folder."""
    folder.mkdir(exist_ok=True)
    for name in MODELS:
        (folder / f"{name}.schema.json").write_text(text_of(name), "utf-8")


if __name__ == "__main__":
    publish()
