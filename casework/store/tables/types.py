"""What columns are made of: instants that are always aware, money that is always exact, one naming convention."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, MetaData, Numeric, RowMapping, TypeDecorator
from sqlalchemy.types import TypeEngine


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant; refuses naive datetimes, on SQLite too."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive instant; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"The instant {value!r} has no time zone; pass an aware UTC datetime.")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return an aware UTC datetime."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# A row as the store returns it, or as the code is about to write it.
Values = Mapping[str, Any] | RowMapping


class Money(TypeDecorator[Decimal]):
    """An amount with two places: numeric on PostgreSQL, whole hundredths on SQLite, so both stay exact."""

    impl = Numeric(18, 2)
    cache_ok = True
    places = 2

    def is_whole(self, dialect: Dialect) -> bool:
        """Whether the smallest parts are counted: SQLite has no exact decimal."""
        return dialect.name == "sqlite"

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the store's own type: an integer where the smallest parts are counted."""
        if self.is_whole(dialect):
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(Numeric(18, self.places))

    def process_bind_param(self, value: Decimal | float | int | None, dialect: Dialect) -> Any:
        """Round to the places kept; a float is read by its shortest text."""
        if value is None:
            return None
        amount = Decimal(str(value)).quantize(self._smallest, ROUND_HALF_UP)
        return int(amount / self._smallest) if self.is_whole(dialect) else amount

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Return a Decimal with the places kept."""
        if value is None:
            return None
        if self.is_whole(dialect):
            return Decimal(value).scaleb(-self.places)
        return Decimal(value).quantize(self._smallest)

    @property
    def _smallest(self) -> Decimal:
        return Decimal(1).scaleb(-self.places)


class Hundredths(Money):
    """An amount to rank by: whole hundredths on both stores.

    Behind row-level security PostgreSQL asks an index only what cannot leak: orders of integers, not of numerics.
    """

    cache_ok = True

    def is_whole(self, dialect: Dialect) -> bool:
        """On every store."""
        return True


class FineMoney(Money):
    """An amount with six places, for what costs less than a cent."""

    impl = Numeric(18, 6)
    cache_ok = True
    places = 6


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
