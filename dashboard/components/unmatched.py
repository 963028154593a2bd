"""Names that nobody knows (of shipments, places, customers): what each may mean, and what people decided.

Whatever a partner wrote is shown as it is, never as markup.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import streamlit as st

from casework.errors import CaseworkError, NotFound
from casework.identity.decisions import (
    ACCOUNT,
    CUSTOMER,
    FACILITY,
    OF_NO_CARRIER,
    OURS,
    WHAT,
    Reference,
    ReferenceDecision,
)
from dashboard import context, queries
from dashboard.components.notices import attempt
from dashboard.components.tables import frame_of, show_table
from dashboard.components.text import literal, moment, plain, share, visible
from dashboard.queries import Publication, Row
from dashboard.session import Viewer

ROWS = 50
DECIDES = "identity:decide"
ANOTHER, IGNORE = "another", "ignore"
ONE_OR_MORE = ("message", "messages")
COUNTED = {
    CUSTOMER: ("shipment or order", "shipments and orders"),
    **dict.fromkeys((ACCOUNT, FACILITY), ("row of the master data", "rows of the master data")),
}
WHY = {
    "unknown_reference": "no shipment has it",
    "wrong_check_digit": "its check digit is wrong",
    "ambiguous": "several shipments fit",
    "contradictory": "its messages name two shipments",
    "out_of_time": "its shipment was not under way then",
    "other_carrier": "a shipment of another carrier has it",
    "unknown_place": "no facility is called so",
    "several_places": "several facilities are in that town",
    "unknown_customer": "no account has that number",
    "may_be_another": "may be one with another of ours",
    "ignored": "left out by a person",
}


def show_unmatched(viewer: Viewer) -> None:
    """Show what waits for a person, most messages first, and what was decided."""
    st.subheader("Unmatched", anchor=False)
    publication = queries.current(context.published_folder())
    try:
        decided = context.casework().reference_decisions(viewer.principal, viewer.tenant_id)
    except CaseworkError as refused:
        st.info(literal(refused.message))
        return
    _waiting(publication, decided, viewer)
    _decisions(decided, viewer)


def reference_of(row: Row) -> tuple[str, str, str | None]:
    """Return what names a reference: type, comparable form and carrier."""
    return row["reference_type"], row["reference_key"], row["carrier_id"]


def mark_of(row: Row) -> str:
    """Return a short name of a reference for element keys, whatever characters are in it."""
    return hashlib.sha256("\0".join(str(part) for part in reference_of(row)).encode()).hexdigest()[:12]


# --- what waits ------------------------------------------------------------------------------------------


def _waiting(publication: Publication | None, decided: Sequence[ReferenceDecision], viewer: Viewer) -> None:
    page = int(st.session_state.get("unmatched_page") or 1)
    found: list[Row] = []
    if publication is not None:
        offset = (page - 1) * ROWS
        found = queries.unmatched(publication, viewer.tenant_id, limit=ROWS + 1, offset=offset)
    settled = {(one.reference_type, one.reference_key, one.carrier_id) for one in decided}
    rows = [row for row in found[:ROWS] if reference_of(row) not in settled]
    if page > 1 or len(found) > ROWS:
        st.number_input("Page", min_value=1, value=1, key="unmatched_page", width=110)
    if publication is None or not rows:
        st.info(
            "No reference waits. Messages that name no shipment, place or customer of ours are kept here until "
            "somebody decides."
        )
        return
    left, right = st.columns([1.6, 1], gap="medium")
    with left:
        chosen = _table(rows)
    with right:
        _row(chosen, publication, viewer)


def _table(rows: list[Row]) -> Row:
    """Show the references; return the chosen one, else the first."""
    frame = frame_of(
        [
            {
                "Reference": visible(row["reference"])[:120],
                "Type": visible(row["reference_type"]),
                "Carrier": visible(row["carrier_id"] or "not said"),
                "Messages": row["message_count"],
                "Why": _why(row),
                "May mean": _likeliest(row),
                "Last told": moment(row["last_told_at"]),
            }
            for row in rows
        ]
    )
    event = st.dataframe(
        frame,
        hide_index=True,
        key="unmatched_table",
        row_height=31,
        height="content" if len(rows) <= 12 else 36 + 31 * 12,
        on_select="rerun",
        selection_mode="single-row",
    )
    picked = event.selection.rows
    return rows[picked[0]] if picked and picked[0] < len(rows) else rows[0]


def _why(row: Row) -> str:
    return WHY.get(row["match_status"], visible(row["match_status"]))


def _likeliest(row: Row) -> str:
    found = candidates(row)
    return f"{visible(found[0]['means'])} ({share(found[0]['score'])})" if found else ""


def candidates(row: Row) -> list[dict[str, Any]]:
    """Return what a reference may mean, the likeliest first: means (its id), name, score (0 to 1), reasons."""
    try:
        found = json.loads(row["candidates"] or "[]")
    except ValueError:
        return []
    return [one for one in found if isinstance(one, dict) and one.get("means")]


def _row(row: Row, publication: Publication, viewer: Viewer) -> None:
    """Show one reference: as sent, why it was not placed, an example, and the form that decides."""
    with st.container(border=True, key="unmatched_row"):
        plain(row["reference"])
        carrier = f"carrier {row['carrier_id']}" if row["carrier_id"] else "no carrier said"
        spoken_by = "" if row["reference_type"] in OF_NO_CARRIER else f", {carrier}"
        st.caption(literal(f"{row['reference_type']} {row['reference_key']}{spoken_by}: {_why(row)}"))
        st.caption(
            literal(
                f"{row['message_count']:,} {_counted(row)}, from {moment(row['first_told_at'])} "
                f"to {moment(row['last_told_at'])}"
            )
        )
        if row["example_remark"]:
            st.code(visible(row["example_remark"])[:2000], language=None, wrap_lines=True)
        st.caption(
            literal(
                f"For example {_example(row)}: file {str(row['source_file_sha256'])[:12]}, "
                f"row {row['source_row_number']}"
            )
        )
        if viewer.may(DECIDES):
            _form(row, publication, viewer)
        else:
            _may_mean(row)


def _counted(row: Row) -> str:
    one, many = COUNTED.get(row["reference_type"], ONE_OR_MORE)
    return one if row["message_count"] == 1 else many


def _example(row: Row) -> str:
    example = str(row["example_event_id"])  # of what no carrier says it tells itself what it is
    return example if row["reference_type"] in OF_NO_CARRIER else f"message {example}"


def _what(row: Row) -> str:
    """Return the name of the id that says what a reference means."""
    return Reference(row["reference_type"], row["reference_key"]).means


def _may_mean(row: Row) -> None:
    for one in candidates(row):
        plain(_words(one))


def _words(candidate: dict[str, Any]) -> str:
    reasons = ", ".join(str(reason) for reason in candidate.get("reasons") or ())
    return f"{_named(candidate)}: {share(candidate.get('score'))}. {reasons}"


def _named(candidate: dict[str, Any]) -> str:
    name = candidate.get("name")
    return (
        f"{candidate['means']} ({name})" if name and name != candidate["means"] else str(candidate["means"])
    )


def _form(row: Row, publication: Publication, viewer: Viewer) -> None:
    """Ask what is meant and why; nothing is chosen beforehand."""
    mark, found, what = mark_of(row), candidates(row), WHAT[_what(row)]
    is_ours = row["reference_type"] in OURS
    said = {str(number): _words(one) for number, one in enumerate(found)}
    said |= {ANOTHER: f"Another {what}, named below"}
    said |= {IGNORE: "No other: it stands for itself" if is_ours else "None of ours: leave it out"}
    with st.form(f"unmatched_form_{mark}", border=False):
        choice = st.radio(
            f"Which {what} is it? That one is kept." if is_ours else f"Which {what} is meant?",
            list(said),
            index=None,
            key=f"unmatched_choice_{mark}",
            format_func=lambda name: literal(said[name]),
        )
        number = st.text_input(f"Another {what}'s number", key=f"unmatched_other_{mark}", max_chars=120)
        reason = st.text_input("Why?", key=f"unmatched_reason_{mark}", max_chars=1000)
        if st.form_submit_button("Decide", key="unmatched_decide", type="primary"):
            typed = (number or "").strip()
            attempt(
                lambda: _decide(row, meant(row, choice, typed, publication, viewer), reason or "", viewer),
                "Kept. Its messages follow with the next run.",
            )
            st.rerun()


def meant(row: Row, choice: str | None, typed: str, publication: Publication, viewer: Viewer) -> str | None:
    """Return the shipment, facility or customer that was chosen or typed, None for none of ours.

    Raises `NotFound` where nothing was chosen, where two things were, or where nothing published has the number.
    """
    what = _what(row)
    if choice is None:
        raise NotFound(f"Choose the {WHAT[what]} that is meant, or that it is none.")
    if choice != ANOTHER:
        if typed:
            raise NotFound(
                f"You chose an answer and typed {typed!r}. Empty the number, or choose another {WHAT[what]}."
            )
        return None if choice == IGNORE else str(candidates(row)[int(choice)]["means"])
    if not queries.is_known(publication, viewer.tenant_id, what, typed):
        raise NotFound(
            f"No published {WHAT[what]} is called {typed!r}. Check the number; one that is new can be named "
            "after the next run.",
            **{what: typed},
        )
    return typed


def _decide(row: Row, means: str | None, reason: str, viewer: Viewer) -> None:
    context.casework().decide_reference(viewer.principal, viewer.tenant_id, *reference_of(row), means, reason)


# --- what was decided ------------------------------------------------------------------------------------


def _decisions(decided: Sequence[ReferenceDecision], viewer: Viewer) -> None:
    """Show the decisions that stand, newest first; each can be undone."""
    if not decided:
        return
    with st.expander(f"Decided ({len(decided)})", expanded=True):
        show_table([_decided_row(one) for one in decided], "decided_table", most=12)
        if viewer.may(DECIDES):
            _undo(decided, viewer)


def _decided_row(one: ReferenceDecision) -> dict[str, Any]:
    return {
        "Reference": visible(f"{one.reference_type} {one.reference_key}"),
        "Carrier": visible(one.carrier_id or "not said"),
        "Means": visible(one.means) if one.means else "left out",
        "By": visible(one.decided_by_name),
        "At": moment(one.decided_at),
        "Why": visible(one.reason)[:300],
    }


def _undo(decided: Sequence[ReferenceDecision], viewer: Viewer) -> None:
    """Ask which decision no longer stands, and why; the newest one stands first."""
    titles = {one.decision_id: _title(one) for one in decided}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Undo", list(titles), key="decided_which", format_func=lambda name: titles[name])
        st.text_input("Why?", key="decided_why", max_chars=1000)
        st.button("Undo", key="decided_undo", icon=":material/undo:", on_click=_undone, args=(viewer,))


def _title(one: ReferenceDecision) -> str:
    means = f"means {one.means}" if one.means else "is left out"
    return visible(f"{one.reference_type} {one.reference_key} {one.carrier_id or ''} {means}")


def _undone(viewer: Viewer) -> None:
    which, reason = st.session_state.get("decided_which") or "", st.session_state.get("decided_why") or ""
    attempt(
        lambda: context.casework().undo_reference_decision(viewer.principal, viewer.tenant_id, which, reason),
        "Undone. With the next run it waits for a decision again.",
    )
