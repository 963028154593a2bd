"""A partner without an account, in a real browser: sees one case masked, until the link is taken back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, Request, expect

from casework.errors import LinkRefused
from tests.conftest import ROOT, free_port
from tests.dashboard.world import OURS, World, build
from tests.system.running import answers, wait_for

pytestmark = pytest.mark.browser

SENTENCE = LinkRefused().message


@dataclass(frozen=True)
class Served:
    """A dashboard over a small desk, and what its server said."""

    world: World
    address: str
    log: Path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The dashboard alone, over a small desk; nothing of the pipeline runs."""
    folder = tmp_path_factory.mktemp("served")
    world, port, log = build(folder / "home"), free_port(), folder / "server.log"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TIDEWAITER_", "OPENAI_"))}
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "dashboard/server.py", "--server.port", str(port),
             "--logger.level", "debug"],
            env={**kept, "TIDEWAITER_HOME": str(world.home), "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdout=said,
            stderr=said,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(lambda: answers(f"{address}/_stcore/health"), 90, "the dashboard to answer")
            yield Served(world, address, log)
        finally:
            process.terminate()
            process.wait(timeout=30)
    world.casework.engine.dispose()


@pytest.fixture
def people(browser: Browser) -> Iterator[tuple[Page, Page]]:
    """Two people at two machines: a lead, and a partner who has no account."""
    contexts = [browser.new_context(viewport={"width": 1440, "height": 1400}) for _ in range(2)]
    for context in contexts:
        context.set_default_timeout(60_000)
    expect.set_options(timeout=120_000)
    yield contexts[0].new_page(), contexts[1].new_page()
    for context in contexts:
        context.close()


def case_page(served: Served, lead: Page) -> None:
    """Sign the lead in, at the case of SHP-1."""
    token, person = served.world.casework.sign_in("lead", served.world.passwords["lead"])
    found = served.world.casework.search(person, "demo").cases
    served.world.casework.sign_out(token)
    case_id = next(case.case_id for case in found if case.shipment_id == "SHP-1")
    lead.goto(f"{served.address}/case?tenant=demo&case={case_id}")
    lead.locator(".st-key-sign_in_login input").fill("lead")
    lead.locator(".st-key-sign_in_password input").fill(served.world.passwords["lead"])
    lead.locator(".st-key-sign_in_submit button").click()
    expect(lead.locator(".st-key-share_open button")).to_be_visible()


def share(lead: Page, *, comment: bool = False) -> str:
    """Share the case with its carrier; return the address that is shown once."""
    lead.locator(".st-key-share_open button").click()
    dialog = lead.get_by_role("dialog")
    dialog.locator(".st-key-share_with input").click()
    lead.get_by_role("option").filter(has_text="carrier").click()
    if comment:
        dialog.locator(".st-key-share_comment label").click()
    dialog.locator(".st-key-share_reason input").fill("They asked by phone.")
    dialog.locator(".st-key-share_confirm button").click()
    code = lead.locator(".st-key-link_made code")
    expect(code).to_be_visible()
    return code.inner_text().strip()


def test_a_partner_sees_its_case_until_the_lead_takes_the_link_back(
    served: Served, people: tuple[Page, Page]
) -> None:
    lead, partner = people
    case_page(served, lead)
    address = share(lead, comment=True)
    token = address.split("#")[1]
    asked: list[Request] = []
    partner.on("request", lambda request: asked.append(request))

    partner.goto(address)
    expect(partner.locator(".st-key-case_verdict")).to_contain_text("SHP-1")
    seen = partner.locator("body").inner_text()
    for secret in ("SHP-2", "SHP-3", OURS, "$", "Operations lead", "Queue", "Links"):
        assert secret not in seen, secret
    assert partner.locator(".st-key-sign_out button").inner_text() == "Close"

    # the token is nowhere but in the one request that carried it
    assert token not in partner.url
    assert token not in partner.evaluate(
        "JSON.stringify([location.href, document.referrer, document.cookie])"
    )
    assert [request.url for request in asked if token in request.url or token in str(request.headers)] == []
    assert [request.url for request in asked if token in (request.post_data or "")] == [
        f"{served.address}/link"
    ]

    other = f"{served.address}/case?tenant=demo&case=D-000002"
    for place in (other, f"{served.address}/queue", f"{served.address}/links", f"{served.address}/accounts"):
        partner.goto(place)
        expect(partner.locator(".st-key-case_verdict")).to_contain_text("SHP-1")
        assert "SHP-2" not in partner.locator("body").inner_text()

    lead.locator(".st-key-link_copied button").click()
    expect(lead.locator(".st-key-link_made")).to_have_count(0)
    lead.locator(".st-key-link_why input").fill("Sent to the wrong person.")
    lead.locator(".st-key-link_revoke button").click()
    expect(lead.locator(".st-key-notice")).to_contain_text("opens nothing any more")

    with suppress(Error):  # the page may have closed by itself already
        partner.locator(".st-key-action_comment button").click(timeout=5_000)
    expect(partner.locator(".st-key-link_over")).to_contain_text(SENTENCE)
    expect(partner.locator("body")).not_to_contain_text("SHP-1")  # the last run's words go with its end
    partner.goto(address)
    expect(partner.locator("#said")).to_have_text(SENTENCE)

    lead.locator(".st-key-open_links button").click()
    expect(lead.locator(".st-key-link_views_table canvas").first).to_be_visible()
    token_of_lead, person = served.world.casework.sign_in("lead", served.world.passwords["lead"])
    views = served.world.casework.link_views(person, "demo")
    served.world.casework.sign_out(token_of_lead)
    assert [view.kind for view in views] == ["partner_view", "opening"]
    assert "HeadlessChrome" in str(views[0].user_agent) and views[0].address_hash
    assert token not in served.log.read_text(errors="replace")


def test_a_page_left_open_closes_by_itself(served: Served, people: tuple[Page, Page]) -> None:
    lead, partner = people
    case_page(served, lead)
    partner.goto(share(lead))
    expect(partner.locator(".st-key-case_verdict")).to_contain_text("SHP-1")
    lead.locator(".st-key-link_why input").fill("Done.")
    lead.locator(".st-key-link_revoke button").click()
    expect(partner.locator(".st-key-link_over")).to_contain_text(SENTENCE)
    expect(partner.locator("body")).not_to_contain_text("SHP-1")


def test_links_that_open_nothing_all_say_the_same(served: Served, people: tuple[Page, Page]) -> None:
    _lead, partner = people
    for token in ("", "made-up", "x" * 100):
        partner.goto("about:blank")
        partner.goto(f"{served.address}/link#{token}")
        expect(partner.locator("#said")).to_have_text(SENTENCE)
        assert partner.url == f"{served.address}/link"
