"""One cell on its way from a partner's spelling to the contract's; what cannot be told for sure is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from data.contract.model import Column
from data.contract.rules import pattern_of, written_like
from data.mapping.model import EPOCHS, MappedColumn
from data.records import shortened

#: Grouped by points or spaces, the comma before the decimals; groups have three digits.
DECIMAL_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d{1,3}([ \u00a0\u202f]\d{3})+|\d+)(,\d+)?", re.ASCII)
GROUPING = str.maketrans("", "", ". \u00a0\u202f")
#: What else stands for a declared sign: typesetters' blanks, and the apostrophe as a word processor makes it.
SPELT = {" ": " \u00a0\u202f", "'": "'\u2019"}
ISO_DAY = r"\d{4}-\d{2}-\d{2}"
ISO_LOCAL = re.compile(rf"({ISO_DAY})(?:[T ](\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d{{1,9}})?)?))?", re.ASCII)
#: 31 January 2013, half past two, counted since 1970; the years 1973 to 2286 have as many digits or one fewer.
EPOCH_EXAMPLE = 1359642600
#: Longer than any day or number that anybody writes.
MAX_PARSED_CHARACTERS = 60

Translate = Callable[[str], str | None]


class NotTranslated(ValueError):  # noqa: N818
    """A cell that has no sure reading; `rule` is one word, the text goes on after "<heading> is '…', "."""

    def __init__(self, rule: str, reason: str) -> None:
        """`reason` begins with `which` and needs no full stop."""
        self.rule = rule
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Moment:
    """A day, with its time where the cell has one; `at` is aware where the cell says its own offset."""

    day: date
    at: datetime | None


def translate_of(column: MappedColumn, promised: Column, is_typed: bool) -> Translate | None:
    """How a cell of this column is put into the contract's words; None where it already is.

    `is_typed` says that the file's format has days and times of its own, read as ISO text.
    """
    if column.values is not None:
        return _by_values(column.values)
    if column.decimal_comma or column.thousands:
        return number_of(column.thousands, column.decimal_comma)
    if column.formats is None and column.zone is None:
        return None
    shapes = [(shape_of(item), item) for item in column.formats or []]
    takes_iso = is_typed or not shapes

    # The same days and minutes come again and again in one file.
    @lru_cache(maxsize=10_000)
    def moment(text: str) -> Moment:
        return moment_of(text, shapes, takes_iso)

    if promised.type == "timestamp":
        zone = ZoneInfo(column.zone) if column.zone else None
        return lambda text: instant_text(moment(text), zone, column.day_only is not None)
    return (lambda text: day_text(moment(text))) if promised.type == "date" else _local_of(moment)


def number_of(thousands: str | None, decimal_comma: bool) -> Callable[[str], str]:
    """How a number is put as the contract has it; a group of other than three digits makes it none."""
    if thousands is None:
        return decimal_point if decimal_comma else str
    sign, mark = f"[{SPELT.get(thousands, thousands)}]", "," if decimal_comma else "."
    whole = rf"[+-]?(\d{{1,3}}({sign}\d{{3}})+|\d+)"
    number, between = re.compile(rf"{whole}([{mark}]\d+)?", re.ASCII), re.compile(sign)

    def plain(text: str) -> str:
        # A number without the sign, and with the point, is ours already: the contract judges it.
        if not number.fullmatch(text) and (decimal_comma or between.search(text)):
            raise NotTranslated("type", f"which is not a number written like 1{thousands}234{mark}56")
        return between.sub("", text).replace(mark, ".")

    return plain


def decimal_point(text: str) -> str:
    """1.234,5 as 1234.5."""
    if not DECIMAL_COMMA.fullmatch(text):
        raise NotTranslated("type", "which is not a number written like 1.234,56")
    return text.translate(GROUPING).replace(",", ".")


def moment_of(text: str, shapes: list[tuple[re.Pattern[str], str]], takes_iso: bool) -> Moment:
    """The one reading of the text under these formats; refused where there is none or more than one."""
    if len(text) > MAX_PARSED_CHARACTERS:
        raise NotTranslated("type", "which is too long to be a day or a time")
    readings = {found for shape, item in shapes if shape.fullmatch(text) and (found := _parsed(text, item))}
    if takes_iso and (found := _iso(text)):
        readings.add(found)
    if not readings:
        examples = [_example(item) for _, item in shapes] + (["2013-01-31T14:30"] if takes_iso else [])
        raise NotTranslated("type", f"which is not written like {' or '.join(examples)}")
    if len(readings) > 1:
        # Two readings may be of one day, so the time is said wherever there is one.
        ways = " and ".join(sorted(str(one.at or one.day) for one in readings))
        raise NotTranslated("type", f"which its formats read in more than one way ({ways})")
    return readings.pop()


def instant_text(moment: Moment, zone: ZoneInfo | None, is_day_enough: bool) -> str:
    """A moment in UTC; a local time that its zone does not have, or has twice, is refused."""
    at = moment.at
    if at is None:
        if not is_day_enough:
            raise NotTranslated("type", "which is a day without a time")
        at = datetime.combine(moment.day, time())
    if at.tzinfo is None:
        if zone is None:
            raise NotTranslated("zone", "which is a time without its zone")
        at = _in_zone(at, zone)
    try:
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError as error:
        raise NotTranslated("type", "which is not a moment between 1900 and 2199") from error


def day_text(moment: Moment) -> str:
    """A day; one with a time of day that is not midnight is refused."""
    if moment.at is not None and moment.at.time() != time():
        raise NotTranslated("type", "which is a moment where a day is expected")
    return moment.day.isoformat()


def _local_of(moment: Callable[[str], Moment]) -> Translate:
    def local(text: str) -> str:
        found = moment(text)
        if found.at is not None and found.at.tzinfo is not None:
            raise NotTranslated("zone", "which has a zone where a local time is expected")
        return found.at.isoformat() if found.at else found.day.isoformat()

    return local


def _in_zone(at: datetime, zone: ZoneInfo) -> datetime:
    first, second = at.replace(tzinfo=zone, fold=0), at.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first
    # Around a change of the clocks the two folds differ: in a gap neither comes back as it was written.
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != at:
        raise NotTranslated("zone", f"which does not exist in {zone.key}: the clocks went forward over it")
    raise NotTranslated(
        "zone", f"which happened twice in {zone.key}, as the clocks went back: only its offset can tell which"
    )


def _by_values(values: dict[str, str | None]) -> Translate:
    def translate(text: str) -> str | None:
        if text not in values:
            raise NotTranslated("values", "which is none of the codes that the mapping knows")
        return values[text]

    return translate


def shape_of(date_format: str) -> re.Pattern[str]:
    """What a text of this format looks like, as the row split has it."""
    if date_format in EPOCHS:
        digits = len(_example(date_format))
        return re.compile(rf"\d{{{digits - 1},{digits}}}", re.ASCII)
    return re.compile(pattern_of(date_format), re.ASCII)


def has_time(date_format: str) -> bool:
    """Whether a format says the time of day."""
    return any(part in date_format for part in ("%H", "%I")) or date_format in EPOCHS


def has_zone(date_format: str) -> bool:
    """Whether a format says by which clock its time is."""
    return "%z" in date_format or date_format in EPOCHS


def _example(date_format: str) -> str:
    if date_format in EPOCHS:
        return str(EPOCH_EXAMPLE * EPOCHS[date_format])
    return written_like(date_format)


def _parsed(text: str, date_format: str) -> Moment | None:
    if date_format in EPOCHS:
        at = datetime.fromtimestamp(0, UTC) + int(text) * timedelta(seconds=1) / EPOCHS[date_format]
        return Moment(at.date(), at)
    try:
        found = datetime.strptime(text, date_format)  # noqa: DTZ007 - the zone is the mapping's to say
    except (ValueError, OverflowError):
        return None
    return Moment(found.date(), found if has_time(date_format) else None)


def _iso(text: str) -> Moment | None:
    shape = ISO_LOCAL.fullmatch(text)
    try:
        found = datetime.fromisoformat(text) if shape else None
    except ValueError:
        return None
    return Moment(found.date(), found if shape and shape[2] else None) if found else None


def said(label: str, text: str, reason: str) -> str:
    """The sentence about one cell."""
    return f"{shortened(label, 60)} is {shortened(text, 80)!r}, {reason}."
