"""The words a case is found by: its names and their parts, from their beginning.

A name is kept whole and by its later parts (`SH-0012` is `sh-0012`, `0012` and `12`), the id of a party whole,
so that a search reads a short stretch of an index however many cases there are. Which column a word is from is
kept with it, because a partner must not find out by searching what it may not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, select

from casework.store.tables import Values, case_words, cases

NAMES = ("case_id", "exception_key", "shipment_id", "subject")  # what everybody may read who sees the case
PARTIES = ("customer_id", "carrier_id")
SEARCHED = (*NAMES, *PARTIES)
LONGEST = 120
CHUNK = 2_000
SEPARATED = re.compile(r"[\W_]+")
LAST = "\U0010ffff"  # comes after every character

Word = tuple[str, str]  # the word in small letters, and its source


def of(case: Values) -> set[Word]:
    """Return the words of a case, each with what it is from: `case`, or the column of a party."""
    found = {(str(case[name]).lower(), name) for name in PARTIES if case[name]}
    for name in NAMES:
        value = str(case[name] or "").lower()
        # an exception's key begins with its type, which is a filter of its own
        value = value.split(":", 1)[-1] if name == "exception_key" else value
        parts = SEPARATED.split(value)[1:]
        found |= {(word, "case") for word in (value, *parts, *(part.lstrip("0") for part in parts))}
    return {(word[:LONGEST], source) for word, source in found if word}


def rows(case: Values, found: Iterable[Word]) -> list[dict[str, Any]]:
    """Return the rows of words of a case."""
    key = {"tenant_id": case["tenant_id"], "case_id": case["case_id"]}
    return [key | {"word": word, "source": source} for word, source in sorted(found)]


def begins(tenant_id: str, word: str, hidden: frozenset[str]) -> ColumnElement[bool]:
    """Return the clause over `case_words` for what begins with a word of a search and may be read."""
    start = word.lower()[:LONGEST]
    clause = and_(
        case_words.c.tenant_id == tenant_id, case_words.c.word >= start, case_words.c.word < start + LAST
    )
    kept_back = [party for party in PARTIES if party in hidden]
    return and_(clause, case_words.c.source.not_in(kept_back)) if kept_back else clause


def matches(tenant_id: str, word: str, hidden: frozenset[str]) -> ColumnElement[bool]:
    """Return the clause over `cases` for those found by a word."""
    return exists().where(begins(tenant_id, word, hidden), case_words.c.case_id == cases.c.case_id)


def rebuild(connection: Connection, tenant_id: str) -> None:
    """Write the words of every case of a tenant, which has none."""
    columns = [cases.c.tenant_id, *(cases.c[name] for name in SEARCHED)]
    query = select(*columns).where(cases.c.tenant_id == tenant_id).order_by(cases.c.case_id)
    for part in connection.execute(query).mappings().partitions(CHUNK):
        connection.execute(case_words.insert(), [row for case in part for row in rows(case, of(case))])
