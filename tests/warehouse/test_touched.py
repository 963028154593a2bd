"""What is built of what was touched alone equals what is built of everything, whatever was told, in whatever order."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import random_world
from conftest import PROJECT
from random_world import World
from raw_tables import create_raw, put

from orchestration import touched
from orchestration.errors import BuildFailed
from orchestration.touched import Step, steps_of
from tests.faults.sizes import SEED, figure

#: So many builds of what was touched alone before each comparison; what one leaves wrong stays wrong.
BUILDS = 5
#: What nothing happens to where nothing came, and the clock stood still.
AS_IT_WAS = {
    "fct_milestones",
    "fct_orders",
    "dim_facilities",
    "dim_parties",
    "fct_feed_health",
    "ftr_shipments",
}
TABLES = """
    select schema_name, table_name from duckdb_tables()
    where database_name = 'warehouse' and schema_name not in ('raw', 'ml', 'touched') order by all
"""


WHAT_FEW_HAVE = """
    select distinct exception_type from marts.fct_exceptions
    union all
    select distinct 'free time' from marts.fct_free_time
"""

pytestmark = pytest.mark.feeds


class Builds:
    """dbt in this process, parsed once, each build of a file of its own."""

    def __init__(self, patch: pytest.MonkeyPatch, place: Path) -> None:
        """Parse the project."""
        self.patch, self.place, self.manifest = patch, place, None
        patch.setenv("DBT_LOG_PATH", str(place / "logs"))
        self.manifest = self._invoke(place / "warehouse.duckdb", "parse")
        self.steps = self._compiled(place / "warehouse.duckdb")

    def touched(self, path: Path, steps: Sequence[Step] | None = None) -> None:
        """Build what was touched alone, and test it."""
        with opened(path) as connection:
            connection.begin()
            models = {step.unique_id for step in self.steps if not step.model}
            run = {step for step, _, _ in touched.build(connection, steps or self.steps, models)}
            # what finds out what was touched is always asked, and more where anything was
            always = {
                step for step in steps or self.steps if step.schema == touched.TOUCHED and not step.model
            }
            assert always <= run
            was_told = connection.execute("select exists (from touched.touched_rows)").fetchall() == [(True,)]
            assert always < run or not was_told
            connection.commit()

    def ran(self, path: Path) -> set[str]:
        """Build what was touched alone; return the models and tests that were asked for it, without lists of that."""
        with opened(path) as connection:
            connection.begin()
            models = {step.unique_id for step in self.steps if not step.model}
            told = {
                step.name
                for step, *_ in touched.build(connection, self.steps, models)
                if step.schema != "touched"
            }
            connection.commit()
        return told

    def breaking(self, path: Path, model: str) -> set[str]:
        """Run the data tests of a model as after a build of what was touched; return the names of those that fail."""
        with opened(path) as connection:
            tests = [step for step in self.steps if step.model == f"model.tidewaiter.{model}"]
            assert len(tests) > 1
            return {step.name for step in tests if step.run(connection)[0]}

    def __call__(self, path: Path, *flags: str) -> None:
        """Build every model; data tests and unit tests are judged elsewhere."""
        plain = ("--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")
        for result in self._invoke(path, "build", *plain, *flags).results:
            assert str(result.status) in ("success", "no-op"), result.message

    def failed(self, path: Path, model: str) -> set[str]:
        """Run the data tests of a model as after a build of everything; return the names of those that fail."""
        chosen = ("--select", model, "--indirect-selection", "cautious")
        done = self._invoke(path, "test", *chosen, "--exclude-resource-type", "unit_test")
        assert len(done.results) > 1
        return {result.node.name for result in done.results if str(result.status) != "pass"}

    def _compiled(self, path: Path) -> list[Step]:
        chosen = ("--exclude", "resource_type:unit_test", "--vars", "{touched_alone: true}")
        return steps_of(result.node for result in self._invoke(path, "compile", *chosen).results)

    def _invoke(self, path: Path, *arguments: str) -> Any:
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

        self.patch.setenv("TIDEWAITER_WAREHOUSE", str(path))
        self.patch.setenv("DBT_TARGET_PATH", str(self.place / "target"))
        where = ("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT))
        done = dbtRunner(manifest=self.manifest).invoke([*arguments, "--quiet", *where])
        DuckDBConnectionManager.close_all_connections()
        if done.exception:
            raise done.exception
        return done.result


@dataclass
class Network:
    """A random network, everything built of it, and how it is built on."""

    path: Path
    build: Builds
    world: World

    @contextmanager
    def told(self) -> Iterator[World]:
        """Give the network to be told something, with its file open."""
        self.world.step += 1  # what is told now comes in files of its own
        with opened(self.path) as self.world.connection:
            yield self.world

    def differs(self) -> dict[str, list[Any]]:
        """Build everything anew, of the same rows in another order; return what the file has otherwise."""
        anew = self.path.parent / "anew" / self.path.name
        anew.parent.mkdir(exist_ok=True)
        shutil.copy(self.path, anew)
        with opened(anew) as connection:
            shuffle(connection)
        self.build(anew, "--full-refresh")
        with opened(self.path) as connection:
            return differing(connection, anew)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A random network of which everything is built."""
    place = tmp_path_factory.mktemp("begun")
    path = place / "warehouse.duckdb"
    with pytest.MonkeyPatch.context() as patch:
        build = Builds(patch, place)
        with opened(path) as connection:
            create_raw(connection)
            world = World(connection, SEED)
            world.built()
        build(path, "--full-refresh")
        yield Network(path, build, world)


@pytest.fixture
def network(begun: Network, tmp_path: Path) -> Network:
    """One's own copy of it."""
    path = tmp_path / begun.path.name
    shutil.copy(begun.path, path)
    return Network(path, begun.build, begun.world.again())


def test_every_table_is_as_a_build_of_everything_makes_it(network: Network) -> None:
    stood = set[str]()
    for _ in range(figure("touched_builds")):
        for _ in range(BUILDS):
            with network.told() as world:
                world.go_on()
            network.build.touched(network.path)
            with network.told() as world:
                world.built()
        assert network.differs() == {}
        with network.told() as world:
            stood |= {kind for (kind,) in world.connection.execute(WHAT_FEW_HAVE).fetchall()}
    # among them what few shipments have
    assert stood >= {"free time", "predicted_late", "disruption", "stock_out_before_inbound", "pod_missing"}


def test_a_build_of_everything_lays_tables_by_the_key_that_short_runs_look_up(network: Network) -> None:
    keys = {
        "marts.fct_milestones": "shipment_id",
        "staging.stg_network__milestones": "event_id",
        "intermediate.int_track_records": "known_until",
        "identity.idn_shipment_references": "reference_type, reference_key",
    }
    for flags in (("--full-refresh",), ()):
        network.build(network.path, *flags)
        with opened(network.path) as connection:
            for table, key in keys.items():
                out_of_order = f"""
                    select count(*) from (
                        select (tenant_id, {key}) < lag((tenant_id, {key})) over (order by rowid) as is_before
                        from {table}
                    )
                    where is_before
                """
                assert connection.execute(out_of_order).fetchall() == [(0,)], (table, flags)


def test_an_outcome_that_is_taken_back_is_learned_from_no_more(network: Network) -> None:
    with network.told() as world:
        first = """
            select outcomes.shipment_id, count(*) over ()
            from intermediate.int_outcomes as outcomes
            inner join staging.stg_network__shipments using (tenant_id, shipment_id)
            where outcomes.tenant_id = 'demo' and outcomes.known_at is not null
            order by outcomes.known_at, outcomes.shipment_id
            limit 1
        """
        ((shipment, outcomes),) = world.connection.execute(first).fetchall()
        assert outcomes > 3
        cancelled = {**world.shipment(), "shipment_no": shipment, "status": "cancelled"}
        world.put("network__shipment", "demo", [cancelled], recorded_at=world.clocks["demo"])
    network.build.touched(network.path)
    assert network.differs() == {}


def test_a_delivery_stamped_ahead_counts_from_when_the_clock_is_there_whatever_else_ended_it(
    network: Network,
) -> None:
    said = (
        "select delivered_at, has_contradictory_times from marts.fct_shipments where shipment_id = 'SH-999'"
    )
    found = []
    with network.told() as world:
        now = world.clocks["demo"]
        ended = {"shipment_no": "SH-999", "status": "delivered", "destination_code": "DC-1",
                 "planned_departure_at": now, "planned_arrival_at": now}  # fmt: skip
        shipment = {**world.shipment(), **ended}
        event = {**world.milestone(), "event_id": "AHEAD", "reference": "SH-999", "reference_type": "SHIPMENT",
                 "carrier_scac": shipment["carrier_scac"], "event_code": "DELIVERED", "classifier": "actual",
                 "location_code": "DC-1", "occurred_at": now + timedelta(hours=3)}  # fmt: skip
        world.put("network__shipment", "demo", [shipment], recorded_at=now)
        world.put("network__milestone", "demo", [event], recorded_at=now)
    for hours in (0, 2, 2):
        with network.told() as world:
            world.clocks["demo"] += timedelta(hours=hours)
            clock = "update raw.tenant_clocks set as_of = ? where tenant_id = 'demo'"
            world.connection.execute(clock, [world.clocks["demo"]])
        network.build.touched(network.path)
        with network.told() as world:
            world.built()
            found += world.connection.execute(said).fetchall()
    assert found == [(now, True), (now, True), (now + timedelta(hours=3), True)]
    assert network.differs() == {}


def test_what_was_shipped_is_heard_by_an_order_that_arrived_long_ago(network: Network) -> None:
    with network.told() as world:
        query = """
            select order_id, product_id from marts.fct_otif
            where tenant_id = 'demo' and delivered_at is not null and shipped_quantity is null
            order by delivered_at, order_line_id limit 1
        """
        ((order, product),) = world.connection.execute(query).fetchall()
        told = {**world.shipped(), "depositor_order_no": order, "item_ids": f'[["SK", "{product}"]]'}
        world.put("partner__x12_945", "demo", [told], recorded_at=world.clocks["demo"])
    network.build.touched(network.path)
    with opened(network.path) as connection:
        heard = "select distinct shipped_told_by from marts.fct_otif where order_id = ? and product_id = ?"
        assert connection.execute(heard, [order, product]).fetchall() == [("x12_945",)]


def test_an_order_that_nobody_ships_is_late_once_its_window_has_passed(network: Network) -> None:
    judged = (
        "select shipment_id, is_on_time, is_in_full, is_otif from marts.fct_otif where order_id = 'SO-NOBODY'"
    )
    with network.told() as world:
        now = world.clocks["demo"]
        order = world.order() | {"order_no": "SO-NOBODY", "promised_delivery_at": now + timedelta(hours=1)}
        world.put("network__order", "demo", [order], recorded_at=now)
    network.build.touched(network.path)
    with network.told() as world:
        world.built()
        before = world.connection.execute(judged).fetchall()
        world.connection.execute("update raw.tenant_clocks set as_of = as_of + interval 24 hours")
    network.build.touched(network.path)
    with opened(network.path) as connection:
        assert (before, connection.execute(judged).fetchall()) == ([], [(None, False, False, False)])
    assert network.differs() == {}


def test_stock_that_waits_for_a_shipment_no_more_is_no_longer_at_stake(network: Network) -> None:
    at_stake = (
        "select shipment_id from marts.fct_exposures where tenant_id = 'demo' and inventory_at_risk > 0"
    )
    with network.told() as world:
        assert world.connection.execute(at_stake).fetchall()
        products = "select distinct facility_code, sku from raw.network__inventory where _tenant_id = 'demo'"
        counted = [
            {**world.stock(), "facility_code": place, "sku": product, "daily_demand_quantity": 0.0}
            for place, product in world.connection.execute(products).fetchall()
        ]
        world.put("network__inventory", "demo", counted, recorded_at=world.clocks["demo"])
    network.build.touched(network.path)
    with opened(network.path) as connection:
        assert connection.execute(at_stake).fetchall() == []


def test_stock_that_runs_out_no_more_is_no_exception_whatever_it_is_worth(network: Network) -> None:
    runs_out = "select count(*) from marts.fct_exceptions where exception_type = 'stock_out_before_inbound'"
    worthless = {"unit_value": 0.0, "daily_demand_quantity": 10.0, "on_hand_quantity": 0.0}
    found = []
    for counted in (worthless, worthless | {"daily_demand_quantity": 0.0}):
        with network.told() as world:
            products = (
                "select distinct facility_code, sku from raw.network__inventory where _tenant_id = 'demo'"
            )
            told = [
                world.stock() | counted | {"facility_code": place, "sku": product}
                for place, product in world.connection.execute(products).fetchall()
            ]
            world.put("network__inventory", "demo", told, recorded_at=world.clocks["demo"])
        network.build.touched(network.path)
        with network.told() as world:
            world.built()
            found += world.connection.execute(f"{runs_out} and tenant_id = 'demo'").fetchall()
    assert found[0] > (0,) and found[1] == (0,)


@pytest.mark.parametrize("party", ["carrier", "customer"])
def test_a_party_that_is_called_otherwise_is_called_so_in_all_that_is_said_of_its_shipments(
    network: Network, party: str
) -> None:
    said = f"""
        select {party}_id, count(*), count(*) filter (where evidence like '%Called anew%')
        from marts.fct_exceptions
        where tenant_id = 'demo' and {party}_id is not null and shipment_id is not null and {party}_id not in (
            select customer_id from staging.stg_network__customers where tenant_id = 'demo'
        )
        group by all
        order by 2 desc, 1
    """
    with network.told() as world:
        (who, exceptions, anew), *_ = world.connection.execute(said).fetchall()
        assert exceptions > 1 and not anew
        if party == "carrier":
            told = {"carrier_scac": who, "carrier_name": "Called anew"}
        else:
            tier = (
                f"select customer_tier from marts.dim_parties where tenant_id = 'demo' and party_id = '{who}'"
            )
            ((stays,),) = world.connection.execute(tier).fetchall()
            told = world.commitment() | {
                "commitment_id": "ZZ", "customer_ref": who, "customer_tier": stays, "order_no": "SO-NONE",
                "customer_name": "Called anew",
            }  # fmt: skip
        feed = "carrier" if party == "carrier" else "commitment"
        world.put(f"network__{feed}", "demo", [told], recorded_at=world.clocks["demo"])
    network.build.touched(network.path)
    with opened(network.path) as connection:
        assert (who, exceptions, exceptions) in connection.execute(said).fetchall()


def test_an_alert_concerns_what_was_not_touched(network: Network) -> None:
    with network.told() as world:
        now = world.clocks["demo"]
        lasts = {
            "severity": "severe",
            "starts_at": now - timedelta(hours=1),
            "ends_at": now + timedelta(hours=500),
        }
        storms = [
            {**world.alert(), **lasts, "location_code": place, "alert_id": place}
            for place in random_world.PLACES
        ]
        world.put("network__weather", "demo", storms, recorded_at=now)
    network.build.touched(network.path)
    with opened(network.path) as connection:
        concerned = """
            select count(*) from intermediate.int_shipments_under_alerts as alerts
            anti join touched.touched_shipments using (tenant_id, shipment_id)
            where alerts.alert_id in (select unnest(?))
        """
        assert connection.execute(concerned, [random_world.PLACES]).fetchall() > [(0,)]
    assert network.differs() == {}


def test_a_customer_of_whom_only_promises_tell_is_of_another_tier_in_all_its_shipments(
    network: Network,
) -> None:
    tiers = """
        select distinct shipments.customer_id, exposures.customer_tier, count(*) over (partition by customer_id)
        from marts.fct_shipments as shipments
        inner join marts.fct_exposures as exposures using (tenant_id, shipment_id)
        anti join staging.stg_network__customers as customers using (tenant_id, customer_id)
        where tenant_id = 'demo' and customer_id in (
            select customer_id from staging.stg_network__commitments where tenant_id = 'demo'
        )
        order by 3 desc, 1
    """
    with network.told() as world:
        (customer, tier, shipments), *_ = world.connection.execute(tiers).fetchall()
        assert shipments > 3
        other = "bronze" if tier == "gold" else "gold"
        promise = {
            **world.commitment(),
            "customer_ref": customer,
            "customer_tier": other,
            "order_no": "SO-NONE",
        }
        world.put("network__commitment", "demo", [{**promise, "commitment_id": "ZZ"}], world.clocks["demo"])
    network.build.touched(network.path)
    with opened(network.path) as connection:
        assert (customer, other, shipments) in connection.execute(tiers).fetchall()


def test_an_old_promise_follows_once_the_account_that_is_kept_comes_to_be_known(network: Network) -> None:
    promised_to = "select customer_id from staging.stg_network__commitments where commitment_id = 'ZZ'"
    with network.told() as world:
        promise = {**world.commitment(), "commitment_id": "ZZ", "customer_ref": "CUST-1"}
        world.put("network__commitment", "demo", [promise], world.clocks["demo"])
    network.build.touched(network.path)
    with network.told() as world:
        world.built()
        assert world.connection.execute(promised_to).fetchall() == [("CUST-1",)]
        accounts = [{**world.customer(), "customer_id": name} for name in ("CUST-1", "CUST-2")]
        world.put("network__customer", "demo", accounts, world.clocks["demo"])
    network.build.touched(network.path)
    with opened(network.path) as connection:
        assert connection.execute(promised_to).fetchall() == [("CUST-2",)]


def test_a_late_notice_of_the_weather_is_heard_by_what_was_asked_before(
    network: Network,
) -> None:
    with network.told() as world:
        query = (
            "select min(cutoff_at), max(cutoff_at) from intermediate.int_checkpoints where tenant_id = 'demo'"
        )
        ((first, last),) = world.connection.execute(query).fetchall()
        lasts = {"severity": "severe", "starts_at": first, "ends_at": last}
        storms = [
            {**world.alert(), **lasts, "location_code": place, "alert_id": place}
            for place in random_world.PLACES
        ]
        world.put("network__weather", "demo", storms, recorded_at=first)
    network.build.touched(network.path)
    with opened(network.path) as connection:
        answered = """
            select count(*)
            from features.ftr_shipments anti join touched.touched_shipments using (tenant_id, shipment_id)
            where tenant_id = 'demo' and open_weather_severity = 3
        """
        ((heard,),) = connection.execute(answered).fetchall()
        assert heard > 3


def test_what_reads_only_tables_that_are_as_they_were_is_neither_built_nor_tested(network: Network) -> None:
    path, build = network.path, network.build
    with network.told() as world:
        world.tell("demo", 15)
    assert {"fct_shipments", "fct_exceptions", "dim_facilities", "fct_feed_health"} <= build.ran(path)
    all_is_known(network)
    assert build.ran(path) == set()  # also of what takes part, though there is stock whose worth is asked for
    with opened(path) as connection:
        assert connection.execute("select count(*) from touched.touched_exposures").fetchall() > [(0,)]
    with network.told() as world:
        world.connection.execute("update raw.feed_arrivals set refused_file_count = refused_file_count + 1")
        if not world.connection.execute("select count(*) from raw.feed_arrivals").fetchall()[0][0]:
            put(world.connection, "raw.feed_arrivals", [{"tenant_id": "demo", "feed": "shipment"}])
    followed = build.ran(path)
    assert "fct_feed_health" in followed and not followed & {
        "fct_milestones",
        "dim_facilities",
        "ftr_shipments",
    }
    assert network.differs() == {}


def test_what_dbt_builds_is_looked_at_anew_by_the_next_short_run(network: Network) -> None:
    path, build = network.path, network.build
    all_is_known(network)
    assert not build.ran(path) & AS_IT_WAS
    build(path, "--select", "dim_parties")
    with opened(path) as connection:
        assert connection.execute("from raw.built_steps").fetchall() == []
    assert {"dim_facilities", "idn_alike_customers", "fct_feed_health"} <= build.ran(path)


def test_a_data_test_reads_what_was_touched_and_what_collides_with_it(network: Network) -> None:
    path, build = network.path, network.build
    with network.told() as world:
        world.tell("demo", 15)
    build.touched(path)
    assert build.breaking(path, "fct_milestones") == set()

    copied = """
        insert into marts.fct_milestones
        select milestones.* replace ('OTHER' as shipment_id)
        from marts.fct_milestones as milestones
        {} join touched.touched_shipments as touched using (tenant_id, shipment_id)
        limit 1
    """
    with opened(path) as connection:
        connection.execute(copied.format("anti"))
    assert build.breaking(path, "fct_milestones") == set()
    assert any("unique" in name for name in build.failed(path, "fct_milestones"))
    with opened(path) as connection:
        connection.execute("delete from marts.fct_milestones where shipment_id = 'OTHER'")
        connection.execute(copied.format("semi"))
    assert any("unique" in name for name in build.breaking(path, "fct_milestones"))


def test_where_a_data_test_fails_all_stays_as_it_stood(network: Network) -> None:
    with network.told() as world:
        world.tell("demo", 15)
    before = network.path.with_name("before.duckdb")
    shutil.copy(network.path, before)
    steps = [
        replace(step, code=f"from ({step.code}) union all from ({step.code})")
        if step.name == "fct_orders"
        else step
        for step in network.build.steps
    ]
    with pytest.raises(BuildFailed, match="test unique_combination_fct_orders"):
        network.build.touched(network.path, steps)
    with opened(network.path) as connection:
        assert differing(connection, before) == {}
    network.build.touched(network.path)
    assert network.differs() == {}


def all_is_known(network: Network) -> None:
    """Let the clocks go on until everything that came is known, and build that."""
    with network.told() as world:
        for tenant in world.clocks:
            world.clocks[tenant] += timedelta(days=1)
        world.connection.execute("update raw.tenant_clocks set as_of = as_of + interval 1 day")
    network.build.touched(network.path)
    with network.told() as world:
        world.built()


def opened(path: Path) -> duckdb.DuckDBPyConnection:
    """A connection to a file, in UTC."""
    connection = duckdb.connect(str(path))
    connection.execute("set TimeZone = 'UTC'")
    return connection


def shuffle(connection: duckdb.DuckDBPyConnection) -> None:
    """Let the rows of each raw table stand in another order, on which nothing that is built may depend."""
    tables = connection.execute("select table_name from duckdb_tables() where schema_name = 'raw'").fetchall()
    for (table,) in tables:
        connection.execute(f'create temp table shuffled as from raw."{table}" order by hash(columns(*))')
        connection.execute(f'delete from raw."{table}"')
        connection.execute(f'insert into raw."{table}" from shuffled')
        connection.execute("drop table shuffled")


def differing(connection: duckdb.DuckDBPyConnection, other: Path) -> dict[str, list[Any]]:
    """Table -> a row that only one of two warehouses has."""
    connection.execute(f"attach '{other}' as anew (read_only)")
    tables = connection.execute(TABLES).fetchall()
    assert len(tables) > 60
    found = {}
    for schema, table in tables:
        named = connection.execute(f"describe {schema}.{table}").fetchall()
        columns = ", ".join(f'"{row[0]}"' for row in named)
        for one, two in (("warehouse", "anew"), ("anew", "warehouse")):
            here, there = (f"select {columns} from {side}.{schema}.{table}" for side in (one, two))
            if rows := connection.execute(f"{here} except all {there} limit 1").fetchall():
                found[f"{schema}.{table} only in {one}"] = rows
    connection.execute("detach anew")
    return found
