"""A store that grew up without redactions and kept statements gets both, loses nothing, and can go back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import inspect, select, text

from casework.errors import NotFound
from casework.model import Action
from casework.store.engine import MIGRATIONS, migrate, owning
from casework.store.tables import audit_entries, case_evidence
from tests.casework.office import LEAD, OWN_CUSTOMER, TENANT, Office, exception, with_fact


def downgrade(office: Office, to: str) -> None:
    with owning(office.engine) as connection:
        config = AlembicConfig()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, to)


def rows(office: Office, table: Any) -> list[dict[str, Any]]:
    with office.casework.desk.reading_across() as connection:
        found = connection.execute(select(table).where(table.c.tenant_id == TENANT)).mappings()
        return sorted((dict(row) for row in found), key=repr)


def test_an_older_store_is_brought_forward_with_what_its_cases_state(office: Office) -> None:
    office.sync(exception(1), exception(2))
    office.perform(office.case_id(), Action.START)
    office.clock.forward(hours=1)
    changed = office.clock.at
    office.sync(with_fact(exception(1), "late_probability", 0.95), exception(2), publication="pub-2")
    before, told = rows(office, case_evidence), rows(office, audit_entries)
    lead, now = office.who(LEAD), office.clock.at
    known = office.casework.as_known_at(lead, TENANT, office.case_id(), now)

    downgrade(office, "0001")
    assert "redactions" not in inspect(office.engine).get_table_names()
    with pytest.raises(Exception, match="append-only"), office.engine.begin() as connection:
        connection.execute(text("update audit_entries set payload = '{}'"))
    migrate(office.engine)

    newest = {(row["case_id"], row["facts_version"]) for row in before} - {(office.case_id(), 1)}
    after = rows(office, case_evidence)
    kept = {(r["case_id"], r["facts_version"]): r["stated"] for r in after}
    was = {(r["case_id"], r["facts_version"]): r["stated"] for r in before}
    assert {key: kept[key] for key in newest} == {key: was[key] for key in newest}
    assert kept[(office.case_id(), 1)] is None, "what an earlier version stated was not kept then"
    assert rows(office, audit_entries) == told
    assert office.casework.as_known_at(lead, TENANT, office.case_id(), now) == known
    with pytest.raises(NotFound, match="was not kept yet"):
        office.casework.as_known_at(lead, TENANT, office.case_id(), changed - timedelta(minutes=30))
    assert office.casework.verify_audit(TENANT).ok
    office.perform(office.case_id(), Action.DISMISS, reason="arrived")
    assert office.casework.erase_party(lead, TENANT, OWN_CUSTOMER, "request 1").values
    assert office.casework.verify_audit(TENANT).ok
