"""What must be forgotten leaves every record, what must be kept stays, and the log verifies throughout."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from casework.access.links import NewLink
from casework.canonical import canonical_bytes, canonical_sha256, sha256_hex
from casework.errors import DetailsRefused, LinkRefused, NotPermitted, RecordHeld
from casework.evidence import archive, chain, erasure, pack
from casework.model import Action, Contact, Role
from casework.store.append_only import ERASABLE
from casework.store.engine import writing_across
from casework.store.tables import audit_entries, cases, contacts, metadata, redactions
from tests.casework.office import (
    AUDITOR,
    CUSTOMER,
    LEAD,
    OWN_CUSTOMER,
    PLANNER,
    TENANT,
    Office,
    exception,
)
from tests.casework.test_audit import Tampering

ADDRESS, NAME, WORDS = "erika@acme.example", "Erika Müller", "My phone is +49 30 901820"
RIGHT = {"resolution_code": "mitigated", "root_cause_code": "carrier_capacity"}


def everything(office: Office) -> str:
    """All that the store holds of any tenant, as text with its JSON escapes taken out."""
    found = []
    with office.engine.connect() as connection:
        for table in [*erasure.PLACES, contacts, cases]:
            found += [repr(dict(row)) for row in connection.execute(select(table)).mappings()]
    return "\n".join(found)


@pytest.fixture
def worked(office: Office) -> Office:
    """A case whose customer wrote, was written to, and is named; another customer's case beside it."""
    mine = Contact(OWN_CUSTOMER, "mail", "customer", NAME, ADDRESS, True)
    theirs = Contact("OTHER", "mail", "customer", "Other Firm", "post@other.example", True)
    office.casework.put_contacts(TENANT, [mine, theirs], "service:orchestration")
    named = tuple(f if f.fact_id != "customer_name" else type(f)(**_with(f, NAME)) for f in exception().facts)
    office.sync(exception(1, facts=named), exception(2, customer_id="OTHER"))
    office.perform(office.case_id(), Action.COMMENT, CUSTOMER, text=WORDS)
    office.perform(office.case_id("predicted_late:SH-2"), Action.COMMENT, LEAD, text="nothing personal")
    office.approve(office.draft())
    office.perform(office.case_id(), Action.START, PLANNER)
    return office


def _with(fact: Any, value: str) -> dict[str, Any]:
    return {name: getattr(fact, name) for name in fact.__slots__} | {"value": value}


def dismissed(office: Office) -> Office:
    office.perform(office.case_id(), Action.DISMISS, reason="delivered")
    return office


def erase(office: Office, who: str = LEAD) -> Any:
    return office.casework.erase_party(office.who(who), TENANT, OWN_CUSTOMER, "request 17")


def test_what_opened_something_to_an_erased_party_opens_nothing_any_more(worked: Office) -> None:
    dismissed(worked)
    door = worked.casework

    def made(party: str) -> tuple[str, str]:
        until = worked.clock() + timedelta(hours=40)
        link = NewLink(party_role=Role.CUSTOMER, party_id=party, reason="They asked.", expires_at=until)
        found, token = door.make_link(worked.who(LEAD), TENANT, link)
        return found.link_id, token

    (mine, token), (theirs, _) = made(OWN_CUSTOMER), made("OTHER")
    visitor = door.open_link(token)
    erase(worked)
    with pytest.raises(LinkRefused):
        door.open_link(token)
    with pytest.raises(LinkRefused):
        door.session(visitor)
    standing = {
        link.link_id: link.state for link in door.partner_links(worked.who(LEAD), TENANT, include_ended=True)
    }
    assert standing == {mine: "revoked", theirs: "open"}
    assert chain.verify(door, TENANT).ok


def test_an_erased_party_is_in_no_record_and_the_log_still_verifies(worked: Office) -> None:
    dismissed(worked)
    before = everything(worked)
    assert all(secret in before for secret in (ADDRESS, NAME, WORDS))
    done = erase(worked)
    after = everything(worked)
    for secret in (ADDRESS, NAME, WORDS, json.dumps(NAME)[1:-1]):
        assert secret not in after, secret
    assert done.values >= 8
    assert "post@other.example" in after and "nothing personal" in after
    report = worked.casework.verify_audit(TENANT)
    assert report.ok, report.sentence
    assert worked.detail().case.state == "dismissed"
    assert WORDS not in repr(worked.detail()) and "[erased]" in repr(worked.detail())


def test_a_common_word_somebody_wrote_is_not_taken_out_of_other_records(worked: Office) -> None:
    for said in ("late", "high", "delivered"):
        worked.perform(worked.case_id(), Action.COMMENT, CUSTOMER, text=said)
    worked.perform(
        worked.case_id("predicted_late:SH-2"), Action.COMMENT, LEAD, text="late, it seems; Erika Müllers"
    )
    erase(dismissed(worked))
    opened = worked.detail().history[0].details
    assert opened["exception_key"] == "predicted_late:SH-1"
    assert worked.detail().history[-1].details["reason"] == "delivered"
    assert [m.body for m in worked.detail().messages] == ["[erased]"] * 4
    other = worked.detail(worked.case_id("predicted_late:SH-2"))
    assert other.messages[-1].body == "late, it seems; Erika Müllers", "another name that begins the same"
    assert worked.casework.verify_audit(TENANT).ok


def test_what_happens_later_neither_brings_the_address_back_nor_breaks_the_log(worked: Office) -> None:
    erase(dismissed(worked))
    worked.sync(publication="pub-gone")
    worked.sync(exception(1), publication="pub-back")
    worked.perform(worked.case_id(), Action.START, PLANNER)
    assert worked.casework.verify_audit(TENANT).ok
    with worked.engine.connect() as connection:
        kept = (
            connection.execute(select(contacts).where(contacts.c.party_id == OWN_CUSTOMER)).mappings().all()
        )
    assert {(row["address"], row["is_verified"]) for row in kept} == {("[erased]", False)}
    again = Contact(OWN_CUSTOMER, "mail", "customer", "Another name", "new@acme.example", True)
    worked.casework.put_contacts(TENANT, [again], "service:orchestration")
    erase(worked)
    assert "new@acme.example" not in everything(worked)
    assert worked.casework.verify_audit(TENANT).ok


def test_a_pack_of_a_redacted_case_verifies_and_still_names_tampering(worked: Office, tmp_path: Path) -> None:
    erase(dismissed(worked))
    target = tmp_path / "case.zip"
    pack.export(worked.casework, worked.who(AUDITOR), TENANT, worked.case_id(), target)
    key = worked.casework.keys.public
    report = pack.verify(target, key)
    assert report.ok, report.sentence
    members = archive.members_of(target.read_bytes())
    assert ADDRESS.encode() not in target.read_bytes()
    told = json.loads(members["redactions.json"])
    assert {row["table_name"] for row in told} >= {"audit_entries", "effects", "messages", "approvals"}
    for name, change in (
        ("audit.json", lambda rows: _at(rows, "payload")["payload"]["details"].update(note="added")),
        ("effects.json", lambda rows: rows[0]["payload"].update(body="something else")),
        ("redactions.json", lambda rows: [row.update(signature="00" * 64) for row in rows]),
        ("redactions.json", list.clear),
    ):
        forged = tmp_path / "forged.zip"
        forged.write_bytes(resigned(worked, members, name, change))
        assert not pack.verify(forged, key).ok, name


def _at(rows: list[dict[str, Any]], _column: str) -> dict[str, Any]:
    return next(row for row in rows if canonical_sha256(row["payload"]) != row["payload_sha256"])


def resigned(office: Office, members: dict[str, bytes], name: str, change: Any) -> bytes:
    """The pack with one member changed, signed again by somebody who has the installation's key."""
    parts, content = dict(members), json.loads(members[name])
    change(content)
    parts[name] = canonical_bytes(content)
    manifest = json.loads(parts["manifest.json"])
    for item in manifest["members"]:
        item |= {"size": len(parts[item["name"]]), "sha256": sha256_hex(parts[item["name"]])}
    parts["manifest.json"] = canonical_bytes(manifest)
    return archive.write(parts, office.casework.keys)


def test_tampering_behind_a_redaction_is_found(sqlite_office: Office) -> None:
    attack = Tampering(_erased(sqlite_office))
    assert attack.after().ok
    redacted = [r for r in attack.rows() if "[erased]" in r["payload"]]
    assert redacted
    at = redacted[0]["sequence"]
    other = json.dumps(json.loads(redacted[0]["payload"]) | {"details": {"note": "a lie"}})
    lie = ("update audit_entries set payload = ? where tenant_id = ? and sequence = ?", (other, TENANT, at))
    assert attack.after(lie).position == at
    told = ("update redactions set replacement = ?, replacement_sha256 = ? where row_key = ? and table_name = ?",
            (other, canonical_sha256(json.loads(other)), str(at), "audit_entries"))  # fmt: skip
    assert attack.after(lie, told).position == at
    for statement in (
        "delete from redactions",
        "delete from redactions where table_name = 'messages'",
        "update redactions set original_sha256 = replacement_sha256",
        "update redactions set column_name = 'x' where table_name = 'effects'",
        "insert into redactions select tenant_id, 'new', erasure_id, table_name, row_key, column_name, "
        "replacement, original_sha256, replacement_sha256, redacted_at, signature from redactions limit 1",
    ):
        assert not attack.after((statement, ())).ok, statement


def _erased(office: Office) -> Office:
    office.sync(exception(1))
    mine = Contact(OWN_CUSTOMER, "mail", "customer", NAME, ADDRESS, True)
    office.casework.put_contacts(TENANT, [mine], "service:orchestration")
    office.approve(office.draft())
    office.perform(office.case_id(), Action.COMMENT, CUSTOMER, text=WORDS)
    erase(dismissed(office))
    return office


def test_history_is_not_changed_without_a_redaction_that_says_exactly_so(worked: Office) -> None:
    with worked.engine.connect() as connection:
        entry = connection.execute(
            select(audit_entries).where(audit_entries.c.tenant_id == TENANT).limit(1)
        ).mappings().one()  # fmt: skip
    told = {"details": "[erased]"}
    row = {
        "tenant_id": TENANT, "redaction_id": "r1", "erasure_id": "e1", "table_name": "audit_entries",
        "row_key": str(entry["sequence"]), "column_name": "payload", "replacement": told,
        "original_sha256": "0" * 64, "replacement_sha256": "0" * 64, "redacted_at": worked.clock(),
        "signature": "00" * 64,
    }  # fmt: skip
    here = (audit_entries.c.tenant_id == TENANT, audit_entries.c.sequence == entry["sequence"])
    refused = [
        update(audit_entries).where(*here).values(payload=told),
        update(audit_entries).where(*here).values(payload={"details": "another"}),
        update(audit_entries).where(*here).values(payload=told, actor="person:nobody"),
        update(audit_entries).where(*here).values(entry_hash="0" * 64),
    ]
    _refused(worked, refused[0])
    with writing_across(worked.engine) as connection:
        connection.execute(insert(redactions), [row])
    for statement in refused[1:]:
        _refused(worked, statement)
    _refused(worked, audit_entries.delete().where(*here))
    _refused(worked, update(redactions).values(signature="11" * 64))
    with writing_across(worked.engine) as connection:
        connection.execute(refused[0])
    assert not worked.casework.verify_audit(TENANT).ok, "a redaction without our signature is tampering"


def test_every_column_of_history_either_never_changes_or_can_be_redacted() -> None:
    for name, (keys, erasable, fixed) in ERASABLE.items():
        assert sorted(("tenant_id", *keys, *erasable, *fixed)) == sorted(metadata.tables[name].c.keys()), name


def _refused(office: Office, statement: Any) -> None:
    with pytest.raises(Exception, match="append-only"), office.engine.begin() as connection:
        connection.execute(statement)


# --- holds -----------------------------------------------------------------------------------------------


def test_what_is_held_is_not_erased_and_says_so(worked: Office) -> None:
    dismissed(worked)
    lead, auditor = worked.who(LEAD), worked.who(AUDITOR)
    for subject in ({"case_id": worked.case_id()}, {"party_id": OWN_CUSTOMER}):
        hold = worked.casework.legal_hold(auditor, TENANT, **subject, reason="claim 4711")
        with pytest.raises(RecordHeld, match="under legal hold since .* \\(claim 4711\\)"):
            erase(worked)
        assert ADDRESS in everything(worked)
        worked.casework.release_hold(lead, TENANT, hold.hold_id, "settled")
    assert erase(worked).values
    assert [hold.release_reason for hold in worked.casework.legal_holds(lead, TENANT)] == ["settled"] * 2
    said = [entry["action"] for entry in _entries(worked)]
    assert said.count("record:held") == said.count("record:hold:released") == 2
    assert said.count("record:erased") == 1


def _entries(office: Office) -> list[dict[str, Any]]:
    with office.casework.desk.reading_across() as connection:
        return list(chain.entries_of(connection, TENANT))


def test_nothing_is_erased_that_is_still_to_leave(worked: Office) -> None:
    with pytest.raises(DetailsRefused, match="still under way"):
        erase(worked)


def test_only_who_may_holds_erases_or_sees_what_is_held_of_a_party(worked: Office) -> None:
    case_id = worked.case_id()
    for who in (PLANNER, CUSTOMER):
        stranger = worked.who(who)
        for attempt in (
            lambda who=stranger: worked.casework.erase_party(who, TENANT, OWN_CUSTOMER, "x"),
            lambda who=stranger: worked.casework.personal_data(who, TENANT, OWN_CUSTOMER),
            lambda who=stranger: worked.casework.legal_hold(who, TENANT, case_id=case_id, reason="x"),
            lambda who=stranger: worked.casework.legal_holds(who, TENANT),
        ):
            with pytest.raises(NotPermitted):
                attempt()
    found = worked.casework.personal_data(worked.who(LEAD), TENANT, OWN_CUSTOMER)
    assert found.addresses[0] == ADDRESS
    assert found.case_ids == (case_id,)
    assert _entries(worked)[-1]["action"] == "personal:data:read"
    with pytest.raises(DetailsRefused, match="exactly one"):
        worked.casework.legal_hold(worked.who(LEAD), TENANT, reason="x")
