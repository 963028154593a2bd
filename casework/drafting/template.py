"""Drafts by template: deterministic, always available, every paragraph with the facts it names.

One folder per kind, one file per exception type. A file's first line is the subject; paragraphs are
parted by empty lines and each is rendered by itself, so the facts a paragraph reads are the facts it
cites. An unknown fact that is read without asking `has(...)` first is an error, not an empty space.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateNotFound

from casework.drafting import sanitise
from casework.drafting.content import paragraph
from casework.drafting.facts import FactSheet
from casework.drafting.options import options_for
from casework.model import AUDIENCES, DraftContent, Paragraph

FOLDER = Path(__file__).parent / "templates"
EDITION = "1"  # part of the generator's name; raise it when wording changes
FALLBACK_TYPE = "late_now"


class _Reader:
    """Hands facts to a template as text and remembers which were read."""

    def __init__(self, facts: FactSheet) -> None:
        self._facts = facts
        self.read: list[str] = []

    def __getitem__(self, fact_id: str) -> str:
        text = self._facts.text(fact_id)
        if text is None:
            raise KeyError(fact_id)
        self.read.append(fact_id)
        return text

    def has(self, *fact_ids: str) -> bool:
        return self._facts.has(*fact_ids)

    def positive(self, fact_id: str) -> bool:
        amount = self._facts.amount(fact_id)
        return amount is not None and amount > 0


@cache
def _environment() -> Environment:
    """Plain text: nothing to escape, nothing to autoload from elsewhere."""
    return Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=False,
    )


@cache
def _blocks(kind: str, name: str) -> tuple[Template, ...]:
    """Compile a file's blocks, parted by empty lines; none when the file does not exist."""
    environment = _environment()
    try:
        source, _, _ = environment.loader.get_source(environment, f"{kind}/{name}.j2")  # type: ignore[union-attr]
    except TemplateNotFound:
        return ()
    return tuple(environment.from_string(block) for block in source.strip().split("\n\n") if block.strip())


@cache
def exception_types(kind: str) -> tuple[str, ...]:
    """The exception types that have wording of their own for this kind."""
    return tuple(sorted(p.stem for p in (FOLDER / kind).glob("*.j2") if not p.stem.startswith("_")))


def _render(block: Template, facts: FactSheet) -> Paragraph:
    reader = _Reader(facts)
    context: dict[str, Any] = {"f": reader, "has": reader.has, "positive": reader.positive}
    return paragraph(sanitise.paragraph(block.render(context)), reader.read)


def frame(kind: str, part: str, facts: FactSheet) -> list[Paragraph]:
    """Render the opening, the glance (facts in lines) or the closing that every draft of a kind carries."""
    rendered = (_render(block, facts) for block in _blocks(kind, f"_{part}"))
    return [p for p in rendered if p["text"]]


def _named(kind: str, exception_type: str) -> str:
    return exception_type if exception_type in exception_types(kind) else FALLBACK_TYPE


def subject_line(kind: str, exception_type: str, facts: FactSheet) -> str:
    """Return the subject, always from facts and wording of our own."""
    first = _render(_blocks(kind, _named(kind, exception_type))[0], facts)["text"]
    return sanitise.subject(first.removeprefix("Subject:").strip())


def draft(kind: str, exception_type: str, facts: FactSheet) -> DraftContent:
    """Write a draft of this kind for this exception type from what its audience may know."""
    visible = facts.for_audience(AUDIENCES[kind])
    name = _named(kind, exception_type)
    message = [p for p in (_render(block, visible) for block in _blocks(kind, name)[1:]) if p["text"]]
    parts = (
        frame(kind, "opening", visible)
        + message
        + frame(kind, "glance", visible)
        + frame(kind, "closing", visible)
    )
    return DraftContent(
        kind=kind,
        subject=subject_line(kind, exception_type, visible),
        paragraphs=parts,
        options=options_for(exception_type, visible) if AUDIENCES[kind] == "internal" else [],
        generator=f"template:{kind}/{name}@{EDITION}",
    )
