"""What is wrong with configuration files: each problem with its file, line and path, and what to do about it.

A file's shape is judged by its JSON schema, its meaning by the model that reads it, and all files together by
the whole configuration. Later questions are asked only of what passed the earlier ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError as SchemaError
from pydantic import ValidationError

from casework.config import schema
from casework.errors import ConfigError

Where = Sequence[str | int]
NEEDED = ("accounts.yml", "calendars.yml", "codes.yml", "escalation.yml", "exceptions.yml", "retention.yml")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    file: str
    line: int  # 1 is the first; 0 where it is no line's fault
    path: str
    message: str
    advice: str

    @property
    def sentence(self) -> str:
        """The problem for a person, beginning as compilers do."""
        return f"{self.file}:{self.line}: {self.path or 'the file'}: {self.message} {self.advice}".strip()


def validate(folder: Path) -> list[Problem]:
    """Return everything that is wrong with the files of a folder, in order of file and line."""
    found = sorted(_of_files(folder), key=lambda problem: (problem.file, problem.line, problem.path))
    return found or list(_of_all(folder))


def _of_files(folder: Path) -> Iterator[Problem]:
    for name in NEEDED:
        if not (folder / name).exists():
            yield Problem(name, 0, "", "This file is missing.", "Copy the installed one and change it.")
    for path in sorted(folder.rglob("*.yml")):
        yield from _of_file(path.relative_to(folder).as_posix(), path.read_text("utf-8"))


def _of_all(folder: Path) -> Iterator[Problem]:
    from casework.config import load_config

    try:
        load_config(folder)
    except ConfigError as problem:
        field = str(problem.fields.get("field", ""))
        yield Problem("(all files)", 0, field, f"{problem.message}.", "Change one of the two.")


def _of_file(file: str, text: str) -> Iterator[Problem]:
    name = schema.name_of(file)
    if name is None:
        known = ", ".join(NEEDED)
        yield Problem(file, 1, "", "No file of this name is read.", f"The files are {known}, tenants/*.yml.")
        return
    try:
        tree, values = yaml.compose(text), yaml.safe_load(text)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        said = getattr(problem, "problem", None) or str(problem)
        line = mark.line + 1 if mark else 1
        yield Problem(
            file, line, "", f"This is not YAML: {said}.", "Check indentation, colons and quotes there."
        )
        return
    twice = list(_repeated(file, tree, ()))
    shaped = [_misshapen(file, tree, error) for error in _errors(name, values)]
    yield from [*twice, *shaped] or _meaningless(file, tree, name, values)


# --- shape ------------------------------------------------------------------------------------------------


def _errors(name: str, values: Any) -> Iterator[SchemaError]:
    for error in Draft202012Validator(schema.schema(name)).iter_errors(_as_json(values)):
        yield _deepest(error)


def _deepest(error: SchemaError) -> SchemaError:
    """Of a choice that nothing fits, return the problem of the branch that came furthest."""
    while error.validator in ("anyOf", "oneOf") and error.context:
        branches = [one for one in error.context if one.validator != "type"]
        if not branches:
            return error
        error = max(branches, key=lambda one: len(one.absolute_path))
    return error


def _as_json(value: Any) -> Any:
    """Return YAML's values as JSON has them: dates and instants as text, keys as text."""
    if isinstance(value, Mapping):
        return {_key(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def _key(key: Any) -> str:
    return key.isoformat() if isinstance(key, date) else str(key)


def _misshapen(file: str, tree: yaml.Node | None, error: SchemaError) -> Problem:
    where: list[str | int] = list(error.absolute_path)
    extra: str | None = None
    if error.validator == "additionalProperties":
        extra = next(iter(sorted(set(error.instance) - set(error.schema.get("properties", {})))), None)
    line = _line(tree, [*where, extra] if extra else where)
    message, advice = _said(error, extra)
    return Problem(file, line, _dotted([*where, extra] if extra else where), message, advice)


def _said(error: SchemaError, extra: str | None) -> tuple[str, str]:
    """Return what is wrong and what to do, for the kinds of problem that people make."""
    shape, value = error.validator, error.instance
    if extra is not None:
        known = sorted(error.schema.get("properties", {}))
        near = get_close_matches(extra, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(known)}."
        return f"There is no {extra!r} here.", f"{hint} Otherwise take it out."
    if shape == "required":
        missing = sorted(set(error.validator_value) - set(value))
        return f"{', '.join(missing)} is missing.", "Add it; the schema says what it means."
    if shape in ("enum", "const"):
        known = [
            str(item) for item in (error.validator_value if shape == "enum" else [error.validator_value])
        ]
        near = get_close_matches(str(value), known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        return f"{value!r} is not possible here.", f"Write one of {', '.join(known)}.{hint}"
    if shape in ("type", "anyOf", "oneOf"):
        return f"{value!r} is not {_kind(error)}.", f"Write {_kind(error)}."
    if shape in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
        word = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most"}.get(
            shape, "less than"
        )
        return f"{value!r} is out of range.", f"Write {word} {error.validator_value}."
    if shape == "pattern":
        return f"{value!r} has the wrong form.", f"It must match {error.validator_value}."
    return f"{error.message}.", "The schema says what is expected."


def _kind(error: SchemaError) -> str:
    words = {
        "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
        "array": "a list", "object": "a mapping", "null": "nothing",
    }  # fmt: skip
    if error.validator == "type":
        kinds = error.validator_value
    else:
        kinds = [one["type"] for one in error.validator_value if isinstance(one, dict) and "type" in one]
    named = [words[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    return " or ".join(dict.fromkeys(named)) or "what is expected here"


# --- meaning ----------------------------------------------------------------------------------------------


def _meaningless(file: str, tree: yaml.Node | None, name: str, values: Any) -> Iterator[Problem]:
    try:
        schema.MODELS[name].model_validate(values)
    except ValidationError as problem:
        for error in problem.errors():
            where = [part for part in error["loc"] if part != "[key]"]
            message = error["msg"].removeprefix("Value error, ")
            yield Problem(file, _line(tree, where), _dotted(where), f"{message}.", "Change it there.")


# --- where ------------------------------------------------------------------------------------------------


def _repeated(file: str, node: yaml.Node | None, where: Where) -> Iterator[Problem]:
    """Yield keys that stand twice in a mapping: YAML silently keeps the last."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            path = [*where, key.value]
            if key.value in seen:
                line = key.start_mark.line + 1
                yield Problem(file, line, _dotted(path), "This stands here twice.", "Keep one of them.")
            seen.add(key.value)
            yield from _repeated(file, value, path)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _repeated(file, item, [*where, number])


def _line(node: yaml.Node | None, where: Iterable[str | int]) -> int:
    """Return the line of a path, or of the last part of it that is there."""
    line = 1
    for part in where:
        if isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _dotted(where: Where) -> str:
    said = ""
    for part in where:
        said += f"[{part}]" if isinstance(part, int) else f".{part}" if said else str(part)
    return said
