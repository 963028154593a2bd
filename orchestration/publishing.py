"""Publications: what one build of the warehouse came from, and how far it has been carried.

A publication is *built* when the conformed marts passed their checks, *published* when readers may see
it, *synced* when every exception in it has been taken up by casework. Whatever stops in between is
picked up from its state.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine, Row
from ulid import ULID

from casework.canonical import canonical_sha256
from casework.identity import decisions
from casework.store.engine import reading, reading_across, writing
from casework.store.tables import publications, tenant_clocks
from orchestration.dbt import sources_digest
from orchestration.resources import Platform
from orchestration.settings import PROJECT_ROOT
from orchestration.warehouse import SETTINGS_TABLES

CODE_THAT_DECIDES = ("ml", "casework/config", "data/contracts")


def new_publication_id(now: datetime) -> str:
    """Return an id that sorts by time."""
    return f"pub_{ULID.from_datetime(now)}"


def standing_decisions(platform: Platform) -> list[dict[str, Any]]:
    """Return the decisions about references that stand, of every tenant, as the warehouse is told of them."""
    return [row for tenant in platform.config.tenants for row in decisions.standing(platform.engine, tenant)]


def settings_told(platform: Platform) -> dict[str, list[dict[str, Any]]]:
    """Return what a build is told of the tenants, by table: their clocks, and what is configured and decided."""
    config = platform.config
    clocks = [platform.casework.clock_of(tenant) for tenant in config.tenants]
    return {
        "tenant_clocks": [{"tenant_id": clock.tenant_id, "as_of": clock.as_of} for clock in clocks],
        "tenant_tariffs": [config.tariff(tenant) for tenant in config.tenants],
        "service_agreements": [row for tenant in config.tenants for row in config.service_agreements(tenant)],
        "free_time_terms": [row for tenant in config.tenants for row in config.free_time_terms(tenant)],
        "exception_rules": [rule for tenant in config.tenants for rule in config.exception_rules(tenant)],
        "reference_decisions": standing_decisions(platform),
    }


def settings_digest(platform: Platform) -> str:
    """Return one hash over the models, and over what they are told besides rows and clocks."""
    names = [name for name in SETTINGS_TABLES if name != "tenant_clocks"]
    told = {name: sorted(map(str, platform.warehouse.read(f"from raw.{name}").to_pylist())) for name in names}
    return canonical_sha256({"models": sources_digest(), **told})


def decisions_sha256(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return one hash over what decisions say, whatever their order."""
    told = [{name: row.get(name) for name in decisions.TOLD if name != "decided_at"} for row in rows]
    return canonical_sha256(sorted(told, key=lambda row: (row["tenant_id"], row["decision_id"])))


def built_decisions_sha256(platform: Platform) -> str:
    """Return the hash of the decisions that the warehouse holds; one made during a build is not among them."""
    return decisions_sha256(platform.warehouse.read("select * from raw.reference_decisions").to_pylist())


def decisions_waiting(platform: Platform) -> list[str]:
    """Return a text that names the standing decisions where the newest build was made from others, else none."""
    standing, latest = decisions_sha256(standing_decisions(platform)), latest_publication(platform.engine)
    built = latest.decisions_sha256 if latest else None
    return [] if standing == (built or decisions_sha256([])) else [f"reference_decisions/{standing}"]


def input_digest(platform: Platform, decided: str | None = None) -> str:
    """Return one hash over everything a build depends on: files, corrections, clocks, decisions, configuration, code.

    `decided` is the hash of the decisions about references it was made from; without it, of those that stand now.
    """
    with reading_across(platform.engine) as connection:
        taken_in = platform.taken_in.sums(connection)
        clocks = connection.execute(
            sa.select(tenant_clocks.c.tenant_id, tenant_clocks.c.as_of).order_by(tenant_clocks.c.tenant_id)
        ).all()
    parts = [
        sources_digest(),
        code_digest(CODE_THAT_DECIDES),
        *map(str, taken_in),
        *map(str, clocks),
        decided or decisions_sha256(standing_decisions(platform)),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def is_current(platform: Platform) -> bool:
    """Say whether the newest publication was made, to its end, from all that is loaded and in force now.

    Decisions about references that were made since do not count: `decisions_waiting` names them.
    """
    latest = latest_publication(platform.engine)
    return (
        latest is not None
        and latest.state == "synced"
        and latest.input_sha256 == input_digest(platform, latest.decisions_sha256)
    )


def code_on_disk() -> tuple[str, str]:
    """Return what tells whether models, code or configuration were changed since a process read them."""
    return sources_digest(), code_digest.__wrapped__(CODE_THAT_DECIDES)


@cache
def code_digest(places: Iterable[str]) -> str:
    """Return one hash over the code and configuration that a decision depends on, as this process read them."""
    total = hashlib.sha256()
    for place in places:
        for path in sorted((PROJECT_ROOT / place).rglob("*")):
            if path.suffix in {".py", ".yml", ".cedar"}:
                total.update(str(path.relative_to(PROJECT_ROOT)).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def record_build(
    engine: Engine, *, publication_id: str, dagster_run_id: str, dbt_invocation_id: str | None, input_sha256: str,
    decisions_sha256: str, now: datetime,
) -> None:  # fmt: skip
    """Record that the conformed warehouse was built and passed its checks."""
    row: dict[str, Any] = {
        "publication_id": publication_id,
        "state": "built",
        "dagster_run_id": dagster_run_id,
        "dbt_invocation_id": dbt_invocation_id,
        "input_sha256": input_sha256,
        "decisions_sha256": decisions_sha256,
        "files": {},
        "built_at": now,
    }
    with writing(engine, None) as connection:
        connection.execute(sa.insert(publications).values(row))


def latest_publication(engine: Engine) -> Row[Any] | None:
    """Return the newest publication in whatever state, or None before the first build."""
    query = sa.select(publications).order_by(publications.c.publication_id.desc()).limit(1)
    with reading(engine, None) as connection:
        return connection.execute(query).first()


def mark(engine: Engine, publication_id: str, **changes: Any) -> None:
    """Carry a publication on: state and what goes with it."""
    with writing(engine, None) as connection:
        connection.execute(
            sa.update(publications).where(publications.c.publication_id == publication_id).values(**changes)
        )


def current_publication(root: Path) -> str | None:
    """Return the publication that readers see, or None before the first."""
    pointer = root / "CURRENT"
    if not pointer.exists():
        return None
    return str(json.loads(pointer.read_text())["publication_id"])
