"""Posts in the ledger, on both stores: once by their id, whoever else posts at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from casework import ledger
from casework.errors import LedgerRefused
from casework.ledger import FileKey
from casework.store.engine import reading
from casework.store.tables import duplicate_files, ingested_files, received_posts
from tests.casework.office import FEED_TIME, TENANT, Office


def receive(
    office: Office, webhook_id: str, sha: str = "a1", tenant: str = TENANT, feed: str = "weather"
) -> bool:
    return ledger.receive(
        office.engine, FileKey(tenant, feed, sha * 32), webhook_id,
        file_name=f"{feed}_20260901T060000Z_{webhook_id}.json", size_bytes=9, recorded_at=FEED_TIME,
        now=office.clock(),
    )  # fmt: skip


def counts(office: Office, tenant: str = TENANT) -> list[int]:
    """Return how many posts, files and duplicate files a tenant has."""
    with reading(office.engine, tenant) as connection:
        return [
            connection.scalar(select(func.count()).select_from(table).where(table.c.tenant_id == tenant)) or 0
            for table in (received_posts, ingested_files, duplicate_files)
        ]


def test_the_same_post_again_is_no_second_one(office: Office) -> None:
    assert [receive(office, "msg_1") for _ in range(3)] == [True, False, False]
    assert counts(office) == [1, 1, 0]


def test_the_same_content_under_another_id_is_noted_and_not_loaded_again(office: Office) -> None:
    assert [receive(office, "msg_1"), receive(office, "msg_2"), receive(office, "msg_2")] == [
        True,
        False,
        False,
    ]
    assert counts(office) == [2, 1, 1]


def test_another_body_under_a_known_id_is_refused_and_leaves_nothing(office: Office) -> None:
    receive(office, "msg_1")
    with pytest.raises(LedgerRefused, match="taken in before, with other bytes"):
        receive(office, "msg_1", "b2")
    assert counts(office) == [1, 1, 0]


def test_an_id_is_one_feeds_of_one_tenant(office: Office) -> None:
    assert receive(office, "msg_1") and receive(office, "msg_1", feed="milestone")
    assert receive(office, "msg_1", tenant="health")
    assert (counts(office), counts(office, "health")) == ([2, 2, 0], [1, 1, 0])


@pytest.mark.parametrize("is_one_body", [True, False])
def test_twenty_at_once_under_one_id_are_one(office: Office, is_one_body: bool) -> None:
    def take(number: int) -> str:
        try:
            return str(receive(office, "msg_1", "a1" if is_one_body else f"{number:02x}"))
        except LedgerRefused:
            return "refused"

    with ThreadPoolExecutor(20) as pool:
        found = sorted(pool.map(take, range(20)))
    assert found == sorted(["True", *["False" if is_one_body else "refused"] * 19])
    assert counts(office) == [1, 1, 0]


def test_twenty_ids_with_one_content_at_once_are_one_file(office: Office) -> None:
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda number: receive(office, f"msg_{number}"), range(20)))
    assert sum(found) == 1
    assert counts(office) == [20, 1, 19]


def test_a_file_landed_and_posted_is_loaded_once(office: Office) -> None:
    key = FileKey(TENANT, "weather", "a1" * 32)
    now = office.clock()
    ledger.register(office.engine, key, file_name="w_1.json", size_bytes=9, recorded_at=FEED_TIME, now=now)
    assert receive(office, "msg_1") is False
    assert counts(office) == [1, 1, 1]
