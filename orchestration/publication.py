"""The files of a publication: every mart as Parquet in a folder of its own, behind a pointer that is swapped at once.

What is recorded of it, and how far it was carried, is in `publishing`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
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
WRITERS = 2  # files that are written at once


def publish(
    warehouse: Warehouse, root: Path, publication_id: str, published_at: datetime, cards: dict[str, Any]
) -> dict[str, Any]:
    """Write the marts and the model cards into a folder of their own, then swap the pointer.

    Returns each file's hash and row count. A reader holds either the old pointer or the new one, never
    half of either. A mart that is as it was published before is that file still, not another like it.
    """
    final, draft = root / publication_id, root / f".{publication_id}.part"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    with warehouse.transaction() as connection:
        numbers = versions(connection, [f"{schema}.{mart}" for schema, mart in PUBLISHED_MARTS])
        standing = _published_before(connection, root, numbers)
        with ThreadPoolExecutor(WRITERS) as pool:
            files = dict(pool.map(partial(_file_of, warehouse, draft, standing), PUBLISHED_MARTS))
        (draft / "models.json").write_text(json.dumps(cards, indent=1, sort_keys=True))
        (draft / "manifest.json").write_text(json.dumps(files, indent=1, sort_keys=True))
        _sync_tree(draft)
        shutil.rmtree(final, ignore_errors=True)
        draft.replace(final)
        _note_published(connection, publication_id, numbers)
        warehouse.place.publish(connection, publication_id, published_at)
    point_at(root, publication_id, published_at)
    forget_old(root, publication_id)
    return files


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


def _file_of(
    warehouse: Warehouse, draft: Path, standing: dict[str, Path], table: tuple[str, str]
) -> tuple[str, dict[str, Any]]:
    """Make a mart's file in a new publication; return the mart with the file's hash and rows."""
    schema, mart = table
    path = draft / f"{mart}.parquet"
    if mart in standing and _is_linked(standing[mart] / path.name, path):
        return mart, dict(json.loads((standing[mart] / "manifest.json").read_text())[mart])
    with warehouse.beside() as connection:
        connection.sql(f"from {schema}.{mart} order by all").write_parquet(str(path))
        ((rows,),) = connection.execute(f"select count(*) from {schema}.{mart}").fetchall()
    return mart, {"sha256": _digest(path), "rows": int(rows)}


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
