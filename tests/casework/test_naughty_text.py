"""What people type, whatever it is: kept and given back as it was, and shown as text and nothing else."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from markdown_it import MarkdownIt

from casework.drafting import sanitise
from casework.errors import CaseworkError, DetailsRefused, DraftRefused
from casework.manual import LIMITS, ManualCase
from casework.model import Action, CaseDetail, QueueFilter
from dashboard.components import text as words
from tests.casework.office import LEAD, START, TENANT, Office, exception
from tests.data.builders import CORPORA

NAUGHTY = CORPORA / "naughty-strings" / "blns.json"
OURS = (
    "a\0b",
    "half a pair \ud800",
    "\u202egnp.exe",
    "x" * 3000,
    "line\r\nline",
    "' or 1=1 --",
    "{{ 7*7 }}",
    "%s%n",
)
MARKUP = re.compile(r"<(?!/?p>)")


@pytest.fixture(scope="module")
def strings() -> Sequence[str]:
    """The whole collection, and a few of ours."""
    if not NAUGHTY.exists():
        pytest.skip(f"the corpus {NAUGHTY} is not on this machine; TIDEWAITER_CORPORA says where it is")
    found = json.loads(NAUGHTY.read_text(encoding="utf-8"))
    assert len(found) == 515
    return (*found, *OURS)


def together(strings: Sequence[str], count: int = 12) -> list[str]:
    """The strings, some in one text, for doors that take long: each still goes through, whole."""
    return ["\n".join(strings[start : start + count]) for start in range(0, len(strings), count)]


def storable(text: str) -> str:
    """The text without what no store can hold: NULs go, halves of pairs become question marks."""
    return re.sub("[\ud800-\udfff]", "?", text.replace("\0", ""))


def details(detail: CaseDetail, fact: str, name: str) -> list[str]:
    """One detail of every fact of a kind, oldest first."""
    found = sorted(
        (entry for entry in detail.history if entry.fact == fact), key=lambda entry: entry.sequence
    )
    return [entry.details[name] for entry in found if name in entry.details]


def said(do: Callable[[str], Any], strings: Sequence[str]) -> list[str]:
    """Say every string through a door; return what should have been kept. A blank one is refused in a sentence."""
    kept = []
    for text in strings:
        if storable(text).strip():
            do(text)
            kept.append(storable(text))
        else:
            with pytest.raises(DetailsRefused):
                do(text)
    return kept


@pytest.fixture
def desk(sqlite_office: Office) -> Office:
    """A desk with one case that nobody has touched."""
    sqlite_office.sync(exception())
    return sqlite_office


def test_a_comment_is_read_back_as_it_was_written(desk: Office, strings: Sequence[str]) -> None:
    case = desk.case_id()
    kept = said(lambda text: desk.perform(case, Action.COMMENT, text=text), strings)
    assert details(desk.detail(), "case:commented", "text") == kept
    notes = [message.body for message in desk.detail().messages if message.direction == "note"]
    assert sorted(notes) == sorted(kept)


def test_reasons_are_read_back_as_they_were_given(desk: Office, strings: Sequence[str]) -> None:
    case = desk.case_id()

    def there_and_back(text: str) -> None:
        desk.perform(case, Action.DISMISS, reason=text)
        desk.perform(case, Action.REOPEN, reason=text)

    kept = said(there_and_back, together(strings))
    assert details(desk.detail(), "case:dismissed", "reason") == kept
    assert details(desk.detail(), "case:reopened", "reason") == kept


def test_the_reason_to_wait_and_the_note_of_an_ending_are_read_back(
    desk: Office, strings: Sequence[str]
) -> None:
    case = desk.case_id()
    desk.perform(case, Action.START)

    def to_the_end_and_back(text: str) -> None:
        desk.perform(case, Action.WAIT, until=START + timedelta(days=1), reason=text)
        told = {"resolution_code": "mitigated", "root_cause_code": "weather", "note": text}
        desk.perform(case, Action.RESOLVE, **told)
        desk.perform(case, Action.REOPEN, reason=text)

    kept = said(to_the_end_and_back, together(strings))
    assert details(desk.detail(), "case:waited", "reason") == kept
    assert details(desk.detail(), "case:resolved", "note") == kept


def test_the_title_and_the_reason_of_a_case_that_a_person_opens_are_read_back(
    desk: Office, strings: Sequence[str]
) -> None:
    lead = desk.who(LEAD)
    opened = 0
    for text in strings:
        wanted = storable(text).strip()
        asked = ManualCase(title=text, reason=text, subject=text)
        if not wanted or len(wanted) > LIMITS["subject"]:
            with pytest.raises(DetailsRefused):
                desk.casework.open_manual(lead, TENANT, asked)
            continue
        view = desk.casework.open_manual(lead, TENANT, asked)
        facts = {fact.fact_id: fact.value for fact in desk.detail(view.case_id).facts}
        assert (view.subject, facts["title"], facts["reason"]) == (wanted, wanted, wanted)
        opened += 1
    assert opened > 450


def test_a_drafts_text_is_kept_without_markup_and_invisible_characters_or_refused_in_a_sentence(
    desk: Office, strings: Sequence[str]
) -> None:
    # What holds no digit seldom claims anything, so it may be saved some at a time.
    wordy = [text for text in strings if not any(letter.isdigit() for letter in text)]
    batches = [wordy[start : start + 12] for start in range(0, len(wordy), 12)]
    refused = [text for batch in batches if not saved(desk, batch) for text in batch]
    alone = [text for text in strings if text not in set(wordy)] + refused
    kept = len(wordy) - len(refused) + sum(saved(desk, [text]) for text in alone)
    assert kept > 250, kept


def saved(desk: Office, texts: Sequence[str]) -> bool:
    """Whether a draft of these paragraphs can be saved; it is read back, or refused in a sentence."""
    draft = desk.draft()
    content = {**draft.content, "paragraphs": [{"text": text, "fact_ids": []} for text in texts]}
    try:
        view = desk.casework.edit_draft(desk.who(LEAD), TENANT, draft.draft_id, content, draft.version)
    except DraftRefused as refused:
        assert str(refused)
        return False
    assert desk.draft().content == view.content
    stored = [part["text"] for part in view.content["paragraphs"]]
    shown = [text for text in texts if sanitise.paragraph(text)]  # of some nothing is left to show
    for text, kept in zip(shown, stored, strict=True):
        check_draft(text, kept)
    return True


def check_draft(text: str, stored: str) -> None:
    """Words that are only words are stored as they are; of the others nothing works and nothing is hidden."""
    folded = " ".join(text.split())
    is_plain = not any(unicodedata.category(letter) in ("Cc", "Cf", "Co", "Cs", "Cn") for letter in text)
    if is_plain and not set(text) & set("<>[]\n\r") and unicodedata.is_normalized("NFC", text):
        assert stored == (folded if len(folded) <= 2000 else folded[:1999].rstrip() + "…")
    assert not re.search(r"<[!/?]?[A-Za-z][^<>]*>|!?\[[^\[\]]*\]\s*\(", stored)
    assert not any(unicodedata.category(letter) in ("Cf", "Cs", "Co") for letter in stored)
    assert "\0" not in stored and len(stored) <= 2000


def test_what_is_typed_into_a_search_finds_or_does_not_find_but_never_breaks(
    desk: Office, strings: Sequence[str]
) -> None:
    lead = desk.who(LEAD)
    for text in strings:
        try:
            assert desk.casework.search(lead, TENANT, QueueFilter(search=text)).total in (0, 1)
        except CaseworkError as refused:
            assert str(refused)


def test_all_of_it_is_shown_as_text_wherever_it_stands(strings: Sequence[str]) -> None:
    renderer = MarkdownIt("gfm-like", {"linkify": False, "html": True})
    for text in strings:
        html = renderer.render("x " + words.literal(text))
        assert not MARKUP.search(html), (text, html)
        assert "<" not in words.figure_text(text)
        escaped = words.literal(text).replace("\u2060", "")
        assert re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", escaped) == words.visible(text).replace("\n", " ")
