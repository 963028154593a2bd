"""From an acknowledged file to typed rows in the warehouse and a settled entry in the ledger.

Every step may be killed after any other: bytes are kept before they are acknowledged, rows are replaced by
file, and the ledger is settled last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from casework import ledger
from casework.crashpoints import crashpoint
from casework.ledger import FileKey, Refusal
from data.contract import Contract, stamp_of
from data.contract.doubt import doubtful, unsettled
from data.contract.rowsplit import LOADER_VERSION, Arrived, Rejection, Split, correct, split_files
from data.contract.suite import CheckResult, validate
from data.errors import FileRefused
from data.formats import read_in_blocks
from data.mapping.mapped import MappedContract
from data.records import Problem, shortened
from orchestration.acknowledging import answers_waiting, lay_answers, record_answers
from orchestration.publishing import decisions_waiting
from orchestration.resources import Platform

# Great Expectations reads at most so many of the newly loaded rows; the row split has judged every one.
GATE_ROWS = 200_000
SHOWN_COLUMNS = 8
# A batch costs one transaction of the warehouse; a crash repeats at most one batch.
FILES_AT_ONCE, BYTES_AT_ONCE = 100, 32 * 1024 * 1024


@dataclass
class FeedLoad:
    """What one run did to one tenant's feed."""

    files: int = 0
    rows: int = 0
    loaded: int = 0
    quarantined: int = 0
    duplicates: int = 0
    refused: int = 0
    replayed: int = 0
    gaps: list[str] = field(default_factory=list)
    checks: list[CheckResult] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)
    unread_columns: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Waiting:
    """What is left to do: as stable texts, and the raw tables that some of it is for."""

    keys: list[str]
    tables: frozenset[str]


def waiting_for(platform: Platform) -> Waiting:
    """Return what is left to do: files, corrected rows, decisions about references, answers.

    What belongs to no feed waits for its mapping to be mended, and no run would load it.
    """
    tables: set[str] = set()

    def is_fed(tenant_id: str, feed: str) -> bool:
        contract = platform.contract_of(tenant_id, feed)
        tables.update([contract.table_name] if contract else [])
        return contract is not None

    pending = ledger.pending(platform.engine, platform.clock())
    corrected = ledger.corrected_rows(platform.engine)
    answers = answers_waiting(platform)
    files = [f"{r.tenant_id}/{r.feed}/{r.file_sha256}" for r in pending if is_fed(r.tenant_id, r.feed)]
    rows = [f"{r.tenant_id}/{r.quarantine_id}" for r in corrected if is_fed(r.tenant_id, r.feed)]
    answered = [
        f"answer/{a.tenant_id}/{a.feed}/{a.file_sha256}" for a in answers if is_fed(a.tenant_id, a.feed)
    ]
    keys = sorted(files + rows + decisions_waiting(platform) + answered)
    return Waiting(keys, frozenset(tables))


def load_feed(platform: Platform, contract: Contract, tenant_id: str, run_id: str) -> FeedLoad:
    """Load one tenant's waiting files of a feed, replay its corrected rows, judge the result, answer the files."""
    load = FeedLoad()
    waiting = ledger.pending(platform.engine, platform.clock(), tenant_id, contract.feed)
    # Left by a loading that was killed, its rows would make those of files loaded before it duplicates.
    if interrupted := [row.file_sha256 for row in waiting if was_interrupted(row)]:
        platform.warehouse.forget_files(contract.table_name, interrupted, tenant_id)
    for batch in batched(waiting):
        load_batch(platform, contract, tenant_id, run_id, batch, load)
    record_answers(platform, contract, tenant_id)
    for row in ledger.corrected_rows(platform.engine, tenant_id, contract.feed):
        replay_row(platform, contract, row, load)
    load.gaps = ledger.gaps(platform.engine, tenant_id, contract.feed)
    judge(platform, contract, tenant_id, load)
    lay_answers(platform, contract, tenant_id)
    return load


def was_interrupted(row: Any) -> bool:
    """Say whether loading a waiting file was begun before and not ended."""
    return bool(row.attempts)


def batched(rows: Sequence[Any], is_alone: Callable[[Any], bool] = was_interrupted) -> Iterator[list[Any]]:
    """Yield runs of files that are loaded together, bounded in number and in bytes.

    A file whose loading was interrupted before comes alone: too many interruptions refuse it, and those must be its
    own, not of whatever it was loaded beside.
    """
    batch: list[Any] = []
    for row in rows:
        is_full = (
            len(batch) == FILES_AT_ONCE or sum(r.size_bytes for r in batch) + row.size_bytes > BYTES_AT_ONCE
        )
        if batch and (is_full or is_alone(row)):
            yield batch
            batch = []
        batch.append(row)
        if is_alone(row):
            yield batch
            batch = []
    if batch:
        yield batch


def load_batch(
    platform: Platform, contract: Contract, tenant_id: str, run_id: str, files: Sequence[Any], load: FeedLoad
) -> None:
    """Split some files by their contract, load the good rows in one go, settle each file in the ledger."""
    claimed = claim(platform, contract, tenant_id, run_id, files)
    if not claimed:
        return
    judged = split_files(contract, claimed, tenant_id)
    tables = {sha256: found.rows for sha256, found in judged.items() if isinstance(found, Split)}
    loaded = platform.warehouse.load_files(contract.table_name, tables, tenant_id) if tables else {}
    crashpoint("load:after-rows-before-settle")
    for sha256, found in judged.items():
        key = FileKey(tenant_id, contract.feed, sha256)
        if isinstance(found, FileRefused):
            ledger.refuse(platform.engine, key, str(found), platform.clock())
            load.refused += 1
        else:
            settle(platform, contract, key, found, loaded.get(sha256, 0), load)


def claim(
    platform: Platform, contract: Contract, tenant_id: str, run_id: str, files: Sequence[Any]
) -> list[Arrived]:
    """Lease what nobody else holds; a file interrupted too often is refused by the ledger instead."""
    claimed = []
    for row in files:
        key = FileKey(tenant_id, contract.feed, row.file_sha256)
        if ledger.claim(platform.engine, key, now=platform.clock(), run_id=run_id):
            crashpoint("load:after-claim")
            claimed.append(arrived(platform, contract, row))
    return claimed


def arrived(platform: Platform, contract: Contract, row: Any) -> Arrived:
    """Return a file of the ledger to be judged: its kept bytes, dated by when it came."""
    records = read_in_blocks(contract, platform.originals.path(row.file_sha256))
    return Arrived(records, row.file_sha256, row.recorded_at, stamp_of(row.file_name))


def settle(
    platform: Platform, contract: Contract, key: FileKey, done: Split, loaded: int, load: FeedLoad
) -> None:
    """Settle one file in the ledger, its refused rows with it."""
    duplicates = done.rows.num_rows - loaded
    ledger.settle(
        platform.engine, key, row_count=done.row_count, loaded=loaded, duplicates=duplicates,
        refusals=[refusal(contract, rejection) for rejection in done.rejected], loader_version=LOADER_VERSION,
        now=platform.clock(),
    )  # fmt: skip
    count(load, done, loaded, duplicates)
    load.touched.append(key.file_sha256)


def count(load: FeedLoad, done: Split, loaded: int, duplicates: int) -> None:
    """Add one file's counts to the feed's."""
    load.files += 1
    load.rows += done.row_count
    load.loaded += loaded
    load.duplicates += duplicates
    load.quarantined += len(done.rejected)
    load.unread_columns.update(done.extra_columns)


def refusal(contract: Contract, rejection: Rejection) -> Refusal:
    """Return a rejected row as the ledger keeps it: beside the cells that were read, those that are asked for."""
    values = dict(rejection.values) if rejection.values is not None else None
    if values:
        why = Problem(rejection.rule, rejection.message, rejection.column)
        asked = dict.fromkeys(doubtful(contract, sent(contract), why, values))
        values = {**asked, **values}
    return Refusal(
        rejection.row_number, rejection.column, rejection.rule, rejection.message, rejection.raw, values
    )


def sent(contract: Contract) -> list[str]:
    """Return the columns that a file of the feed can give; a mapping's constants are in no file."""
    if isinstance(contract, MappedContract):
        return [name for name, column in contract.mapping.columns.items() if column.headings]
    return list(contract.columns)


def replay_row(platform: Platform, contract: Contract, row: Any, load: FeedLoad) -> None:
    """Judge a corrected row again and load it under its own file and row number."""
    clock = platform.casework.clock_of(row.tenant_id).as_of
    done = corrected(contract, row, clock)
    again, is_new = None, False
    if done.rejected:
        again = refusal(contract, done.rejected[0])
    else:
        is_new = platform.warehouse.load_row(
            contract.table_name, done.rows, row.tenant_id, row.file_sha256, row.row_number
        )
        load.replayed += 1
        load.touched.append(row.file_sha256)
    crashpoint("replay:after-row-before-settle")
    ledger.settle_replay(
        platform.engine, row.tenant_id, row.quarantine_id, is_duplicate=not is_new, refusal=again, as_of=clock,
        now=platform.clock(),
    )  # fmt: skip


def corrected(contract: Contract, row: Any, clock: datetime) -> Split:
    """Judge a quarantined row with its corrections, known since the tenant's clock stood there.

    One that leaves cells in doubt changes nothing of what is kept. What was loaded once was settled then.
    """
    kept, given = row.values or {}, row.corrected_values
    why = Problem(row.rule, row.message, row.column_name)
    doubt = None if row.state == "replayed" else unsettled(contract, sent(contract), why, kept, given)
    values = kept if doubt else {**kept, **given}
    return correct(
        contract, values, tenant_id=row.tenant_id, file_sha256=row.file_sha256, row_number=row.row_number,
        clock=clock, stamp=stamp_of(row.file_name), doubt=doubt,
    )  # fmt: skip


def judge(platform: Platform, contract: Contract, tenant_id: str, load: FeedLoad) -> None:
    """Let Great Expectations judge what was just loaded, and keep the verdicts for the data health page."""
    now = platform.clock()
    told = "; ".join(load.gaps) or "Rows in = loaded + quarantined + duplicate, for every file."
    reconcile = ledger.Check("counts_reconcile", not load.gaps, told)
    if load.touched:
        load.checks = list(gate(platform, contract, tenant_id, load.touched))
        verdicts = {
            label(check): ledger.Check(label(check), check.success, check.description)
            for check in load.checks
        }
        found = [reconcile, known_columns(load.unread_columns), *verdicts.values()]
        ledger.record_checks(platform.engine, tenant_id, contract.feed, found, now)


def known_columns(unread: set[str]) -> ledger.Check:
    """Return the check that tells of columns which came and which the contract lets pass unread."""
    names = [repr(shortened(name, 60)) for name in sorted(unread)]
    more = f" and {len(names) - SHOWN_COLUMNS} more" if len(names) > SHOWN_COLUMNS else ""
    told = f"Columns came that nobody reads: {', '.join(names[:SHOWN_COLUMNS])}{more}." if names else ""
    return ledger.Check("known_columns", True, told or "Every column that came is read.")


def label(check: CheckResult) -> str:
    """Return a check's name with the column it is about."""
    return f"{check.name} {check.column}" if check.column else check.name


def gate(platform: Platform, contract: Contract, tenant_id: str, files: list[str]) -> Iterator[CheckResult]:
    """Yield what Great Expectations says of the rows these files left in the raw table."""
    columns = ", ".join(f'"{name}"' for name in contract.columns)
    rows = platform.warehouse.read(
        f'select {columns} from raw."{contract.table_name}" '
        "where _tenant_id = ? and _file_sha256 in (select unnest(?)) limit ?",
        [tenant_id, sorted(set(files)), GATE_ROWS],
    )
    yield from validate(contract, rows.to_pandas())
