"""Reading the queue, only as far as the reader's grants reach.

Every query starts from `Scope.where`. What a partner may not see, it can neither filter, search, count nor
sort by.
"""

from __future__ import annotations

import base64
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Select,
    and_,
    exists,
    func,
    literal,
    select,
    tuple_,
)

from casework import intake
from casework.canonical import clean_text, instant, plain
from casework.desk import Desk
from casework.errors import DetailsRefused, NotPermitted
from casework.model import (
    OPEN_STATES,
    DraftState,
    Principal,
    QueueFilter,
    QueuePage,
    State,
)
from casework.permissions import grants, masks
from casework.permissions.scope import OWN_PARTY, Scope
from casework.queue import tally, words
from casework.ranking.time_to_act import ordering, waiting_cost
from casework.store.tables import Values, case_words, cases
from casework.store.tables import drafts as drafts_table
from casework.store.tables.types import Instant

MAX_PAGE = 500
COUNTED = 500  # cases of an answer that are counted; of more it is said that there are more
WALKED = 2_000  # cases met on the way down the ranks in search of what may be rare
FEW = 1_000  # cases of a tenant that are looked up and sorted rather than met on the way down the ranks
FACETS = tuple(name for name in tally.DIMENSIONS if name != "currency_code")
UNASSIGNED = tally.NONE
CURSOR_LASTS = timedelta(hours=12)
NO_PLACE = "This is not where a page ended; begin at the first page."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: what its last case is ranked by, its number, and the instant the ranks were read at."""

    value: str
    case_id: str
    at: datetime

    @classmethod
    def of(cls, cursor: str) -> Place:
        """Read a cursor; raise `DetailsRefused` for what is none."""
        try:
            value, case_id, at = json.loads(base64.urlsafe_b64decode(cursor.encode()))
            return cls(str(value), str(case_id), datetime.fromisoformat(at).astimezone(UTC))
        except (ValueError, TypeError, OverflowError):
            raise DetailsRefused(NO_PLACE) from None

    def cursor(self) -> str:
        """Return the text that a page is asked for by."""
        told = json.dumps([self.value, self.case_id, instant(self.at)])
        return base64.urlsafe_b64encode(told.encode()).decode()


@dataclass(frozen=True, slots=True)
class Order:
    """How an answer is ranked: by a value and then by number, both falling, so that a page begins anywhere."""

    by: ColumnElement[Any]
    is_walked: bool = True  # along an index; of few cases the store sorts what it found otherwise

    def columns(self) -> tuple[ColumnElement[Any], ...]:
        """Return what to sort by; wrapped, where no index shall be walked."""
        by = self.by if self.is_walked else func.coalesce(self.by, self.by)
        return by.desc(), cases.c.case_id.desc()

    def after(self, place: Place) -> ColumnElement[bool]:
        """Return the clause for what comes after a page; raise `DetailsRefused` for a place of another order."""
        try:
            bound = literal(self._value(place.value), self.by.type), literal(place.case_id)
        except (ValueError, TypeError, ArithmeticError):
            raise DetailsRefused(NO_PLACE) from None
        return tuple_(self.by, cases.c.case_id) < tuple_(*bound)

    def _value(self, text: str) -> Any:
        if isinstance(self.by.type, Instant):
            return datetime.fromisoformat(text)
        value = float(text) if isinstance(self.by.type, Float) else Decimal(text)
        if not math.isfinite(value):
            raise ValueError(text)
        return value


def search(desk: Desk, principal: Principal, tenant_id: str, wanted: QueueFilter) -> QueuePage:
    """Return one page of the queue; raise `NotPermitted` when no grant reads cases of the tenant."""
    with desk.reading(tenant_id) as connection:
        reader = grants.current(connection, principal.principal_id)
        scope = reading_scope(reader, tenant_id, desk)
        hidden = _hidden(scope)
        _refuse_hidden_filters(wanted, hidden)
        place = Place.of(wanted.after) if wanted.after else None
        answer = _answer(connection, scope, wanted, hidden)
        by_waiting = wanted.sort == "waiting" and not hidden  # an order by money tells about money
        now = _ranked_at(place, desk.clock()) if by_waiting else desk.clock()
        as_of = intake.as_of(connection, tenant_id, now)
        order = answer.rank
        if by_waiting:
            order = Order(ordering(desk.config, tenant_id, now, as_of), is_walked=False)
        limit = max(0, min(wanted.limit, MAX_PAGE))
        found = _page(connection, answer, order, limit, place)
        shown, names = found[:limit], grants.names(connection, tenant_id)
        met = found if limit and place is None and answer.is_met_on_the_way else None
        total = _tally(connection, scope, wanted, answer, hidden, met)
        shows_money = "expected_loss" not in hidden
        return QueuePage(
            tuple(masks.case_view(row, scope.partner_role(row), names) for row in shown),
            total.count,
            total.facets,
            total.at_stake if shows_money else None,
            total.currency_code if shows_money else None,
            total.is_exact,
            _end(shown, now) if len(found) > limit > 0 else None,
            {} if hidden else {row["case_id"]: waiting_cost(desk.config, row, now, as_of) for row in shown},
        )


def _page(
    connection: Connection, answer: Answer, order: Order, limit: int, place: Place | None
) -> Sequence[Values]:
    """Return the rows of a page, each with its `place`, and where there is one the row that comes after it."""
    if not limit:
        return ()
    query = (
        select(cases, order.by.label("place"), tally.ONCE.label("once"))
        .where(answer.clause)
        .order_by(*order.columns())
    )
    if place:
        query = query.where(order.after(place))
    return connection.execute(query.limit(limit + 1)).mappings().all()


def _ranked_at(place: Place | None, now: datetime) -> datetime:
    """Return when the ranks of an order that moves with time were read; an old or forged cursor is not believed."""
    return place.at if place and abs(now - place.at) <= CURSOR_LASTS else now


def _end(rows: Sequence[Values], at: datetime) -> str:
    return Place(str(plain(rows[-1]["place"])), rows[-1]["case_id"], at).cursor()


@dataclass(frozen=True, slots=True)
class Answer:
    """Which cases an answer holds: what columns and scope say of them, and what may hold of few; and their rank."""

    plain: ColumnElement[bool]
    rare: tuple[ColumnElement[bool], ...]
    rank: Order

    @property
    def clause(self) -> ColumnElement[bool]:
        """The clause over `cases`."""
        return and_(self.plain, *self.rare)

    @property
    def is_met_on_the_way(self) -> bool:
        """Whether its cases are found by walking down the ranks past many that are none of it."""
        return self.rank.is_walked and bool(self.rare)


def _answer(connection: Connection, scope: Scope, wanted: QueueFilter, hidden: frozenset[str]) -> Answer:
    """Return which cases an answer holds and how to rank them.

    What only few cases of the tenant have is looked up first, and those few are sorted; else the ranked index
    is walked until a page is full.
    """
    by = cases.c.opened_at if "expected_loss" in hidden else cases.c.ranked_amount
    plain = and_(scope.where(), *_conditions(wanted, hidden))
    rare = tuple(_rare(scope.tenant_id, wanted, hidden))
    for few in _selective(scope.tenant_id, wanted, hidden):
        ids = connection.scalars(few.limit(FEW + 1)).all()
        if len(ids) <= FEW:
            named = cases.c.case_id.in_(sorted(set(ids)))
            return Answer(plain, (named, *rare), Order(by, is_walked=False))
    return Answer(plain, rare, Order(by))


def _rare(tenant_id: str, wanted: QueueFilter, hidden: frozenset[str]) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of a filter that may hold of few cases."""
    for word in _words(wanted.search):
        yield words.matches(tenant_id, word, hidden)
    if wanted.response_due_before:
        yield from _unanswered_by(wanted.response_due_before)
    if wanted.is_awaiting_approval is not None:
        waiting = _awaits_approval()
        yield waiting if wanted.is_awaiting_approval else ~waiting


def _selective(tenant_id: str, wanted: QueueFilter, hidden: frozenset[str]) -> Iterator[Select[Any]]:
    """Yield queries for the numbers of the cases that a filter on something rare can mean."""
    for word in _words(wanted.search):
        yield select(case_words.c.case_id).where(words.begins(tenant_id, word, hidden))
    if wanted.is_awaiting_approval:
        waiting = drafts_table.c.state == DraftState.WAITING.value
        yield select(drafts_table.c.case_id).where(drafts_table.c.tenant_id == tenant_id, waiting)
    if wanted.response_due_before:
        late = _unanswered_by(wanted.response_due_before)
        yield select(cases.c.case_id).where(cases.c.tenant_id == tenant_id, cases.c.is_open, *late)


def reading_scope(reader: Principal, tenant_id: str, desk: Desk) -> Scope:
    """Return the cases a reader may see, or raise the same `NotPermitted` for any tenant without a grant."""
    scope = Scope.of(reader, tenant_id, "case:read", desk.config)
    if scope.is_empty:
        raise NotPermitted("You hold no role that reads cases here.", tenant_id=tenant_id)
    return scope


def _hidden(scope: Scope) -> frozenset[str]:
    """Return the columns that some part of this answer must not reveal."""
    return frozenset(
        column for role, _reach in scope.reaches if role in OWN_PARTY for column in masks.hidden_columns(role)
    )


def _refuse_hidden_filters(wanted: QueueFilter, hidden: frozenset[str]) -> None:
    asked = [
        name
        for name in ("owner", "team", "customer_id", "carrier_id", "facility_id")
        if getattr(wanted, name)
    ]
    asked += ["parent_case_id"] if wanted.parent_case_id else []
    asked += ["severity"] if wanted.severities else []
    refused = [name for name in asked if name in hidden]
    if wanted.is_awaiting_approval is not None and hidden:
        refused.append("is_awaiting_approval")
    if refused:
        raise NotPermitted(f"You cannot filter by {', '.join(refused)}.", fields=refused)


def _conditions(wanted: QueueFilter, hidden: frozenset[str]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.states:
        found.append(_any_of(cases.c.state, [State(state).value for state in wanted.states]))
    # what the states say already; said again, because the index of the queue holds open cases alone
    if OPEN_STATES.issuperset(wanted.states) if wanted.states else not wanted.include_closed:
        found.append(cases.c.is_open)
    # a partner's queue does not tell how its shipments are grouped inside
    if not wanted.include_merged and "merged_into" not in hidden:
        found.append(cases.c.merged_into.is_(None))
    if wanted.exception_types:
        found.append(cases.c.exception_type.in_(wanted.exception_types))
    if wanted.severities:
        found.append(_any_of(cases.c.severity, wanted.severities))
    for column in ("customer_id", "carrier_id", "facility_id", "parent_case_id"):
        if getattr(wanted, column):
            found.append(cases.c[column] == getattr(wanted, column))
    for column in ("owner", "team"):
        asked = getattr(wanted, column)
        if asked:
            found.append(cases.c[column].is_(None) if asked == UNASSIGNED else cases.c[column] == asked)
    if wanted.opened_since:
        found.append(cases.c.opened_at >= wanted.opened_since)
    return found


def _any_of(column: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
    """One value has a ranked index; several are met on the way down the ranks, which no index must lure away."""
    return column == values[0] if len(values) == 1 else func.coalesce(column, column).in_(values)


def _unanswered_by(instant: datetime) -> list[ColumnElement[bool]]:
    return [cases.c.first_response_at.is_(None), cases.c.first_response_due_at <= instant]


def _words(text: str) -> list[str]:
    return clean_text(text, limit=500).split()[:8]


def _awaits_approval() -> ColumnElement[bool]:
    return exists().where(
        drafts_table.c.tenant_id == cases.c.tenant_id,
        drafts_table.c.case_id == cases.c.case_id,
        drafts_table.c.state == DraftState.WAITING.value,
    )


def _tally(
    connection: Connection,
    scope: Scope,
    wanted: QueueFilter,
    answer: Answer,
    hidden: frozenset[str],
    met: Sequence[Values] | None,
) -> tally.Tally:
    """Return what the whole answer adds up to: as it is kept for the whole queue, else counted up to a bound.

    `met` are the rows of a page that had to be walked for: then no way is gone twice.
    """
    if (
        scope.is_whole
        and not hidden
        and replace(wanted, limit=50, after=None, sort="ranked") == QueueFilter()
    ):
        return tally.read(connection, scope.tenant_id)
    names = [name for name in FACETS if name not in hidden]
    if met is not None:
        added = (*names, "once", "expected_loss", "currency_code")
        seen = _added_up([tuple(row[name] for name in added) for row in met], names)
        return replace(seen, is_exact=len(met) <= min(wanted.limit, MAX_PAGE))
    columns = [*(cases.c[name] for name in names), tally.ONCE, cases.c.expected_loss, cases.c.currency_code]
    query = select(*columns).where(answer.clause).order_by(*answer.rank.columns()).limit(COUNTED + 1)
    reach = _reach(connection, answer)
    if reach is not None:
        query = query.where(reach)
    found = _added_up(connection.execute(query).all(), names)
    return found if reach is None else replace(found, is_exact=False)


def _reach(connection: Connection, answer: Answer) -> ColumnElement[bool] | None:
    """Return how far down the ranks to count what may be rare; None where all of it can be met on the way."""
    if not answer.is_met_on_the_way:
        return None
    by = answer.rank.by
    query = select(by, cases.c.case_id).where(answer.plain).order_by(*answer.rank.columns())
    last = connection.execute(query.offset(WALKED).limit(1)).first()
    if last is None:
        return None
    return tuple_(by, cases.c.case_id) > tuple_(literal(last[0], by.type), literal(last[1]))


def _added_up(rows: Sequence[Any], names: Sequence[str]) -> tally.Tally:
    """Add up rows of facets, group, loss and currency, the first `COUNTED` of them."""
    counted, size = rows[:COUNTED], len(names)
    stakes: dict[str, Decimal] = {}
    for row in counted:
        group, loss = row[size], row[size + 1]
        stakes[group] = max(loss, stakes.get(group, loss))
    values = list(zip(*counted, strict=True)) or [()] * (size + 3)
    facets = {
        name: tally.in_order(Counter(value or UNASSIGNED for value in values[index]).items())
        for index, name in enumerate(names)
    }
    at_stake = sum(stakes.values(), Decimal("0.00"))
    currency = max(values[size + 2], default=None)
    return tally.Tally(len(counted), facets, at_stake, currency, len(rows) <= COUNTED)


def at_stake_by(
    connection: Connection, column: ColumnElement[Any], clause: ColumnElement[bool]
) -> dict[str | None, Decimal]:
    """Return what cases can cost for each value of a column, counted once per shipment or incident in each."""
    greatest = func.max(cases.c.expected_loss).label("loss")
    groups = select(column.label("key"), greatest).where(clause).group_by(column, tally.ONCE).subquery()
    summed = select(groups.c.key, func.sum(groups.c.loss)).group_by(groups.c.key)
    return {row[0]: row[1] for row in connection.execute(summed)}
