"""The command line over links, keys and accounts; and a store that goes back a version with all of them."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import inspect, select
from typer.testing import CliRunner, Result

from casework.errors import KeyRefused, LinkRefused
from casework.evidence import chain
from casework.model import Action
from casework.store.engine import migrate
from casework.store.tables import api_keys, link_views, partner_links
from orchestration.cli import app
from orchestration.cli.output import explain
from tests.casework.office import ADMIN, LEAD, OWN_CARRIER, OWN_CUSTOMER, PLANNER, TENANT, Office, exception
from tests.casework.test_access import drawn
from tests.casework.test_history_migration import downgrade, rows
from tests.casework.test_links import made, opened


@pytest.fixture
def desk(sqlite_office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """A store that commands find where the environment says."""
    for name in ("TIDEWAITER_STORE_URL", "TIDEWAITER_API_KEY", "TIDEWAITER_DASHBOARD_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TIDEWAITER_HOME", str(sqlite_office.home))
    sqlite_office.sync(exception(1), exception(2, customer_id="C-OTHER"))
    return sqlite_office


def tidewaiter(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(app, list(words), env=environment)


def printed(*words: str, **environment: str) -> str:
    done = tidewaiter(*words, **environment)
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.stdout


def refused(*words: str, **environment: str) -> str:
    done = tidewaiter(*words, **environment)
    assert done.exception is not None and explain(done.exception), done.output  # type: ignore[arg-type]
    return str(done.exception)


def test_a_link_is_made_by_whoever_signs_in_listed_and_taken_back(desk: Office) -> None:
    password = desk.casework.reset_password("lead")
    make = ("link", "create", "--with", "carrier", "--case", desk.case_id(), "--tenant", TENANT)
    told = (*make, "--as", "lead", "--reason", "They asked.", "--days", "1")
    address = printed(*told, TIDEWAITER_PASSWORD=password, TIDEWAITER_DASHBOARD_URL="https://desk.example/")
    assert address.startswith("https://desk.example/link#")
    desk.clock.at = desk.casework.partner_links(desk.who(LEAD), TENANT)[0].made_at
    desk.casework.open_link(address.strip().split("#")[1])
    (listed,) = json.loads(printed("link", "list", "--tenant", TENANT, "--json"))
    assert (listed["party_id"], listed["made_by"], listed["openings"]) == (OWN_CARRIER, LEAD, 1)
    assert "opening" in printed("link", "views", "--tenant", TENANT)
    assert address.split("#")[1].strip() not in printed("link", "list", "--tenant", TENANT)
    printed("link", "revoke", listed["link_id"], "--tenant", TENANT, "--reason", "Done.")
    with pytest.raises(LinkRefused):
        desk.casework.open_link(address.strip().split("#")[1])
    assert json.loads(printed("link", "list", "--tenant", TENANT, "--json")) == []
    planner = desk.casework.reset_password("planner")
    assert "Ask an operations lead" in refused(
        *make, "--as", "planner", "--reason", "x", TIDEWAITER_PASSWORD=planner
    )


def test_reading_commands_act_as_the_service_whose_key_is_in_the_environment(desk: Office) -> None:
    narrow = ("--may", "case:read", "--customer", OWN_CUSTOMER)
    key = printed("key", "create", "TMS bridge", "--tenant", TENANT, "--days", "30", *narrow).strip()
    queue = ("queue", "--tenant", TENANT, "--json")
    assert {row["subject"] for row in json.loads(printed(*queue))} == {"SH-1", "SH-2"}
    assert [row["subject"] for row in json.loads(printed(*queue, TIDEWAITER_API_KEY=key))] == ["SH-1"]
    assert json.loads(printed("case", "show", desk.case_id(), "--json", TIDEWAITER_API_KEY=key))
    refused("case", "show", desk.case_id("predicted_late:SH-2"), TIDEWAITER_API_KEY=key)
    for command in (("events",), ("quarantine", "list"), ("feeds",)):
        refused(*command, "--tenant", TENANT, TIDEWAITER_API_KEY=key)
    (listed,) = json.loads(printed("key", "list", "--tenant", TENANT, "--json"))
    assert listed["last_used_at"] and key not in json.dumps(listed)
    printed("key", "revoke", listed["key_id"], "--tenant", TENANT, "--reason", "Leaked.")
    assert refused(*queue, TIDEWAITER_API_KEY=key) == KeyRefused().message
    assert refused(*queue, TIDEWAITER_API_KEY="tw_guess") == KeyRefused().message


def test_accounts_are_listed_given_roles_and_deactivated(desk: Office) -> None:
    printed("account", "grant", "engineer", "--tenant", TENANT, "--role", "planner", "--customer", "C-OTHER")
    listed = json.loads(printed("account", "list", "--tenant", TENANT, "--json"))
    held = next(account for account in listed if account["login"] == "engineer")["grants"]
    given = next(one for one in held if one["grant"]["role"] == "planner")
    assert given["grant"]["customer_id"] == "C-OTHER"
    printed("account", "ungrant", given["grant_id"], "--tenant", TENANT, "--reason", "Over.")
    assert given["grant_id"] not in printed("account", "list", "--tenant", TENANT)
    printed("account", "deactivate", "planner", "--tenant", TENANT, "--reason", "Left.")
    with pytest.raises(Exception, match="not active"):
        desk.casework.search(desk.who(PLANNER), TENANT)
    printed("account", "activate", "planner", "--tenant", TENANT, "--reason", "Back.")
    assert desk.casework.search(desk.who(PLANNER), TENANT).total == 2
    refused("account", "grant", "operator", "--tenant", TENANT, "--role", "ops_lead")


def test_a_store_goes_back_and_forward_again_with_its_links_views_and_keys(office: Office) -> None:
    office.sync(exception(1))
    live, taken = made(office, may_comment=True), made(office)
    visitor = opened(office, live[1])
    office.casework.get(visitor, TENANT, office.case_id())
    office.casework.revoke_link(office.who(LEAD), TENANT, taken[0].link_id, "Wrong person.")
    _key, secret = drawn(office)
    gone, _secret = drawn(office)
    office.casework.revoke_key(office.who(ADMIN), TENANT, gone.key_id, "Leaked.")
    tables = (partner_links, link_views, api_keys)
    before = [rows(office, table) for table in tables]

    downgrade(office, "0005")
    assert not {table.name for table in tables} & set(inspect(office.engine).get_table_names())
    migrate(office.engine)

    assert [rows(office, table) for table in tables] == before
    assert chain.verify(office.casework, TENANT).ok
    again = opened(office, live[1])
    office.casework.perform(again, TENANT, office.case_id(), Action.COMMENT, text="Still here.")
    assert office.casework.search(office.casework.principal_of_key(secret), TENANT).total == 1
    with pytest.raises(LinkRefused):
        office.casework.open_link(taken[1])
    with office.casework.desk.reading_across() as connection:
        assert len(connection.execute(select(link_views)).all()) == 3
    with pytest.raises(Exception, match="append-only"), office.engine.begin() as connection:
        connection.execute(link_views.delete())
