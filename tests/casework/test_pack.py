"""A pack proves one case offline; any changed byte fails it and names the place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from casework.canonical import canonical_bytes, sha256_hex
from casework.errors import CaseNotFound, NotPermitted
from casework.escalations.escalation import fire_due
from casework.evidence import archive, pack
from casework.evidence.keys import Keys
from casework.model import Action, Publication
from tests.casework.office import (
    AUDITOR,
    CARRIER,
    CUSTOMER,
    ENGINEER,
    TENANT,
    Office,
    exception,
    with_fact,
)


def rows_of(file_sha256: str, numbers: list[int]) -> list[dict[str, Any]]:
    return [{"row_number": number, "raw": f"{file_sha256[:4]},row {number}"} for number in numbers]


@pytest.fixture
def worked(office: Office) -> Office:
    """A case with two versions of its facts, an approval and a comment, among others of two tenants."""
    office.sync(exception(1), exception(2))
    office.casework.sync("health", Publication("pub-1"), [exception(7, tenant_id="health")])
    office.perform(office.case_id(), Action.START)
    office.sync(with_fact(exception(1), "late_probability", 0.91), exception(2), publication="pub-2")
    office.approve(office.draft())
    office.perform(office.case_id(), Action.COMMENT, text="called, no answer")
    return office


def exported(office: Office, name: str = "case.zip") -> pack.Exported:
    auditor = office.who(AUDITOR)
    target = office.home / "evidence" / name
    return pack.export(office.casework, auditor, TENANT, office.case_id(), target, source_rows=rows_of)


def test_a_pack_verifies_with_nothing_but_itself_and_the_public_key(worked: Office, tmp_path: Path) -> None:
    made = exported(worked)
    key = worked.casework.keys.write_public(tmp_path / "public.pem")
    alone = tmp_path / "alone.zip"
    alone.write_bytes(made.path.read_bytes())
    report = pack.verify(alone, key)
    assert (report.ok, report.case_id) == (True, worked.case_id())
    assert report.entries == len(worked.detail(who=AUDITOR).audit)


def test_a_notice_to_the_tenants_own_people_is_covered_by_the_step_that_told_it(worked: Office) -> None:
    worked.clock.forward(days=1)
    assert fire_due(worked.casework.desk, worked.clock()) > 0
    assert "team_mail" in {effect.target for effect in worked.detail().effects}
    assert pack.verify(exported(worked).path, worked.casework.keys.public).ok


def test_a_pack_holds_what_the_case_rests_on(worked: Office) -> None:
    members = archive.members_of(exported(worked).path.read_bytes())
    parts = {name: json.loads(content) for name, content in members.items()}
    assert [version["facts_version"] for version in parts["facts.json"]] == [1, 2]
    assert parts["facts.json"][1]["lineage"]["dagster_run_id"] == "run-1"
    assert parts[f"sources/{'ab' * 32}.json"] == [{"row_number": 1, "raw": "abab,row 1"}]
    assert len(parts["approvals.json"]) == 1
    assert {e["approval_id"] for e in parts["effects.json"]} == {parts["approvals.json"][0]["approval_id"]}
    assert len(parts["draft_versions.json"]) == 6
    assert any(message["body"] == "called, no answer" for message in parts["messages.json"])
    listed = {item["name"]: item["sha256"] for item in parts["manifest.json"]["members"]}
    assert listed == {n: sha256_hex(content) for n, content in members.items() if n != "manifest.json"}


def test_a_pack_tells_nothing_of_other_cases_or_tenants(worked: Office) -> None:
    data = exported(worked).path.read_bytes()
    for stranger in (b"SH-2", b"SH-7", b"health", b"D-000002", b"H-000001"):
        assert stranger not in data, stranger


def test_the_same_case_makes_the_same_bytes(sqlite_office: Office) -> None:
    """Only what the export itself added to the log, and the signatures over it, differ."""
    sqlite_office.sync(exception(1))
    first = archive.members_of(exported(sqlite_office, "a.zip").path.read_bytes())
    second = archive.members_of(exported(sqlite_office, "b.zip").path.read_bytes())
    differing = {name for name in first if first[name] != second[name]}
    assert differing == {"manifest.json", "chain.json", "checkpoint.json"}
    keys = sqlite_office.casework.keys
    assert archive.write(first, keys) == archive.write(dict(first), keys)


def test_every_changed_byte_fails_and_names_the_member_it_is_in(sqlite_office: Office) -> None:
    sqlite_office.sync(exception(1))
    data = exported(sqlite_office).path.read_bytes()
    key = sqlite_office.casework.keys.public
    places = regions(data)
    assert places[-1][1] == len(data)
    for start, end, place in places:
        # Every byte of headers, directory and signatures; of long contents both ends and a sample between.
        step = 1 if end - start < 400 else 97
        for at in sorted({*range(start, end, step), start, end - 1}):
            for mask in (0x01, 0x80):
                changed = bytearray(data)
                changed[at] ^= mask
                broken = archive.problem_of(bytes(changed), key)
                assert broken is not None, (at, place)
                assert broken.place == place, (at, place, broken)


def regions(data: bytes) -> list[tuple[int, int, str]]:
    """Where each member lies, from the archive's own layout: (first byte, end, what must be named)."""
    found, at = [], 0
    for name, content in archive.members_of(data).items():
        end = at + archive.HEADER + len(name) + len(content)
        found.append((at, end, name))
        at = end
    block = len(data) - archive.BLOCK_LENGTH
    return [*found, (at, block, "zip directory"), (block, len(data), "signature block")]


@pytest.mark.parametrize("cut", [1, 7, 300, 2000])
def test_a_shortened_or_lengthened_pack_fails(sqlite_office: Office, cut: int) -> None:
    sqlite_office.sync(exception(1))
    data = exported(sqlite_office).path.read_bytes()
    key = sqlite_office.casework.keys.public
    middle = len(data) // 2
    for changed in (
        data[:-cut],
        data[cut:],
        data + b"x" * cut,
        b"x" * cut + data,
        data[:middle] + data[middle + cut :],
        data[:middle] + b"x" * cut + data[middle:],
        b"",
    ):
        assert archive.problem_of(changed, key) is not None


def test_a_pack_signed_by_another_key_is_refused(worked: Office, tmp_path: Path) -> None:
    made = exported(worked)
    report = pack.verify(made.path, Keys(tmp_path / "other").public)
    assert (report.ok, report.place) == (False, "manifest.json")
    assert "another key" in report.sentence


@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("case.json", {"state": "closed"}),
        ("audit.json", {"actor": "person:lead"}),
        ("audit.json", {"payload": {}}),
        ("chain.json", {"previous_hash": "1" * 64}),
        ("checkpoint.json", {"sequence": 999}),
        ("effects.json", {"payload_sha256": "2" * 64}),
        ("effects.json", {"approval_id": "none"}),
        ("effects.json", {"target": "team_mail"}),
    ],
)
def test_a_pack_whose_members_contradict_each_other_fails_even_when_it_is_signed(
    sqlite_office: Office, member: str, change: dict[str, Any], tmp_path: Path
) -> None:
    """Whoever has the key can sign a lie, but not one that the chain and the hashes inside give away."""
    office = sqlite_office
    office.sync(exception(1))
    office.approve(office.draft())
    members = archive.members_of(exported(office).path.read_bytes())
    content = json.loads(members[member])
    target = content[0] if isinstance(content, list) else content
    target |= change
    members[member] = canonical_bytes(content)
    manifest = json.loads(members["manifest.json"])
    for item in manifest["members"]:
        item |= {"size": len(members[item["name"]]), "sha256": sha256_hex(members[item["name"]])}
    members["manifest.json"] = canonical_bytes(manifest)
    forged = tmp_path / "forged.zip"
    forged.write_bytes(archive.write(members, office.casework.keys))
    report = pack.verify(forged, office.casework.keys.public)
    assert not report.ok
    assert report.place is not None


def test_only_whoever_may_export_gets_a_pack_and_the_export_is_in_the_log(worked: Office) -> None:
    target = worked.home / "x.zip"
    for who, refusal in ((CUSTOMER, NotPermitted), (CARRIER, NotPermitted), (ENGINEER, CaseNotFound)):
        with pytest.raises(refusal):
            pack.export(worked.casework, worked.who(who), TENANT, worked.case_id(), target)
    assert not target.exists()
    made = exported(worked)
    from casework.evidence.chain import entries_of

    with worked.casework.desk.reading_across() as connection:
        last = list(entries_of(connection, TENANT))[-1]
    assert (last["action"], last["actor"]) == ("evidence:exported", AUDITOR)
    assert last["payload"]["details"]["sha256"] == made.sha256 == sha256_hex(made.path.read_bytes())
