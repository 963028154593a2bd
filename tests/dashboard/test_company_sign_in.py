"""Signing in with a company account, against a real provider's process: whom it believes, and whom it never does."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import select, update
from starlette.applications import Starlette
from starlette.testclient import TestClient
from typer.testing import CliRunner

from casework.errors import ConfigError, DetailsRefused, NotFound, SessionEnded
from casework.store.engine import writing
from casework.store.tables import audit_entries, identities, principals, sessions
from dashboard import company_sign_in, cookie
from dashboard.company_sign_in import own_path
from dashboard.oidc import Settings
from orchestration.cli import app as command
from tests.conftest import free_port
from tests.dashboard.conftest import open_app
from tests.dashboard.oidc_provider import CLIENT_ID, FAULTS, SECRET
from tests.dashboard.world import World

PROVIDER = Path(__file__).with_name("oidc_provider.py")
OWN = "http://127.0.0.1:8501"
NOBODY = "not linked to an active account"
NOT_BELIEVED = "could not be believed"


@dataclass(frozen=True)
class Company:
    """The provider's process as a test sees it."""

    issuer: str

    def next(self, subject: str = "u-1", fault: str = "") -> None:
        httpx.post(f"{self.issuer}/next", json={"subject": subject, "fault": fault}).raise_for_status()

    def asked(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = httpx.get(f"{self.issuer}/asked").json()
        return found


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    port, ready = free_port(), tmp_path_factory.mktemp("oidc") / "ready"
    command_line = [sys.executable, "-m", "tests.dashboard.oidc_provider", str(port), str(ready)]
    process = subprocess.Popen(command_line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    company = Company(f"http://127.0.0.1:{port}")
    for _ in range(300):
        try:
            httpx.get(f"{company.issuer}/keys")
            break
        except httpx.HTTPError:
            time.sleep(0.1)
    yield company
    process.kill()
    process.wait()


@pytest.fixture
def company(running: Company, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    monkeypatch.setenv("TIDEWAITER_OIDC_ISSUER", running.issuer)
    monkeypatch.setenv("TIDEWAITER_OIDC_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("TIDEWAITER_OIDC_CLIENT_SECRET", SECRET)
    monkeypatch.setenv("TIDEWAITER_URL", OWN)
    company_sign_in.provider.cache_clear()
    monkeypatch.setattr(company_sign_in, "attempts", company_sign_in.Attempts())
    running.next()
    world.casework.link_identity("lead", running.issuer, "u-1", "service:operator")
    yield running
    company_sign_in.provider.cache_clear()


def browser() -> TestClient:
    return TestClient(Starlette(routes=company_sign_in.ROUTES), base_url=OWN, follow_redirects=False)


def to_the_provider(page: TestClient, to: str = "/") -> str:
    """Begin, go to the provider, and return where it sends the browser back to."""
    begun = page.get("/signin", params={"to": to})
    assert begun.status_code == 303, begun.text
    back = httpx.get(begun.headers["location"], follow_redirects=False)
    assert back.status_code == 302, back.text
    return back.headers["location"].removeprefix(OWN)


def signed_in(page: TestClient, to: str = "/") -> httpx.Response:
    return page.get(to_the_provider(page, to))


def test_a_linked_identity_gets_a_session_of_ours_and_nothing_of_the_providers(
    company: Company, world: World
) -> None:
    page = browser()
    answer = signed_in(page, "/case?tenant=demo&case=D-000001")
    assert (answer.status_code, answer.headers["location"]) == (303, "/case?tenant=demo&case=D-000001")
    kept = [line.lower() for line in answer.headers.get_list("set-cookie")]
    ours = next(line for line in kept if line.startswith(f"{cookie.NAME}="))
    assert {"httponly", "samesite=strict", "path=/"} <= set(ours.split("; "))
    assert all(line.startswith((cookie.NAME, company_sign_in.BROWSER)) for line in kept)
    token = answer.cookies[cookie.NAME].strip('"')
    assert world.casework.session(token).principal_id == "person:lead"
    asked = company.asked()[-1]
    assert (asked["response_type"], asked["scope"]) == ("code", "openid")
    assert len(asked["state"]) >= 32 and len(asked["nonce"]) >= 32 and len(asked["code_challenge"]) == 43


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_that_is_not_for_us_now_from_the_provider_is_refused(
    company: Company, world: World, fault: str
) -> None:
    page = browser()
    if fault == "describes another issuer":
        company.next(fault=fault)
        answer = page.get("/signin")
    else:
        back = to_the_provider(page)
        company.next(fault=fault)
        answer = page.get(back)
    assert (answer.status_code, cookie.NAME in answer.cookies) == (403, False)
    assert NOT_BELIEVED in answer.text
    with world.casework.desk.reading_across() as connection:
        assert connection.execute(select(sessions)).all() == []


def test_an_answer_counts_once_and_only_in_the_browser_that_asked(company: Company, world: World) -> None:
    page = browser()
    back = to_the_provider(page)
    for other in (browser(), page):  # somebody else's browser spoils the attempt for both
        answer = other.get(back)
        assert answer.status_code == 403 and "used already" in answer.text
    back = to_the_provider(page)
    assert page.get(back).status_code == 303
    replayed = page.get(back)
    assert replayed.status_code == 403 and cookie.NAME not in replayed.cookies
    code = parse_qs(urlsplit(back).query)["code"][0]
    for state in ("", "made-up"):
        assert page.get("/signin/callback", params={"state": state, "code": code}).status_code == 403


def test_a_code_of_another_attempt_is_of_no_use(company: Company) -> None:
    mine, theirs = browser(), browser()
    own, stolen = to_the_provider(mine), to_the_provider(theirs)
    state = parse_qs(urlsplit(own).query)["state"][0]
    code = parse_qs(urlsplit(stolen).query)["code"][0]
    answer = mine.get("/signin/callback", params={"state": state, "code": code})
    assert answer.status_code == 403 and NOT_BELIEVED in answer.text, "PKCE binds a code to its attempt"


def test_an_attempt_that_took_too_long_is_refused(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    page = browser()
    back = to_the_provider(page)
    later = time.monotonic() + company_sign_in.ATTEMPT_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert "too old" in page.get(back).text


def test_whoever_is_not_linked_is_refused_whatever_the_provider_says_of_them(
    company: Company, world: World
) -> None:
    company.next("u-9")  # with the lead's mail address, login and group
    answer = signed_in(browser())
    assert (answer.status_code, cookie.NAME in answer.cookies) == (403, False)
    assert NOBODY in answer.text


def test_an_account_that_is_not_active_is_refused_in_the_same_words(company: Company, world: World) -> None:
    with writing(world.casework.engine, None) as connection:
        connection.execute(update(principals).where(principals.c.login == "lead").values(is_active=False))
    answer = signed_in(browser())
    assert answer.status_code == 403 and NOBODY in answer.text


def test_a_session_ends_for_good_as_any_other(company: Company, world: World) -> None:
    door = world.casework
    tokens = [signed_in(browser()).cookies[cookie.NAME].strip('"') for _ in range(3)]
    door.sign_out(tokens[0])
    later = door.desk.clock() + timedelta(minutes=31)
    with pytest.raises(SessionEnded):
        door.session(tokens[0])
    assert door.session(tokens[1]).principal_id == "person:lead"
    with writing(door.engine, None) as connection:
        connection.execute(update(sessions).values(last_seen_at=later - timedelta(minutes=62)))
    with pytest.raises(SessionEnded):
        door.session(tokens[1])
    with writing(door.engine, None) as connection:
        connection.execute(update(sessions).values(last_seen_at=door.desk.clock()))
    assert door.unlink_identity("lead", company.issuer, "service:operator") == 1
    with pytest.raises(SessionEnded):
        door.session(tokens[2])
    assert NOBODY in signed_in(browser()).text


def test_who_does_not_finish_at_the_provider_is_told_so(company: Company) -> None:
    company.next(fault="denied")
    answer = signed_in(browser())
    assert answer.status_code == 403 and "was not completed" in answer.text


def test_a_provider_out_of_reach_is_a_sentence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("ISSUER", f"http://127.0.0.1:{free_port()}"),
        ("CLIENT_ID", "x"),
        ("CLIENT_SECRET", "y"),
    ):
        monkeypatch.setenv(f"TIDEWAITER_OIDC_{name}", value)
    monkeypatch.setenv("TIDEWAITER_URL", OWN)
    company_sign_in.provider.cache_clear()
    answer = browser().get("/signin")
    company_sign_in.provider.cache_clear()
    assert answer.status_code == 403 and "cannot be reached" in answer.text


def html() -> str:
    return " ".join(found.proto.body for found in open_app(tenant="demo").get("html"))


def test_the_page_shows_the_way_only_where_there_is_one(world: World, company: Company) -> None:
    assert 'href="/signin?to=' in html()


def test_without_a_provider_there_is_no_such_address(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIDEWAITER_OIDC_ISSUER", raising=False)
    company_sign_in.provider.cache_clear()
    assert [browser().get(path).status_code for path in ("/signin", "/signin/callback")] == [404, 404]
    assert "/signin" not in html()


@pytest.mark.parametrize(
    "asked",
    [
        *("https://evil.test/", "//evil.test", "/\\evil.test", "\\\\evil.test", "javascript:alert(1)", ""),
        *("/a\r\nSet-Cookie: x=y", "/\u202e", "http:/x", "/" + "a" * 600),
    ],
)
def test_the_way_back_leads_nowhere_else(asked: str) -> None:
    assert own_path(asked) == "/"
    assert own_path("/case?tenant=demo&case=D-1") == "/case?tenant=demo&case=D-1"


GOOD = {
    "TIDEWAITER_OIDC_ISSUER": "https://id.example",
    "TIDEWAITER_OIDC_CLIENT_ID": "c",
    "TIDEWAITER_OIDC_CLIENT_SECRET": "s",
    "TIDEWAITER_URL": "https://desk.example/",
}


def test_settings_that_would_not_be_safe_are_refused() -> None:
    found = Settings.from_environment(GOOD)
    assert found is not None and found.redirect_uri == "https://desk.example/signin/callback"
    assert "'s'" not in repr(found)
    for name in GOOD:
        if name != "TIDEWAITER_OIDC_ISSUER":
            with pytest.raises(ConfigError, match=name):
                Settings.from_environment(GOOD | {name: ""})
    for name in ("TIDEWAITER_OIDC_ISSUER", "TIDEWAITER_URL"):
        with pytest.raises(ConfigError, match="https"):
            Settings.from_environment(GOOD | {name: "http://id.example"})
    assert Settings.from_environment({}) is None


def test_linking_is_explicit_told_and_never_silently_moved(world: World) -> None:
    door, issuer = world.casework, "https://id.example"
    door.link_identity("lead", issuer, "u-1", "service:operator")
    assert door.link_identity("lead", issuer, "u-1", "service:operator").principal_id == "person:lead"
    with pytest.raises(DetailsRefused, match="person:lead already"):
        door.link_identity("planner", issuer, "u-1", "service:operator")
    with pytest.raises(NotFound):
        door.link_identity("nobody", issuer, "u-2", "service:operator")
    with pytest.raises(DetailsRefused):
        door.link_identity("lead", issuer, "", "service:operator")
    with door.desk.reading_across() as connection:
        told = connection.execute(
            select(audit_entries.c.object_id).where(audit_entries.c.action == "account:identity:linked")
        ).all()
        assert len(connection.execute(select(identities)).all()) == 1
    assert {row.object_id for row in told} == {"person:lead"}


def test_the_commands_link_show_and_unlink(world: World) -> None:
    run = CliRunner()
    issuer = ["--issuer", "https://id.example"]
    assert run.invoke(command, ["account", "link", "planner", "--subject", "u-7", *issuer]).exit_code == 0
    assert "u-7" in run.invoke(command, ["account", "identities", "planner"]).stdout
    assert "1 identities" in run.invoke(command, ["account", "unlink", "planner", *issuer]).output
    assert "u-7" not in run.invoke(command, ["account", "identities", "planner"]).stdout
