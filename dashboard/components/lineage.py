"""The lineage strip: from the bytes that arrived to the receipt of what was sent, step by step."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from casework.model import CaseDetail
from dashboard.components.text import literal, moment, plain, share, visible
from dashboard.components.wording import actor_name
from dashboard.queries import Row


@dataclass(frozen=True)
class Step:
    """One step: its name, the short text shown, and everything known about it."""

    name: str
    short: str
    lines: tuple[str, ...]


def lineage_steps(detail: CaseDetail, score: Row | None) -> list[Step]:
    """Return the steps of one case in the order of the path; a step not taken yet says so."""
    lineage = detail.lineage
    files = lineage.files if lineage else ()
    feature = str(score["feature_sha256"]) if score and score.get("feature_sha256") else None
    return [
        Step("File", _count(len(files), "file"), tuple(_file_line(file) for file in files)),
        _known("Run", lineage.dagster_run_id if lineage else None, "Dagster run"),
        _known("dbt", lineage.dbt_invocation_id if lineage else None, "dbt invocation"),
        _known("Published", lineage.publication_id if lineage else None, "publication"),
        _known("Features", feature, "SHA-256 of the feature row"),
        _model(detail, score),
        _score(detail, score),
        _draft(detail),
        _approval(detail),
        _receipt(detail),
    ]


def _count(number: int, word: str) -> str:
    return "not known" if not number else f"{number} {word}{'' if number == 1 else 's'}"


def _file_line(file: dict[str, object]) -> str:
    rows = file.get("row_numbers") or file.get("row_number")
    numbers = ", ".join(str(row) for row in rows) if isinstance(rows, list | tuple) else str(rows or "")
    return f"{file.get('file_sha256')}" + (f"  row {numbers}" if numbers else "")


def _known(name: str, value: str | None, words: str) -> Step:
    return Step(name, value[:8] if value else "none", (f"{words} {value}",) if value else ())


def _model(detail: CaseDetail, score: Row | None) -> Step:
    versions = dict(detail.lineage.model_versions) if detail.lineage else {}
    if score and score.get("model_version"):
        versions.setdefault("arrival", str(score["model_version"]))
    short = next(iter(versions.values()), "rule only")
    return Step("Model", short[:12], tuple(f"{name} {version}" for name, version in versions.items()))


def _score(detail: CaseDetail, score: Row | None) -> Step:
    probability = detail.case.late_probability
    if probability is None:
        return Step("Score", "rule only", ())
    lines = [f"late probability {probability:.4f}"]
    if score:
        lines += [f"checkpoint {score['checkpoint']}", f"cutoff {moment(score['cutoff_at'])}"]
    return Step("Score", share(probability), tuple(lines))


def _draft(detail: CaseDetail) -> Step:
    lines = tuple(
        f"{d.kind} version {d.version} by {actor_name(detail, d.author)}\n{d.content_sha256}"
        for d in detail.drafts
    )
    return Step("Drafts", _count(len(detail.drafts), "draft") if detail.drafts else "none", lines)


def _approval(detail: CaseDetail) -> Step:
    made = [d.approval for d in detail.drafts if d.approval and d.approval.decision == "approved"]
    lines = tuple(
        f"{actor_name(detail, a.approver)} {moment(a.decided_at)}, version {a.draft_version}\n{a.content_sha256}"
        for a in made
    )
    return Step("Approval", _count(len(made), "approval") if made else "not yet", lines)


def _receipt(detail: CaseDetail) -> Step:
    settled = [effect for effect in detail.effects if effect.receipt]
    lines = tuple(f"{e.target} to {e.recipient}: {e.state}\nkey {e.idempotency_key}" for e in settled)
    return Step("Receipt", f"{len(settled)} of {len(detail.effects)}" if detail.effects else "not yet", lines)


def show_lineage(steps: list[Step]) -> None:
    """Show the strip; each step opens to what it is made of."""
    with st.container(key="case_lineage", horizontal=True, gap="large"):
        for number, step in enumerate(steps):
            with st.container(width="content", gap=None):
                st.caption(step.name if number == 0 else f"› {step.name}")
                if step.lines:
                    with st.popover(literal(step.short), type="tertiary"):
                        st.code(visible("\n".join(step.lines)), language=None, wrap_lines=True)
                else:
                    plain(step.short, muted=True)
