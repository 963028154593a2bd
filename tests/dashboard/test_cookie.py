"""A browser stays signed in over a reload, by a cookie that no script can read and no other site can send."""

from __future__ import annotations

import time

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboard import cookie
from dashboard.cookie import Tickets
from tests.dashboard.conftest import open_app
from tests.dashboard.world import World


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setattr(cookie, "tickets", Tickets())
    return TestClient(Starlette(routes=[Route(cookie.ADDRESS, cookie.exchange, methods=["POST"])]))


def test_a_ticket_becomes_a_cookie_once(browser: TestClient) -> None:
    ticket = cookie.tickets.issue("the token")
    answer = browser.post(cookie.ADDRESS, content=ticket)
    assert answer.status_code == 204
    said = answer.headers["set-cookie"].lower()
    assert said.startswith("tidewaiter_session=")
    assert {"httponly", "samesite=strict", "path=/"} <= set(said.split("; "))
    assert answer.cookies[cookie.NAME].strip('"') == "the token"
    assert browser.post(cookie.ADDRESS, content=ticket).status_code == 403


def test_a_late_unknown_or_endless_ticket_is_refused(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = cookie.tickets.issue("the token")
    later = time.monotonic() + cookie.TICKET_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert not cookie.tickets.is_open(ticket)
    for content, status in ((ticket, 403), ("", 403), ("\xff" * 9, 403), ("x" * 10_000, 413)):
        answer = browser.post(cookie.ADDRESS, content=content.encode("latin-1"))
        assert (answer.status_code, "set-cookie" in answer.headers) == (status, False)


def test_a_reload_with_the_cookie_needs_no_password(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    token, _ = world.casework.sign_in("planner", world.passwords["planner"])
    monkeypatch.setattr(cookie, "token_sent", lambda: token)
    app = open_app(tenant="demo")
    assert app.dataframe
    app = app.button(key="sign_out").click().run()
    assert app.text_input(key="sign_in_login")
    assert not app.dataframe

    app = open_app(tenant="demo")
    assert app.text_input(key="sign_in_login")
    assert not app.info


def test_a_made_up_cookie_opens_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cookie, "token_sent", lambda: "made up")
    app = open_app(tenant="demo")
    assert app.text_input(key="sign_in_login")
    assert not app.dataframe
