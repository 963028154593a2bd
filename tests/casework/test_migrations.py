"""Going back a version and forward again, with work in the store."""

from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from casework.evidence import chain
from casework.model import Action
from casework.store.engine import MIGRATIONS, migrate, owning, reading_across
from casework.store.tables import metadata
from tests.casework.office import TENANT, Office, exception


def test_a_store_goes_back_to_its_first_version_and_forward_again_without_losing_a_case(
    office: Office,
) -> None:
    office.sync(exception(1), exception(2))
    office.perform(office.case_id(), Action.START)
    before = office.case()
    with owning(office.engine) as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        tables = set(inspect(connection).get_table_names())
    assert "handovers" not in tables and "cases" in tables
    migrate(office.engine)
    with reading_across(office.engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert office.case() == before
    assert chain.verify(office.casework, TENANT).ok
