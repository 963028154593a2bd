"""Ids of other cases and shipments, so that no text for one case can name another's unnoticed."""

from __future__ import annotations

from sqlalchemy import Engine, select

from casework.store.engine import reading
from casework.store.tables import cases


class StoreIds:
    """Knows the case and shipment ids of a tenant's cases; two indexed look-ups per id-like word."""

    def __init__(self, engine: Engine) -> None:
        """Look ids up in this store."""
        self._engine = engine

    def __call__(self, tenant_id: str, identifier: str) -> bool:
        """Say whether some case of the tenant has this id, or is about a shipment that has it."""
        spellings = {identifier, identifier.lower()}
        # One query for each: with "or", SQLite walks all of the tenant's cases instead of using either index.
        queries = [
            select(cases.c.case_id).where(cases.c.tenant_id == tenant_id, column.in_(spellings)).limit(1)
            for column in (cases.c.case_id, cases.c.shipment_id)
        ]
        with reading(self._engine, tenant_id) as connection:
            return any(connection.execute(query).first() is not None for query in queries)
