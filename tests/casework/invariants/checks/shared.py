"""I15: a link shows what was granted, while it lasts, and each look is on record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from tests.casework.invariants.snapshot import Row, Snapshot

OWN_PARTY = {"customer": "customer_id", "carrier": "carrier_id", "warehouse": "facility_id"}


def is_live(link: Row, now: datetime) -> bool:
    """Whether a link opens anything at an instant."""
    return link["revoked_at"] is None and now < link["expires_at"]


def shows(link: Row, case: Row, shared: Iterable[str]) -> bool:
    """Whether a link is to show a case, when these exception types are shared with its kind of partner."""
    own = OWN_PARTY[link["party_role"]]
    return (
        link["case_id"] in (None, case["case_id"])
        and link[own] is not None
        and link[own] == case[own]
        and case["exception_type"] in shared
    )


def unrecorded(seen: Snapshot) -> Iterator[str]:
    """I15: looks that the log or the table of looks does not have, and links that nobody made."""
    told = Counter(
        entry["payload"]["details"]["view_id"]
        for entry in seen.said("link:opened", "case:read:sensitive")
        if "view_id" in entry["payload"]["details"]
    )
    if told != Counter(view["view_id"] for view in seen.views):
        yield "what was seen through links is not what the log tells"
    made = {entry["object_id"] for entry in seen.said("link:created")}
    if made != set(seen.links):
        yield "the links are not those the log tells of"
    ended = {entry["object_id"] for entry in seen.said("link:revoked")}
    if ended != {name for name, link in seen.links.items() if link["revoked_at"]}:
        yield "the links taken back are not those the log tells of"
