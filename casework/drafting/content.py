"""Working with a draft's content: reading it from outside, cleaning it, and telling its audience.

The shape itself (`DraftContent`) is a noun of casework and lives in `casework.model`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from casework.drafting import sanitise
from casework.errors import DraftRefused
from casework.model import AUDIENCES, DraftContent, Option, Paragraph

MAX_OPTIONS = 10


def paragraph(text: str, fact_ids: Iterable[str] = ()) -> Paragraph:
    """Return one paragraph; fact ids keep their order and lose repetitions."""
    return Paragraph(text=text, fact_ids=list(dict.fromkeys(fact_ids)))


def option(option_id: str, title: str, cost: str, effect: str, fact_ids: Iterable[str] = ()) -> Option:
    """Return one option, not yet recommended; fact ids keep their order and lose repetitions."""
    ids = list(dict.fromkeys(fact_ids))
    return Option(
        option_id=option_id, title=title, cost=cost, effect=effect, fact_ids=ids, is_recommended=False
    )


def body_of(content: DraftContent) -> str:
    """Return the text as one plain body, paragraphs parted by an empty line."""
    return "\n\n".join(part["text"] for part in content["paragraphs"])


def cited(content: DraftContent) -> tuple[str, ...]:
    """Return every fact id the draft cites, in order of first use."""
    ids = [i for p in content["paragraphs"] for i in p["fact_ids"]]
    ids += [i for o in content["options"] for i in o["fact_ids"]]
    return tuple(dict.fromkeys(ids))


def cleaned(values: Mapping[str, Any], generator: str | None = None) -> DraftContent:
    """Return content as it may be stored: plain text, bounded, nothing invisible, no markup.

    Takes whatever a page or a caller hands in. Raises DraftRefused, with the part named, when it is not
    a draft, or is empty or too long.
    """
    kind = str(values.get("kind", ""))
    if kind not in AUDIENCES:
        raise DraftRefused(f"'{kind}' is no kind of draft; use one of {', '.join(AUDIENCES)}.", field="kind")
    subject = sanitise.subject(_text(values.get("subject"), "subject"))
    paragraphs = [p for p in (_paragraph(v) for v in _list(values, "paragraphs")) if p["text"]]
    _bounded(paragraphs, sanitise.MAX_PARAGRAPHS, "paragraphs")
    options = [_option(v) for v in _list(values, "options")]
    _bounded(options, MAX_OPTIONS, "options")
    if not subject or not paragraphs:
        raise DraftRefused(
            "A draft needs a subject and at least one paragraph. Nothing was saved.", field="subject"
        )
    content = DraftContent(
        kind=kind,
        subject=subject,
        paragraphs=paragraphs,
        options=options,
        generator=generator or str(values.get("generator", ""))[:120],
    )
    reason = sanitise.line(str(values.get("generator_reason") or ""), 400)
    if reason:
        content["generator_reason"] = reason
    return content


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise DraftRefused(f"The draft's {field} must be text. Nothing was saved.", field=field)
    return value


def _list(values: Mapping[str, Any], field: str) -> list[Any]:
    found = values.get(field) or []
    if not isinstance(found, (list, tuple)):
        raise DraftRefused(f"The draft's {field} must be a list. Nothing was saved.", field=field)
    return list(found)


def _bounded(items: list[Any], limit: int, field: str) -> None:
    if len(items) > limit:
        raise DraftRefused(
            f"The draft has {len(items)} {field}; at most {limit} are kept. Shorten it and save again.",
            field=field,
        )


def _ids(value: Any) -> list[str]:
    ids = value if isinstance(value, (list, tuple)) else []
    return list(dict.fromkeys(str(i)[:80] for i in ids))


def _paragraph(value: Any) -> Paragraph:
    if not isinstance(value, Mapping):
        raise DraftRefused(
            "A paragraph must have a text and fact ids. Nothing was saved.", field="paragraphs"
        )
    text = _text(value.get("text"), "paragraphs")
    if len(text) > sanitise.MAX_PARAGRAPH * 2:
        raise DraftRefused(
            f"A paragraph has {len(text)} characters; at most {sanitise.MAX_PARAGRAPH} are kept. Split it.",
            field="paragraphs",
        )
    return Paragraph(text=sanitise.paragraph(text), fact_ids=_ids(value.get("fact_ids")))


def _option(value: Any) -> Option:
    if not isinstance(value, Mapping):
        raise DraftRefused(
            "An option must have a title, a cost and an effect. Nothing was saved.", field="options"
        )
    title, cost, effect = (
        sanitise.line(_text(value.get(name), "options"), 400) for name in ("title", "cost", "effect")
    )
    made = option(str(value.get("option_id", ""))[:40], title, cost, effect, _ids(value.get("fact_ids")))
    made["is_recommended"] = bool(value.get("is_recommended", False))
    return made


def is_external(content: DraftContent) -> bool:
    """Whether anyone outside the company reads it."""
    return AUDIENCES[content["kind"]] != "internal"
