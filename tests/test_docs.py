"""The documents tell the same story as the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from casework.config import load_config
from casework.lifecycle import SYSTEM_ACTIONS, TRANSITIONS
from casework.model import EffectState, State
from casework.permissions import policy
from casework.store.tables import metadata
from data.mapping.model import MappedColumn

ROOT = Path(__file__).parent.parent


def read(place: str) -> str:
    return (ROOT / place).read_text(encoding="utf-8")


@pytest.mark.parametrize("state", list(EffectState))
def test_every_state_of_an_effect_is_explained(state: EffectState) -> None:
    assert f"`{state.value}`" in read("docs/glossary.md")


@pytest.mark.parametrize("state", list(State))
def test_every_state_of_a_case_is_named(state: State) -> None:
    assert f"`{state.value}`" in read("docs/case_life_cycle.md")


def test_the_life_cycle_in_the_documents_is_the_one_in_the_code() -> None:
    text = read("docs/case_life_cycle.md")
    told: set[tuple[str, str, str]] = set()
    for source, actions, targets in re.findall(r"^\| `(\w+)` \| ([a-z· ]+) \| (.+) \|$", text, re.MULTILINE):
        for action, target in zip(actions.split(" · "), targets.split(" · "), strict=True):
            told.add((source, action, target.strip("`")))
    real = {(s.value, a.value, t.value) for (s, a), t in TRANSITIONS.items() if a not in SYSTEM_ACTIONS}
    assert told == real


def test_every_exception_type_is_explained() -> None:
    text = read("docs/exceptions.md")
    missing = [name for name in load_config().types if f"`{name}`" not in text]
    assert missing == []


def test_every_table_of_the_store_is_explained() -> None:
    text = read("docs/operational_store.md")
    missing = [name for name in metadata.tables if f"`{name}`" not in text]
    assert missing == []


def test_every_key_of_a_mapped_column_is_explained() -> None:
    text = read("docs/feeds.md").partition("| Key of a column |")[2].partition("\n\n")[0]
    keys = [field.alias or name for name, field in MappedColumn.model_fields.items()]
    missing = [key for key in keys if not re.search(rf"`{key}\b", text)]
    assert missing == []


def test_the_table_of_permissions_is_made_from_the_policies() -> None:
    rows = [f"| `{name}` | {', '.join(role.value for role in roles)} |" for name, roles in policy.table()]
    told = re.findall(r"^\| `\w+:\w+` \| .+ \|$", read("docs/security.md"), re.MULTILINE)
    assert told == rows


def test_every_make_target_is_described() -> None:
    targets = re.findall(r"^([a-z]+):.*## (.+)$", read("Makefile"), re.MULTILINE)
    assert {name for name, _words in targets} >= {
        "help",
        "run",
        "up",
        "test",
        "check",
        "bench",
        "faults",
        "mutants",
        "clean",
    }


def test_links_between_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_continuous_integration_runs_the_readmes_test_command() -> None:
    assert "make test" in read("README.md")
    assert "make test" in read(".ci/run")
