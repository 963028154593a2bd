"""Letting a partner in as the pages do it: the link shown once, what it opens, and the page it closes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from casework.access.links import NewLink
from casework.errors import LinkRefused
from casework.model import QueueFilter, Role
from dashboard import cookie, link
from tests.dashboard.conftest import open_app, signed_in
from tests.dashboard.test_flow_pages import press
from tests.dashboard.test_pages import case_of, keys, open_case, who, words
from tests.dashboard.world import CARRIER, OURS, World

SENTENCE = LinkRefused().message


def made(world: World, **changed: object) -> tuple[str, str]:
    """A link for the carrier of SHP-1: its id and its token."""
    plain = {
        "party_role": Role.CARRIER,
        "reason": "They asked.",
        "expires_at": datetime.now(UTC) + timedelta(days=1),
        "case_id": case_of(world, "SHP-1").case_id,
    }
    found, token = world.casework.make_link(who(world, "lead"), "demo", NewLink(**(plain | changed)))  # type: ignore[arg-type]
    return found.link_id, token


def visiting(world: World, monkeypatch: pytest.MonkeyPatch, token: str, **query: str) -> AppTest:
    """The app as the browser that just opened a link shows it."""
    session = world.casework.open_link(token, "203.0.113.9", "Browser")
    with monkeypatch.context() as browser:
        browser.setattr(cookie, "token_sent", lambda: session)
        return open_app(**query)


def test_a_lead_shares_a_case_and_the_link_is_shown_once(world: World) -> None:
    app = open_case(world, "lead", "SHP-1")
    app = app.button(key="share_open").click().run()
    app.selectbox(key="share_with").set_value(Role.CARRIER)
    app.text_input(key="share_reason").input("They asked by phone.")
    app = press(app, "share_open", "share_confirm")

    (address,) = [code.value for code in app.code if "/link#" in code.value]
    token = address.split("#")[1]
    assert world.casework.open_link(token)
    app = app.button(key="link_copied").click().run()
    assert token not in words(app)
    assert token not in words(open_case(world, "lead", "SHP-1"))
    listed = next(table.value for table in app.dataframe if "Made by" in table.value)
    assert (listed["Why"][0], listed["Opened"][0], listed["May"][0]) == ("They asked by phone.", 1, "look")


def test_all_of_a_partys_cases_of_some_types_are_shared_when_that_is_asked(world: World) -> None:
    app = open_case(world, "lead", "SHP-1")
    app = app.button(key="share_open").click().run()
    app.selectbox(key="share_with").set_value(Role.CARRIER)
    app.checkbox(key="share_all").check()
    app.button(key="share_open").click()
    app = app.run()
    app.multiselect(key="share_types").set_value(["predicted_late"])
    app.text_input(key="share_reason").input("Their weekly list.")
    app = press(app, "share_open", "share_confirm")

    (found,) = world.casework.partner_links(who(world, "lead"), "demo")
    assert (found.case_id, found.party_id, found.exception_types) == (None, CARRIER, ("predicted_late",))


def test_sharing_without_a_reason_is_refused_with_a_sentence(world: World) -> None:
    app = open_case(world, "lead", "SHP-1")
    app = app.button(key="share_open").click().run()
    app = press(app, "share_open", "share_confirm")

    assert "Say why the link is made" in words(app)
    assert "link_copied" not in keys(app)


def test_only_whom_the_tenant_lets_is_offered_to_share(world: World) -> None:
    for login in ("planner", "auditor", "approver"):
        assert "share_open" not in keys(open_case(world, login, "SHP-1"))


def test_a_link_shows_one_case_masked_and_leads_nowhere_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _id, token = made(world)
    other = case_of(world, "SHP-2").case_id
    for query in ({}, {"case": other}, {"tenant": "health", "case": other}, {"tenant": "demo"}):
        app = visiting(world, monkeypatch, token, **query)
        assert not app.exception
        if query.get("tenant") == "health":
            assert "SHP" not in words(app)
            continue
        assert "SHP\\-1" in words(app)
        for secret in ("SHP-2", "SHP\\-2", "$", OURS, "Operations lead", "500"):
            assert secret not in words(app), secret
        assert keys(app) == {"sign_out"}
        assert not any("Made by" in table.value for table in app.dataframe)


def test_a_link_to_all_of_a_partys_cases_shows_the_partners_page(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _id, token = made(world, case_id=None, party_id=CARRIER)
    app = visiting(world, monkeypatch, token)
    partner = signed_in(world, "carrier", tenant="demo")
    mine, theirs = ([table.value.to_dict() for table in seen.dataframe] for seen in (app, partner))
    assert str(mine) == str(theirs)
    assert "partner_open_case" in keys(app)


def test_a_link_to_some_types_does_not_list_the_other_shipments(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _id, token = made(world, case_id=None, party_id=CARRIER, exception_types=("predicted_late",))
    app = visiting(world, monkeypatch, token)
    assert [list(table.value["Shipment"]) for table in app.dataframe] == [["SHP-1"]]


def test_who_may_comment_is_offered_that_and_nothing_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _id, token = made(world, may_comment=True)
    app = visiting(world, monkeypatch, token)
    assert {key for key in keys(app) if key.startswith("action_")} == {"action_comment"}
    app = app.button(key="action_comment").click().run()
    app.text_area(key="comment_text").input("It left at noon.")
    app = press(app, "action_comment", "comment_confirm")
    assert "It left at noon" in words(open_case(world, "lead", "SHP-1"))


def test_a_page_that_is_open_closes_with_the_next_click_after_a_revocation(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _id, token = made(world)
    app = visiting(world, monkeypatch, token)
    lead = open_case(world, "lead", "SHP-1")
    lead.text_input(key="link_why").input("Wrong person.")
    lead = lead.button(key="link_revoke").click().run()
    assert "opens nothing any more" in words(lead)

    app = app.run()
    assert [element.value for element in app.info] == [SENTENCE.replace(".", "\\.")]
    assert "SHP" not in words(app) and not app.dataframe
    app = app.button(key="link_sign_in").click().run()
    assert app.text_input(key="sign_in_login")


def test_the_links_page_tells_what_was_looked_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _id, token = made(world)
    visiting(world, monkeypatch, token)
    page = open_case(world, "auditor", "SHP-1")
    views = next(table.value for table in page.dataframe if "Network" in table.value)
    assert list(views["What"]) == ["looked at the case"]
    page = page.button(key="open_links").click().run()
    views = next(table.value for table in page.dataframe if "Network" in table.value)
    assert list(views["What"]) == ["looked at the case", "opened the link"]
    assert views["Browser"][0] == "Browser" and "203.0.113.9" not in views.to_string()
    assert not any(key.startswith("link_revoke") for key in keys(page))


def test_a_cookie_of_a_link_that_ended_says_so_and_lets_others_sign_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    link_id, token = made(world)
    session = world.casework.open_link(token)
    world.casework.revoke_link(who(world, "lead"), "demo", link_id, "done")
    monkeypatch.setattr(cookie, "token_sent", lambda: session)
    app = open_app(tenant="demo")
    assert [element.value for element in app.info] == [SENTENCE.replace(".", "\\.")]
    app = app.button(key="link_sign_in").click().run()
    app.text_input(key="sign_in_login").input("planner")
    app.text_input(key="sign_in_password").input(world.passwords["planner"])
    app = app.button(key="sign_in_submit").click().run()
    assert "SHP-1" in app.dataframe[0].value["What"][0]


# --- the address beside the pages --------------------------------------------------------------------------


@pytest.fixture
def browser(world: World) -> TestClient:
    routes = [
        Route(link.ADDRESS, link.page, methods=["GET"]),
        Route(link.ADDRESS, link.open_link, methods=["POST"]),
    ]
    return TestClient(Starlette(routes=routes), base_url="http://localhost")


def test_a_token_becomes_a_session_that_no_script_reads(world: World, browser: TestClient) -> None:
    _id, token = made(world)
    answer = browser.post(link.ADDRESS, content=token, headers={"Origin": "http://localhost"})
    assert (answer.status_code, answer.content) == (204, b"")
    said = answer.headers["set-cookie"].lower()
    assert {"httponly", "samesite=strict", "path=/"} <= set(said.split("; "))
    session = answer.cookies[cookie.NAME].strip('"')
    assert world.casework.session(session).kind == "link"
    assert token not in answer.text + said
    (opening,) = world.casework.link_views(who(world, "lead"), "demo")
    assert (opening.kind, opening.user_agent) == ("opening", "testclient")


def test_whatever_is_wrong_with_a_token_the_page_says_the_same(world: World, browser: TestClient) -> None:
    link_id, token = made(world)
    world.casework.revoke_link(who(world, "lead"), "demo", link_id, "done")
    answers = [browser.post(link.ADDRESS, content=content) for content in (token, "guess", "", b"\xff\x00")]
    assert {(answer.status_code, answer.text) for answer in answers} == {(403, SENTENCE)}
    assert not any("set-cookie" in answer.headers for answer in answers)
    assert browser.post(link.ADDRESS, content="x" * 10_000).status_code == 413


def test_another_site_cannot_open_a_link_in_somebodys_browser(world: World, browser: TestClient) -> None:
    _id, token = made(world)
    for origin in ("https://evil.test", "null", "http://localhost.evil.test"):
        answer = browser.post(link.ADDRESS, content=token, headers={"Origin": origin})
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


def test_fetching_the_page_opens_nothing_and_nothing_of_it_is_kept(world: World, browser: TestClient) -> None:
    made(world)
    answer = browser.get(link.ADDRESS)
    assert answer.status_code == 200
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert world.casework.link_views(who(world, "lead"), "demo") == ()


# --- accounts and keys -------------------------------------------------------------------------------------


def test_an_administrator_manages_accounts_and_sees_no_case(world: World) -> None:
    app = signed_in(world, "admin", tenant="demo")
    assert not app.exception
    assert "Accounts" in words(app)
    assert "SHP" not in words(app)
    app.text_input(key="grant_login").input("engineer")
    app.selectbox(key="grant_role").set_value(Role.PLANNER)
    app.text_input(key="grant_customer").input(OURS)
    app = app.button(key="grant_give").click().run()
    assert "The role is given" in words(app)
    assert world.casework.search(who(world, "engineer"), "demo", QueueFilter()).total == 1
    app.text_input(key="grant_login").input("admin")
    app = app.button(key="grant_give").click().run()
    assert "Nobody changes what they may do themselves" in words(app)

    app.selectbox(key="account_login").set_value("engineer")
    app.text_input(key="account_why").input("Left.")
    app = app.button(key="account_deactivate").click().run()
    listed = app.dataframe[0].value.set_index("Login")
    assert listed["Acts"]["engineer"] == "no"


def test_a_key_is_made_by_one_drawn_by_another_and_taken_back(world: World) -> None:
    app = signed_in(world, "admin", tenant="demo")
    app.text_input(key="key_name").input("TMS bridge")
    app.multiselect(key="key_permissions").set_value(["case:read"])
    app.selectbox(key="key_holder").set_value("lead")
    app = app.button(key="key_make").click().run()
    (waiting,) = world.casework.keys_to_draw(who(world, "lead"), "demo")

    lead = open_case(world, "lead", "SHP-1").button(key="open_links").click().run()
    lead = lead.button(key=f"key_draw_{waiting.key_id}").click().run()
    (secret,) = [code.value for code in lead.code if code.value.startswith(waiting.prefix)]
    lead = lead.button(key="key_copied").click().run()
    assert secret not in words(lead)
    assert world.casework.search(world.casework.principal_of_key(secret), "demo").total == 4
    app = app.run()
    app.text_input(key="key_why").input("Leaked.")
    app = app.button(key="key_revoke").click().run()
    assert "The key opens nothing any more" in words(app)
    assert secret not in words(app)
