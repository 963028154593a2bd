"""Which configuration was in force when: the files stay the source, the store keeps every version applied.

A version holds the files' text, so an older one can be put back to the letter. Each application is told in the
chain of every tenant it concerns, and a case names the configuration it was opened under.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from sqlalchemy import Connection, func, select

from casework.access import granting
from casework.canonical import clean_text
from casework.config import HERE, Config, load_config
from casework.desk import Desk
from casework.errors import ConfigError, NotFound
from casework.evidence import foresight
from casework.ranking import weights
from casework.store.tables import config_versions

ABSENT = "(not there)"


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs: where, what it was, what it is."""

    path: str  # tenants/demo.tariff.penalty_per_day
    was: Any
    will_be: Any


@dataclass(frozen=True, slots=True)
class Version:
    """One configuration that was put into force."""

    version: int
    config_sha256: str
    applied_by: str
    applied_at: datetime
    reapplies: int | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying would change, and whom it concerns; `applied` once it was done."""

    in_force: int | None
    changes: tuple[Change, ...]
    tenants: tuple[str, ...]
    config_sha256: str
    applied: int | None = None
    moves: Mapping[str, Sequence[weights.Move]] = field(default_factory=dict)  # by tenant: what re-ranks
    grants: granting.Differences = granting.Differences((), (), ())
    words: tuple[str, ...] = ()  # what it would mean for the work at hand, and for who holds what

    @property
    def is_needed(self) -> bool:
        """Whether the files say anything else than what is in force."""
        return bool(self.changes) or self.in_force is None or bool(self.moves)


def history(desk: Desk) -> list[Version]:
    """Return every version there ever was, newest first."""
    columns = [column for column in config_versions.c if column.name != "files"]
    query = select(*columns).order_by(config_versions.c.version.desc())
    with desk.reading(None) as connection:
        return [Version(**row) for row in connection.execute(query).mappings()]


def diff(desk: Desk, folder: Path = HERE, *, prune: bool = False) -> Plan:
    """Return what the files of a folder would change; raise `ConfigError` where they are wrong."""
    return _foreseen(desk, load_config(folder), prune=prune)


def apply(
    desk: Desk, actor: str, folder: Path = HERE, note: str | None = None, *, prune: bool = False
) -> Plan:
    """Record the files of a folder as in force from now on; nothing where they already are.

    Gives the roles that the files name and nobody holds; with `prune` also takes away those they do not name.
    """
    return _record(desk, actor, load_config(folder), None, note, prune=prune)


def rollback(desk: Desk, actor: str, version: int, folder: Path = HERE, note: str | None = None) -> Plan:
    """Put an older version's files back, to the letter, and record that it is in force again."""
    older = _files_of(desk, version)
    config = _checked(older)
    _write(folder, older)
    return _record(desk, actor, config, version, note)


def plan_rollback(desk: Desk, version: int) -> Plan:
    """Return what putting an older version back would change; nothing is changed."""
    return _foreseen(desk, _checked(_files_of(desk, version)), prune=False)


def _foreseen(desk: Desk, config: Config, *, prune: bool) -> Plan:
    """Return a plan with what it would mean for the work at hand."""
    with desk.reading_across() as connection:
        planned = _planned(connection, config)
        before = _in_force(connection) or desk.config
    said = foresight.words(desk, before, config, planned.moves)
    return replace(planned, words=(*said, *granting.words(planned.grants, prune=prune)))


def _in_force(connection: Connection) -> Config | None:
    """Return what the newest version says; None where there is none, or none that this program understands."""
    newest = select(config_versions.c.files).order_by(config_versions.c.version.desc()).limit(1)
    files = connection.scalar(newest)
    try:
        return _checked(files) if files else None
    except ConfigError:
        return None


def record_first(desk: Desk, actor: str, now: datetime) -> None:
    """Record what a store begins with, once."""
    with desk.reading(None) as connection:
        is_first = connection.scalar(select(func.count()).select_from(config_versions)) == 0
    if is_first and desk.config.sources:
        _record(desk, actor, desk.config, None, "What this store began with.", now)


def version_of(connection: Connection, config: Config) -> int | None:
    """Return the newest version that says what this configuration says; None where it was never applied."""
    query = select(func.max(config_versions.c.version)).where(
        config_versions.c.config_sha256 == config.sha256
    )
    found: int | None = connection.scalar(query)
    return found


def _record(
    desk: Desk,
    actor: str,
    config: Config,
    reapplies: int | None,
    note: str | None,
    now: datetime | None = None,
    *,
    prune: bool = False,
) -> Plan:
    """Save the next version and tell the tenants it concerns, all in one transaction."""
    with desk.writing_all(config.tenants, actor, now) as works:
        work = next(iter(works.values()))
        planned = _planned(work.connection, config)
        if reapplies is None and planned.in_force is not None:
            granting.reconcile(works, planned.grants, prune=prune)
        if not planned.is_needed:
            return planned
        version = (work.connection.scalar(select(func.max(config_versions.c.version))) or 0) + 1
        row = {
            "version": version,
            "config_sha256": config.sha256,
            "files": config.sources,
            "applied_by": actor,
            "applied_at": work.now,
            "reapplies": reapplies,
            "note": clean_text(note, limit=1_000) if note else None,
        }
        work.connection.execute(config_versions.insert(), [row])
        for tenant_id in planned.tenants:
            details = {key: row[key] for key in ("version", "config_sha256", "reapplies", "note")}
            mine = [change for change in planned.changes if tenant_id in _concerned(change, config)]
            details["changes"] = [_told(change) for change in mine[:200]]
            works[tenant_id].say("config:applied", object_id=f"config:{version}", details=details)
        for tenant_id in planned.tenants:
            weights.put(works[tenant_id], config, version)
    return replace(planned, applied=version)


def _told(change: Change) -> dict[str, Any]:
    values = {"was": change.was, "will_be": change.will_be}
    return {"path": change.path, **{key: str(value)[:200] for key, value in values.items()}}


def _planned(connection: Connection, config: Config) -> Plan:
    row = connection.execute(
        select(config_versions).order_by(config_versions.c.version.desc()).limit(1)
    ).first()
    changes = tuple(_changes(row.files if row else {}, config.sources))
    moves = _moves(connection, config)
    tenants = {tenant for change in changes for tenant in _concerned(change, config)} | set(moves)
    everybody = tuple(sorted(config.tenants))
    return Plan(
        in_force=row.version if row else None,
        changes=changes if row else (),
        tenants=tuple(sorted(tenants)) if row else everybody,
        config_sha256=config.sha256,
        moves=moves,
        grants=granting.differences(connection, config),
    )


def _moves(connection: Connection, config: Config) -> dict[str, list[weights.Move]]:
    """Return the open cases that rank otherwise once these files are applied, by tenant."""
    found = {}
    for tenant_id, tenant in sorted(config.tenants.items()):
        wanted = tenant.priority.weights
        if weights.in_force(connection, tenant_id).weights != wanted:
            found[tenant_id] = weights.moves(connection, tenant_id, wanted)
    return found


def _concerned(change: Change, config: Config) -> tuple[str, ...]:
    """Return whom a change concerns: a tenant's own file that tenant alone, every other file everybody."""
    file = PurePosixPath(change.path.split(".", 1)[0])
    if file.parent.name == "tenants":
        return (file.name,) if file.name in config.tenants else ()
    return tuple(config.tenants)


def _changes(was: Mapping[str, str], will_be: Mapping[str, str]) -> Iterator[Change]:
    """Yield every value that differs, by path; comments and order of keys are no difference."""
    before, after = (dict(_flattened(files)) for files in (was, will_be))
    for path in sorted({*before, *after}):
        old, new = before.get(path, ABSENT), after.get(path, ABSENT)
        if old != new:
            yield Change(path, old, new)


def _flattened(files: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for name, content in files.items():
        yield from _leaves(name.removesuffix(".yml"), yaml.safe_load(content))


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(f"{path}.{key}", item)
    elif isinstance(value, list) and any(isinstance(item, (Mapping, list)) for item in value):
        for number, item in enumerate(value):
            yield from _leaves(f"{path}[{number}]", item)
    else:
        yield path, value


def _files_of(desk: Desk, version: int) -> dict[str, str]:
    query = select(config_versions.c.files).where(config_versions.c.version == version)
    with desk.reading(None) as connection:
        found: dict[str, str] | None = connection.scalar(query)
    if found is None:
        raise NotFound(f"There is no version {version} of the configuration.", version=version)
    return found


def _checked(files: Mapping[str, str]) -> Config:
    """Return what files say, or raise: an older version may no longer be one that this program understands."""
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), files)
        return load_config(Path(folder))


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Put files in a folder, each whole or not at all, and take out those that were not among them."""
    try:
        for name, content in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(f".{target.name}.{os.getpid()}")
            partial.write_text(content, "utf-8")
            partial.replace(target)
        for path in folder.rglob("*.yml"):
            if path.relative_to(folder).as_posix() not in files:
                path.unlink()
    except OSError as problem:
        raise ConfigError(
            f"The configuration folder {folder} cannot be written ({problem.strerror}); nothing was recorded.",
            folder=str(folder),
        ) from problem
