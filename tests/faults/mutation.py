"""Runs one process with one seeded bug: a pytest plugin (`-p tests.faults.mutation`) that reads TIDEWAITER_MUTANT.

The module that a mutant names is compiled from a changed copy of its source when it is first imported.
Nothing on disk changes, and no other process knows.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from tests.faults.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parent.parent.parent


def source_of(mutant: Mutant) -> str:
    """Return the changed source; raise where the place it changes is not there exactly once."""
    source = (ROOT / mutant.path).read_text(encoding="utf-8")
    if source.count(mutant.original) != 1:
        raise LookupError(
            f"The mutant {mutant.name!r} no longer fits {mutant.path}: its line is there "
            f"{source.count(mutant.original)} times. Change its text in tests/faults/mutants.yml."
        )
    return source.replace(mutant.original, mutant.changed)


class _Changed(importlib.machinery.SourceFileLoader):
    """Loads a module from the changed copy of its source."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = compile(self._source, self.path, "exec")
        return code


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.mutant.module:
            return None
        place = str(ROOT / self.mutant.path)
        loader: Any = _Changed(fullname, place, source_of(self.mutant))
        return importlib.util.spec_from_file_location(fullname, place, loader=loader)


def _read_changed(mutant: Mutant) -> None:
    """Let a file that is no module be read changed."""
    place, changed, plainly = ROOT / mutant.path, source_of(mutant), Path.read_text

    def read_text(self: Path, *arguments: Any, **options: Any) -> str:
        return changed if self == place else plainly(self, *arguments, **options)

    Path.read_text = read_text  # type: ignore[method-assign]
    if mutant.path.endswith(".sql"):
        _build_changed(place, changed)


def _build_changed(place: Path, changed: str) -> None:
    """Let dbt read a model changed; it reads files by a function of its own."""
    from dbt_common.clients import system

    plainly = system.load_file_contents

    def load_file_contents(path: str, strip: bool = True) -> str:
        text = changed if Path(path).resolve() == place else str(plainly(path, strip))
        return text.strip() if strip else text

    system.load_file_contents = load_file_contents


def install(name: str) -> None:
    """Let the named mutant's module be imported changed; it must not have been imported yet."""
    mutant = next(mutant for mutant in MUTANTS if mutant.name == name)
    if not mutant.path.endswith(".py"):
        _read_changed(mutant)
        return
    assert mutant.module not in sys.modules, f"{mutant.module} was imported before its mutant"
    sys.meta_path.insert(0, _Finder(mutant))


if os.environ.get("TIDEWAITER_MUTANT"):
    install(os.environ["TIDEWAITER_MUTANT"])
