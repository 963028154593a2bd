"""A running platform, driven as its users do: files dropped, cases worked in a real browser, processes killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import lakes
from tests.browser.chromium import PATIENCE_MS, opened
from tests.conftest import ROOT, TIDEWAITER, Home
from tests.system.running import Running, as_csv, drop, late_shipment, up, wait_for

IMAGES = Path(os.environ.get("TIDEWAITER_IMAGES", ROOT / "var" / "images"))
CASE_WITHIN = 240  # seconds from a dropped file to its case, on a busy two-core machine

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def home(built: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    return built.copy(tmp_path_factory.mktemp("up") / "var")


@pytest.fixture(scope="module")
def running(home: Home) -> Iterator[Running]:
    with up(home) as platform:
        yield platform


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def password(home: Home, login: str) -> str:
    return home.run("account", "reset", login).stderr.split("password")[1].split()[0]


def sign_in(page: Page, running: Running, login: str, address: str = "") -> None:
    page.context.clear_cookies()
    page.goto(f"{running.dashboard}/{address}", wait_until="networkidle")
    page.locator(".st-key-sign_in_login input").fill(login)
    page.locator(".st-key-sign_in_password input").fill(password(running.home, login))
    page.locator(".st-key-sign_in_submit button").click()
    expect(page.locator(".st-key-sign_out button")).to_be_visible()


def rows(home: Home, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{home.path / 'operational.db'}?mode=ro", uri=True, timeout=30) as store:
        return store.execute(query, values).fetchall()


def assert_counts_reconcile(home: Home) -> None:
    gaps = rows(
        home,
        "select file_name, row_count, loaded_count, quarantined_count, duplicate_count from ingested_files "
        "where state = 'loaded' and row_count <> loaded_count + quarantined_count + duplicate_count",
    )
    assert gaps == []


@pytest.fixture(scope="module")
def dropped(running: Running) -> Home:
    """A file with a good and a bad row, dropped and taken up with no command given."""
    home = running.home
    good, bad = late_shipment(home, "SH-900001"), late_shipment(home, "SH-900002")
    bad["planned_arrival_at"] = "the day after tomorrow"
    drop(home, "demo", "order", "order_20260901T053000Z.csv", b"order_no;quantity\nSO-1;2\n")
    drop(home, "demo", "shipment", "shipment_20260901T053000Z.csv", as_csv([good, bad]))
    wait_for(
        lambda: rows(home, "select case_id from cases where subject = 'SH-900001' and is_open"),
        CASE_WITHIN,
        "the dropped file to become a case",
    )
    return home


def test_a_dropped_file_that_cannot_be_read_becomes_a_case_of_its_feed(dropped: Home) -> None:
    found = wait_for(
        lambda: rows(
            dropped,
            "select case_id from cases where exception_key = 'feed_refused:order' and is_open",
        ),
        CASE_WITHIN,
        "the refused file to become a case",
    )
    case = dropped.json("case", "show", found[0][0])
    facts = {fact["fact_id"]: fact["value"] for fact in case["facts"]}
    assert facts["refused_file"] == "order_20260901T053000Z.csv"
    assert "required columns are missing" in facts["refused_reason"]


def test_a_file_dropped_into_a_landing_folder_becomes_a_case(dropped: Home) -> None:
    home = dropped
    assert_counts_reconcile(home)
    queue = home.json("queue", "--tenant", "demo")
    assert "SH-900001" in {row["subject"] for row in queue}

    page = home.json("quarantine", "list", "--tenant", "demo", "--feed", "shipment")
    row = next(row for row in page["rows"] if row["values"]["shipment_no"] == "SH-900002")
    assert (row["column_name"], row["row_number"]) == ("planned_arrival_at", 2)
    assert "the day after tomorrow" in row["raw"]


def test_a_file_that_cannot_be_read_is_refused_with_a_reason_and_an_exit_code(
    running: Running, tmp_path: Path
) -> None:
    broken = tmp_path / "shipment_20260901T053900Z.csv"
    broken.write_text('shipment_no,foo\n"SH-1,unterminated\n')
    for _once_and_again in range(2):
        done = running.home.run("ingest", str(broken), "--tenant", "demo", "--feed", "shipment", check=False)
        assert done.returncode == 1
        assert f"{broken.name} was not loaded" in done.stderr
        assert "required columns are missing: 'order_no'" in done.stderr
    assert_counts_reconcile(running.home)


def test_correcting_and_replaying_a_bad_row_closes_the_gap(
    running: Running, dropped: Home, page: Page
) -> None:
    home = dropped
    sign_in(page, running, "engineer", "data_health")
    expect(page.locator(".st-key-feeds_table")).to_be_visible()
    (quarantine_id,) = rows(
        home, "select quarantine_id from quarantined_rows where raw like '%the day after tomorrow%'"
    )[0]
    home.run(
        "quarantine",
        "fix",
        quarantine_id,
        "--tenant",
        "demo",
        "--set",
        "planned_arrival_at=2026-08-28T06:00:00Z",
    )

    def replayed() -> bool:
        states = rows(home, "select state from quarantined_rows where quarantine_id = ?", quarantine_id)
        return states == [("replayed",)]

    wait_for(replayed, CASE_WITHIN, "the corrected row to be replayed")
    wait_for(
        lambda: rows(home, "select 1 from cases where subject = 'SH-900002' and is_open"),
        CASE_WITHIN,
        "the corrected row to become a case",
    )
    assert_counts_reconcile(home)


def test_an_ops_lead_works_the_top_case_to_its_end(running: Running, page: Page) -> None:
    home = running.home
    sign_in(page, running, "lead", "?tenant=demo")
    expect(page.locator(".st-key-queue_table")).to_be_visible()
    page.mouse.move(0, 0)
    page.wait_for_timeout(1500)
    shoot(page, "queue")
    case_id = next(
        row["case_id"]
        for row in home.json("queue", "--tenant", "demo")
        if has_customer_mail(home, row["case_id"])
    )
    sign_in(page, running, "lead", f"case?tenant=demo&case={case_id}")
    expect(page.locator(".st-key-case_verdict")).to_be_visible()
    page.wait_for_timeout(2500)
    shoot(page, "case")

    page.locator(".st-key-draft_edit_customer_update button").click()
    text = page.locator(".st-key-draft_text_customer_update_0 textarea")
    text.fill(text.input_value() + " We are sorry for the trouble this causes.")
    page.locator(".st-key-draft_save_customer_update button").click()
    expect(page.locator(".st-key-draft_edit_customer_update button")).to_be_visible()
    approve = page.locator(".st-key-draft_approve_customer_update button").last
    expect(approve).to_be_enabled()
    approve.click()

    mail = wait_for(lambda: mails_of(home, case_id), 60, "the mail to arrive")
    assert "We are sorry for the trouble this causes." in body_of(mail[0])
    assert len(mail) == 1
    webhook = wait_for(lambda: webhooks_of(home, case_id), 60, "the webhook to arrive")
    assert len(webhook) == 1
    wait_for(
        lambda: (
            {s for (s,) in rows(home, "select state from effects where case_id = ?", case_id)}
            <= {"applied", "verified"}
        ),
        60,
        "both receipts to be kept",
    )
    finish_case(page)
    wait_for(
        lambda: rows(home, "select 1 from cases where case_id = ? and state = 'resolved'", case_id),
        30,
        "the case to be resolved",
    )
    verify_evidence(home, case_id)


def finish_case(page: Page) -> None:
    """Resolve the open case with the first code and cause offered."""
    for action in ("triage", "start"):
        button = page.locator(f".st-key-action_{action} button")
        if button.is_visible():
            button.click()
            expect(button).to_be_hidden()
    page.locator(".st-key-resolve_open button").click()
    for key in ("resolve_code", "resolve_cause"):
        page.locator(f".st-key-{key} input").click()
        page.locator("[role=option]").first.click()
    page.locator(".st-key-resolve_confirm button").click()


def verify_evidence(home: Home, case_id: str) -> None:
    """Export the case's pack, verify it, and see a changed byte found."""
    exported = home.json("evidence", "export", case_id)
    pack, key = Path(exported["pack"]), exported["public_key"]
    home.run("evidence", "verify", str(pack), "--key", key)
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    pack.write_bytes(content)
    assert home.run("evidence", "verify", str(pack), "--key", key, check=False).returncode == 3


def shoot(page: Page, name: str) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=IMAGES / f"{name}.png")


def has_customer_mail(home: Home, case_id: str) -> bool:
    """Say whether the case's customer has a mail address and a portal, and its update waits."""
    return bool(
        rows(
            home,
            "select 1 from cases c join drafts d on d.case_id = c.case_id "
            "and d.kind = 'customer_update' and d.state = 'waiting' "
            "join contacts m on m.party_id = c.customer_id and m.channel = 'mail' "
            "join contacts w on w.party_id = c.customer_id and w.channel = 'webhook' where c.case_id = ?",
            case_id,
        )
    )


def mails_of(home: Home, case_id: str) -> list[Any]:
    found = [
        message_from_bytes(path.read_bytes(), policy=default)
        for path in (home.path / "sandbox" / "mail").glob("*.eml")
    ]
    return [mail for mail in found if case_id in str(mail)]


def body_of(mail: Any) -> str:
    return " ".join(mail.get_body(("plain",)).get_content().split())


def webhooks_of(home: Home, case_id: str) -> list[Any]:
    found = [json.loads(path.read_text()) for path in (home.path / "sandbox" / "portal").glob("*.json")]
    return [item for item in found if case_id in json.dumps(item)]


def test_a_partner_sees_only_its_own_shipments_even_by_direct_address(running: Running, page: Page) -> None:
    home = running.home
    (own,) = rows(home, "select customer_id from grants where role = 'customer'")[0]
    foreign = rows(
        home,
        "select case_id, subject from cases where tenant_id = 'demo' and customer_id <> ? and is_open limit 1",
        own,
    )[0]
    sign_in(page, running, "customer")
    expect(page.locator(".st-key-shipments_table")).to_be_visible(timeout=30_000)
    page.wait_for_timeout(1500)
    assert foreign[1] not in page.content()
    shoot(page, "partner")
    # the browser stays signed in, by a cookie that no script of a page can read
    page.goto(f"{running.dashboard}/case?tenant=demo&case={foreign[0]}", wait_until="networkidle")
    expect(page.get_by_text("There is no case")).to_be_visible()
    expect(page.locator(".st-key-sign_out button")).to_be_visible()
    assert "tidewaiter_session" not in page.evaluate("document.cookie")
    assert foreign[1] not in page.content()


def test_killing_any_process_loses_nothing_and_sends_nothing_twice(running: Running) -> None:
    home = running.home
    for round_number, victim in enumerate(("daemon", "worker", "dashboard", "webserver", "hotpath"), start=1):
        number = f"SH-91000{round_number}"
        drop(
            home,
            "demo",
            "shipment",
            f"shipment_2026090{1}T05300{round_number}Z.csv",
            as_csv([late_shipment(home, number)]),
        )
        running.kill(victim)
    kill_a_run(home)
    for round_number in range(1, 6):
        subject = f"SH-91000{round_number}"
        wait_for(
            lambda subject=subject: rows(home, "select 1 from cases where subject = ? and is_open", subject),
            2 * CASE_WITHIN,
            f"{subject} to become a case",
        )
    assert_counts_reconcile(home)
    doubled = rows(
        home,
        "select exception_key, count(*) from cases where is_open group by tenant_id, exception_key having count(*) > 1",
    )
    assert doubled == []
    sent = [mail["Message-ID"] for mail in map(parsed, (home.path / "sandbox" / "mail").glob("*.eml"))]
    assert len(sent) == len(set(sent))


def parsed(path: Path) -> Any:
    return message_from_bytes(path.read_bytes(), policy=default)


def kill_a_run(home: Home) -> None:
    """Kill whoever holds the warehouse as soon as there is one: a run is the only writer."""
    lock = str(home.path / "warehouse" / "warehouse.lock")

    def holds_it(process: Path) -> bool:
        # a process may end, and any of its files be closed, while we look
        with suppress(OSError):
            for opened in (process / "fd").iterdir():
                with suppress(FileNotFoundError):
                    if str(opened.readlink()) == lock:
                        return True
        return False

    def run_workers() -> list[int]:
        return sorted(int(process.name) for process in Path("/proc").glob("[0-9]*") if holds_it(process))

    for pid in wait_for(run_workers, 120, "a run to start"):
        os.kill(pid, signal.SIGKILL)


def test_what_short_runs_publish_is_what_the_whole_path_would(built: Home, tmp_path: Path) -> None:
    home = built.copy(tmp_path / "var")
    done = subprocess.run(
        [sys.executable, "-m", "tests.system.short_and_whole"],
        env=home.environment, cwd=ROOT, capture_output=True, text=True, timeout=600, check=True,
    )  # fmt: skip
    before, milestones, shipments, stock, whole = json.loads(done.stdout.splitlines()[-1])
    assert milestones["fct_milestones"] != before["fct_milestones"]
    assert shipments["fct_shipments"] != milestones["fct_shipments"]
    # a short run after another publishes again what did not change, and nothing else
    assert stock["fct_inventory_projection"] != shipments["fct_inventory_projection"]
    assert stock["fct_milestones"] == shipments["fct_milestones"]
    assert stock == whole


def test_a_hot_path_that_is_asked_to_stop_finishes_what_it_carries(built: Home, tmp_path: Path) -> None:
    home = built.copy(tmp_path / "var")
    hot_path = subprocess.Popen([str(TIDEWAITER), "hot-path"], env=home.environment, cwd=ROOT)
    try:
        drop(
            home,
            "demo",
            "shipment",
            "shipment_20260901T0500Z.csv",
            as_csv([late_shipment(home, "SH-940000")]),
        )
        loaded = "select 1 from ingested_files where file_name = 'shipment_20260901T0500Z.csv' and state = 'loaded'"
        wait_for(lambda: rows(home, loaded), 120, "the file to be loaded")
        hot_path.terminate()  # in the middle of its run
        assert hot_path.wait(60) == 0
    finally:
        hot_path.kill()
    assert rows(home, "select 1 from cases where subject = 'SH-940000' and is_open")


@pytest.mark.parametrize("place", ["file", "lake"])
def test_a_warehouse_rebuilt_from_the_kept_files_publishes_the_same_bytes(
    built: Home, tmp_path: Path, place: str
) -> None:
    home = built.copy(tmp_path / "var")
    made = (
        lakes.lake(lakes.server(tmp_path / "postgres"), str(tmp_path / "data")) if place == "lake" else None
    )
    before = published(home)
    environment: dict[str, Any] = lakes.told(made) if made else {}
    done = home.run("rebuild", **environment)
    assert "Filled again" in done.stderr
    assert published(home) == before
    if made:
        with made.reading() as lake:
            (rows,) = lake.execute("select count(*) from marts.fct_exceptions").fetchall()[0]
        assert rows == before["fct_exceptions"]["rows"] > 0


def published(home: Home) -> dict[str, Any]:
    """Hash and rows of every mart that readers see."""
    folder = home.path / "published"
    name = json.loads((folder / "CURRENT").read_text())["publication_id"]
    return dict(json.loads((folder / name / "manifest.json").read_text()))


def test_the_audit_chain_verifies_after_all_of_it(running: Running) -> None:
    done = running.home.run("audit", "verify")
    assert done.returncode == 0
    copy = Home(running.home.path.parent / "tampered")
    for folder in ("keys", "checkpoints"):
        shutil.copytree(running.home.path / folder, copy.path / folder)
    with sqlite3.connect(copy.path / "operational.db") as store:
        with sqlite3.connect(running.home.path / "operational.db", timeout=30) as original:
            original.backup(store)
        triggers = [
            name for (name,) in store.execute("select name from sqlite_master where type = 'trigger'")
        ]
        for name in triggers:
            store.execute(f'drop trigger "{name}"')
        store.execute("update audit_entries set actor = 'nobody' where tenant_id = 'demo' and sequence = 5")
    assert copy.run("audit", "verify", check=False).returncode == 3
