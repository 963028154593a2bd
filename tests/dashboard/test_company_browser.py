"""Signing in with a company account in a real browser: a provider's process, the dashboard's, and Chromium."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from casework.store.engine import writing
from casework.store.tables import principals, sessions
from dashboard import cookie
from tests.browser.chromium import opened
from tests.conftest import ROOT, free_port
from tests.dashboard.world import World

pytestmark = pytest.mark.browser
BIN = Path(sys.executable).parent


@pytest.fixture
def chrome() -> Iterator[Browser]:
    with opened() as browser:
        yield browser


@pytest.fixture
def desk(world: World) -> Iterator[tuple[str, str]]:
    """The addresses of the dashboard and of its provider."""
    port, issuer_port = free_port(), free_port()
    own, issuer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{issuer_port}"
    told = os.environ | {
        "TIDEWAITER_OIDC_ISSUER": issuer,
        "TIDEWAITER_OIDC_CLIENT_ID": "tidewaiter",
        "TIDEWAITER_OIDC_CLIENT_SECRET": "secret",
        "TIDEWAITER_OIDC_LABEL": "Acme",
        "TIDEWAITER_URL": own,
    }
    serve = [str(BIN / "streamlit"), "run", "dashboard/server.py", "--server.port", str(port)]
    provide = [str(BIN / "oidc-provider-mock"), "-p", str(issuer_port), "-n", "true"]
    with ExitStack() as ends:
        for command in (provide, serve):
            process = subprocess.Popen(
                command, env=told, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            ends.callback(process.wait)
            ends.callback(process.kill)
        answers(f"{issuer}/.well-known/openid-configuration")
        answers(f"{own}/_stcore/health")
        yield own, issuer


def answers(url: str) -> None:
    for _ in range(600):
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")


def go_through_the_provider(page: Page, subject: str) -> None:
    page.get_by_text("Sign in with Acme").click(timeout=60_000)
    page.locator("input[name=sub]").fill(subject)
    page.get_by_role("button", name="Authorize").click()


def test_a_company_account_signs_in_stays_in_and_is_out_at_once_when_its_session_is_revoked(
    world: World, desk: tuple[str, str], chrome: Browser
) -> None:
    own, issuer = desk
    world.casework.link_identity("planner", issuer, "jo@acme", "service:operator")
    context = chrome.new_context()
    page = context.new_page()
    page.goto(f"{own}/queue?tenant=demo")
    go_through_the_provider(page, "jo@acme")
    expect(page.get_by_text("Planner", exact=True)).to_be_visible(timeout=60_000)
    assert page.url.startswith(f"{own}/queue") and "tenant=demo" in page.url
    kept = {found["name"]: found for found in context.cookies(own)}
    assert (kept[cookie.NAME]["httpOnly"], kept[cookie.NAME]["sameSite"]) == (True, "Strict")
    assert cookie.NAME not in page.evaluate("document.cookie")
    page.reload()
    expect(page.get_by_text("Planner", exact=True)).to_be_visible(timeout=60_000)

    with writing(world.casework.engine, None) as connection:
        connection.execute(update(sessions).values(revoked_at=world.casework.desk.clock()))
    page.reload()
    expect(page.get_by_text("Sign in with Acme")).to_be_visible(timeout=60_000)

    go_through_the_provider(page, "jo@acme")
    expect(page.get_by_text("Planner", exact=True)).to_be_visible(timeout=60_000)
    with writing(world.casework.engine, None) as connection:
        connection.execute(update(principals).where(principals.c.login == "planner").values(is_active=False))
    page.reload()
    go_through_the_provider(page, "jo@acme")
    expect(page.get_by_text("not linked to an active account")).to_be_visible(timeout=60_000)


def test_a_stranger_reads_one_plain_sentence(world: World, desk: tuple[str, str], chrome: Browser) -> None:
    own, _issuer = desk
    page = chrome.new_context().new_page()
    page.goto(f"{own}/queue?tenant=demo")
    go_through_the_provider(page, "somebody@acme")
    expect(page.get_by_text("not linked to an active account")).to_be_visible(timeout=60_000)
    page.get_by_text("Back to the sign-in").click()
    expect(page.get_by_text("Sign in with Acme")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("SHP-1")).to_have_count(0)
