"""English number words as digits, so that nineteen hours and 19 hours are the same claim."""

from __future__ import annotations

import re

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
]
_ONES += ["sixteen", "seventeen", "eighteen", "nineteen"]
_VALUE = {word: n for n, word in enumerate(_ONES)}
_VALUE |= {
    word: 10 * n
    for n, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2
    )
}
_SCALE = {"dozen": 12, "hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_WORD = "|".join([*_VALUE, *_SCALE])
_SEQUENCE = re.compile(rf"(?<!\w)(?:{_WORD})(?:(?:[\s-]+(?:and\s+)?)(?:{_WORD}))*(?![\w])", re.IGNORECASE)
# 'one' is mostly a pronoun; it counts only before something that is counted.
_COUNTED = re.compile(
    r"\s*[- ]\s*(?:more\s+)?(?:business\s+|working\s+|full\s+)?"
    r"(?:second|minute|hour|day|week|month|year|percent|per cent|dollar|euro|pallet|container|carton|unit|"
    r"shipment)",
    re.IGNORECASE,
)


def _value(words: list[str]) -> int:
    total, current = 0, 0
    for word in words:
        if word in ("dozen", "hundred"):
            current = (current or 1) * _SCALE[word]
        elif word in _SCALE:
            total, current = total + (current or 1) * _SCALE[word], 0
        else:
            current += _VALUE[word]
    return total + current


def spelled_out_to_digits(text: str) -> str:
    """Return the text with runs of number words replaced by digits."""

    def replace(match: re.Match[str]) -> str:
        words = [w for w in re.split(r"[\s-]+", match[0].lower()) if w != "and"]
        if words == ["one"] and not _COUNTED.match(text[match.end() : match.end() + 40]):
            return match[0]
        if words[0] in _SCALE and text[: match.start()].rstrip()[-1:].isdigit():
            return match[0]  # 5 million: read with its number
        return str(_value(words))

    return _SEQUENCE.sub(replace, text)
