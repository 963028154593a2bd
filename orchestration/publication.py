"""The files of a publication: every mart as Parquet in a folder of its own, behind a pointer that is swapped at once.

What is recorded of it, and how far it was carried, is in `publishing`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from orchestration.changes import versions
from orchestration.warehouse import Warehouse

PUBLISHED_MARTS = (
    ("marts", "dim_parties"),
    ("marts", "dim_party_versions"),
    ("marts", "dim_facilities"),
    ("marts", "fct_orders"),
    ("marts", "fct_shipments"),
    ("marts", "fct_milestones"),
    ("marts", "fct_commitments"),
    ("marts", "fct_documents"),
    ("marts", "fct_status_events"),
    ("marts", "fct_impossible_events"),
    ("marts", "fct_unmatched_references"),
    ("marts", "fct_inventory_projection"),
    ("marts", "fct_starved_orders"),
    ("marts", "fct_otif"),
    ("marts", "fct_free_time"),
    ("marts", "fct_exposures"),
    ("marts", "fct_feed_health"),
    ("marts", "fct_exceptions"),
    ("features", "ftr_shipments"),
    ("ml", "arrival_scores"),
)
KEPT_PUBLICATIONS = 10

File = dict[str, Any]  # its hash and its rows


class Publisher:
    """Publishes one warehouse into one folder."""

    def __init__(self, warehouse: Warehouse, root: Path) -> None:
        """Begin without a file that was written ahead."""
        self._warehouse, self._root = warehouse, root
        self._ahead: dict[str, tuple[int, Future[File]]] = {}  # by mart, with the number of what it held

    def write_ahead(self, marts: Collection[tuple[str, str]]) -> None:
        """Begin to write those of some marts that are not as they were published, while the run goes on.

        Nobody need publish them: a file counts where its mart is still as it was when it was written.
        """
        folder = self._root / ".ahead"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with self._warehouse.connect() as connection:
            numbers = _numbers(connection)
            standing = _published_before(connection, self._root, numbers)
        self._ahead = {
            mart: (
                number,
                self._warehouse.meanwhile(partial(_written, folder / f"{mart}.parquet", schema, mart)),
            )
            for schema, mart in marts
            if (number := numbers.get(f"{schema}.{mart}")) is not None and mart not in standing
        }

    def publish(
        self, publication_id: str, published_at: datetime, cards: dict[str, Any]
    ) -> dict[str, dict[str, Any]]:
        """Write the marts and the model cards into a folder of their own, then swap the pointer.

        Returns each file's hash and row count. A reader holds either the old pointer or the new one, never
        half of either. A mart that is as it was published before is that file still, not another like it.
        """
        final, draft = self._root / publication_id, self._root / f".{publication_id}.part"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        with self._warehouse.transaction() as connection:
            numbers = _numbers(connection)
            files = self._files(draft, numbers, _published_before(connection, self._root, numbers))
            (draft / "models.json").write_text(json.dumps(cards, indent=1, sort_keys=True))
            (draft / "manifest.json").write_text(json.dumps(files, indent=1, sort_keys=True))
            _sync_tree(draft)
            shutil.rmtree(final, ignore_errors=True)
            draft.replace(final)
            _note_published(connection, publication_id, numbers)
            self._warehouse.place.publish(connection, publication_id, published_at)
        point_at(self._root, publication_id, published_at)
        forget_old(self._root, publication_id)
        return files

    def _files(self, draft: Path, numbers: dict[str, int], standing: dict[str, Path]) -> dict[str, File]:
        """Make every mart's file in a new publication: the one of before, the one written ahead, or another."""
        ahead, self._ahead = self._ahead, {}
        made: dict[str, Callable[[], File]] = {}
        for schema, mart in PUBLISHED_MARTS:
            path = draft / f"{mart}.parquet"
            number, written = ahead.get(mart, (None, None))
            if mart in standing and _is_linked(standing[mart] / path.name, path):
                made[mart] = partial(_told_before, standing[mart], mart)
            elif written and number == numbers.get(f"{schema}.{mart}"):
                made[mart] = partial(_taken_up, written, self._root / ".ahead" / path.name, path)
            else:
                made[mart] = self._warehouse.meanwhile(partial(_written, path, schema, mart)).result
        return {mart: file() for mart, file in made.items()}


def _numbers(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return versions(connection, [f"{schema}.{mart}" for schema, mart in PUBLISHED_MARTS])


def _published_before(
    connection: duckdb.DuckDBPyConnection, root: Path, numbers: dict[str, int]
) -> dict[str, Path]:
    """Return the publications that hold marts as they are now, by mart."""
    noted = connection.execute(
        "select table_name, version, publication_id from raw.published_tables"
    ).fetchall()
    return {
        table.split(".")[1]: root / publication
        for table, version, publication in noted
        if numbers.get(table) == version
    }


def _told_before(publication: Path, mart: str) -> File:
    return dict(json.loads((publication / "manifest.json").read_text())[mart])


def _taken_up(written: Future[File], ahead: Path, path: Path) -> File:
    about = written.result()
    ahead.replace(path)
    return about


def _written(path: Path, schema: str, mart: str, connection: duckdb.DuckDBPyConnection) -> File:
    connection.sql(f"from {schema}.{mart} order by all").write_parquet(str(path))
    ((rows,),) = connection.execute(f"select count(*) from {schema}.{mart}").fetchall()
    return {"sha256": _digest(path), "rows": int(rows)}


def _is_linked(older: Path, path: Path) -> bool:
    """Let one file be in two publications, whichever is removed first; say whether it is there and the disk can."""
    try:
        path.hardlink_to(older)
    except OSError:
        return False
    return True


def _note_published(
    connection: duckdb.DuckDBPyConnection, publication_id: str, numbers: dict[str, int]
) -> None:
    connection.execute("delete from raw.published_tables")
    connection.execute(
        "insert into raw.published_tables select unnest(?), unnest(?), ?",
        [list(numbers), list(numbers.values()), publication_id],
    )


def point_at(root: Path, publication_id: str, published_at: datetime) -> None:
    """Swap the pointer that readers follow."""
    pointer = root / ".CURRENT.part"
    pointer.write_text(
        json.dumps({"publication_id": publication_id, "published_at": published_at.isoformat()})
    )
    with pointer.open("rb") as stream:
        os.fsync(stream.fileno())
    pointer.replace(root / "CURRENT")


def forget_old(root: Path, current: str) -> None:
    """Remove all but the newest publications; what a case was raised from is kept in its evidence."""
    older = sorted(path for path in root.iterdir() if path.is_dir() and path.name != current)
    for path in older[: max(0, len(older) - KEPT_PUBLICATIONS + 1)]:
        shutil.rmtree(path, ignore_errors=True)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync_tree(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
