"""One change anywhere in a JSON document: a field dropped, renamed or given another kind of value."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

OTHERS = (
    None,
    True,
    7,
    0.5,
    "",
    " ",
    "x",
    "\0",
    "\ud800",
    "é" * 300,
    [],
    {},
    ["x"],
    {"x": "y"},
    [[]],
    [{}],
    [None],
)
Path = tuple[str | int, ...]


def changes(document: Any) -> st.SearchStrategy[Any]:
    """The document with up to two changes, at any depth."""
    places = st.sampled_from(sorted(_paths(document), key=str))
    one = st.tuples(places, st.sampled_from(("drop", "rename", "retype")), st.sampled_from(OTHERS))
    return st.lists(one, min_size=1, max_size=2).map(lambda made: _changed(document, made))


def leaves(document: Any) -> set[str]:
    """Everything the document says, as text."""
    if isinstance(document, dict):
        return set().union(*(leaves(value) for value in document.values()))
    if isinstance(document, list):
        return set().union(*(leaves(value) for value in document))
    return {str(document), str(document).strip()}


def _paths(document: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    items = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in items:
        yield from _paths(value, (*path, key))


def _changed(document: Any, made: list[tuple[Path, str, Any]]) -> Any:
    found = copy.deepcopy(document)
    for path, kind, value in made:
        if not path:
            return value
        try:
            holder = found
            for step in path[:-1]:
                holder = holder[step]
            old = holder.pop(path[-1])
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # an earlier change took the place away
        if kind == "retype":
            holder.insert(path[-1], value) if isinstance(holder, list) else holder.update({path[-1]: value})
        elif kind == "rename" and isinstance(holder, dict):
            holder[f"{path[-1]}x"] = old
    return found
