"""From a partner's sample to loaded rows: a mapping proposed, decided, checked, and its files carried on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from casework import ledger
from casework.ledger import FileKey
from casework.store.engine import migrate
from data.contract import contract_path
from data.mapping import drift, read_mapping
from orchestration import arrivals
from orchestration.assets.raw import raw_tables
from orchestration.cli import app
from orchestration.cli.feeds import feed_name
from orchestration.cli.output import explain
from orchestration.landing import register_landed
from orchestration.lineage import source_rows
from orchestration.loading import FeedLoad, load_feed
from orchestration.resources import Platform
from orchestration.settings import Settings
from tests.data.test_mapping import MEIER, table


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose stores are there and hold nothing."""
    home = tmp_path_factory.mktemp("empty") / "var"
    home.mkdir()
    made = Platform(Settings(home=home, datasets=None, store_url=f"sqlite:///{home / 'operational.db'}"))
    migrate(made.engine)
    made.casework.bootstrap()
    made.warehouse.prepare(raw_tables(made))
    made.engine.dispose()
    return home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own that the commands are pointed at."""
    monkeypatch.setenv("TIDEWAITER_HOME", str(tmp_path / "var"))
    monkeypatch.delenv("TIDEWAITER_STORE_URL", raising=False)
    return tmp_path / "var"


@pytest.fixture
def platform(home: Path, empty: Path) -> Platform:
    """A platform that has loaded nothing yet."""
    shutil.copytree(empty, home)
    return Platform(Settings.from_environment())


def run(*words: str, code: int = 0) -> Any:
    """Run a command and return what it printed, as JSON where it was asked for that."""
    done = CliRunner().invoke(app, list(words))
    if done.exception and not isinstance(done.exception, SystemExit):
        assert explain(done.exception) == code, repr(done.exception)
        return str(done.exception)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if "--json" in words else done.output


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def load(platform: Platform, feed: str = "meier") -> FeedLoad:
    register_landed(platform, settle_seconds=0)
    contract = platform.contract_of("demo", feed)
    assert contract is not None
    return load_feed(platform, contract, "demo", "run")


def raw_rows(platform: Platform) -> list[dict[str, Any]]:
    query = "select event_id, event_code, occurred_at, _row_number from raw.network__milestone order by all"
    return list(platform.warehouse.read(query).to_pylist())


def test_a_partners_file_is_loaded_quarantined_corrected_and_traced_like_any_other(
    home: Path, platform: Platform
) -> None:
    put(home / "mappings" / "demo" / "meier.yml", MEIER)
    rows = [
        {},
        {"Meldungsnr": "M2", "Status": "Verloren"},
        {"Meldungsnr": "M3", "Datum": "29.03.2026", "Uhrzeit": "02:30"},
    ]
    landed = put(home / "landing" / "demo" / "meier" / "export.csv", table(*rows, {}))
    done = load(platform)
    assert (done.rows, done.loaded, done.quarantined, done.duplicates, done.gaps) == (4, 1, 2, 1, [])
    assert all(check.success for check in done.checks)
    assert [row["event_id"] for row in raw_rows(platform)] == ["M1"]
    page = platform.casework.quarantine(platform.casework.operator(), "demo", feed="meier")
    by_row = {row.row_number: row for row in page.rows}
    assert (by_row[2].rule, by_row[3].rule) == ("values", "zone")

    operator = platform.casework.operator()
    platform.casework.correct_row(operator, "demo", by_row[2].quarantine_id, {"event_code": "ARRI"})
    assert load(platform).replayed == 1
    assert [(row["event_id"], row["event_code"], row["_row_number"]) for row in raw_rows(platform)] == [
        ("M1", "DELIVERED", 1),
        ("M2", "ARRI", 2),
    ]
    sha256 = platform.originals.keep(landed)
    told = platform.warehouse.read("select distinct _file_sha256 from raw.network__milestone").to_pylist()
    assert told == [{"_file_sha256": sha256}]
    [traced] = source_rows(platform, "demo")(sha256, [2])
    assert str(traced["raw"]).startswith("M2; 0042 ;Verloren;")
    assert ledger.refusal_of(platform.engine, FileKey("demo", "meier", sha256)) is None


def test_a_feed_that_stopped_is_not_hidden_by_another_of_the_same_table(
    home: Path, platform: Platform
) -> None:
    for feed, day in (("meier", "05.08.2026"), ("huber", "20.07.2026")):
        put(home / "mappings" / "demo" / f"{feed}.yml", MEIER)
        row = {"Meldungsnr": feed, "Datum": day, "Gemeldet": f"{day} 15:00"}
        put(home / "landing" / "demo" / feed / "export.csv", table(row))
        assert load(platform, feed).loaded == 1
    found = {row["feed"]: row["newest_recorded_at"] for row in arrivals.of_tenant(platform, "demo")}
    assert {feed: at.day for feed, at in found.items()} == {"meier": 5, "huber": 20}


def test_a_file_with_columns_nobody_decided_on_is_refused_and_its_bytes_are_kept(
    home: Path, platform: Platform
) -> None:
    put(home / "mappings" / "demo" / "meier.yml", MEIER)
    content = table({}).replace(b"Sachbearbeiter", b"Neu")
    sha256 = platform.originals.keep(put(home / "landing" / "demo" / "meier" / "export.csv", content))
    assert load(platform).refused == 1
    reason = ledger.refusal_of(platform.engine, FileKey("demo", "meier", sha256))
    assert reason is not None
    assert (
        "This meier file was refused: it has columns that its mapping neither uses nor ignores: 'Neu'"
        in reason
    )


def test_a_file_with_renamed_columns_is_loaded_once_the_change_is_taken_over(
    home: Path, platform: Platform
) -> None:
    path = put(home / "mappings" / "demo" / "meier.yml", MEIER)
    content = table({}).replace(b"Meldungsnr", b"Meldungsnummer").replace(b"Bemerkung", b"Bemerkungen")
    put(home / "landing" / "demo" / "meier" / "export.csv", content)
    assert load(platform).refused == 1
    (arrived,) = [row for row in arrivals.of_tenant(platform, "demo") if row["feed"] == "meier"]
    assert "Perhaps 'Meldungsnr' is 'Meldungsnummer' now" in arrived["refused_reason"]

    asked = ("feed", "drift", "--tenant", "demo", "--feed", "meier")
    told = run(*asked, "--json")
    assert told["renamed"] == {"Meldungsnr": "Meldungsnummer", "Bemerkung": "Bemerkungen"}
    assert '+  event_id: {from: "Meldungsnummer"}' in told["diff"]
    assert path.read_text() == MEIER
    assert "Meldungsnummer" in run(*asked, "--write")
    again = ("feed", "read-again", "--tenant", "demo", "--feed", "meier", "--reason", "They renamed two.")
    assert "export.csv is read again by the next run." in run(*again)
    done = load(platform)
    assert (done.rows, done.loaded, done.refused) == (1, 1, 0)
    assert "No file of demo's meier stands refused" in run(*again, code=1)
    assert "Nothing to change is proposed." in run(*asked, str(home / "landing/demo/meier/export.csv"))


def test_columns_that_a_contract_lets_pass_unread_are_told_of(home: Path, platform: Platform) -> None:
    row = {
        "event_id": "E1", "carrier_scac": "ACME", "reference": "1", "reference_type": "PRO", "event_code": "DEPA",
        "classifier": "actual", "occurred_at": "2026-08-30T00:00:00Z", "reported_at": "2026-08-30T01:00:00Z",
    }  # fmt: skip

    def told(name: str, **more: str) -> str:
        put(
            home / "landing" / "demo" / "milestone" / name, json.dumps(row | {"event_id": name} | more) + "\n"
        )
        register_landed(platform, settle_seconds=0)
        load_feed(platform, platform.contracts["network", "milestone"], "demo", "run")
        (feed,) = platform.casework.feed_health(platform.casework.operator(), "demo")
        (check,) = [one for one in feed.checks if one.check_name == "known_columns"]
        assert check.passed
        return str(check.description)

    assert told("a.jsonl") == "Every column that came is read."
    assert (
        told("b.jsonl", temperature="7", vessel="X")
        == "Columns came that nobody reads: 'temperature', 'vessel'."
    )
    assert told("c.jsonl") == "Every column that came is read."


def test_a_contract_of_the_product_is_not_changed_from_the_command_line(
    home: Path, platform: Platform
) -> None:
    rows = "order_no;quantity\nSO-1;2\n".replace(";", ",").replace("order_no", "Order Number")
    sent = put(home / "order.csv", rows)
    said = ("feed", "drift", str(sent), "--tenant", "demo", "--feed", "order")
    before = contract_path("network", "order").read_text()
    assert "'sku' is missing, and nothing is surely it." in run(*said)
    put(sent, rows.replace("SO-1,", "SO-100001,"))
    assert "with a review" in run(*said, "--write", code=1)
    assert contract_path("network", "order").read_text() == before


def test_what_would_be_no_mapping_any_more_is_not_kept(
    home: Path, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(home / "mappings" / "demo" / "meier.yml", MEIER)
    sent = put(home / "sent.csv", table({}).replace(b"Ort", b"Orte"))
    monkeypatch.setattr(
        drift, "changed", lambda text, found: text.replace("network/milestone", "network/none")
    )
    said = run("feed", "drift", str(sent), "--tenant", "demo", "--feed", "meier", "--write", code=1)
    assert "there is no network/none" in said
    assert path.read_text() == MEIER


def test_a_change_leaves_what_was_written_beside_it(home: Path, platform: Platform) -> None:
    text = MEIER.replace("ignored: [Sachbearbeiter]", "ignored: [Sachbearbeiter]  # nobody needs it")
    path = put(home / "mappings" / "demo" / "meier.yml", text)
    sent = put(home / "sent.csv", table({}).replace(b"Ort", b"Orte").replace(b"Gemeldet", b"?"))
    run("feed", "drift", str(sent), "--tenant", "demo", "--feed", "meier", "--write")
    kept = read_mapping(path)
    assert kept.columns["location_code"].headings == ["Orte"]
    assert kept.ignored == ["Sachbearbeiter", "?"] and "# nobody needs it" in path.read_text()


def test_a_message_of_a_standard_has_no_columns_that_could_drift(home: Path, platform: Platform) -> None:
    sent = put(home / "a.edi", "ISA*00*")
    said = ("feed", "drift", str(sent), "--tenant", "demo", "--feed", "x12_214")
    assert "fields are its standard's" in run(*said, code=1)
    assert "has no feed nothing" in run("feed", "drift", "--tenant", "demo", "--feed", "nothing", code=1)


def test_a_mapping_counts_when_it_is_written_and_a_broken_one_is_no_feed(
    home: Path, platform: Platform
) -> None:
    assert platform.contract_of("demo", "meier") is None
    path = put(home / "mappings" / "demo" / "meier.yml", MEIER)
    milestone = platform.contracts["network", "milestone"]
    assert [(tenant, held.feed) for tenant, held in platform.feeds_of(milestone)] == [
        ("demo", "milestone"),
        ("demo", "meier"),
    ]
    put(path, MEIER.replace("{from: Ort}", '{from: "?"}'))
    put(home / "landing" / "demo" / "meier" / "export.csv", table({}))
    assert platform.contract_of("demo", "meier") is None
    assert register_landed(platform, settle_seconds=0) == 0
    assert "still has to decide columns.location_code.from" in run("feeds", "--tenant", "demo")


def test_a_mapping_is_proposed_decided_and_checked(home: Path, tmp_path: Path) -> None:
    rows = [{"Meldungsnr": f"M{n}", "Gemeldet": f"{n}.08.2026 10:00"} for n in range(10, 20)]
    sample = put(tmp_path / "meier_20260801T000000Z.csv", table(*rows))
    words = ("feed", "new", str(sample), "--tenant", "demo")
    done = run(*words, "--contract", "network/milestone", "--json")
    path = Path(done["path"])
    assert (done["feed"], path) == ("meier", home / "mappings" / "demo" / "meier.yml")
    assert any(question.startswith("reported_at: By which zone's clock") for question in done["left"])
    assert "still has to decide" in run(*words, "--check", code=1)

    assert "--force" in run(*words, "--contract", "network/milestone", code=1)
    put(path, MEIER)
    found = run(*words, "--check", "--json")
    assert found == {"rows": 10, "good": 10, "quarantined": 0, "reasons": []}
    put(sample, table({}, {"Status": "Verloren"}))
    assert "2 rows: 1 good, 1 would go to quarantine" in run(*words, "--check")
    assert not (home / "landing").exists()
    run(*words, "--contract", "network/milestone", "--force")
    assert "Proposed from" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--tenant", "nobody"], "There is no tenant 'nobody'"),
        (["--tenant", "demo", "--name", "milestone"], "demo has a feed milestone already"),
        (["--tenant", "demo", "--name", "../meier"], "is no feed name"),
        (["--tenant", "demo", "--contract", "network/nothing"], "There is no contract 'network/nothing'"),
    ],
)
def test_a_proposal_that_could_not_be_used_is_not_written(
    home: Path, tmp_path: Path, options: list[str], words: str
) -> None:
    sample = put(tmp_path / "meier.csv", table({}))
    assert words in run("feed", "new", str(sample), "--contract", "network/milestone", *options, code=1)
    assert not (home / "mappings").exists()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Meier GmbH 2026-08-01.csv", "meier_gmbh"),
        ("export_20260801T000000Z.csv", "export"),
        ("20260801.csv", "partner"),
        ("DHL2.xlsx", "dhl2"),
    ],
)
def test_a_feed_is_named_after_its_file(file: str, name: str) -> None:
    assert feed_name(Path(file)) == name
