"""Alembic's environment: runs inside the transaction that `casework.store.engine.migrate` opened."""

from alembic import context

from casework.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
