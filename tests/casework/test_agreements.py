"""Service agreements: what a tenant's file may say of them, and what the warehouse is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from casework.config import Config
from casework.config.agreements import ServiceAgreement
from tests.casework.office import CONFIG, TENANT

CUSTOMER = {
    "name": "Acme",
    "customer_id": "C1",
    "in_force_from": "2026-01-01",
    "in_force_until": "2026-07-01",
}
LANE = {
    "name": "A to B",
    "origin_facility_id": "A",
    "destination_facility_id": "B",
    "in_force_from": "2026-01-01",
}


def configured(*agreements: dict[str, Any]) -> Config:
    """Return the configuration with these agreements of the demo tenant."""
    tenant = CONFIG.tenants[TENANT].model_dump() | {"agreements": agreements}
    checked = type(CONFIG.tenants[TENANT]).model_validate(tenant)
    return CONFIG.model_copy(update={"tenants": {**CONFIG.tenants, TENANT: checked}})


def test_an_agreement_is_told_with_the_first_moments_of_its_days() -> None:
    (row,) = configured({**CUSTOMER, "penalty_per_day": 800, "penalty_cap": 8000}).service_agreements(TENANT)
    assert (row["tenant_id"], row["agreement_name"], row["customer_id"]) == (TENANT, "Acme", "C1")
    assert (row["penalty_per_day"], row["penalty_cap"], row["otif_late_hours"]) == (800, 8000, None)
    assert row["in_force_from"] == datetime(2026, 1, 1, tzinfo=UTC)
    assert row["in_force_until"] == datetime(2026, 7, 1, tzinfo=UTC)
    assert configured(LANE).service_agreements(TENANT)[0]["in_force_until"] is None


def test_the_same_scope_may_follow_itself_and_stand_beside_narrower_ones() -> None:
    after = {**CUSTOMER, "name": "Acme, renewed", "in_force_from": "2026-07-01", "in_force_until": None}
    both = {**CUSTOMER, **LANE, "name": "Acme, A to B"}
    assert len(configured(CUSTOMER, after, both, LANE).service_agreements(TENANT)) == 4


@pytest.mark.parametrize(
    ("agreements", "what"),
    [
        ([{"name": "All", "in_force_from": "2026-01-01"}], "names no customer, lane or service"),
        ([{**LANE, "destination_facility_id": None}], "names one end of a lane"),
        ([{**CUSTOMER, "penalty_per_day": 5}], "penalty_per_day and penalty_cap, or neither"),
        ([{**CUSTOMER, "in_force_until": "2026-01-01"}], "ends before it begins"),
        ([{**CUSTOMER, "otif_short_share": 2}], "less than or equal to 1"),
        ([CUSTOMER, {**CUSTOMER, "in_force_from": "2026-08-01", "in_force_until": None}], "two agreements are named"),
        ([CUSTOMER, {**CUSTOMER, "name": "Again", "in_force_from": "2026-06-30"}], "in force at once"),
    ],
)  # fmt: skip
def test_what_would_mean_two_things_is_refused(agreements: list[dict[str, Any]], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        configured(*agreements)


def test_two_are_in_force_together_or_not_whichever_is_asked() -> None:
    first, second = (
        ServiceAgreement.model_validate({**CUSTOMER, "in_force_from": start, "in_force_until": end})
        for start, end in (("2026-01-01", "2026-07-01"), ("2026-06-30", None))
    )
    assert first.is_in_force_with(second) and second.is_in_force_with(first)


TERMS = {
    "name": "Port",
    "clock": "demurrage",
    "facility_id": "PORT",
    "in_force_from": "2026-01-01",
    "free_days": 4,
    "free_days_are": "working",
    "closed_on": ["2026-12-25", "2026-01-01"],
    "rates": [{"from_day": 1, "per_day": 100}, {"from_day": 5, "per_day": 250}],
}


def with_terms(*terms: dict[str, Any]) -> Config:
    """Return the configuration with these terms of free time of the demo tenant."""
    tenant = CONFIG.tenants[TENANT].model_dump() | {"free_time": terms}
    checked = type(CONFIG.tenants[TENANT]).model_validate(tenant)
    return CONFIG.model_copy(update={"tenants": {**CONFIG.tenants, TENANT: checked}})


def test_terms_of_free_time_are_told_with_their_days_and_rates() -> None:
    (row,) = with_terms(TERMS).free_time_terms(TENANT)
    assert (row["terms_name"], row["clock"], row["free_days"], row["starts"]) == (
        "Port",
        "demurrage",
        4,
        "next_day",
    )
    assert (row["free_days_are"], row["charged_days_are"], row["carrier_id"]) == ("working", "calendar", None)
    assert row["closed_on"] == '["2026-01-01", "2026-12-25"]'
    assert row["rates"] == '[{"from_day": 1, "per_day": 100.0}, {"from_day": 5, "per_day": 250.0}]'
    assert row["in_force_from"] == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("terms", "what"),
    [
        ([{**TERMS, "rates": []}], "at least 1 item"),
        ([{**TERMS, "rates": [{"from_day": 2, "per_day": 1}]}], "begin with from_day 1"),
        ([{**TERMS, "rates": [*TERMS["rates"], *TERMS["rates"]]}], "go up from there"),
        ([{**TERMS, "free_days": -1}], "greater than or equal to 0"),
        ([{**TERMS, "clock": "storage"}], "demurrage"),
        ([TERMS, {**TERMS, "name": "Port again"}], "in force at once"),
        ([TERMS, {**TERMS, "facility_id": None}], "two agreements are named"),
    ],
)
def test_terms_that_do_not_say_one_thing_are_refused(terms: list[dict[str, Any]], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        with_terms(*terms)
