"""Every X12 file has one answer, with numbers that nobody else has, whatever is killed in between."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import insert
from typer.testing import CliRunner

from casework import ledger
from casework.answers import FileAnswer, next_number, record, unanswered
from casework.ledger import ATTEMPTS_ALLOWED, FileKey
from casework.store.engine import reading, writing
from casework.store.tables import acknowledgements, ingested_files
from data.contract import load_contract, load_contracts
from data.formats.x12.acknowledgment import acknowledge
from orchestration import acknowledging
from orchestration.acknowledging import AnswersNotLaid, answers_waiting
from orchestration.cli import app
from orchestration.loading import waiting_for
from orchestration.resources import Platform
from tests.answering import AT, begin, laid, land, load, load_in_a_process, opened
from tests.data.interchanges import PLAIN, STATUS, feed, group, interchange, message, renamed, transaction

BROKEN = STATUS.replace("*ACME", "")
LOWER = STATUS.replace("*SHIP9*ACME", "*SHIP9*acme")
OTHER = renamed(PLAIN, sender="BETACARRIER")
POINTS = [
    "ledger:before-settle-commit",
    "answer:before-made",
    "answer:after-keep-before-record",
    "answer:before-record-commit",
    "answer:after-record-before-lay",
    "answer:after-part-before-rename",
    "answer:after-lay-before-noted",
]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose stores hold nothing."""
    home = tmp_path_factory.mktemp("empty") / "var"
    begin(home)
    return home


@pytest.fixture
def platform(empty: Path, tmp_path: Path) -> Platform:
    """A platform that has loaded nothing yet."""
    shutil.copytree(empty, tmp_path / "var")
    return opened(tmp_path / "var")


def answers(platform: Platform, of: str | None = None) -> list[FileAnswer]:
    """What was recorded, in the order of the numbers."""
    found = platform.casework.file_answers(platform.casework.operator(), "demo", feed=of)
    return sorted(found, key=lambda one: (one.partner_id or "", one.control_number or 0))


def said(platform: Platform, of: str | None = None) -> list[tuple[Any, ...]]:
    """Kind, partner, number and verdict of everything that was recorded."""
    return [(one.kind, one.partner_id, one.control_number, one.verdict) for one in answers(platform, of)]


def segments(content: bytes) -> list[str]:
    return content.decode().split("~")[:-1]


def told(platform: Platform, *tags: str) -> list[str]:
    """The segments of these tags in everything that was laid."""
    return [one for body in laid(platform).values() for one in segments(body) if one.split("*")[0] in tags]


def test_a_sound_file_is_answered_once_by_a_file_that_is_kept_too(platform: Platform) -> None:
    land(platform, "acme_20261126T083000Z.edi", message("214", STATUS))
    assert load(platform).loaded == 2
    [one] = answers(platform)
    assert (one.kind, one.partner_id, one.control_number) == ("997", "ACMECARRIER", 1)
    assert (one.verdict, one.made_at, one.laid_at) == ("accepted", AT, AT)
    assert one.answer_name == f"20261126T083000Z_{one.file_sha256[:12]}_000000001.edi"
    assert list(laid(platform)) == [one.answer_name]
    body = laid(platform)[one.answer_name]
    assert body == acknowledge(feed("214"), message("214", STATUS), 1, AT)
    assert platform.originals.path(str(one.body_sha256)).read_bytes() == body
    load(platform)
    assert (answers(platform), list(laid(platform))) == ([one], [one.answer_name])
    assert answers_waiting(platform) == []


@pytest.mark.parametrize(
    ("bodies", "verdict", "code"),
    [
        ((STATUS, BROKEN), "partly", "AK9*P*2*2*1"),
        ((BROKEN,), "rejected", "AK9*R*1*1*0"),
        ((LOWER,), "accepted", "AK9*A*1*1*1"),
    ],
)
def test_the_answer_says_what_the_reader_found(
    platform: Platform, bodies: tuple[str, ...], verdict: str, code: str
) -> None:
    land(platform, "a.edi", message("214", *bodies))
    load(platform)
    assert said(platform) == [("997", "ACMECARRIER", 1, verdict)]
    assert told(platform, "AK9") == [code]


def test_a_refused_file_is_rejected_whatever_it_was_refused_for(platform: Platform) -> None:
    land(platform, "a.edi", message("214", STATUS).replace(b"IEA*1", b"IEA*2"))
    assert load(platform).refused == 1
    land(platform, "b.edi", message("214", STATUS, STATUS))
    assert load(platform, max_rows=1).refused == 1
    assert said(platform) == [("TA1", "ACMECARRIER", 1, "rejected"), ("TA1", "ACMECARRIER", 2, "rejected")]
    assert told(platform, "TA1") == ["TA1*000000001*261126*0830*R*021", "TA1*000000001*261126*0830*R*024"]


def test_what_nobody_can_be_told_is_recorded_with_its_reason(platform: Platform) -> None:
    land(platform, "a.edi", "UNB+UNOA")
    load(platform)
    [one] = answers(platform)
    assert (one.kind, one.control_number, one.answer_name) == ("none", None, None)
    assert "should begin an interchange with ISA" in str(one.note)
    assert (laid(platform), answers_waiting(platform)) == ({}, [])


def test_groups_and_interchanges_of_one_file_are_answered_together(platform: Platform) -> None:
    groups = [group("214", transaction("214", STATUS), number=number) for number in ("1", "2")]
    land(platform, "a.edi", interchange(*groups) + message("214", BROKEN).decode())
    load(platform)
    assert said(platform) == [
        ("997", "ACMECARRIER", 1, "accepted"),
        ("997", "ACMECARRIER", 2, "rejected"),
    ]
    [body] = laid(platform).values()
    assert [one for one in segments(body) if one.startswith(("AK1", "IEA"))] == [
        "AK1*QM*1",
        "AK1*QM*2",
        "IEA*1*000000001",
        "AK1*QM*1",
        "IEA*1*000000002",
    ]


def test_the_same_bytes_under_another_name_are_not_answered_again(platform: Platform) -> None:
    for name in ("a.edi", "b.edi"):
        land(platform, name, message("214", STATUS))
        load(platform)
    assert said(platform) == [("997", "ACMECARRIER", 1, "accepted")]
    assert len(laid(platform)) == 1


def test_each_partner_has_numbers_of_its_own_over_all_feeds(platform: Platform) -> None:
    land(platform, "a.edi", message("214", STATUS))
    land(platform, "b.edi", message("214", STATUS, style=OTHER))
    land(platform, "c.edi", message("214", BROKEN) + message("214", BROKEN, style=OTHER))
    load(platform)
    land(platform, "d.edi", message("990", "B1*ACME*SHIP9*20261126*A"), "x12_990")
    load(platform, "x12_990")
    assert [one[1:3] for one in said(platform)] == [
        *(("ACMECARRIER", number) for number in (1, 2, 3)),
        *(("BETACARRIER", number) for number in (1, 2)),
    ]
    assert len(laid(platform)) == 3
    assert len(laid(platform, "x12_990")) == 1


def test_a_group_of_other_parties_takes_a_number_of_the_same_row(platform: Platform) -> None:
    one, two = (group("214", transaction("214", STATUS), number=number) for number in ("1", "2"))
    two = [segment.replace("*ACME*TIDE*", "*ACME2*TIDE*") for segment in two]
    land(platform, "a.edi", interchange(one, two))
    load(platform)
    land(platform, "b.edi", message("214", BROKEN))
    load(platform)
    assert [one.control_number for one in answers(platform)] == [1, 3]


def test_content_is_answered_where_the_contract_says_so_and_only_then(platform: Platform) -> None:
    land(platform, "a.edi", message("214", STATUS, LOWER))
    load(platform, answer_content=True)
    assert said(platform) == [("997", "ACMECARRIER", 1, "accepted"), ("824", "ACMECARRIER", 2, "rejected")]
    land(platform, "b.edi", message("214", LOWER))
    load(platform)
    assert [one[0] for one in said(platform)] == ["997", "824", "997"]
    assert len(laid(platform)) == 2
    assert [one[:6] for one in told(platform, "OTI", "TED")] == ["OTI*TR", "TED*02", "TED*02"]


def test_an_advice_that_would_be_too_long_leaves_the_acknowledgement(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acknowledging, "MOST_ADVISED", 1)
    land(platform, "a.edi", message("214", LOWER))
    load(platform, answer_content=True)
    assert said(platform) == [("997", "ACMECARRIER", 1, "accepted")]
    assert "otherwise than by 824" in str(answers(platform)[0].note)


def test_an_advice_that_cannot_be_sent_gives_its_numbers_back(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsendable(contract: Any, source: Any, rejections: Any, numbers: Any, now: Any) -> bytes:
        next(numbers("ACMECARRIER"))
        raise ValueError("It cannot be sent.")

    monkeypatch.setattr(acknowledging, "advise", unsendable)
    land(platform, "a.edi", message("214", LOWER))
    load(platform, answer_content=True)
    land(platform, "b.edi", message("214", STATUS))
    load(platform)
    assert [(one.control_number, one.note) for one in answers(platform)] == [
        (1, "It cannot be sent."),
        (2, None),
    ]


def test_a_row_that_is_corrected_later_changes_nothing_that_was_answered(platform: Platform) -> None:
    land(platform, "a.edi", message("214", STATUS, LOWER))
    load(platform, answer_content=True)
    before = answers(platform), laid(platform)
    desk = platform.casework
    for row in desk.quarantine(desk.operator(), "demo").rows:
        desk.correct_row(desk.operator(), "demo", row.quarantine_id, {"carrier_scac": "ACME"})
    assert load(platform, answer_content=True).replayed == 2
    assert (answers(platform), laid(platform)) == before


def test_acknowledgements_are_never_answered(platform: Platform) -> None:
    content = acknowledge(feed("214"), message("214", STATUS), 42, AT)
    land(platform, "a.edi", content, "x12_997")
    assert load(platform, "x12_997").loaded == 2
    land(platform, "b.edi", content)
    load(platform)
    assert [one[0] for one in said(platform)] == ["none", "none"]
    assert {str(one.note) for one in answers(platform)} == {
        acknowledging.NOT_ASKED,
        acknowledging.NOTHING_TO_ANSWER,
    }
    assert (laid(platform), laid(platform, "x12_997")) == ({}, {})


def test_another_format_is_not_answered(platform: Platform) -> None:
    land(platform, "weather_20260901T060000Z.json", "{}", "weather")
    load(platform, "weather")
    assert answers(platform) == []
    assert not platform.settings.outgoing.exists()
    assert answers_waiting(platform) == []


def test_a_feed_that_is_told_so_does_not_answer_nor_make_up_for_it_later(platform: Platform) -> None:
    land(platform, "a.edi", message("214", STATUS))
    load(platform, answers=False)
    load(platform)
    assert [(one.kind, one.note) for one in answers(platform)] == [("none", acknowledging.NOT_ASKED)]


def test_a_file_that_loading_broke_off_at_is_left_to_a_person(platform: Platform) -> None:
    row = {
        "tenant_id": "demo", "feed": "x12_214", "file_sha256": "ab" * 32, "file_name": "a.edi", "size_bytes": 1,
        "state": "refused", "attempts": ATTEMPTS_ALLOWED, "landed_at": AT, "recorded_at": AT,
    }  # fmt: skip
    with writing(platform.engine, "demo") as connection:
        connection.execute(insert(ingested_files), [row])
    assert answers_waiting(platform) == [FileKey("demo", "x12_214", "ab" * 32)]
    load(platform)
    assert "interrupted 5 times" in str(answers(platform)[0].note)


@pytest.mark.faults
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_loses_no_answer_and_makes_no_second_one(empty: Path, tmp_path: Path, point: str) -> None:
    home = tmp_path / "var"
    shutil.copytree(empty, home)
    platform = opened(home)
    for name, bodies in {"a.edi": (STATUS, LOWER), "b.edi": (BROKEN,), "c.edi": (STATUS,)}.items():
        land(platform, name, message("214", *bodies))
    assert load_in_a_process(home, point) == -signal.SIGKILL
    # Half of an answer has another name than an answer.
    assert all(body.endswith(b"~") for name, body in laid(platform).items() if name.endswith(".edi"))
    before = {one.file_sha256: one.control_number for one in answers(platform)}
    assert load_in_a_process(home) == 0
    found = answers(platform)
    assert [(one.file_name, one.kind, one.control_number) for one in found] == [
        ("a.edi", "997", 1),
        ("a.edi", "824", 2),
        ("b.edi", "997", 3),
        ("c.edi", "997", 4),
    ]
    assert before.items() <= {one.file_sha256: one.control_number for one in found}.items()
    assert sorted(laid(platform)) == sorted({str(one.answer_name) for one in found})
    for one in found:
        kept = platform.originals.path(str(one.body_sha256)).read_bytes()
        assert laid(platform)[str(one.answer_name)] == kept
    assert all(one.laid_at for one in found)
    assert (answers_waiting(platform), waiting_for(platform).keys) == ([], [])


def test_what_a_partner_has_picked_up_is_not_laid_again(platform: Platform) -> None:
    land(platform, "a.edi", message("214", STATUS))
    load(platform)
    for path in (platform.settings.outgoing / "demo" / "x12_214").iterdir():
        path.unlink()
    load(platform)
    assert laid(platform) == {}


def test_answers_wait_for_a_folder_that_can_be_written(platform: Platform) -> None:
    platform.settings.outgoing.write_text("in the way")
    land(platform, "a.edi", message("214", STATUS))
    with pytest.raises(AnswersNotLaid, match="let it be written"):
        load(platform)
    assert len(waiting_for(platform).keys) == 1
    platform.settings.outgoing.unlink()
    load(platform)
    assert (len(laid(platform)), waiting_for(platform).keys) == (1, [])


def test_a_number_taken_in_between_has_the_answer_made_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def late(engine: Any, tenant_id: str, partner_id: str) -> int:
        found = next_number(engine, tenant_id, partner_id)
        seen.append(found)
        if len(seen) == 1:
            other = acknowledging.Answer(
                [acknowledging.Told("997", partner_id, found, "accepted")], "c" * 64, "x"
            )
            key = FileKey(tenant_id, "x12_990", "d" * 64)
            assert record(engine, key, other, {partner_id: (found, found + 1)}, AT)
        return found

    monkeypatch.setattr(acknowledging.answers, "next_number", late)
    land(platform, "a.edi", message("214", STATUS))
    load(platform)
    assert seen == [1, 2]
    assert said(platform) == [("997", "ACMECARRIER", 2, "accepted")]


def test_a_tenants_numbers_and_files_are_its_own(platform: Platform) -> None:
    land(platform, "a.edi", message("214", STATUS))
    load(platform)
    assert next_number(platform.engine, "demo", "ACMECARRIER") == 2
    assert next_number(platform.engine, "health", "ACMECARRIER") == 1
    key = FileKey("health", "x12_214", "ab" * 32)
    ledger.register(platform.engine, key, file_name="a", size_bytes=1, recorded_at=AT, now=AT)
    ledger.refuse(platform.engine, key, "no", AT)
    assert [row.file_sha256 for row in unanswered(platform.engine, "health", "x12_214")] == ["ab" * 32]
    # A feed of that name is no feed of this tenant's, so nothing waits for a run that would never answer it.
    assert answers_waiting(platform) == []
    with reading(platform.engine, "demo") as connection:
        assert {row.tenant_id for row in connection.execute(acknowledgements.select())} == {"demo"}


def test_what_was_answered_is_listed(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEWAITER_HOME", str(platform.settings.home))
    monkeypatch.delenv("TIDEWAITER_STORE_URL", raising=False)
    land(platform, "a.edi", message("214", STATUS))
    land(platform, "b.edi", "UNB")
    load(platform)
    done = CliRunner().invoke(app, ["feed", "answers", "--tenant", "demo", "--json"])
    assert done.exit_code == 0, done.output
    listed = {one["file_name"]: one for one in json.loads(done.stdout)}
    assert (listed["a.edi"]["kind"], listed["a.edi"]["control_number"]) == ("997", 1)
    assert Path(listed["a.edi"]["path"]).read_bytes().startswith(b"ISA*")
    assert (listed["b.edi"]["kind"], listed["b.edi"]["path"]) == ("none", None)
    table = CliRunner().invoke(app, ["feed", "answers", "--tenant", "demo"])
    assert "accepted" in table.output and "should begin" in table.output


def test_which_feeds_are_answered_is_in_their_contracts() -> None:
    x12 = [contract for contract in load_contracts().values() if contract.format == "x12"]
    assert {contract.message for contract in x12 if not contract.answers} == {"997"}
    assert not any(contract.answer_content for contract in x12)
    said_wrong = load_contract("partner", "x12_997").model_dump() | {"answer_content": True}
    with pytest.raises(ValidationError, match="answer_content needs answers: true"):
        type(x12[0]).model_validate(said_wrong)
