"""Decisions about references from the command line, and how the data's path takes them up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from casework.model import Principal
from casework.store.engine import migrate
from orchestration import publishing
from orchestration.assets.raw import tenant_settings
from orchestration.automation import landing_sensor
from orchestration.cli import app
from orchestration.cli.output import explain
from orchestration.loading import waiting_for
from orchestration.pipeline import needs_a_run
from orchestration.resources import Platform
from orchestration.settings import Settings
from tests.dashboard.published import publish

TENANT = ("--tenant", "demo")
SAID = (*TENANT, "--as", "planner", "--reason", "They rang.")
PRO = ("PRO", "4711")
OF_CARRIER = ("--carrier", "OTHR")


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """A platform with accounts and published tables that commands are pointed at."""
    home = tmp_path / "var"
    monkeypatch.setenv("TIDEWAITER_HOME", str(home))
    for name in ("TIDEWAITER_STORE_URL", "TIDEWAITER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    made = Platform(Settings.from_environment())
    home.mkdir()
    migrate(made.engine)
    made.casework.bootstrap()
    monkeypatch.setenv("TIDEWAITER_PASSWORD", made.casework.reset_password("planner"))
    publish(home, [("SHP-1", "C", "OTHR"), ("SHP-2", "C", "OTHR")])
    yield made
    made.warehouse._give_back()  # a run holds it until its process ends
    made.engine.dispose()


def run(*words: str, code: int = 0) -> Any:
    """Run a command; return its JSON where it was asked for that, or the sentence of its refusal."""
    done = CliRunner().invoke(app, ["identity", *words])
    if isinstance(done.exception, Exception):
        assert explain(done.exception) == code, repr(done.exception)
        return str(done.exception)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if "--json" in words else done.output


def lead(platform: Platform) -> Principal:
    token, person = platform.casework.sign_in("lead", platform.casework.reset_password("lead"))
    platform.casework.sign_out(token)
    return person


def test_what_waits_is_listed_most_messages_first_and_only_the_tenants_own(platform: Platform) -> None:
    listed = run("list", *TENANT, "--json")
    assert [(row["reference_key"], row["message_count"]) for row in listed] == [
        ("4711", 7),
        ("MSCU123456", 2),
    ]
    assert listed[0]["candidates"][0] == {
        "means": "SHP-2",
        "name": None,
        "score": 0.93,
        "reasons": ["one sign differs", "the same carrier"],
    }
    assert len(run("list", *TENANT, "--limit", "1", "--json")) == 1
    shown = run("list", *TENANT)
    assert "SHP-2 (93%: one sign differs, the same carrier)" in shown and "THEIRS" not in shown


def test_a_reference_is_matched_listed_and_undone(platform: Platform) -> None:
    made = run("match", *PRO, "SHP-2", *SAID, *OF_CARRIER, "--json")
    assert (made["decision"], made["shipment_id"], made["decided_by"]) == ("match", "SHP-2", "person:planner")
    assert [row["reference_key"] for row in run("list", *TENANT, "--json")] == ["MSCU123456"]
    (listed,) = run("list", *TENANT, "--decided", "--json")
    assert listed == made
    assert "undo it first" in run("ignore", *PRO, *SAID, *OF_CARRIER, code=1)
    assert "waits for a decision again" in run("undo", made["decision_id"], *SAID)
    assert run("list", *TENANT, "--decided", "--json") == []
    assert "They rang." in run("list", *TENANT, "--decided", "--undone")


def test_a_reference_is_left_out(platform: Platform) -> None:
    assert "is left out, from the next run on" in run("ignore", "CONTAINER", "MSCU123456", *SAID)
    (made,) = run("list", *TENANT, "--decided", "--json")
    assert (made["decision"], made["shipment_id"], made["carrier_id"]) == ("ignore", None, None)


def test_what_cannot_be_is_refused_with_a_sentence(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No published shipment of demo is called 'SHP-404'" in run("match", *PRO, "SHP-404", *SAID, code=4)
    assert "There is no such decision" in run("undo", "01J", *SAID, code=4)
    monkeypatch.setenv("TIDEWAITER_PASSWORD", platform.casework.reset_password("auditor"))
    auditor = (*TENANT, "--as", "auditor", "--reason", "x")
    assert "You hold no role" in run("match", *PRO, "SHP-1", *auditor, code=1)
    assert run("list", *TENANT, "--decided", "--json") == []


def test_a_place_means_a_facility_and_a_customers_number_an_account_of_the_tenant(platform: Platform) -> None:
    place, number = ("PLACE", "YARD7"), ("CUSTOMER", "C100001")
    assert "No published facility of demo is called 'SHP-1'" in run("match", *place, "SHP-1", *SAID, code=4)
    assert "No published customer of demo is called 'SIN'" in run("match", *number, "SIN", *SAID, code=4)
    assert run("match", *place, "SIN", *SAID, "--json")["facility_id"] == "SIN"
    customer = _a_customer(platform)
    assert run("match", *number, customer, *SAID, "--json")["customer_id"] == customer


def test_one_of_ours_is_another_of_ours_where_both_are_known(platform: Platform) -> None:
    customer = _a_customer(platform)
    for one, another in (("C-404", customer), (customer, "C-404")):
        refusal = run("match", "account", one, another, *SAID, code=4)
        assert "No published customer of demo is called 'C-404'" in refusal
    assert "is that account itself" in run("match", "ACCOUNT", customer, customer, *SAID, code=1)
    first, second = _facilities(platform)[:2]
    made = run("match", "FACILITY", first, second, *SAID, "--json")
    assert (made["reference_key"], made["facility_id"]) == (first, second)
    assert f"{first} is itself said to be {second}" in run("match", "FACILITY", second, first, *SAID, code=1)
    assert "waits for a decision again" in run("undo", made["decision_id"], *SAID)


def _facilities(platform: Platform) -> list[str]:
    (known,) = platform.settings.published.glob("*/dim_facilities.parquet")
    return [str(row["facility_id"]) for row in pq.read_table(known).to_pylist()]


def _a_customer(platform: Platform) -> str:
    (known,) = platform.settings.published.glob("*/dim_parties.parquet")
    return str(pq.read_table(known).to_pylist()[0]["party_id"])


# --- the data's path -------------------------------------------------------------------------------------


def settle(platform: Platform) -> list[dict[str, Any]]:
    """Write the settings as a run does before it builds; return the decisions that the warehouse then holds."""
    assert dg.materialize([tenant_settings], resources={"platform": platform}).success
    return platform.warehouse.read("select * from raw.reference_decisions order by decision_id").to_pylist()


def build(platform: Platform) -> None:
    """Record a build of what the warehouse holds, taken up by casework."""
    decided = publishing.built_decisions_sha256(platform)
    name = publishing.new_publication_id(platform.clock() + timedelta(milliseconds=2))
    publishing.record_build(
        platform.engine, publication_id=name, dagster_run_id="run", dbt_invocation_id=None,
        input_sha256=publishing.input_digest(platform, decided), decisions_sha256=decided, now=platform.clock(),
    )  # fmt: skip
    publishing.mark(platform.engine, name, state="synced")


def decide(platform: Platform, tenant: str = "demo", key: str = "4711") -> str:
    made = platform.casework.decide_reference(lead(platform), tenant, "PRO", key, None, "SHP-1", "x")
    return made.decision_id


def undo(platform: Platform, decision_id: str) -> None:
    platform.casework.undo_reference_decision(lead(platform), "demo", decision_id, "x")


def test_the_warehouse_is_given_what_stands_whole_before_each_build(platform: Platform) -> None:
    assert settle(platform) == []
    first, theirs = decide(platform), decide(platform, "health")
    undone = decide(platform, key="1")
    undo(platform, undone)
    (ours, other) = settle(platform)
    assert {name: ours[name] for name in ("tenant_id", "decision_id", "reference_type", "reference_key")} == {
        "tenant_id": "demo",
        "decision_id": first,
        "reference_type": "PRO",
        "reference_key": "4711",
    }
    assert (ours["carrier_id"], ours["decision"], ours["shipment_id"]) == (None, "match", "SHP-1")
    assert (other["tenant_id"], other["decision_id"]) == ("health", theirs)
    assert ours["decided_at"].tzinfo is not None
    undo(platform, first)
    assert [row["decision_id"] for row in settle(platform)] == [theirs]


def test_a_new_or_undone_decision_makes_the_path_run_again_though_no_file_came(platform: Platform) -> None:
    settle(platform)
    build(platform)
    assert waiting_for(platform).keys == [] and not needs_a_run(platform)
    made = decide(platform)
    (first,) = waiting_for(platform).keys
    assert needs_a_run(platform)
    settle(platform)
    build(platform)
    assert waiting_for(platform).keys == [] and not needs_a_run(platform)
    undo(platform, made)
    (second,) = waiting_for(platform).keys
    assert needs_a_run(platform) and first != second


def test_a_decision_made_while_a_build_is_under_way_waits_for_the_next(platform: Platform) -> None:
    settle(platform)
    decide(platform)
    build(platform)
    assert needs_a_run(platform) and len(waiting_for(platform).keys) == 1


def test_the_sensor_asks_for_a_run_until_a_decision_is_built(platform: Platform) -> None:
    settle(platform)
    build(platform)

    def ask(cursor: str | None = None) -> Any:
        with dg.instance_for_test() as instance:
            context = dg.build_sensor_context(
                instance=instance, cursor=cursor, resources={"platform": platform}
            )
            return landing_sensor(context), context.cursor

    skipped, cursor = ask()
    assert isinstance(skipped, dg.SkipReason)
    decide(platform)
    asked, cursor = ask(cursor)
    again, _ = ask(cursor)
    assert isinstance(asked, dg.RunRequest) and isinstance(again, dg.RunRequest)
    assert asked.run_key != again.run_key
    settle(platform)
    build(platform)
    assert isinstance(ask()[0], dg.SkipReason)
