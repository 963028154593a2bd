"""The rooms know only whom they may know; read from the code itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {
    "data": set(),
    "casework": set(),
    "ml": {"data"},
    "orchestration": {"data", "ml", "casework"},
    "dashboard": {"casework"},
}
# A library that belongs to one place only.
HOMES = {
    "dagster": ("orchestration/",),
    "dagster_dbt": ("orchestration/",),
    "dbt": ("orchestration/",),
    "streamlit": ("dashboard/",),
    "openai": ("casework/drafting/model.py",),
    "duckdb": ("data/", "ml/", "orchestration/", "dashboard/queries.py"),
    "sklearn": ("ml/",),
    "nats": ("orchestration/relay.py",),
    "authlib": ("dashboard/oidc.py",),
    "joserfc": ("dashboard/oidc.py",),
    "opentelemetry": ("casework/telemetry.py",),
    "prometheus_client": ("casework/telemetry.py", "orchestration/metrics.py"),
}
FORBIDDEN_CALLS = {"pickle", "joblib", "dill"}


def modules() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_the_rooms_it_may_know(path: Path) -> None:
    place = path.relative_to(ROOT).as_posix()
    room = place.split("/")[0]
    names = imported(path)
    strangers = (names & set(ROOMS)) - ROOMS[room] - {room}
    assert not strangers, (
        f"{place} imports {sorted(strangers)}; {room} may import {sorted(ROOMS[room]) or 'none of ours'}"
    )
    for library, homes in HOMES.items():
        if library in names:
            assert place.startswith(homes), f"{place} imports {library}, which belongs in {', '.join(homes)}"
    assert not names & FORBIDDEN_CALLS, (
        f"{place} imports {sorted(names & FORBIDDEN_CALLS)}: unpickling runs code"
    )


def test_no_page_renders_untrusted_text_as_html() -> None:
    for path in modules():
        assert "unsafe_allow_html" not in path.read_text(encoding="utf-8"), path
