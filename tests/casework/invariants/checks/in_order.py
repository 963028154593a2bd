"""I11: decisions one after another, and no edit is lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping

from tests.casework.invariants.snapshot import Snapshot


def contradictory(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """I11: a version skipped or reused, a text changed, a version of a draft decided twice."""
    for case_id, case in before.cases.items():
        now = after.cases[case_id]
        entries = [
            entry["payload"]["case"]["version"]
            for entry in after.audit[len(before.audit) :]
            if entry["case_id"] == case_id
        ]
        if now["version"] < case["version"] or sorted(entries) != entries:
            yield f"case {case_id} went back from version {case['version']}"
        changed = {name for name in case if case[name] != now[name]} - {"version", "updated_at"}
        if changed and now["version"] == case["version"]:
            yield f"case {case_id} changed ({', '.join(sorted(changed))}) and kept its version"
    for key, version in before.versions.items():
        if after.versions.get(key) != version:
            yield f"version {key[1]} of draft {key[0]} was changed"
    for name, row in before.approvals.items():
        if after.approvals.get(name) != row:
            yield f"decision {name} was changed"
    for name, row in before.sign_offs.items():
        if after.sign_offs.get(name) != row:
            yield f"approval {name} was changed"
    decided = Counter((row["draft_id"], row["draft_version"]) for row in after.approvals.values())
    if any(times > 1 for times in decided.values()):
        yield "a version of a draft was decided twice"
    for draft_id, draft in after.drafts.items():
        known = sorted(version for name, version in after.versions if name == draft_id)
        if known != list(range(1, draft["current_version"] + 1)):
            yield f"draft {draft_id} is in version {draft['current_version']} and has {known}"


def lost_edits(seen: Snapshot, edits: Mapping[tuple[str, int], str]) -> Iterator[str]:
    """I11: an edit that was confirmed and is not there."""
    for key, text in edits.items():
        version = seen.versions.get(key)
        if version is None or text not in json.dumps(version["content"]):
            yield f"the edit saved as version {key[1]} of draft {key[0]} is lost"
