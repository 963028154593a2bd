"""The drafter: a model where one is configured and its text holds up, the template otherwise.

A draft always comes back. Whatever goes wrong with the model, the template's draft is returned with a
note for the approver; recipients, subject, references and the lines of facts are the template's either way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Engine

from casework import telemetry
from casework.config import Config
from casework.drafting import grounding, template
from casework.drafting.content import cleaned
from casework.drafting.facts import FactSheet
from casework.drafting.known_ids import StoreIds
from casework.drafting.model import DraftingModel, ModelFailed, ModelSettings
from casework.drafting.render import render
from casework.drafting.sanitise import ADDRESS_REMOVED, LINK_REMOVED
from casework.errors import DraftRefused
from casework.metering.meter import Meter
from casework.model import (
    AUDIENCES,
    CaseDetail,
    CaseView,
    Contact,
    DraftContent,
    DraftKind,
    Paragraph,
    RenderedMessage,
)

SHOWN_PROBLEMS = 3


@dataclass(frozen=True)
class Review:
    """What a person's edit says beyond the facts: what stops it, and what the approver should look at."""

    refusals: tuple[str, ...]
    warnings: tuple[str, ...]


class Drafter:
    """Writes, checks and renders drafts; satisfies `casework.model.Drafting`."""

    def __init__(
        self,
        model: DraftingModel | None = None,
        is_known_elsewhere: Callable[[str, str], bool] | None = None,
    ) -> None:
        """Use this model, if any. `is_known_elsewhere(tenant_id, id)` knows other cases' ids."""
        self._model = model
        self._is_known_elsewhere = is_known_elsewhere

    @classmethod
    def of_store(cls, engine: Engine, config: Config) -> Drafter:
        """Return a drafter that meters into a store, by the tenants' prices and budgets, and knows its ids.

        Its model is the one that OPENAI_API_KEY or OPENAI_BASE_URL configure; without them it has none.
        """
        settings = ModelSettings.from_environment()
        model = DraftingModel(settings, Meter(engine, config)) if settings else None
        return cls(model, StoreIds(engine))

    @telemetry.traced("draft.write", "kind")
    def draft(self, kind: DraftKind, detail: CaseDetail) -> DraftContent:
        """Return a draft from the facts of one case; never raises for want of facts or of a model."""
        case, facts = detail.case, FactSheet.of(detail.case, detail.facts)
        written = template.draft(str(kind), case.exception_type, facts)
        if self._model is None:
            return written
        visible = facts.for_audience(AUDIENCES[kind])
        try:
            prose = self._model.paragraphs(
                str(kind),
                case.exception_type,
                visible,
                tenant_id=case.tenant_id,
                case_id=case.case_id,
                customer_id=case.customer_id,
            )
        except ModelFailed as failure:
            return _because(written, f"The model's call ended with '{failure.outcome}'.")
        candidate = _with_prose(written, prose, visible, self._model.name)
        found = self._objections(candidate, prose, visible)
        if found:
            return _because(written, " ".join(["The model's text did not hold up:", *found]))
        return candidate

    def _objections(self, content: DraftContent, prose: list[Paragraph], visible: FactSheet) -> list[str]:
        """Why a model's draft may not be used; empty is fine."""
        found = [p.sentence for p in grounding.problems(content, visible)]
        found += [p.sentence for p in grounding.commitments(content)]
        if not grounding.is_english("\n".join(p["text"] for p in prose)):
            found.append("The text is not in English.")
        if not prose:
            found.append("The text is empty.")
        if any(mark in p["text"] for p in prose for mark in (LINK_REMOVED, ADDRESS_REMOVED)):
            found.append("The text repeats a feed's link or address.")
        return found[:SHOWN_PROBLEMS]

    def edited(self, content: Mapping[str, Any], detail: CaseDetail, principal_id: str) -> DraftContent:
        """Return a person's edit as it may be stored, with warnings for the approver.

        Raises DraftRefused when it is no draft, or names ids of other cases.
        """
        edit = cleaned(content, generator=f"person:{principal_id}")
        review = self.review(edit, detail)
        if review.refusals:
            raise DraftRefused(" ".join(review.refusals), refusals=list(review.refusals))
        if review.warnings:
            edit["warnings"] = list(review.warnings)
        return edit

    def review(self, content: DraftContent, detail: CaseDetail) -> Review:
        """Compare a person's edit with the facts: other cases' ids are refused, the rest is pointed out."""
        facts = FactSheet.of(detail.case, detail.facts).for_audience(AUDIENCES[content["kind"]])
        refusals = tuple(
            f"'{i}' is not an id of this case. Remove it, or check which case you are in."
            for i in grounding.foreign_ids(content, facts, self._elsewhere(detail.case))
        )
        found = grounding.problems(content, facts) + grounding.commitments(content)
        noted = [p.sentence for p in found if p.claim is None or p.claim.kind != "name"]
        return Review(refusals, tuple(dict.fromkeys(noted)))

    def _elsewhere(self, case: CaseView) -> Callable[[str], bool]:
        """Return what tells another case's id from this case's own and from a word."""
        own = {str(i).upper() for i in (case.case_id, case.shipment_id, case.subject) if i}
        known = self._is_known_elsewhere
        return lambda i: i.upper() not in own and known is not None and known(case.tenant_id, i)

    def check(self, content: DraftContent, detail: CaseDetail) -> list[str]:
        """Return what an edited draft says that the case's facts do not support, as sentences."""
        review = self.review(content, detail)
        return [*review.refusals, *review.warnings]

    def render(self, content: DraftContent, case: CaseView, contact: Contact) -> RenderedMessage:
        """Return exactly what would leave for one contact; the same input gives the same bytes."""
        return render(content, case, contact)


def _because(content: DraftContent, reason: str) -> DraftContent:
    """The same draft, with the reason why the template wrote it."""
    return cast(DraftContent, {**content, "generator_reason": reason})


def _with_prose(written: DraftContent, prose: list[Paragraph], visible: FactSheet, name: str) -> DraftContent:
    """The template's frame with the model's paragraphs in the middle."""
    kind = written["kind"]
    frame = [template.frame(kind, part, visible) for part in ("opening", "glance", "closing")]
    middle = [*frame[0], *prose, *frame[1], *frame[2]]
    return cast(DraftContent, {**written, "paragraphs": middle, "generator": name})
