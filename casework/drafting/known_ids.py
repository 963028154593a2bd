"""Ids of other cases and shipments, so that no text for one case can name another's unnoticed."""

from __future__ import annotations

from sqlalchemy import Engine, or_, select

from casework.store.tables import cases


class StoreIds:
    """Knows the case and shipment ids of a tenant's cases; two indexed look-ups per id-like word."""

    def __init__(self, engine: Engine) -> None:
        """Look ids up in this store."""
        self._engine = engine

    def __call__(self, tenant_id: str, identifier: str) -> bool:
        """Say whether some case of the tenant has this id, or is about a shipment that has it."""
        spellings = {identifier, identifier.lower()}
        query = select(cases.c.case_id).where(
            cases.c.tenant_id == tenant_id,
            or_(cases.c.case_id.in_(spellings), cases.c.shipment_id.in_(spellings)),
        )
        with self._engine.connect() as connection:
            return connection.execute(query.limit(1)).first() is not None
