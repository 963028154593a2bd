"""Runs many seeded bugs against one proof: each in a process of its own that begins where all is set up already.

Only the function that a bug changes is exchanged, in the child, so nothing is imported or made twice. For the
tenant predicates: well over a hundred small bugs, and a day beside a twin that any of them must spoil.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Protocol


class Bug(Protocol):
    """What is needed of a mutant."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def module(self) -> str: ...  # noqa: D102


def exchange(bug: Bug, source: str) -> None:
    """Give the functions of a bug's module the code that the changed source gives them."""
    module = importlib.import_module(bug.module)
    changed = {_place(code): code for code in _codes(compile(source, str(module.__file__), "exec"))}
    done = 0
    for thing in vars(module).values():
        if hasattr(thing, "cache_clear"):
            thing.cache_clear()  # what was made by the function as it stood
    for function in _functions(module):
        code = changed.get(_place(function.__code__))
        if code is not None and code != function.__code__:
            function.__code__ = code
            done += 1
    if not done:
        raise LookupError(f"{bug.name}: no function of {bug.module} is changed by it.")


def _place(code: CodeType) -> tuple[str, str]:
    return code.co_qualname, str(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])


def _codes(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from _codes(inner)


def _functions(module: ModuleType) -> Iterator[FunctionType]:
    things: list[Any] = [*vars(module).values()]
    things += [part for thing in things if isinstance(thing, type) for part in vars(thing).values()]
    for thing in things:
        bare = getattr(thing, "fget", thing)
        bare = getattr(bare, "__func__", bare)
        bare = getattr(bare, "__wrapped__", bare)
        if isinstance(bare, FunctionType) and bare.__module__ == module.__name__:
            yield bare


def run(bugs: Sequence[tuple[Bug, str]], jobs: int) -> list[str | None]:
    """Return for each bug (with its changed source) the words that caught it, or None; prints as it goes."""
    from tests.casework.conftest import _set_up
    from tests.casework.invariants import test_tenants
    from tests.casework.invariants.conftest import Stores

    if not bugs:
        return []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "template"
        home.mkdir()
        template = _set_up(f"sqlite:///{home}/operational.db", home)
        alone, ahead = test_tenants._alone(Stores("sqlite", Path(folder), template))

        def proof(number: int) -> None:
            mine = Path(folder) / f"bug{number}"
            mine.mkdir()
            office = test_tenants.opened(Stores("sqlite", mine, template))
            told = test_tenants.lived(office, expected=alone, ahead=ahead)
            assert told == alone

        def one(number: int) -> str | None:
            caught = _in_a_child(number, *bugs[number], proof)
            print(f"I8   {bugs[number][0].name:78} {caught or 'not by this day'}", flush=True)
            return caught

        proof(len(bugs))  # without a bug nothing is caught
        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(one, range(len(bugs))))


def _in_a_child(number: int, bug: Bug, source: str, proof: Any) -> str | None:
    hear, say = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hear)
        try:
            exchange(bug, source)
        except BaseException as problem:
            os.write(say, f"!{problem}".encode()[:300])
            os._exit(2)
        try:
            proof(number)
        except BaseException as problem:
            os.write(say, (str(problem).splitlines() or [type(problem).__name__])[0].encode()[:200] or b"?")
        os._exit(0)
    os.close(say)
    with os.fdopen(hear, "rb") as stream:
        told = stream.read().decode(errors="replace")
    os.waitpid(child, 0)
    if told.startswith("!"):
        raise RuntimeError(f"{bug.name} could not be tried: {told[1:]}")
    return told or None
