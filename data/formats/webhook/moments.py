"""When an event was or will be, as a provider writes it: an instant with its zone, a local time, or a day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from data.formats.messages import Cells
from data.formats.webhook.payload import Broken, Value, quoted

DAY = r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
CLOCK = r"[T ](?P<clock>[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,6})?"
MOMENT = re.compile(rf"{DAY}(?:{CLOCK}(?P<zone>Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)?)?")
UNIX_SECONDS = re.compile(r"[0-9]{9,11}")
YEARS = range(1900, 2200)
WRITTEN = "a time written like 2026-08-01T14:05:00Z, 2026-08-01T14:05:00 or 2026-08-01"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as cells of the event; `same` is one text for one time, however it is written."""

    cells: Cells
    same: str


def moment_of(value: Value, *, zone_is_known: bool = True) -> Moment:
    """The time at a value: with a zone it is `occurred_at`, without one `occurred_local`.

    Where the zone is not known, a written Z says nothing and the time is local. A fraction of a second of a
    local time is left out. Raises Broken where there is no time or it is none of the calendar's.
    """
    text = value.needed("an event needs its time")
    found = MOMENT.fullmatch(text)
    if found is None or not _is_of_the_calendar(text):
        raise Broken("time", value.path, f"is {quoted(text)}, which is not {WRITTEN}")
    if found["zone"] is None or (found["zone"] == "Z" and not zone_is_known):
        local = f"{found['day']}T{found['clock']}" if found["clock"] else found["day"]
        return Moment({"occurred_local": local}, local)
    return Moment({"occurred_at": text}, _instant(text))


def sent_at(value: Value) -> str | None:
    """When a message was made, a clock without its zone read as UTC; None for a day alone.

    It only orders what one sender told.
    """
    cells = moment_of(value).cells if value.text() else {}
    local = cells.get("occurred_local") or ""
    return cells.get("occurred_at") or (f"{local}Z" if "T" in local else None)


def sent_at_unix(value: Value) -> str | None:
    """The same from seconds since 1970 (UTC)."""
    text = value.text()
    if text is None:
        return None
    if not UNIX_SECONDS.fullmatch(text):
        raise Broken("time", value.path, f"is {quoted(text)}, which is not a number of seconds since 1970")
    return datetime.fromtimestamp(int(text), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).isoformat()


def _is_of_the_calendar(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).year in YEARS
    except ValueError:
        return False
