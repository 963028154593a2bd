"""Reads of published tables: only those files, only the tenant and scope asked for, never a statement of theirs."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
import streamlit as st

from dashboard import queries
from dashboard.queries import Scope
from tests.dashboard.published import publish


@pytest.fixture
def publication(tmp_path: Path) -> queries.Publication:
    st.cache_data.clear()
    publish(tmp_path, [("S-1", "C-1", "K-1"), ("S-2", "C-2", "K-2")])
    found = queries.current(tmp_path / "published")
    assert found
    return found


def test_before_the_first_publication_there_is_none(tmp_path: Path) -> None:
    assert queries.current(tmp_path) is None


@pytest.mark.parametrize(
    "pointer",
    ["", "{", '{"publication_id": ""}', '{"publication_id": "../../etc"}', "[]", '{"publication_id": ".."}'],
)
def test_a_broken_or_straying_pointer_is_no_publication(tmp_path: Path, pointer: str) -> None:
    (tmp_path / "CURRENT").write_text(pointer)

    assert queries.current(tmp_path) is None


def test_a_new_publication_is_read_and_not_the_cached_one(tmp_path: Path) -> None:
    publish(tmp_path, [("S-1", "C-1", "K-1")], "pub-1")
    first = queries.current(tmp_path / "published")
    assert first
    assert len(queries.shipments(first, Scope("demo"))) == 1
    publish(tmp_path, [("S-1", "C-1", "K-1"), ("S-2", "C-2", "K-2")], "pub-2")
    second = queries.current(tmp_path / "published")
    assert second
    assert len(queries.shipments(second, Scope("demo"))) == 2


@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        (Scope("demo"), {"S-1", "S-2"}),
        (Scope("demo", customer_id="C-1"), {"S-1"}),
        (Scope("demo", carrier_id="K-2"), {"S-2"}),
        (Scope("demo", customer_id="C-1", carrier_id="K-2"), set()),
        (Scope("demo", facility_id="nowhere"), set()),
        (Scope("health"), set()),
        (Scope("demo' or '1'='1"), set()),
    ],
)
def test_rows_stay_within_their_scope(publication: queries.Publication, scope: Scope, seen: set[str]) -> None:
    assert {row["shipment_id"] for row in queries.shipments(publication, scope)} == seen
    for shipment_id in ("S-1", "S-2"):
        assert bool(queries.milestones(publication, scope, shipment_id)) == (shipment_id in seen)
        assert bool(queries.scores(publication, scope, shipment_id)) == (shipment_id in seen)


def test_the_cache_does_not_lend_one_scopes_rows_to_another(publication: queries.Publication) -> None:
    assert queries.shipments(publication, Scope("demo"), ("S-2",))
    assert not queries.shipments(publication, Scope("demo", customer_id="C-1"), ("S-2",))


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_text('/etc/hostname')",
        "select * from read_parquet('/tmp/other.parquet')",
        "attach '/tmp/other.db'",
        "install httpfs",
        "set enable_external_access = true",
        "copy (select 1) to '/tmp/tidewaiter_should_not_exist.parquet'",
    ],
)
def test_the_connection_opens_nothing_but_the_published_files(
    publication: queries.Publication, statement: str
) -> None:
    connection = queries._connection(str(publication.folder))

    with pytest.raises(duckdb.Error):
        connection.execute(statement)


def test_a_mart_that_is_not_published_reads_as_empty(publication: queries.Publication) -> None:
    assert queries.projection(publication, "demo", "F-1", "P-1") == []


def test_only_known_marts_have_a_file(publication: queries.Publication) -> None:
    with pytest.raises(KeyError):
        publication.file("../../secrets")


def test_every_instant_is_aware(publication: queries.Publication) -> None:
    row = queries.shipments(publication, Scope("demo"))[0]

    assert row["planned_arrival_at"].utcoffset() is not None


def test_a_models_card_is_read_for_its_own_tenant_only(publication: queries.Publication) -> None:
    (publication.folder / "models.json").write_text(json.dumps({"health": {"version": "m-9"}}))
    st.cache_data.clear()

    assert queries.model_reports(publication, "health") == {"version": "m-9"}
    assert queries.model_reports(publication, "demo") is None
