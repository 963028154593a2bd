"""The small desk behind a real dashboard process, and a Chromium to look at it with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from casework.config import load_config
from casework.drafting.drafter import Drafter
from casework.evidence.keys import Keys
from casework.model import CaseView, Principal, QueueFilter
from casework.permissions import grants
from casework.service import Casework
from casework.store.engine import open_store
from dashboard import cookie
from tests.browser.chromium import PATIENCE_MS, opened
from tests.conftest import ROOT, free_port
from tests.dashboard.conftest import UNSET
from tests.dashboard.world import World, build
from tests.system.running import answers, wait_for

ROW_PX = 35  # a row of a table, and its head


@dataclass(frozen=True)
class Desk:
    """A dashboard that answers at an address, and the door to the store behind it."""

    world: World
    address: str

    def case(self, shipment_id: str) -> CaseView:
        """Return the open case of a shipment as the lead finds it, also when it is part of another."""
        wanted = QueueFilter(search=shipment_id, include_merged=True)
        (found,) = self.world.casework.search(self.who("person:lead"), "demo", wanted).cases
        return found

    def who(self, principal_id: str) -> Principal:
        """Return somebody with the roles they hold now."""
        with self.world.casework.desk.reading_across() as connection:
            return grants.current(connection, principal_id)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The desk that the others are copied from, because making accounts is slow on purpose."""
    world = build(tmp_path_factory.mktemp("desk") / "home")
    world.casework.engine.dispose()
    return world


@pytest.fixture
def desk(prepared: World, tmp_path: Path) -> Iterator[Desk]:
    """A desk of its own for one test, served as `tidewaiter up` serves it."""
    home = tmp_path / "home"
    shutil.copytree(prepared.home, home)
    engine = open_store(f"sqlite:///{home / 'operational.db'}")
    door = Casework(engine, config=load_config(), keys=Keys(home / "keys"), home=home, drafter=Drafter())
    with _served(home) as address:
        yield Desk(World(home, door, prepared.passwords), address)
    engine.dispose()


@contextmanager
def _served(home: Path) -> Iterator[str]:
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    command = [
        str(Path(sys.executable).parent / "streamlit"), "run", str(ROOT / "dashboard" / "server.py"),
        "--server.address", "127.0.0.1", "--server.port", str(port), "--server.headless", "true",
    ]  # fmt: skip
    with (home / "dashboard.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**kept, "TIDEWAITER_HOME": str(home)}, stdout=log, stderr=log
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(lambda: answers(f"{address}/_stcore/health"), 60, "the dashboard to answer", every=0.2)
            yield address
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened() as browser:
        yield browser


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Callable[[], Page]]:
    """Somebody with a browser of their own: no cookie, no memory."""
    contexts = []

    def arrive() -> Page:
        context = browser.new_context(viewport={"width": 1440, "height": 1100})
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        return context.new_page()

    yield arrive
    for context in contexts:
        context.close()


@pytest.fixture
def person(desk: Desk, visitor: Callable[[], Page]) -> Callable[..., Page]:
    """Somebody signed in, each in a browser of their own, at the address they came for."""

    def sign_in(login: str, address: str = "?tenant=demo") -> Page:
        page = visitor()
        page.goto(f"{desk.address}/{address}", wait_until="networkidle")
        page.locator(".st-key-sign_in_login input").fill(login)
        page.locator(".st-key-sign_in_password input").fill(desk.world.passwords[login])
        page.locator(".st-key-sign_in_submit button").click()
        expect(page.locator(".st-key-sign_out button")).to_be_visible()
        wait_for(lambda: has_session(page), 30, "the browser to keep the session")
        return page

    return sign_in


def has_session(page: Page) -> bool:
    """Say whether this person's browser holds the cookie that a reload needs."""
    return any(kept.get("name") == cookie.NAME for kept in page.context.cookies())


def press(page: Page, key: str) -> None:
    """Press the button of a key, once it may be pressed."""
    button = page.locator(f".st-key-{key} button").first
    expect(button).to_be_enabled()
    button.click()


def tell(page: Page, key: str, text: str) -> None:
    """Fill the field of a key, and leave it."""
    field = page.locator(f".st-key-{key} input, .st-key-{key} textarea").first
    field.fill(text)
    field.press("Tab")


def choose(page: Page, key: str, option: str) -> None:
    """Choose from a list by the words shown."""
    field = page.locator(f".st-key-{key} input").first
    field.scroll_into_view_if_needed()
    field.focus()
    field.press("ArrowDown")  # a click can scroll the page, and a list that was scrolled away shuts
    page.get_by_role("option", name=option).first.click()


def tick_rows(page: Page, key: str, *numbers: int) -> None:
    """Tick rows of a table by their place, counted from nought; a table is drawn, so the place is all there is."""
    canvas = page.locator(f".st-key-{key} canvas").first
    expect(canvas).to_be_visible()
    canvas.scroll_into_view_if_needed()
    for number in numbers:
        page.wait_for_timeout(700)
        box = canvas.bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + 16, box["y"] + ROW_PX * (number + 1) + ROW_PX // 2)
