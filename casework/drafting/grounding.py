"""Does the text say only what the facts say? Compares every claim in a text with the facts it cites.

A claim is a number, duration, date, time, weekday, percentage, amount of money, id-like word, link, mail
address or phone number (see `claims.py`). It is supported when a cited fact, written as drafts write it,
makes the same claim. What no fact supports is a problem; for a model's text any problem refuses the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from casework.drafting import sanitise
from casework.drafting.claims import Claim, claims_in, day_claims, moment_claims, words_of
from casework.drafting.content import is_external
from casework.drafting.facts import FactSheet, KnownFact
from casework.model import DraftContent, Paragraph

# What only a person may promise or admit to someone outside.
COMMITMENT = re.compile(
    r"\b(guarantee\w*|compensat\w*|refund\w*|reimburs\w*|discount\w*|waive\w*|credit note\w*|"
    r"free of charge|liab\w+|at no cost|our fault|negligen\w+|penalt(?:y|ies)|"
    r"indemni\w+|lawsuit\w*|legal action)\b",
    re.IGNORECASE,
)
_ENGLISH = frozenset(
    [
        "the",
        "a",
        "an",
        "of",
        "to",
        "and",
        "in",
        "is",
        "are",
        "was",
        "for",
        "on",
        "that",
        "this",
        "it",
        "we",
        "you",
        "our",
        "your",
        "with",
        "be",
        "has",
        "have",
        "not",
        "by",
        "as",
        "at",
        "from",
        "will",
        "please",
        "until",
        "since",
        "or",
        "any",
        "may",
        "more",
    ]
)


@dataclass(frozen=True)
class Problem:
    """One claim that the cited facts do not support, and where it stands."""

    place: str  # paragraph 2, subject, option 1
    claim: Claim | None
    sentence: str


def _variants(fact: KnownFact) -> set[Claim]:
    """What a fact supports beyond its written form: shorter ways to say the same."""
    if isinstance(fact.value, datetime):
        return moment_claims(fact.value.date(), f"{fact.value:%H:%M}")
    if fact.type == "date" and not isinstance(fact.value, (str, Decimal)):
        return day_claims(fact.value)
    if not isinstance(fact.value, Decimal):
        return set()
    value = abs(fact.value)
    if fact.type == "hours":
        return {
            Claim(unit, _whole(value / size)) for unit, size in (("hours", 1), ("days", 24)) if value >= size
        }
    if fact.type == "money":
        return {Claim("amount of money", f"{fact.currency_code} {_plain(value)}")}
    if fact.type == "probability":
        return {Claim("percentage", _plain(value * 100))}
    return {Claim("number", _plain(value))}


def _whole(value: Decimal) -> str:
    return str(int(value.quantize(Decimal(1), ROUND_HALF_UP)))


def _plain(value: Decimal) -> str:
    rounded = value.quantize(Decimal("0.01"), ROUND_HALF_UP)
    return f"{rounded.normalize():f}"


def supported(facts: FactSheet, fact_ids: Iterable[str]) -> set[Claim]:
    """Every claim that these facts support."""
    claims: set[Claim] = set()
    for fact in (facts.get(fact_id) for fact_id in fact_ids):
        if fact is not None:
            claims |= claims_in(fact.text) | words_of(fact.text) | _variants(fact)
    return claims


def _text_problems(place: str, text: str, allowed: set[Claim]) -> list[Problem]:
    """Every claim in a text that is not allowed, in a sentence each."""
    unsupported = sorted(claims_in(text) - allowed)
    return [
        Problem(place, claim, f"{place}: {claim.described} is in none of the facts it cites.")
        for claim in unsupported
    ]


def paragraph_problems(place: str, part: Paragraph, facts: FactSheet) -> list[Problem]:
    """What is wrong with one paragraph: unknown fact ids, and claims its facts do not support."""
    unknown = [
        Problem(place, None, f"{place}: there is no fact '{sanitise.line(fact_id, 60)}' for this reader.")
        for fact_id in part["fact_ids"]
        if not facts.has(fact_id)
    ]
    return unknown + _text_problems(place, part["text"], supported(facts, part["fact_ids"]))


def problems(content: DraftContent, facts: FactSheet) -> list[Problem]:
    """What in a draft is not supported by the facts its reader may know (give the sheet for its audience).

    The subject may rest on any of them; a paragraph or an option only on those it cites.
    """
    found = _text_problems("subject", content["subject"], supported(facts, facts.ids()))
    for number, part in enumerate(content["paragraphs"], start=1):
        found += paragraph_problems(f"paragraph {number}", part, facts)
    for number, choice in enumerate(content["options"], start=1):
        text = "\n".join((choice["title"], choice["cost"], choice["effect"]))
        found += paragraph_problems(
            f"option {number}", Paragraph(text=text, fact_ids=choice["fact_ids"]), facts
        )
    return found


def commitments(content: DraftContent) -> list[Problem]:
    """Words in a text for outsiders that promise money or admit liability."""
    if not is_external(content):
        return []
    texts = [("subject", content["subject"])]
    texts += [(f"paragraph {n}", p["text"]) for n, p in enumerate(content["paragraphs"], start=1)]
    return [
        Problem(place, None, f"{place}: '{match.group(0)}' commits us; only a person may say that.")
        for place, text in texts
        for match in COMMITMENT.finditer(text)
    ]


def is_english(text: str) -> bool:
    """Whether a text of some length reads as English: Latin letters, and common English words among them."""
    letters = [c for c in text if c.isalpha()]
    if sum(c.isascii() for c in letters) < 0.9 * len(letters):
        return False
    words = re.findall(r"[a-z']+", text.lower())
    return len(words) < 8 or sum(word in _ENGLISH for word in words) >= 0.15 * len(words)


def foreign_ids(
    content: DraftContent, facts: FactSheet, is_known_elsewhere: Callable[[str], bool]
) -> list[str]:
    """Ids in a text that are shaped like this case's ids, or known elsewhere, but are not this case's."""
    own = {str(f.value) for f in facts if f.fact_id in ("shipment_id", "order_id", "case:reference")}
    shapes = {_shape(i) for i in own if any(c.isdigit() for c in i)}
    allowed = {claim.value for claim in supported(facts, facts.ids())}
    texts = [content["subject"], *(p["text"] for p in content["paragraphs"])]
    found = [claim.value for text in texts for claim in claims_in(text) if claim.kind == "id"]
    foreign = [
        i for i in dict.fromkeys(found) if i not in allowed and (_shape(i) in shapes or is_known_elsewhere(i))
    ]
    return sorted(foreign)


def _shape(value: str) -> str:
    """The pattern of an id: letters stay, runs of digits become 9, so that SHP-1 and SHP-20817 agree."""
    return re.sub(r"\d+", "9", value.upper())
