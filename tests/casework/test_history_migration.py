"""A store that grew up without redactions and kept statements gets both, loses nothing, and can go back."""

from __future__ import annotations

import shutil
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import inspect, select, text, update

from casework.approvals import approval
from casework.config import HERE
from casework.errors import NotFound
from casework.model import Action, Grant, Role
from casework.store.append_only import unprotect
from casework.store.engine import MIGRATIONS, migrate, owning
from casework.store.tables import (
    audit_entries,
    case_evidence,
    cases,
    delegations,
    grants,
    priority_weights,
    sign_offs,
)
from tests.casework.office import (
    ADMIN,
    APPROVER,
    AUDITOR,
    LEAD,
    OWN_CUSTOMER,
    TENANT,
    Office,
    exception,
    with_fact,
)


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


def test_approvals_delegations_bands_and_weights_survive_going_back_a_version(
    office: Office, tmp_path: Path
) -> None:
    rules = {"tiers": [{"name": "two", "roles": ["approver", "ops_lead"], "approvals": 2}]}
    office.configure(approval=rules)
    office.sync(exception(1), exception(2))
    lead, until = office.who(LEAD), office.clock.at + timedelta(days=2)
    office.casework.delegate_approval(lead, TENANT, AUDITOR, until=until, reason="leave")
    office.casework.give(AUDITOR, Grant(TENANT, Role.APPROVER, approve_up_to=Decimal("5000.00")), ADMIN)
    for who in (APPROVER, LEAD):
        office.approve(office.draft(case_id=office.case_id("predicted_late:SH-1")), who)
    office.approve(office.draft(case_id=office.case_id("predicted_late:SH-2")), APPROVER)
    shutil.copytree(HERE, tmp_path / "config")
    demo = tmp_path / "config" / "tenants" / "demo.yml"
    demo.write_text(demo.read_text() + "priority: {weights: {revenue: 2}}\n")
    office.casework.config_apply(tmp_path / "config")
    tables = (sign_offs, delegations, grants, priority_weights, cases)
    before = {table.name: rows(office, table) for table in tables}
    assert all(before.values())

    downgrade(office, "0005")
    assert "sign_offs" not in inspect(office.engine).get_table_names()
    migrate(office.engine)
    assert {table.name: rows(office, table) for table in tables} == before
    assert office.casework.verify_audit(TENANT).ok
    office.casework.end_delegation(lead, TENANT, before["delegations"][0]["delegation_id"], "back")
    second = office.draft(case_id=office.case_id("predicted_late:SH-2"))
    assert office.approve(second, LEAD).decision == "approved"


def test_what_was_approved_before_approvals_gathered_still_leaves(office: Office) -> None:
    office.sync(exception(1))
    office.approve(office.draft())
    with office.engine.begin() as connection:  # as a store from before: its log tells no sign-off
        kept = connection.execute(select(sign_offs)).mappings().one()
    downgrade(office, "0005")
    with owning(office.engine) as connection:
        unprotect(connection, ("audit_entries",))
        entry = connection.execute(
            select(audit_entries).where(audit_entries.c.action == "draft:approved")
        ).mappings().one()  # fmt: skip
        details = {name: value for name, value in entry["payload"]["details"].items() if name != "sign_off"}
        connection.execute(
            update(audit_entries)
            .where(audit_entries.c.sequence == entry["sequence"], audit_entries.c.tenant_id == TENANT)
            .values(payload=entry["payload"] | {"details": details})
        )
    migrate(office.engine)
    (made,) = rows(office, sign_offs)
    same = ("draft_id", "draft_version", "approver", "content_sha256", "recipients_sha256", "expires_at")
    assert {name: made[name] for name in same} == {name: kept[name] for name in same}
    with office.casework.desk.reading_across() as connection:
        found = {
            approval.why_not_sent(connection, office.config, effect, office.clock())
            for effect in office.effects()
        }
    assert found == {None}
