"""Answers to X12 files: made once, numbered by partner, and laid out for the partner to pick up.

An answer's bytes are kept among the originals before it is recorded, and recorded with its numbers before any of it
is laid out. Whatever is killed, the next run makes what is not recorded and lays what is recorded and not out: a
file gets one answer. A kill between laying it and noting so lays the same bytes under the same name again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from casework import answers
from casework.answers import Answer, Told
from casework.crashpoints import crashpoint
from casework.ledger import ATTEMPTS_ALLOWED, FileKey
from data.contract import Contract, Rejection, stamp_of
from data.errors import DataError
from data.formats.x12.acknowledgment import acknowledge
from data.formats.x12.advice import advise
from data.formats.x12.told import AnswerSaid, said_in
from data.originals import Originals
from orchestration.errors import OrchestrationError
from orchestration.resources import Platform

#: An 824 repeats every row that was set aside; of a file with more, the partner is to be told otherwise.
MOST_ADVISED = 10_000
NOT_ASKED = "The feed's contract says that its files are not answered."
NOTHING_TO_ANSWER = "It holds nothing but acknowledgements, which are never answered."


class AnswersNotLaid(OrchestrationError):
    """Answers are recorded and could not be put where partners pick them up."""


class NextNumbers:
    """Numbers by partner, each going on from the next free one; whoever records the answer reserves what was taken."""

    def __init__(self, next_of: Callable[[str], int]) -> None:
        """`next_of` returns a partner's next free number."""
        self.next_of = next_of
        self.first: dict[str, int] = {}
        self.after: dict[str, int] = {}

    def of(self, partner_id: str) -> Iterator[int]:
        """Take the partner's numbers, one a step."""
        if partner_id not in self.after:
            self.first[partner_id] = self.after[partner_id] = self.next_of(partner_id)
        while True:
            self.after[partner_id] += 1
            yield self.after[partner_id] - 1

    @property
    def taken(self) -> dict[str, tuple[int, int]]:
        """For each partner the first number and the one after the last."""
        return {
            name: (self.first[name], after) for name, after in self.after.items() if after > self.first[name]
        }


def is_answered(contract: Contract) -> bool:
    """Say whether files of a feed can have an answer: X12 alone has any."""
    return contract.format == "x12"


def answers_waiting(platform: Platform) -> list[FileKey]:
    """Return the files whose answer is not made or not laid out."""
    found: list[FileKey] = []
    for tenant_id in platform.config.tenants:
        own = [contract for contract in platform.contracts.values() if tenant_id in contract.tenants()]
        feeds = [contract.feed for contract in own if is_answered(contract)]
        waiting = answers.waiting(platform.engine, tenant_id, feeds) if feeds else []
        found += [FileKey(tenant_id, feed, sha256) for feed, sha256 in waiting]
    return found


def record_answers(platform: Platform, contract: Contract, tenant_id: str) -> int:
    """Make and record the answer to each file of a feed that was settled and has none; return how many files.

    It says what became of a file when it was loaded, so it comes before corrected rows are replayed. Of a file
    that is not answered, the reason is recorded.
    """
    if not is_answered(contract):
        return 0
    files = answers.unanswered(platform.engine, tenant_id, contract.feed)
    for file in files:
        crashpoint("answer:before-made")
        while not record_answer(platform, contract, file):
            pass  # another loader took a number in between
    return len(files)


def record_answer(platform: Platform, contract: Contract, file: Any) -> bool:
    """Make the answer to one file, keep its bytes and record it; False where it has to be made again."""
    key, now = FileKey(file.tenant_id, file.feed, file.file_sha256), platform.clock()
    numbers = NextNumbers(partial(answers.next_number, platform.engine, file.tenant_id))
    try:
        body, note = made(platform, contract, file, numbers, now)
        said = list(said_in(contract, body))
    except (DataError, ValueError) as error:
        return answers.record(platform.engine, key, Answer(note=str(error)), {}, now)
    if not said:
        return answers.record(platform.engine, key, Answer(note=note), {}, now)
    sha256 = platform.originals.keep_bytes(body)
    crashpoint("answer:after-keep-before-record")
    name = answer_name(file, said[0].control_number)
    answer = Answer([told(one) for one in said], sha256, name, note)
    return answers.record(platform.engine, key, answer, numbers.taken, now)


def made(
    platform: Platform, contract: Contract, file: Any, numbers: NextNumbers, now: datetime
) -> tuple[bytes, str | None]:
    """Return the answer's bytes and what there is to note: why it is empty, or lacks the advice on its content."""
    if not contract.answers:
        return b"", NOT_ASKED
    is_refused = file.state == "refused"
    if is_refused and file.attempts >= ATTEMPTS_ALLOWED:
        return b"", f"Loading it was interrupted {file.attempts} times; look at it, then answer by hand."
    source = platform.originals.path(file.file_sha256)
    body = acknowledge(contract, source, numbers.of, now, was_refused=is_refused)
    if is_refused or not (contract.answer_content and file.quarantined_count):
        return body, None if body else NOTHING_TO_ANSWER
    advice, note = advised(platform, contract, file, numbers, now)
    return body + advice, note


def advised(
    platform: Platform, contract: Contract, file: Any, numbers: NextNumbers, now: datetime
) -> tuple[bytes, str | None]:
    """Return the 824s about a file's content; where they cannot be sent, none, their numbers given back, and why."""
    if file.quarantined_count > MOST_ADVISED:
        return b"", f"More than {MOST_ADVISED:,} rows were set aside: tell the partner otherwise than by 824."
    key = FileKey(file.tenant_id, file.feed, file.file_sha256)
    rejections = [
        Rejection(row.row_number, row.column_name, row.rule, row.message, row.raw, row.values)
        for row in answers.refusals_of(platform.engine, key)
    ]
    before = dict(numbers.after)
    try:
        advice = advise(contract, platform.originals.path(file.file_sha256), rejections, numbers.of, now)
        list(said_in(contract, advice))
    except (DataError, ValueError) as error:
        numbers.after = before
        return b"", str(error)
    return advice, None


def told(one: AnswerSaid) -> Told:
    """Return an interchange of an answer as it is recorded."""
    return Told(one.kind, one.partner_id, one.control_number, one.verdict)


def answer_name(file: Any, control_number: int) -> str:
    """Return the name an answer is laid under: the stamp of what it answers, its hash, and the first number."""
    stamp = stamp_of(file.file_name)
    parts = [f"{stamp:%Y%m%dT%H%M%SZ}"] if stamp else []
    return "_".join([*parts, file.file_sha256[:12], f"{control_number:09}.edi"])


def lay_answers(platform: Platform, contract: Contract, tenant_id: str) -> int:
    """Lay out every answer of a feed that is recorded and not out yet; return how many.

    Raises `AnswersNotLaid` where the folder cannot be written; the answers wait and the next run lays them.
    """
    if not is_answered(contract):
        return 0
    folder = platform.settings.outgoing / tenant_id / contract.feed
    waiting = answers.unlaid(platform.engine, tenant_id, contract.feed)
    for row in waiting:
        crashpoint("answer:after-record-before-lay")
        try:
            lay(platform.originals, row.body_sha256, folder / row.answer_name)
        except OSError as error:
            raise AnswersNotLaid(
                f"Answers of feed {contract.feed} cannot be laid in {folder}: {error.strerror}. They are recorded; "
                "let it be written, then run again."
            ) from error
        crashpoint("answer:after-lay-before-noted")
        answers.laid(platform.engine, FileKey(tenant_id, contract.feed, row.file_sha256), platform.clock())
    return len(waiting)


def lay(originals: Originals, sha256: str, target: Path) -> None:
    """Write kept bytes beside their place and rename them there, so that nobody meets half; on return they are synced.

    One process at a time lays answers, the holder of the warehouse's lock: it may write over what a kill left.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.part")
    with originals.open(sha256) as kept, draft.open("wb") as copy:
        copy.write(kept.read())
        copy.flush()
        os.fsync(copy.fileno())
    crashpoint("answer:after-part-before-rename")
    draft.replace(target)
    for folder in (target.parent, *target.parents[1:4]):
        sync(folder)


def sync(folder: Path) -> None:
    """Let the names in a folder survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
