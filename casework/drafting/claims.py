"""Finds the checkable claims in a plain text: numbers, dates, times, amounts, ids, links, names.

The same reading is applied to facts and to drafts, so a fact written into a sentence reads back as the
same claims. Anything that looks like a claim but cannot be read exactly (03/04/25, 18.400,00, tomorrow,
a few days, 14:00 CET) becomes a claim that no fact supports.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import pairwise

from casework.drafting.formatting import MONTHS, WEEKDAYS
from casework.drafting.number_words import spelled_out_to_digits
from casework.drafting.sanitise import EMAIL, URL

_USED = "\u00a6"  # stands where a claim was read, so that its neighbours do not run together


@dataclass(frozen=True, order=True)
class Claim:
    """One thing a text says that a fact must support; `value` is in one canonical spelling per kind."""

    kind: str
    value: str

    @property
    def described(self) -> str:
        """The claim in a person's words."""
        return f"the {self.kind} '{self.value[:80]}'"


_MONTH = {name[:length].lower(): n for n, name in enumerate(MONTHS, start=1) for length in (3, len(name))}
_MONTH["sept"] = 9
_MONTH_WORD = (
    "|".join(sorted(_MONTH.keys() - {"may"}, key=len, reverse=True)) + "|(?-i:May|MAY)"
)  # not: 5 may
_PLAIN_MONTHS = "|".join(name for name in MONTHS if name != "May")  # may is mostly a verb
_DAY = {name[:3].lower(): name for name in WEEKDAYS} | {name.lower(): name for name in WEEKDAYS}
_DAY |= {"tues": "Tuesday", "thur": "Thursday", "thurs": "Thursday"}
_CURRENCY = {"$": "USD", "€": "EUR", "£": "GBP", "dollar": "USD", "euro": "EUR", "pound": "GBP"}
_NUMBER = r"\d++(?:[.,'\u2019]\d++)*+"  # possessive: a hostile text must not cost quadratic time
_CODES = r"USD|EUR|GBP|CHF|JPY|CNY|INR|ZAR|CAD|AUD|SGD|AED|KES|NGN|BRL|MXN|SEK|NOK|DKK|PLN"
_UNIT = {"second": "seconds", "sec": "seconds", "minute": "minutes", "min": "minutes", "hour": "hours"}
_UNIT |= {"hr": "hours", "h": "hours", "day": "days", "d": "days", "week": "weeks", "wk": "weeks"}
_UNIT |= {"month": "months", "year": "years", "yr": "years", "fortnight": "fortnights"}
_UNIT_WORD = "|".join(sorted(_UNIT, key=len, reverse=True))
_ZONES = r"GMT|BST|CET|CEST|EET|EEST|EST|EDT|CST|CDT|MST|MDT|PST|PDT|IST|JST|SGT|HKT|EAT|WAT|SAST|local time"
_DATED = frozenset({"weekday", "date", "time"})
_BETWEEN = re.compile(r"(?:\s|,|UTC|at|on|the|by|of|\()*")
_KNOWN_CODES = frozenset({"UTC", "ETA", "ETD", "POD", "BOL", "ASN", "AWB", "SLA", "OK", "PDF", "FYI", "ASAP"})


def day_claims(day: date) -> set[Claim]:
    """Every way in which a text may name this day."""
    return {
        Claim("date", day.isoformat()),
        Claim("date", f"--{day:%m-%d}"),
        Claim("month", f"{day:%Y-%m}"),
        Claim("month", f"--{day:%m}"),
        Claim("day of month", str(day.day)),
        Claim("weekday", WEEKDAYS[day.weekday()]),
        Claim("weekday of date", f"{WEEKDAYS[day.weekday()]} {day.isoformat()}"),
        Claim("weekday of date", f"{WEEKDAYS[day.weekday()]} --{day:%m-%d}"),
    }


def moment_claims(day: date, time: str) -> set[Claim]:
    """Every way in which a text may name this moment."""
    names = (day.isoformat(), f"--{day:%m-%d}", WEEKDAYS[day.weekday()])
    return day_claims(day) | {Claim("time", time)} | {Claim("moment", f"{name} {time}") for name in names}


def _number(text: str) -> str | None:
    """Read 1,234.50 as 1234.5; None when it cannot be read in exactly one way."""
    plain = text.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", text) else text
    try:
        return f"{Decimal(plain).normalize():f}" if re.fullmatch(r"\d+(\.\d+)?", plain) else None
    except InvalidOperation:
        return None


def _measured(kind: str, text: str, prefix: str = "") -> set[Claim]:
    return {Claim(kind, prefix + (_number(text) or f"{text} (unreadable)"))}


def _date(year: str | None, month: int, day: str) -> set[Claim]:
    """A full or yearless date; an impossible one is a claim nothing supports."""
    try:
        checked = date(int(year) if year else 2000, month, int(day))
    except ValueError:
        return {Claim("date", f"{year or ''}-{month}-{day} (impossible)")}
    return {Claim("date", checked.isoformat() if year else f"--{checked:%m-%d}")}


def _clock(match: re.Match[str]) -> set[Claim]:
    hour, minute, half = int(match["hour"]), int(match["minute"] or 0), (match["half"] or "").lower()
    if half and hour <= 12:
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    return {Claim("time", f"{hour:02d}:{minute:02d}")}


def _money(match: re.Match[str]) -> set[Claim]:
    before, after = match["before"], match["after"]
    sign = (before or after or "").strip().lower().rstrip("s")
    code = _CURRENCY.get(sign, sign.upper())
    scale = {"k": 1_000, "thousand": 1_000, "m": 1_000_000, "mn": 1_000_000, "million": 1_000_000}
    number = _number(match["number"])
    if number is not None and match["scale"]:
        number = f"{(Decimal(number) * scale[match['scale'].lower()]).normalize():f}"
    return {Claim("amount of money", f"{code} {number or match['number'] + ' (unreadable)'}")}


def _phone(match: re.Match[str]) -> set[Claim]:
    return {Claim("phone number", re.sub(r"\D", "", match[0]))}


def _identifier(match: re.Match[str]) -> set[Claim]:
    return {Claim("id", match[0].upper())}


Reader = Callable[[re.Match[str]], set[Claim]]


def _pattern(expression: str, reader: Reader, flags: int = re.IGNORECASE) -> tuple[re.Pattern[str], Reader]:
    return re.compile(expression, flags), reader


# In this order; what one pattern reads, the next ones no longer see.
_READERS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (EMAIL, lambda m: {Claim("mail address", m[0].lower())}),
    (URL, lambda m: {Claim("link", m[0].lower())}),
    _pattern(
        r"(?<![\w-])(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})(?=T\d|[^\w-]|$)T?",
        lambda m: _date(m["y"], int(m["m"]), m["d"]),
    ),
    _pattern(
        rf"(?<!\w)(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?[\s-]+(?P<m>{_MONTH_WORD})\.?(?:,?[\s-]+(?P<y>\d{{4}}))?(?!\w)",
        lambda m: _date(m["y"], _MONTH[m["m"].lower()], m["d"]),
    ),
    _pattern(
        rf"(?<!\w)(?P<m>{_MONTH_WORD})\.?\s+(?:the\s+)?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(?P<y>\d{{4}}))?(?!\w)",
        lambda m: _date(m["y"], _MONTH[m["m"].lower()], m["d"]),
    ),
    _pattern(
        rf"(?<!\w)(?P<m>{_MONTH_WORD})\.?,?\s+(?P<y>\d{{4}})(?!\w)",
        lambda m: {Claim("month", f"{m['y']}-{_MONTH[m['m'].lower()]:02d}")},
    ),
    _pattern(
        rf"(?<!\w)(?:{_PLAIN_MONTHS})(?!\w)|(?<=[Ii]n )May(?!\w)|(?<=by )May(?!\w)",
        lambda m: {Claim("month", f"--{_MONTH[m[0].lower()]:02d}")},
        re.NOFLAG,
    ),
    _pattern(
        r"(?<![\w/.])\d{1,4}([/.])\d{1,2}\1\d{2,4}(?![\w/])", lambda m: {Claim("date", f"{m[0]} (ambiguous)")}
    ),
    _pattern(
        r"(?<!\w)(?:tomorrow|today|tonight|yesterday|overnight|(?:this|next|last|coming|end of(?: the)?) "
        r"(?:morning|afternoon|evening|night|day|week|month|year|weekend|quarter)|weekend|eod|cob|noon|midnight)(?!\w)",
        lambda m: {Claim("relative time", m[0].lower())},
    ),
    _pattern(
        rf"(?<!\w)(?:{'|'.join(WEEKDAYS)}|(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)(?=[\s,.]|$))s?(?!\w)",
        lambda m: {Claim("weekday", _DAY.get(m[0].lower(), _DAY.get(m[0].lower().rstrip("s"), m[0])))},
        re.NOFLAG,
    ),
    _pattern(
        r"(?<![\w:.,-])(?P<hour>\d{1,2})[:.h](?P<minute>\d{2})(?::\d{2}(?:\.\d+)?)?(?:\s*(?P<half>[ap]\.?m\b\.?)|z)?(?![\w:])",
        _clock,
    ),
    _pattern(r"(?<![\w:.,-])(?P<hour>\d{1,2})(?P<minute>)\s*(?P<half>[ap]\.?m\b\.?)", _clock),
    _pattern(rf"(?<!\w)(?:{_ZONES})(?!\w)", lambda m: {Claim("time zone", m[0])}, re.NOFLAG),
    _pattern(
        rf"(?<![\w.,-])(?P<n>{_NUMBER})\s*(?:%|percent|per cent|pct)",
        lambda m: _measured("percentage", m["n"]),
    ),
    _pattern(
        rf"(?<!\w)(?P<before>{_CODES}|[$€£])\s*(?P<number>{_NUMBER})\s*(?P<scale>k|mn?|million|thousand)?(?P<after>)(?!\w)",
        _money,
    ),
    _pattern(
        rf"(?<![\w.,])(?P<before>)(?P<number>{_NUMBER})\s*(?P<scale>k|mn?|million|thousand)?\s*"
        rf"(?P<after>(?:{_CODES}|dollars?|euros?|pounds?)(?!\w)|[$€£])",
        _money,
    ),
    _pattern(
        rf"(?<![\w.,-])(?P<n>{_NUMBER})(?:\s+|-)?(?:(?:business|working|calendar)\s+)?(?P<u>{_UNIT_WORD})s?(?!\w)",
        lambda m: _measured(_UNIT[m["u"].lower()], m["n"]),
    ),
    _pattern(
        rf"(?<!\w)(?:an?|half an?|half a)\s+(?P<u>hour|day|week|month|year|minute|fortnight)(?!\w)|"
        rf"(?<!\w)(?:a few|several|a couple of|some|many)\s+(?:more\s+)?(?:{_UNIT_WORD})s?(?!\w)",
        lambda m: {Claim("duration", m[0].lower())},
    ),
    _pattern(r"(?<![\w-])\+\d[\d ().-]{6,}\d|(?<![\w-])\(?\d{2,5}\)?(?:[ .-]\d{2,5}){2,}(?![\w-])", _phone),
    _pattern(
        r"(?<!\w)(?P<d>\d{1,2})(?:st|nd|rd|th)(?!\w)", lambda m: {Claim("day of month", str(int(m["d"])))}
    ),
    _pattern(
        r"(?<![^\W_])(?=[\w#/.-]{0,80}\d)(?:\d+(?=[-_/#]|[^\W\d_])|[^\W\d_])[^\W_]*+(?:[-_/#.]++[^\W_]++)*+|(?<!\w)0\d+(?!\w|[.,]\d)",
        _identifier,
    ),
    _pattern(rf"{_NUMBER}", lambda m: _measured("number", m[0])),
)
_CODE = re.compile(r"(?<![\w-])[^\W\d_]{2,}(?![\w-])")
_NO_NAMES = frozenset({"IT", "WE", "THE", "THIS", "THAT", "OUR", "YOUR", "YOU", "PLEASE", "IF", "AND"})
_NAME = re.compile(r"(?<![\w'\u2019])[^\W\d_][^\W\d_]+(?:[-'\u2019][^\W\d_]+)*")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n\"\u201c(\u2022*>-])\s*$")


def normalised(text: str) -> str:
    """Return the text with every digit an ASCII digit, compatibility forms folded, number words as digits."""
    folded = unicodedata.normalize("NFKC", text)
    digits = "".join(str(unicodedata.decimal(c)) if c.isdecimal() and not c.isascii() else c for c in folded)
    return spelled_out_to_digits(digits)


def claims_in(text: str) -> frozenset[Claim]:
    """Return every checkable claim in a text."""
    claims, rest = _read(normalised(text))
    return claims | _names(rest)


@lru_cache(maxsize=2_048)
def _read(whole: str) -> tuple[frozenset[Claim], str]:
    """Return the claims that have a pattern, and the text with what they read blanked out."""
    rest = whole
    claims: set[Claim] = set()
    dated: list[tuple[int, int, Claim]] = []
    for pattern, reader in _READERS:
        for match in pattern.finditer(rest):
            found = reader(match)
            claims |= found
            dated += [(match.start(), match.end(), claim) for claim in found if claim.kind in _DATED]
        rest = pattern.sub(lambda match: _USED * len(match[0]), rest)
    return frozenset(claims | _joined(whole, sorted(dated))), rest


def _joined(text: str, dated: list[tuple[int, int, Claim]]) -> set[Claim]:
    """Weekdays, dates and times that stand together say one thing: a day's weekday, a moment."""
    found: set[Claim] = set()
    for (_, end, first), (start, _, second) in pairwise(dated):
        kinds = {first.kind: first.value, second.kind: second.value}
        if len(kinds) == 2 and _BETWEEN.fullmatch(text[end:start]):
            found.add(joined(kinds))
    return found


def joined(parts: dict[str, str]) -> Claim:
    """Return what two of weekday, date and time say together."""
    if "time" in parts:
        return Claim("moment", f"{parts.get('date') or parts['weekday']} {parts['time']}")
    return Claim("weekday of date", f"{parts['weekday']} {parts['date']}")


def _names(rest: str) -> set[Claim]:
    """Codes in capitals, and capitalised words that do not just begin a sentence."""
    found = set()
    for match in _NAME.finditer(rest):
        word = match[0]
        if word.upper() in _NO_NAMES:
            continue
        if word.isupper() and len(word) >= 3:
            if word not in _KNOWN_CODES:
                found.add(Claim("name", word))
        elif word[0].isupper() and not _SENTENCE_START.search(rest[: match.start()][-20:]):
            found.add(Claim("name", word.upper()))
    return found


def words_of(text: str) -> set[Claim]:
    """Every word of a fact's text as a name, wherever in the sentence it stands."""
    # What is left of a word after a pattern took part of it counts too: a text that quotes it leaves the same.
    whole = normalised(text)
    return {Claim("name", m[0].upper()) for part in (whole, _read(whole)[1]) for m in _NAME.finditer(part)}
