"""Orders that a late inbound starves, on the page of a stock-out: for the tenant's own people alone."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select, update
from streamlit.testing.v1 import AppTest

from casework.model import Grant, Principal, Publication, Role
from casework.store.tables import grants, principals
from dashboard.session import Viewer
from tests.dashboard.conftest import signed_in
from tests.dashboard.published import AS_OF, publish
from tests.dashboard.test_pages import who, words
from tests.dashboard.world import CARRIER, OURS, THEIRS, World, late, records

PLACE = {"tenant_id": "demo", "facility_id": "DC-1", "product_id": "P-1"}


@pytest.fixture
def stock_out(world: World) -> str:
    """The case of a stock-out at DC-1 that waits for SHP-1, with an order of another customer short."""
    stock = late(
        "SHP-1", OURS, CARRIER, 700, exception_type="stock_out_before_inbound", subject_type="inventory",
        subject="DC-1:P-1", exception_key="stock_out_before_inbound:DC-1:P-1", facility_id="DC-1",
        late_probability=None, predicted_at=None,
    )  # fmt: skip
    found = [*records(), stock]
    world.casework.sync("demo", Publication("pub-2", "run-2", "dbt-2", {"demo": "m-1"}), found)
    folder = publish(
        world.home, [(str(r.shipment_id), str(r.customer_id), str(r.carrier_id)) for r in found[:-1]], "pub-2"
    )
    for name, rows in (("fct_inventory_projection", projected()), ("fct_starved_orders", starved())):
        pd.DataFrame(rows).to_parquet(folder / f"{name}.parquet", index=False)
    return next(
        case.case_id
        for case in world.casework.search(who(world, "lead"), "demo").cases
        if case.subject == "DC-1:P-1"
    )


def projected() -> list[dict[str, Any]]:
    return [
        PLACE
        | {"projected_on": (AS_OF + timedelta(days=day)).date(), "projected_quantity": 40.0 - 10 * day,
           "projected_with_inbound_quantity": 40.0 - 10 * day, "safety_stock_quantity": 5.0,
           "stock_out_on": (AS_OF + timedelta(days=4)).date(), "inbound_shipment_id": "SHP-1"}
        for day in range(4)
    ]  # fmt: skip


def starved() -> list[dict[str, Any]]:
    row = PLACE | {
        "order_id": "SO-77", "order_line_id": "SO-77:1", "customer_id": THEIRS, "shipment_id": "SHP-77",
        "inbound_shipment_id": "SHP-1", "inbound_expected_at": AS_OF + timedelta(days=6),
        "needed_at": AS_OF + timedelta(days=5), "promised_at": AS_OF + timedelta(days=7), "quantity": 20.0,
        "short_quantity": 12.0, "short_amount": Decimal("120.00"), "currency_code": "USD", "is_by_lateness": True,
    }  # fmt: skip
    elsewhere = row | {"facility_id": "DC-2", "order_id": "SO-88", "order_line_id": "SO-88:1"}
    return [row, elsewhere, row | {"tenant_id": "health", "order_id": "SO-99", "order_line_id": "SO-99:1"}]


def shown(app: AppTest) -> str:
    return " ".join(table.value.to_csv() for table in app.dataframe) + words(app)


def test_the_orders_that_go_short_are_on_the_page_of_the_stock_out(world: World, stock_out: str) -> None:
    app = signed_in(world, "lead", tenant="demo", case=stock_out)
    (table,) = [frame.value for frame in app.dataframe if "Short" in frame.value]
    assert table[["Order", "Customer", "Short", "With", "By lateness"]].to_numpy().tolist() == [
        ["SO-77", THEIRS, "12 of 20", "SHP-77", "yes"]
    ]
    assert "go short before SHP" in words(app)


@pytest.mark.parametrize("role", ["warehouse", "planner"])
def test_who_is_let_in_for_one_place_sees_the_stock_and_no_order_of_anybody(
    world: World, stock_out: str, role: str
) -> None:
    with world.casework.engine.begin() as connection:
        theirs = select(principals.c.principal_id).where(principals.c.login == "carrier").scalar_subquery()
        only_there = {"role": role, "carrier_id": None, "facility_id": "DC-1"}
        connection.execute(update(grants).where(grants.c.principal_id == theirs).values(only_there))
    app = signed_in(world, "carrier", tenant="demo", case=stock_out)
    assert "Stock" in words(app)
    assert "SO-77" not in shown(app) and THEIRS not in shown(app)


@pytest.mark.parametrize(
    ("held", "sees"),
    [
        ([Grant("demo", Role.PLANNER)], True),
        ([Grant("demo", Role.APPROVER, approve_up_to=Decimal(5))], True),
        ([Grant("demo", Role.PLANNER, customer_id=OURS)], False),
        ([Grant("demo", Role.PLANNER, exception_types=("stock_out_before_inbound",))], False),
        ([Grant("demo", Role.PLANNER, customer_id=OURS), Grant("demo", Role.PLATFORM_ADMIN)], False),
        ([Grant("health", Role.OPS_LEAD), Grant("demo", Role.PLANNER, facility_id="DC-1")], False),
        ([Grant("demo", Role.PLANNER, permissions=frozenset({"audit:read"}))], False),
        ([Grant("demo", Role.CARRIER)], False),
        ([], False),
    ],
)
def test_rows_of_all_parties_are_for_whoever_reads_all_cases(held: list[Grant], sees: bool) -> None:
    person = Principal("person:p", "person", "p", "P", tuple(held))
    assert Viewer(person, "demo").sees_whole_tenant is sees
