"""How instants, durations, money and probabilities are written for a reader: the one place that decides.

Everything is English, UTC with the zone named, and unambiguous (no 04/09). Drafts, webhook texts and
grounding all use these, so a claim can be compared with its fact letter by letter.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def parse_instant(value: object) -> datetime:
    """Read an aware instant from a datetime or an ISO-8601 text; raises ValueError otherwise."""
    moment = (
        value if isinstance(value, datetime) else datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    )
    if moment.tzinfo is None:
        raise ValueError(f"The instant {value!r} has no time zone.")
    return moment.astimezone(UTC)


def parse_date(value: object) -> date:
    """Read a calendar day from a date, a datetime or an ISO-8601 text; raises ValueError otherwise."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).date() if value.tzinfo else value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])


def parse_decimal(value: object) -> Decimal:
    """Read a finite number; raises ValueError otherwise."""
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is not a number.") from error
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a finite number.")
    return number


def day(value: date) -> str:
    """Write a day: Tuesday 9 April 2013."""
    return f"{WEEKDAYS[value.weekday()]} {value.day} {MONTHS[value.month - 1]} {value.year}"


def instant(value: datetime) -> str:
    """Write an instant: Tuesday 9 April 2013, 14:00 UTC."""
    moment = value.astimezone(UTC)
    return f"{day(moment.date())}, {moment:%H:%M} UTC"


def money(amount: Decimal, currency_code: str) -> str:
    """Write an amount: USD 18,400.00."""
    return f"{currency_code} {amount.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"


def probability(share: Decimal) -> str:
    """Write a share between 0 and 1 as a whole percentage; never claims certainty below 1."""
    percent = int((share * 100).quantize(Decimal(1), ROUND_HALF_UP))
    if percent >= 100 and share < 1:
        return "over 99%"
    if percent <= 0 and share > 0:
        return "under 1%"
    return f"{percent}%"


def number(value: Decimal) -> str:
    """Write a number with thousands separators and at most two decimals."""
    rounded = value.quantize(Decimal("0.01"), ROUND_HALF_UP)
    if rounded == rounded.to_integral_value():
        return f"{int(rounded):,}"
    return f"{rounded.normalize():,f}"


def hours(value: Decimal) -> str:
    """Write a duration given in hours: minutes below one hour, hours up to two days, then days."""
    length = abs(value)
    if length < 1:
        return _counted(int((length * 60).quantize(Decimal(1), ROUND_HALF_UP)), "minute")
    if length < 48:
        return _counted(int(length.quantize(Decimal(1), ROUND_HALF_UP)), "hour")
    return _counted(int((length / 24).quantize(Decimal(1), ROUND_HALF_UP)), "day")


def _counted(count: int, unit: str) -> str:
    """Write a count with its unit in the right number."""
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"
