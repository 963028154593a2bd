"""Seeded bugs that a machine finds: every comparison with a tenant in casework, and every policy, left out in turn."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
POLICIES = "casework/permissions/policies.cedar"
MIGRATIONS = ROOT / "casework" / "store" / "migrations"

Found = tuple[str, str, str, str]  # name, path, what stands there (once), what it becomes


def is_found(name: str) -> bool:
    """Whether a bug of this name is one that a machine finds."""
    return "forgets the tenant (" in name or name.startswith("the policy is left out: ")


def tenant_predicates() -> list[Found]:
    """Return every `… .tenant_id == …` of casework's code, and each place without it."""
    found: list[Found] = []
    for path in sorted((ROOT / "casework").rglob("*.py")):
        if MIGRATIONS not in path.parents:
            found += _of_module(path)
    return found


def _of_module(path: Path) -> Iterator[Found]:
    source = path.read_text(encoding="utf-8")
    within, tree = Counter[str](), ast.parse(source)
    for function, node in _comparisons(tree):
        within[function] += 1
        start, end = (
            _offset(source, node.lineno, node.col_offset),
            _offset(source, node.end_lineno or 0, node.end_col_offset or 0),
        )
        name = f"{path.relative_to(ROOT / 'casework')} {function} forgets the tenant ({within[function]})"
        instead = '__import__("sqlalchemy").true()' if _is_of_a_table(node) else "True"
        yield name, str(path.relative_to(ROOT)), *_unique(source, start, end, instead)


def _comparisons(tree: ast.Module) -> Iterator[tuple[str, ast.Compare]]:
    for outer in ast.walk(tree):
        if not isinstance(outer, ast.FunctionDef):
            continue
        for node in ast.walk(outer):
            sides = (node.left, *node.comparators) if isinstance(node, ast.Compare) else ()
            if any(isinstance(side, ast.Attribute) and side.attr == "tenant_id" for side in sides):
                assert isinstance(node, ast.Compare)
                if all(isinstance(op, ast.Eq) for op in node.ops):
                    yield outer.name, node


# How the columns of a table are called where they are not `table.c`.
COLUMNS = frozenset({"c", "f", "q", "files", "columns"})


def _is_of_a_table(node: ast.Compare) -> bool:
    for side in (node.left, *node.comparators):
        if isinstance(side, ast.Attribute) and side.attr == "tenant_id":
            owner = side.value
            if isinstance(owner, ast.Attribute) and owner.attr == "c":
                return True
            if isinstance(owner, ast.Name) and owner.id in COLUMNS:
                return True
    return False


def _offset(source: str, line: int, column: int) -> int:
    lines = source.splitlines(keepends=True)
    return sum(len(text) for text in lines[: line - 1]) + len(lines[line - 1].encode()[:column].decode())


def _unique(source: str, start: int, end: int, instead: str) -> tuple[str, str]:
    """Return the place with as much around it as makes it the only one, and the same without the comparison."""
    first, last = start, end
    while source.count(source[first:last]) > 1:
        first, last = max(0, first - 20), min(len(source), last + 20)
    return source[first:last], source[first:start] + instead + source[end:last]


def policies() -> list[Found]:
    """Return every policy, and the policies without it."""
    text = (ROOT / POLICIES).read_text(encoding="utf-8")
    blocks = re.finditer(r'^@id\("([^"]+)"\)\n(?:.*\n)*?.*;\n', text, re.MULTILINE)
    return [(f"the policy is left out: {block[1]}", POLICIES, block[0], "") for block in blocks]
