"""The model: what it learnt from, how it did on later shipments beside plain rules, and when to trust it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import context, queries, session
from dashboard.components.tables import show_table
from dashboard.components.text import literal, moment, share, visible
from dashboard.components.trust import draw_bars, draw_lead_time, draw_reliability
from dashboard.components.wording import instant_text

MEASURES = {
    "roc_auc": ("ROC-AUC", "Chance that a late shipment is ranked above one in time; 0.5 is a coin"),
    "average_precision": ("Average precision", "Precision averaged over recall; the late rate is a coin"),
    "precision": ("Precision", "Of those flagged, the share that came late"),
    "recall": ("Recall", "Of those late, the share that was flagged"),
    "mcc": ("MCC", "Correlation of flag and outcome; 0 is a coin, 1 is perfect"),
    "brier": ("Brier", "Mean squared error of the probability; lower is better"),
    "ece": ("Calibration error", "Mean gap between stated and observed share; lower is better"),
}


def page() -> None:
    """Show the card of the tenant's current model."""
    viewer = session.viewer()
    st.title("Arrival model", anchor=False)
    publication = queries.current(context.published_folder())
    card = queries.model_reports(publication, viewer.tenant_id) if publication else None
    if publication is None or not card:
        st.info(
            "No model is published for this tenant yet. It is trained once enough shipments have arrived."
        )
        return
    _card(card)
    if card.get("kind") == "base_rate":
        st.info(literal(f"This is the base rate only: {card.get('reason')}."))
    _against_baselines(card)
    left, right = st.columns(2, gap="large")
    with left:
        _reliability(card)
    with right:
        _lead_time(card)
    _arrival(card)
    _by_checkpoint(card)
    _risk_spread(publication, viewer.tenant_id)


def _card(card: dict[str, Any]) -> None:
    """Show what the model is and what it learnt from."""
    with st.container(horizontal=True, gap="large", key="model_card"):
        for label, value in (
            ("Version", str(card.get("version", ""))[:16]),
            ("Kind", f"{card.get('kind', '')} {card.get('candidate', '')}".strip().replace("_", " ")),
            ("Shipments learnt from", _count(card.get("shipment_count"))),
            ("Late among them", _percent(card.get("late_rate"))),
            ("Outcomes until", instant_text(card.get("trained_until"))),
            ("Judged on later ones from", instant_text(card.get("judged_from"))),
            ("Flags from", _percent(card.get("threshold"))),
        ):
            if value:
                with st.container(width="content", gap=None):
                    st.caption(label)
                    st.markdown(f"**{literal(value)}**")


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else ""


def _percent(value: object) -> str:
    return share(float(value)) if isinstance(value, int | float) else ""


def _against_baselines(card: dict[str, Any]) -> None:
    """Show the model's figures on later shipments beside plain rules on the same ones."""
    measured = card.get("metrics")
    if not isinstance(measured, dict):
        return
    st.subheader("Against plain rules, on later shipments", anchor=False)
    rows = [{"": "This model", **_figures(measured)}]
    for name, figures in (card.get("baselines") or {}).items():
        rows.append({"": visible(name).replace("_", " ").capitalize(), **_figures(figures)})
    columns: dict[str, Any] = {
        label: st.column_config.NumberColumn(format="%.3f", help=meaning, width="small")
        for label, meaning in MEASURES.values()
    }
    columns[""] = st.column_config.TextColumn(width="medium")
    show_table(rows, "model_metrics", columns=columns)


def _figures(measured: dict[str, Any]) -> dict[str, float | None]:
    return {label: measured.get(name) for name, (label, _) in MEASURES.items()}


def _reliability(card: dict[str, Any]) -> None:
    """Show whether 70 % means 70 %."""
    bins = card.get("calibration_bins") or []
    if not bins:
        return
    st.subheader("When it says 70 %, is it 70 %?", anchor=False)
    draw_reliability(
        [b["mean_probability"] for b in bins],
        [b["late_rate"] for b in bins],
        [b["n"] for b in bins],
        key="model_reliability",
    )
    st.caption("Discs grow with the shipments. Above the dashed line it is too hopeful, below it too gloomy.")


def _lead_time(card: dict[str, Any]) -> None:
    """Show how early the flags are worth something."""
    curve = card.get("lead_time_curve") or []
    if not curve:
        return
    st.subheader("How early does it know?", anchor=False)
    labels = [_range(step.get("from_hours"), step.get("to_hours")) for step in curve]
    draw_lead_time(
        labels,
        [step.get("precision") for step in curve],
        [step.get("recall") for step in curve],
        [step["n"] for step in curve],
        key="model_lead_time",
    )
    st.caption("By time left to the promise when the score was made.")


def _range(start: float | None, end: float | None) -> str:
    """Return a range of hours before the promise in hours or days."""
    if start is None:
        return "after it"
    if end is None:
        return f"> {_hours(start)}"
    return f"{_hours(start)}–{_hours(end)}"


def _hours(hours: float) -> str:
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} d"


def _arrival(card: dict[str, Any]) -> None:
    """Show how far off the predicted arrival is, and whether the interval holds."""
    arrival = card.get("arrival")
    if not isinstance(arrival, dict):
        return
    st.subheader("Predicted arrival", anchor=False)
    cells = (
        (
            "Mean error",
            f"{arrival['mae_hours']:,.1f} h",
            f"schedule alone {arrival['schedule_mae_hours']:,.1f} h",
        ),
        (
            "Median error",
            f"{arrival['median_error_hours']:,.1f} h",
            f"schedule alone {arrival['schedule_median_error_hours']:,.1f} h",
        ),
        (
            "Interval holds",
            share(arrival["interval_coverage"]),
            f"promised {share(arrival['interval_level'])}",
        ),
        ("Interval width", f"{arrival['interval_median_width_hours']:,.1f} h", "median"),
    )
    for column, (label, value, beside) in zip(st.columns(len(cells)), cells, strict=True):
        column.metric(label, value)
        column.caption(beside)


def _by_checkpoint(card: dict[str, Any]) -> None:
    """Show the same figures per stage of the trip."""
    parts = card.get("metrics_by_checkpoint") or {}
    if len(parts) < 2:
        return
    with st.expander("By stage of the trip"):
        rows = [
            {"Stage": visible(name).replace("_", " "), "Rows": figures.get("n"), **_figures(figures)}
            for name, figures in parts.items()
        ]
        columns = {label: st.column_config.NumberColumn(format="%.3f") for label, _ in MEASURES.values()}
        show_table(rows, "model_checkpoints", columns=columns)


def _risk_spread(publication: queries.Publication, tenant_id: str) -> None:
    """Show how the shipments under way now spread over the risk."""
    spread = queries.risk_spread(publication, tenant_id)
    if not spread:
        return
    st.subheader("Shipments scored now", anchor=False)
    counts = {row["bin"]: row["shipment_count"] for row in spread}
    labels = [f"{number * 5}" for number in range(20)]
    draw_bars(
        labels, [counts.get(n, 0) for n in range(20)], "Late probability from, %", "Shipments", "model_spread"
    )
    if publication.published_at:
        st.caption(literal(f"As published {moment(publication.published_at)}."))
