"""One case's trip, put together from published tables: milestones, prediction, stops on the map."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from casework.model import CaseDetail
from dashboard import queries
from dashboard.components.map import Stop
from dashboard.components.timeline import Prediction
from dashboard.components.wording import facts_by_id, instant_of
from dashboard.queries import Publication, Row, Scope
from dashboard.session import Viewer


@dataclass(frozen=True)
class Trip:
    """What is known of the movement behind a case; empty where the case has no shipment."""

    shipment: Row | None = None
    milestones: list[Row] = field(default_factory=list)
    prediction: Prediction | None = None
    scores: list[Row] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    told: list[Row] = field(default_factory=list)
    impossible: list[Row] = field(default_factory=list)


def trip_of(publication: Publication | None, viewer: Viewer, detail: CaseDetail) -> Trip:
    """Return the trip of a case that this viewer was given by casework, within the viewer's own scopes."""
    shipment_id = detail.case.shipment_id
    if publication is None or not shipment_id:
        return Trip(prediction=_prediction(detail, []))
    scope = _scope(publication, viewer, shipment_id)
    if scope is None:
        return Trip()
    milestones = queries.milestones(publication, scope, shipment_id)
    if viewer.is_partner:
        milestones = [{**row, "source_file_sha256": None, "source_row_number": None} for row in milestones]
    # What other partners said in their own words is not a partner's to read.
    scores = [] if viewer.is_partner else queries.scores(publication, scope, shipment_id)
    told, impossible = ([], []) if viewer.is_partner else queries.told(publication, scope, shipment_id)
    shipment = queries.shipments(publication, scope, (shipment_id,))[0]
    prediction, stops = _prediction(detail, scores), _stops(shipment, milestones)
    return Trip(shipment, milestones, prediction, scores, stops, told, impossible)


def _scope(publication: Publication, viewer: Viewer, shipment_id: str) -> Scope | None:
    """Return the first of the viewer's scopes that holds the shipment."""
    return next((s for s in viewer.scopes if queries.shipments(publication, s, (shipment_id,))), None)


def _prediction(detail: CaseDetail, scores: list[Row]) -> Prediction | None:
    """Return the predicted arrival as the case's facts state it, else the latest score within reach."""
    facts = facts_by_id(detail.facts)
    stated = instant_of(facts.get("predicted_arrival_at"))
    if stated:
        return Prediction(
            stated, instant_of(facts.get("interval_low_at")), instant_of(facts.get("interval_high_at"))
        )
    last = next((row for row in reversed(scores) if row["predicted_arrival_at"]), None)
    if last:
        return Prediction(last["predicted_arrival_at"], last["interval_low_at"], last["interval_high_at"])
    return None


def _stops(shipment: Row, milestones: list[Row]) -> list[Stop]:
    """Return the places of the trip in order, each once; a place is reached when something happened there."""
    ends = [_end(shipment, "origin"), _end(shipment, "destination")]
    reached = {m["facility_id"] for m in milestones if m["classifier"] == "actual" and m["facility_id"]}
    held = _held(milestones)
    between = [(m["facility_id"], m["facility_name"], m["latitude"], m["longitude"]) for m in milestones]
    seen: dict[str, Stop] = {}
    for identity, name, latitude, longitude in [ends[0], *between, ends[1]]:
        if identity is None or latitude is None or longitude is None:
            continue
        if identity == ends[1][0]:
            seen.pop(identity, None)
        state = "held" if identity == held else "reached" if identity in reached else "planned"
        seen.setdefault(identity, Stop(str(name or identity), float(latitude), float(longitude), state))
    return list(seen.values())


def _end(shipment: Row, end: str) -> tuple[Any, Any, Any, Any]:
    return (
        shipment[f"{end}_facility_id"],
        shipment[f"{end}_name"],
        shipment[f"{end}_latitude"],
        shipment[f"{end}_longitude"],
    )


def _held(milestones: list[Row]) -> str | None:
    """Return where customs holds the freight now, if it does."""
    events = [
        m
        for m in milestones
        if m["classifier"] == "actual" and str(m["milestone_code"]).startswith("CUSTOMS")
    ]
    last = max(events, key=lambda m: m["occurred_at"], default=None)
    return last["facility_id"] if last and last["milestone_code"] == "CUSTOMS_HOLD" else None
