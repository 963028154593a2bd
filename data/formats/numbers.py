"""Numbers of formats that keep them as floating point, as the text a person would have typed."""

from __future__ import annotations

import math
from decimal import Decimal

#: Fifteen digits are kept; what a longer number was is lost before the file is written.
FIRST_INEXACT = 10**15


def text_of(value: float | Decimal) -> tuple[str | None, str | None]:
    """Return the digits without an exponent, whole numbers without a fraction; or None, and why there are none."""
    if isinstance(value, Decimal):
        return (f"{value:f}", None) if value.is_finite() else (None, "holds no number")
    if not math.isfinite(value):
        return None, "holds no number (NaN or infinite)"
    if abs(value) >= FIRST_INEXACT:
        return None, "holds a number of more than 15 digits, which was rounded; it must be text"
    return (str(int(value)) if value.is_integer() else f"{Decimal(repr(value)):f}"), None
