"""Data health: are the feeds fresh, do the counts reconcile, what was refused or not placed, how to mend it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import streamlit as st

from casework.errors import CaseworkError
from casework.model import FeedHealth, QuarantinedRow
from dashboard import context, queries, session
from dashboard.components.notices import attempt
from dashboard.components.tables import frame_of, show_table
from dashboard.components.text import literal, moment, plain, relative, visible
from dashboard.components.unmatched import show_unmatched
from dashboard.session import Viewer

ROWS = 50


def page() -> None:
    """Show the feeds of the chosen tenant, the rows that wait for a correction, the references for a decision."""
    viewer = session.viewer()
    st.title("Data health", anchor=False)
    try:
        feeds = context.casework().feed_health(viewer.principal, viewer.tenant_id)
    except CaseworkError as refused:
        st.info(literal(refused.message))
        return
    _summary(feeds)
    _feeds(feeds, viewer)
    _promises(viewer)
    _checks(feeds)
    _quarantine(viewer)
    show_unmatched(viewer)
    _published(viewer)


def _summary(feeds: list[FeedHealth]) -> None:
    """Show the four numbers that say whether to worry."""
    waiting = sum(feed.quarantined_open for feed in feeds)
    failed = sum(not check.passed for feed in feeds for check in feed.checks)
    unreconciled = [feed for feed in feeds if not reconciles(feed)]
    cells = (
        ("Rows loaded", f"{sum(feed.loaded for feed in feeds):,}"),
        ("Rows to put right", f"{waiting:,}"),
        ("Files waiting or refused", f"{sum(feed.files_waiting + feed.files_refused for feed in feeds):,}"),
        ("Checks failing", f"{failed:,}"),
        ("Counts reconcile", "yes" if not unreconciled else f"no: {len(unreconciled)} feeds"),
    )
    for column, (label, value) in zip(st.columns(len(cells)), cells, strict=True):
        column.metric(label, value)


def reconciles(feed: FeedHealth) -> bool:
    """Whether every row that arrived is loaded, quarantined or a duplicate: none lost, none invented."""
    return feed.rows == feed.loaded + feed.quarantined + feed.duplicates


def _feeds(feeds: list[FeedHealth], viewer: Viewer) -> None:
    """Show one row a feed: how fresh, how many, and whether the counts add up."""
    st.subheader("Feeds", anchor=False)
    if not feeds:
        st.info("Nothing has arrived yet. Put files into the landing folder of this tenant.")
        return
    as_of = context.casework().clock_of(viewer.tenant_id).as_of
    rows = [_feed_row(feed, as_of) for feed in sorted(feeds, key=lambda feed: feed.feed)]
    show_table(rows, "feeds_table", most=20)


def _feed_row(feed: FeedHealth, as_of: Any) -> dict[str, Any]:
    bad = [check for check in feed.checks if not check.passed]
    return {
        "Feed": visible(feed.feed),
        "State": "✗ check failed" if bad else "▲ rows to fix" if feed.quarantined_open else "✓ ok",
        "Last taken in": relative(feed.last_recorded_at, as_of) or "never",
        "Taken in at": moment(feed.last_recorded_at) if feed.last_recorded_at else "",
        "Files": feed.files,
        "Waiting": feed.files_waiting,
        "Refused": feed.files_refused,
        "Rows in": feed.rows,
        "Loaded": feed.loaded,
        "Quarantined": feed.quarantined,
        "Duplicates": feed.duplicates,
        "Adds up": "✓"
        if reconciles(feed)
        else f"✗ off by {feed.rows - feed.loaded - feed.quarantined - feed.duplicates}",
        "Last error": visible(feed.last_error or "")[:200],
    }


def _promises(viewer: Viewer) -> None:
    """Show whether each feed keeps its contract, the worst first: a producer's record at one look."""
    publication = queries.current(context.published_folder())
    rows = queries.feed_health(publication, viewer.tenant_id) if publication else []
    if not rows:
        return
    as_of = context.casework().clock_of(viewer.tenant_id).as_of
    st.subheader("What producers promised", anchor=False)
    show_table([_promise_row(row, as_of) for row in rows], "promises_table", most=12)


def _promise_row(row: dict[str, Any], as_of: datetime) -> dict[str, Any]:
    broken = [
        *(["stale"] if row["is_stale"] else []),
        *(["newest file not read"] if row["refused_reason"] else []),
        *([f"{row['refused_share']:.1%} in quarantine"] if row["recent_refused_count"] else []),
    ]
    sign = "✗" if row["is_stale"] or row["refused_reason"] else "▲"  # rows alone can be put right here
    rule = " ".join(filter(None, (row["most_broken_rule"], row["most_broken_column"])))
    return {
        "Feed": visible(row["feed"]),
        "Comes from": visible(row["producer"])[:80],
        "Keeps its contract": f"{sign} {', '.join(broken)}" if broken else "✓ yes",
        "Every": spelled(row["cadence_hours"]),
        "Next due by": relative(row["due_by_at"], as_of) or "",
        "New rows": row["recent_row_count"],
        "In quarantine": row["recent_refused_count"],
        "Mostly break": visible(rule),
        "Files not read": row["refused_file_count"],
        "Why the newest was not": visible(row["refused_reason"] or "")[:200],
    }


def spelled(hours: float) -> str:
    """Return a pace in words."""
    return f"{hours / 24:g} days" if hours > 24 else f"{hours:g} hours"


def _checks(feeds: list[FeedHealth]) -> None:
    """Show the checks behind the feeds, failing ones first."""
    rows = [
        {
            "Result": "✓ passed" if check.passed else "✗ failed",
            "Feed": visible(feed.feed),
            "Check": visible(check.check_name),
            "What it says": visible(check.description)[:300],
            "Checked": moment(check.checked_at),
        }
        for feed in feeds
        for check in feed.checks
    ]
    if rows:
        rows.sort(key=lambda row: str(row["Result"]).startswith("✓"))
        with st.expander(
            f"Checks ({len(rows)})", expanded=any(row["Result"].startswith("✗") for row in rows)
        ):
            show_table(rows, "checks_table", most=12)


def _quarantine(viewer: Viewer) -> None:
    """Show refused rows; the one chosen can be put right or left out."""
    st.subheader("Quarantined rows", anchor=False)
    feed, state, offset = _quarantine_filter()
    try:
        found = context.casework().quarantine(
            viewer.principal, viewer.tenant_id, feed=feed, state=state, limit=ROWS, offset=offset
        )
    except CaseworkError as refused:
        st.info(literal(refused.message))
        return
    counts = found.facets.get("rule", {})
    if counts:
        st.caption(literal("Refused by: " + ", ".join(f"{rule} {count}" for rule, count in counts.items())))
    if not found.rows:
        st.info(
            "No row waits here. Rows that break their feed's contract are kept here with their raw content."
        )
        return
    left, right = st.columns([1.6, 1], gap="medium")
    with left:
        chosen = _rows(found.rows)
        _more(found.total, offset)
    with right:
        _row(chosen, viewer)


def _quarantine_filter() -> tuple[str | None, str | None, int]:
    """Ask which rows to show."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        states = {
            "quarantined": "Waiting",
            "corrected": "Put right",
            "replayed": "Replayed",
            "ignored": "Left out",
        }
        state = st.segmented_control(
            "State",
            list(states),
            default="quarantined",
            key="quarantine_state",
            format_func=lambda name: states[name],
        )
        feed = st.text_input("Feed", key="quarantine_feed", placeholder="any", max_chars=64, width=180)
        page_number = st.number_input("Page", min_value=1, value=1, key="quarantine_page", width=110)
    return (feed or "").strip() or None, state, (int(page_number) - 1) * ROWS


def _rows(rows: tuple[QuarantinedRow, ...]) -> QuarantinedRow:
    """Show the rows; return the chosen one, else the first."""
    frame = frame_of(
        [
            {
                "Feed": visible(row.feed),
                "Row": row.row_number,
                "Column": visible(row.column_name or ""),
                "What is wrong": visible(row.message)[:300],
                "File": visible(row.file_name),
                "Since": moment(row.quarantined_at),
            }
            for row in rows
        ]
    )
    event = st.dataframe(
        frame,
        hide_index=True,
        key="quarantine_table",
        row_height=31,
        height="content" if len(rows) <= 12 else 36 + 31 * 12,
        on_select="rerun",
        selection_mode="single-row",
        column_config={"What is wrong": st.column_config.TextColumn(width="large")},
    )
    chosen = event.selection.rows
    return rows[chosen[0]] if chosen and chosen[0] < len(rows) else rows[0]


def _more(total: int, offset: int) -> None:
    st.caption(literal(f"{offset + 1:,}–{min(offset + ROWS, total):,} of {total:,}"))


def _row(row: QuarantinedRow, viewer: Viewer) -> None:
    """Show one row: why it was refused, its bytes, and the form that puts it right."""
    with st.container(border=True, key="quarantine_row"):
        plain(row.message)
        st.caption(literal(f"{row.feed}, file {row.file_name}, row {row.row_number}, rule {row.rule}"))
        st.code(visible(row.raw)[:2000], language=None, wrap_lines=True)
        if row.state == "quarantined" and viewer.may("quarantine:correct"):
            _fix_form(row, viewer)
        elif row.corrected_values:
            st.caption(literal(f"Put right by {row.corrected_by}: {row.corrected_values}"))


def _fix_form(row: QuarantinedRow, viewer: Viewer) -> None:
    """Ask for the right cells; the file's own bytes are never changed."""
    values = row.values or {}
    if not values:
        st.caption(
            "This row could not be split into cells, so it can only be left out. "
            "Ask its producer to send it again."
        )
    else:
        if _is_in_doubt(row, values):
            st.caption(
                "Some cells of this row may not be as they were sent. Look at each: all that are shown are loaded."
            )
        with st.form(f"fix_form_{row.quarantine_id}", border=False):
            typed = _cells(row, values)
            if st.form_submit_button("Put right and load", key="fix_submit", type="primary"):
                _correct(row, viewer, _given(row, values, typed))
                st.rerun()
    with st.popover("Leave out", key="fix_ignore"):
        reason = st.text_input("Why?", key=f"fix_reason_{row.quarantine_id}", max_chars=300)
        if st.button("Leave the row out", key="fix_ignore_confirm"):
            _ignore(row, viewer, reason or "")
            st.rerun()


def _is_in_doubt(row: QuarantinedRow, values: dict[str, Any]) -> bool:
    """Whether the row may have been read wrongly, and not only broke a promise with a cell that is shown."""
    return values.get(row.column_name or "") is None or row.rule in ("encoding", "segment")


def _given(row: QuarantinedRow, values: dict[str, Any], typed: dict[str, str]) -> dict[str, str]:
    """Return what the person says: the changed cells, and of a row in doubt also those left as they are shown."""
    changed = {name: text for name, text in typed.items() if text != _cell(values.get(name))}
    if not _is_in_doubt(row, values):
        return changed
    return {name: "" if value is None else str(value) for name, value in values.items()} | changed


def _cells(row: QuarantinedRow, values: dict[str, Any]) -> dict[str, str]:
    """Show the offending cell first, the others folded away."""
    typed: dict[str, str] = {}
    first = [name for name in values if name == row.column_name]
    for name in first:
        typed[name] = (
            st.text_input(literal(name), _cell(values[name]), key=f"fix_{name}_{row.quarantine_id}") or ""
        )
    with st.expander("The other cells", expanded=not first):
        for name in (name for name in values if name not in first):
            typed[name] = (
                st.text_input(literal(name), _cell(values[name]), key=f"fix_{name}_{row.quarantine_id}") or ""
            )
    return typed


def _cell(value: object) -> str:
    return "" if value is None else visible(value)


def _correct(row: QuarantinedRow, viewer: Viewer, changed: dict[str, str]) -> None:
    attempt(
        lambda: context.casework().correct_row(
            viewer.principal, viewer.tenant_id, row.quarantine_id, changed
        ),
        "Kept. The row is loaded with the feed's next run.",
    )


def _ignore(row: QuarantinedRow, viewer: Viewer, reason: str) -> None:
    attempt(
        lambda: context.casework().ignore_row(
            viewer.principal, viewer.tenant_id, row.quarantine_id, reason.strip()
        ),
        "Left out for good; the reason is kept.",
    )


def _published(viewer: Viewer) -> None:
    """Show what the pages read: rows per published table."""
    publication = queries.current(context.published_folder())
    if publication is None:
        return
    with st.expander("Published tables"):
        counts = queries.mart_counts(publication, viewer.tenant_id)
        show_table(
            [{"Table": name, "Rows": count} for name, count in counts.items()], "published_table", most=20
        )
