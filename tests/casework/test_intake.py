"""What arrived: quarantined rows and who corrects them, how feeds stand, and a feed time that only goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from casework import answers, arrivals, ledger
from casework.errors import DetailsRefused, LedgerRefused, NotFound, NotPermitted
from casework.evidence import chain
from casework.ledger import FileKey, Refusal
from tests.casework.office import ADMIN, CUSTOMER, ENGINEER, FEED_TIME, LEAD, PLANNER, TENANT, Office

SHA = "a1" * 32


def refusal(number: int, rule: str = "required") -> Refusal:
    return Refusal(
        number, "carrier_scac", rule, f"Row {number} lacks a carrier.", f"raw {number}", {"a": "b"}
    )


def landed(office: Office, sha: str = SHA, tenant: str = TENANT, feed: str = "shipment") -> FileKey:
    key = FileKey(tenant, feed, sha)
    now = office.clock()
    ledger.register(office.engine, key, file_name="s_1.csv", size_bytes=9, recorded_at=FEED_TIME, now=now)
    assert ledger.claim(office.engine, key, now=now, run_id="run-1")
    return key


@pytest.fixture
def loaded(office: Office) -> Office:
    """One file: 10 rows in, 7 loaded, 1 known already, 2 quarantined."""
    ledger.settle(
        office.engine,
        landed(office),
        row_count=10,
        loaded=7,
        duplicates=1,
        refusals=[refusal(3), refusal(5, "pattern")],
        loader_version="1",
        now=office.clock(),
    )
    return office


def test_counts_that_do_not_add_up_are_not_settled(office: Office) -> None:
    key = landed(office)
    for wrong in ({"loaded": 8}, {"loaded": 6}, {"duplicates": 0}, {"row_count": 11}):
        told = {"row_count": 10, "loaded": 7, "duplicates": 1} | wrong
        with pytest.raises(LedgerRefused, match="do not add up"):
            ledger.settle(
                office.engine,
                key,
                refusals=[refusal(3), refusal(5)],
                loader_version="1",
                now=office.clock(),
                **told,
            )
    assert office.casework.quarantine(office.who(ENGINEER), TENANT).total == 0


def test_feed_health_counts_what_came_in_and_what_became_of_it(loaded: Office) -> None:
    (feed,) = loaded.casework.feed_health(loaded.who(ENGINEER), TENANT)
    assert (feed.feed, feed.files, feed.rows, feed.loaded) == ("shipment", 1, 10, 7)
    assert (feed.quarantined, feed.duplicates, feed.quarantined_open) == (2, 1, 2)
    assert (feed.last_landed_at, feed.last_recorded_at) == (loaded.clock(), FEED_TIME)
    assert loaded.casework.feed_health(loaded.who(ENGINEER), "health") == []


def test_what_waits_in_quarantine_of_recent_files_is_told_with_its_commonest_rule(loaded: Office) -> None:
    (feed,) = arrivals.of_tenant(loaded.engine, TENANT, FEED_TIME)
    assert (feed.feed, feed.file_count, feed.recent_row_count, feed.recent_refused_count) == (
        "shipment",
        1,
        10,
        2,
    )
    assert (feed.most_broken_rule, feed.most_broken_column) == ("pattern", "carrier_scac")
    assert feed.refused_reason is None
    first = loaded.casework.quarantine(loaded.who(ENGINEER), TENANT).rows[0]
    loaded.casework.ignore_row(loaded.who(ENGINEER), TENANT, first.quarantine_id, "a test row of theirs")
    (feed,) = arrivals.of_tenant(loaded.engine, TENANT, FEED_TIME)
    assert feed.recent_refused_count == 1
    (feed,) = arrivals.of_tenant(loaded.engine, TENANT, FEED_TIME + timedelta(seconds=1))
    assert (feed.file_count, feed.recent_row_count, feed.recent_refused_count) == (1, 0, 0)
    assert arrivals.of_tenant(loaded.engine, "health", FEED_TIME) == []


def test_a_file_that_could_not_be_read_is_told_until_one_that_can_comes_after_it(loaded: Office) -> None:
    loaded.clock.at += timedelta(hours=1)
    ledger.refuse(loaded.engine, landed(loaded, "b2" * 32), "It has no headings.", loaded.clock())
    (feed,) = arrivals.of_tenant(loaded.engine, TENANT, FEED_TIME)
    assert (feed.refused_file_count, feed.refused_reason) == (1, "It has no headings.")
    assert (feed.refused_file_sha256, feed.refused_at) == ("b2" * 32, FEED_TIME)
    loaded.clock.at += timedelta(hours=1)
    good = landed(loaded, "c3" * 32)
    ledger.settle(
        loaded.engine,
        good,
        row_count=1,
        loaded=1,
        duplicates=0,
        refusals=[],
        loader_version="1",
        now=loaded.clock(),
    )
    (feed,) = arrivals.of_tenant(loaded.engine, TENANT, FEED_TIME)
    assert (feed.refused_file_count, feed.refused_reason, feed.refused_at) == (1, None, None)


def test_loaded_files_are_told_in_the_order_they_were_loaded_in(loaded: Office) -> None:
    loaded.clock.forward(minutes=1)
    later = landed(loaded, "b2" * 32)
    landed(loaded, "c3" * 32)
    ledger.settle(
        loaded.engine, later, row_count=1, loaded=1, duplicates=0, refusals=[], loader_version="1",
        now=loaded.clock(),
    )  # fmt: skip
    files = ledger.loaded_files(loaded.engine, TENANT, "shipment")
    assert [file.file_sha256 for file in files] == [SHA, "b2" * 32]
    assert ledger.loaded_files(loaded.engine, "health", "shipment") == []


def test_quarantined_rows_are_paged_filtered_and_counted(loaded: Office) -> None:
    engineer = loaded.who(ENGINEER)
    page = loaded.casework.quarantine(engineer, TENANT, limit=1)
    assert (len(page.rows), page.total) == (1, 2)
    assert page.facets["rule"] == {"required": 1, "pattern": 1}
    only = loaded.casework.quarantine(engineer, TENANT, rule="pattern")
    assert [row.row_number for row in only.rows] == [5]
    assert loaded.casework.quarantine(engineer, "health").total == 0


def test_a_corrected_row_waits_for_its_replay_and_the_log_says_who_corrected_it(loaded: Office) -> None:
    engineer = loaded.who(ENGINEER)
    row = loaded.casework.quarantine(engineer, TENANT).rows[0]
    corrected = loaded.casework.correct_row(
        engineer, TENANT, row.quarantine_id, {"carrier_scac": "HWYM", "left": None}
    )
    assert (corrected.state, corrected.corrected_values) == ("corrected", {"carrier_scac": "HWYM"})
    (waiting,) = ledger.corrected_rows(loaded.engine, TENANT)
    assert waiting.quarantine_id == row.quarantine_id
    ledger.settle_replay(
        loaded.engine,
        TENANT,
        row.quarantine_id,
        is_duplicate=False,
        refusal=None,
        as_of=loaded.clock(),
        now=loaded.clock(),
    )
    (feed,) = loaded.casework.feed_health(engineer, TENANT)
    assert (feed.rows, feed.loaded, feed.quarantined, feed.duplicates) == (10, 8, 1, 1)
    assert ledger.gaps(loaded.engine, TENANT, "shipment") == []
    (replayed,) = ledger.replayed_rows(loaded.engine, TENANT, "shipment")
    assert (replayed.quarantine_id, replayed.known_at) == (row.quarantine_id, loaded.clock())
    with pytest.raises(DetailsRefused, match="already replayed"):
        loaded.casework.correct_row(engineer, TENANT, row.quarantine_id, {"carrier_scac": "X"})
    with loaded.casework.desk.reading_across() as connection:
        last = list(chain.entries_of(connection, TENANT))[-1]
    assert (last["action"], last["actor"]) == ("quarantine:corrected", ENGINEER)


def test_a_row_is_ignored_only_with_a_reason(loaded: Office) -> None:
    engineer = loaded.who(ENGINEER)
    row = loaded.casework.quarantine(engineer, TENANT).rows[0]
    with pytest.raises(DetailsRefused, match="Say why"):
        loaded.casework.ignore_row(engineer, TENANT, row.quarantine_id, "  ")
    assert loaded.casework.ignore_row(engineer, TENANT, row.quarantine_id, "a test row").state == "ignored"
    assert loaded.casework.quarantine(engineer, TENANT).total == 1


def test_only_those_who_may_see_and_correct_rows_do(loaded: Office) -> None:
    row = loaded.casework.quarantine(loaded.who(PLANNER), TENANT).rows[0]
    with pytest.raises(NotPermitted):
        loaded.casework.correct_row(loaded.who(PLANNER), TENANT, row.quarantine_id, {"a": "b"})
    for who in (CUSTOMER, ADMIN):
        with pytest.raises(NotPermitted):
            loaded.casework.quarantine(loaded.who(who), TENANT)
    with pytest.raises(NotFound):
        loaded.casework.correct_row(loaded.who(LEAD), "health", row.quarantine_id, {"a": "b"})


def refused(office: Office, sha: str = SHA) -> FileKey:
    key = landed(office, sha)
    ledger.refuse(office.engine, key, "required columns are missing: 'eta'.", office.clock())
    return key


def test_a_file_that_could_not_be_read_is_tried_again_when_somebody_says_why(office: Office) -> None:
    key = refused(office)
    engineer = office.who(ENGINEER)
    assert ledger.pending(office.engine, office.clock(), TENANT) == []
    with pytest.raises(DetailsRefused, match="Say why"):
        office.casework.read_again(engineer, TENANT, key.feed, SHA, " ")
    assert office.casework.read_again(engineer, TENANT, key.feed, SHA, "ETA is mapped now.") == "s_1.csv"
    (waiting,) = ledger.pending(office.engine, office.clock(), TENANT)
    assert (waiting.state, waiting.attempts, waiting.error, waiting.file_sha256) == ("landed", 0, None, SHA)
    with office.casework.desk.reading_across() as connection:
        last = list(chain.entries_of(connection, TENANT))[-1]
    assert (last["action"], last["actor"]) == ("file:read_again", ENGINEER)
    with pytest.raises(DetailsRefused, match="it is landed"):
        office.casework.read_again(engineer, TENANT, key.feed, SHA, "Again.")


def test_whoever_may_not_correct_rows_may_not_have_a_file_read_again(office: Office) -> None:
    key = refused(office)
    for who in (PLANNER, CUSTOMER, ADMIN):
        with pytest.raises(NotPermitted):
            office.casework.read_again(office.who(who), TENANT, key.feed, SHA, "x")
    for tenant, sha in (("health", SHA), (TENANT, "b2" * 32)):
        with pytest.raises(NotFound):
            office.casework.read_again(office.who(LEAD), tenant, key.feed, sha, "x")
    assert ledger.refusal_of(office.engine, key) is not None


def test_a_file_whose_sender_was_told_of_its_rejection_has_to_come_anew(office: Office) -> None:
    key = refused(office)
    told = answers.Answer([answers.Told("TA1", "ACME", 1, "rejected")], "c3" * 32, "1.edi")
    answers.record(office.engine, key, told, {"ACME": (1, 2)}, office.clock())
    with pytest.raises(DetailsRefused, match="another control number"):
        office.casework.read_again(office.who(ENGINEER), TENANT, key.feed, SHA, "x")
    assert ledger.refusal_of(office.engine, key) is not None


def test_the_feed_time_only_goes_forward(office: Office) -> None:
    assert office.casework.clock_of(TENANT).as_of == FEED_TIME
    later = FEED_TIME + timedelta(days=1)
    assert office.casework.set_clock(TENANT, later).as_of == later
    with pytest.raises(DetailsRefused, match="cannot go back"):
        office.casework.set_clock(TENANT, FEED_TIME)
    assert office.casework.clock_of("health").as_of == datetime(2011, 5, 6, tzinfo=UTC)
    with pytest.raises(NotFound):
        office.casework.clock_of("nowhere")


def test_where_the_feed_time_begins_is_free_until_something_arrives(office: Office) -> None:
    earlier = FEED_TIME - timedelta(days=30)
    assert office.casework.begin_clock(TENANT, earlier).as_of == earlier
    landed(office)
    with pytest.raises(DetailsRefused, match="can only move forward"):
        office.casework.begin_clock(TENANT, earlier - timedelta(days=1))


def test_a_live_tenants_feed_time_is_desk_time(office: Office) -> None:
    office.casework.set_clock(TENANT, office.clock(), mode="live")
    office.clock.forward(hours=7)
    assert office.casework.clock_of(TENANT).as_of == office.clock()
