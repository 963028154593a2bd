"""What was kept long enough loses its content, once; what a hold or a claim needs stays."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from casework.access.links import NewLink
from casework.config import HERE, load_config
from casework.errors import ConfigError
from casework.evidence import chain, pack, retention
from casework.model import Action, Role
from casework.store.engine import writing_across
from casework.store.tables import audit_entries, quarantined_rows, usage
from tests.casework.office import AUDITOR, CONFIG, CUSTOMER, LEAD, OWN_CUSTOMER, TENANT, Office, exception

WORDS = "the lorry stands in Linz"


@pytest.fixture
def ended(office: Office) -> Office:
    """Two cases with words in them, dismissed; a third one that is still worked."""
    office.sync(exception(1), exception(2, customer_id="OTHER"), exception(3))
    for number in (1, 2, 3):
        office.perform(office.case_id(f"predicted_late:SH-{number}"), Action.COMMENT, text=WORDS)
    office.approve(office.draft())
    for number in (1, 2):
        office.perform(office.case_id(f"predicted_late:SH-{number}"), Action.DISMISS, reason="arrived")
    return office


def due(office: Office) -> dict[str, tuple[int, int]]:
    return {found.record_class: (found.due, found.held) for found in office.casework.retention_plan(TENANT)}


def bodies(office: Office, number: int) -> list[str]:
    detail = office.detail(office.case_id(f"predicted_late:SH-{number}"), AUDITOR)
    return [message.body for message in detail.messages]


def test_content_runs_out_by_the_schedule_and_never_before(ended: Office) -> None:
    for name in ("case_messages", "case_evidence"):
        assert due(ended)[name] == (0, 0)
    ended.clock.forward(days=CONFIG.retention.classes["case_messages"].keep_days - 1)
    assert due(ended)["case_messages"] == (0, 0)
    ended.clock.forward(days=2)
    assert due(ended)["case_messages"] == (2, 0)
    assert bodies(ended, 1) == [WORDS], "a plan changes nothing"
    done = {found.record_class: found.emptied for found in ended.casework.retention_apply(TENANT)}
    assert done == {
        "case_messages": 2,
        "case_evidence": 2,
        "quarantined_rows": 0,
        "link_views": 0,
        "usage": 0,
        "case_history": 0,
    }
    assert bodies(ended, 1) == bodies(ended, 2) == ["[erased]"]
    assert bodies(ended, 3) == [WORDS]
    assert {fact.value for fact in ended.detail().facts} == {"[erased]", None}
    assert all(draft.content["subject"] == "[erased]" for draft in ended.detail().drafts)
    assert WORDS not in repr(ended.detail(who=AUDITOR))
    assert ended.detail().history[-1].details["reason"] == "arrived", "who decided what, and why, stays"
    assert ended.casework.verify_audit(TENANT).ok


def test_running_it_again_changes_nothing(ended: Office) -> None:
    ended.clock.forward(days=2000)
    ended.casework.retention_apply(TENANT)
    entries = ended.casework.verify_audit(TENANT).entries
    assert {found.emptied for found in ended.casework.retention_apply(TENANT)} == {0}
    assert ended.casework.verify_audit(TENANT).entries == entries


def test_held_cases_and_parties_do_not_run_out(ended: Office) -> None:
    lead = ended.who(LEAD)
    first = ended.casework.legal_hold(lead, TENANT, party_id=OWN_CUSTOMER, reason="claim 9")
    case_id = ended.case_id("predicted_late:SH-2")
    ended.casework.legal_hold(lead, TENANT, case_id=case_id, reason="claim 10")
    ended.clock.forward(days=2000)
    assert due(ended)["case_messages"] == (0, 2)
    ended.casework.retention_apply(TENANT)
    assert bodies(ended, 1) == bodies(ended, 2) == [WORDS]
    ended.casework.release_hold(lead, TENANT, first.hold_id, "settled")
    ended.casework.retention_apply(TENANT)
    assert (bodies(ended, 1), bodies(ended, 2)) == (["[erased]"], [WORDS])


def test_a_pack_of_a_case_that_ran_out_still_verifies(ended: Office, tmp_path: Path) -> None:
    ended.clock.forward(days=2000)
    ended.casework.retention_apply(TENANT)
    target = tmp_path / "case.zip"
    pack.export(ended.casework, ended.who(AUDITOR), TENANT, ended.case_id(), target)
    report = pack.verify(target, ended.casework.keys.public)
    assert report.ok, report.sentence
    assert ended.casework.get(ended.who(CUSTOMER), TENANT, ended.case_id()).case.case_id


def test_rows_that_prove_nothing_go_and_refused_rows_lose_their_content(office: Office) -> None:
    now = office.clock()
    row = {
        "tenant_id": TENANT, "quarantine_id": "q1", "feed": "orders", "file_sha256": "0" * 64, "file_name": "a",
        "row_number": 1, "rule": "type", "message": "m", "raw": "Erika;x", "values": {"name": "Erika"},
        "state": "ignored", "quarantined_at": now,
    }  # fmt: skip
    call = {
        "tenant_id": TENANT, "usage_id": "u1", "kind": "model_call", "purpose": "draft", "quantity": 1,
        "unit": "call", "cost": 0, "currency_code": "USD", "started_at": now,
    }  # fmt: skip
    with writing_across(office.engine) as connection:
        connection.execute(
            insert(quarantined_rows),
            [row, row | {"quarantine_id": "q2", "row_number": 2, "state": "quarantined"}],
        )
        connection.execute(insert(usage), [call, call | {"tenant_id": "health"}])
    office.clock.forward(days=800)
    assert (due(office)["quarantined_rows"], due(office)["usage"]) == ((1, 0), (1, 0))
    office.casework.retention_apply(TENANT)
    with office.engine.connect() as connection:
        raws = connection.execute(select(quarantined_rows).order_by(quarantined_rows.c.quarantine_id)).all()
        assert [(found.raw, found.values) for found in raws] == [
            ("[erased]", None),
            ("Erika;x", {"name": "Erika"}),
        ]
        assert connection.scalar(select(func.count()).select_from(usage)) == 1


@pytest.mark.parametrize("is_held", [False, True])
def test_from_where_a_link_was_opened_runs_out_and_that_it_was_opened_stays(
    office: Office, is_held: bool
) -> None:
    office.sync(exception(1))
    door, began = office.casework, office.clock()
    link = NewLink(
        party_role=Role.CUSTOMER,
        party_id=OWN_CUSTOMER,
        reason="They asked.",
        expires_at=began + timedelta(days=2),
    )
    made, token = door.make_link(office.who(LEAD), TENANT, link)
    door.open_link(token, "203.0.113.9", "A browser of theirs")
    if is_held:
        door.legal_hold(office.who(LEAD), TENANT, party_id=OWN_CUSTOMER, reason="claim 7")
    office.clock.at += timedelta(days=CONFIG.retention.classes["link_views"].keep_days - 1)
    assert due(office)["link_views"] == (0, 0)
    office.clock.at += timedelta(days=2)
    assert due(office)["link_views"] == ((0, 1) if is_held else (1, 0))
    for _ in range(2):
        door.retention_apply(TENANT)
    (view,) = door.link_views(office.who(LEAD), TENANT, link_id=made.link_id)
    assert view.viewed_at == began
    with office.engine.connect() as connection:
        said = repr(connection.execute(select(audit_entries.c.payload)).all()) + repr(view)
    assert ("A browser of theirs" in said) is is_held
    assert (view.user_agent == view.address_hash == "[erased]") is not is_held
    assert due(office)["link_views"] == ((0, 1) if is_held else (0, 0))
    assert chain.verify(door, TENANT).ok


def test_cases_are_emptied_in_steps_that_each_end(ended: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK", 1)
    ended.clock.forward(days=2000)
    ended.casework.retention_apply(TENANT)
    assert bodies(ended, 1) == bodies(ended, 2) == ["[erased]"]
    assert ended.casework.verify_audit(TENANT).ok


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("keep_days: 1096 # three years", "keep_days: 200", "before a claim can no longer be made"),
        ("minimum_days: 275", "minimum_days: 90", "greater than or equal to 275"),
        ("keep_days: null", "keep_days: 9999", "kept for ever"),
    ],
)
def test_a_schedule_that_forgets_what_a_claim_needs_is_refused(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    folder = tmp_path / "config"
    shutil.copytree(HERE, folder)
    path = folder / "retention.yml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError, match=reason):
        load_config(folder)
