"""Dates and times of X12: element 373 (CCYYMMDD), 337 (HHMM, HHMMSS, with hundredths) and 623 (time code)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

#: Hours ahead of UTC for the time codes that name one clock (X12 element 623).
FIXED = {
    "UT": 0.0, "GM": 0.0,
    "AS": -9.0, "AD": -8.0, "CS": -6.0, "CD": -5.0, "ES": -5.0, "ED": -4.0, "HS": -10.0, "HD": -9.0,
    "MS": -7.0, "MD": -6.0, "NS": -3.5, "ND": -2.5, "PS": -8.0, "PD": -7.0, "TS": -4.0, "TD": -3.0,
    **{f"{hours:02}": float(hours) for hours in range(1, 13)},
    # 13 to 24 count back: 13 is twelve hours behind UTC, 24 one.
    **{f"{code:02}": float(code - 25) for code in range(13, 25)},
}  # fmt: skip
#: Time codes that follow a zone's own changes between standard and daylight time.
ZONES = {
    "AT": "America/Anchorage", "CT": "America/Chicago", "ET": "America/New_York", "HT": "Pacific/Honolulu",
    "MT": "America/Denver", "NT": "America/St_Johns", "PT": "America/Los_Angeles", "TT": "America/Halifax",
}  # fmt: skip
DAY = re.compile(r"\d{8}", re.ASCII)
CLOCK = re.compile(r"(\d{2})(\d{2})(?:(\d{2})(?:\d{1,2})?)?", re.ASCII)


class NotATime(ValueError):  # noqa: N818
    """A date, time or time code that says no moment; the text says why.

    `code` is that of an acknowledgement (element 723): 8 for a date, 9 for a time, 7 for a code, 2 for what is
    missing beside another.
    """

    def __init__(self, text: str, code: str) -> None:
        """`text` is what is wrong, without a full stop."""
        self.code = code
        super().__init__(text)


def moment(day: str | None, clock: str | None, code: str | None) -> tuple[str | None, str | None]:
    """(the instant with its offset, None) or (None, the local time, or the day alone) of three elements.

    Both are None where no day is given. A local time (code LT, or none) has no offset: the place decides.
    Raises NotATime for what is no day or time, an unknown code, or a time that its zone's clock skips or
    shows twice.
    """
    if day is None:
        if clock or code:
            raise NotATime("a time is given without its day", "2")
        return None, None
    if clock is None:
        if code:
            raise NotATime("a time code is given without its time", "2")
        return None, _day(day).date().isoformat()
    local = _day(day) + _clock(clock)
    if code is None or code == "LT":
        return None, local.isoformat()
    return _zoned(local, code).isoformat(), None


def _day(text: str) -> datetime:
    if not DAY.fullmatch(text):
        raise NotATime(f"{text!r} is not a day written as CCYYMMDD", "8")
    try:
        day = datetime.strptime(text, "%Y%m%d")
    except ValueError:
        raise NotATime(f"{text!r} is no day of the calendar", "8") from None
    if not 1900 <= day.year <= 2199:
        raise NotATime(f"{text!r} is no day between 1900 and 2199", "8")
    return day


def _clock(text: str) -> timedelta:
    found = CLOCK.fullmatch(text)
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (99, 0, 0)
    # 2400 is the end of the day (ISO 8601 has it too); nothing else passes 2359.
    if found and (hours, minutes, seconds) == (24, 0, 0):
        return timedelta(days=1)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise NotATime(f"{text!r} is not a time written as HHMM or HHMMSS", "9")
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _zoned(local: datetime, code: str) -> datetime:
    if code in FIXED:
        return local.replace(tzinfo=timezone(timedelta(hours=FIXED[code])))
    if code not in ZONES:
        raise NotATime(f"{code!r} is no time code of X12 element 623", "7")
    zone = ZoneInfo(ZONES[code])
    first, second = local.replace(tzinfo=zone), local.replace(tzinfo=zone, fold=1)
    if first.utcoffset() != second.utcoffset():
        skipped = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local
        raise NotATime(
            f"{local:%Y-%m-%d %H:%M} {'does not exist' if skipped else 'comes twice'} on the clock of {zone.key}",
            "9",
        )
    return first
