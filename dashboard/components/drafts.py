"""Drafts of a case: what would be said, what each sentence rests on, exactly what leaves, and the decision.

Draft text may come from a model or a partner's words; it is shown as text and edited in plain text boxes.
"""

from __future__ import annotations

import copy
from datetime import UTC
from typing import Any

import streamlit as st

from casework.approvals.standing import Candidate
from casework.model import CaseDetail, DraftKind, DraftState, DraftView, Fact, RenderedMessage
from dashboard import context
from dashboard.components.badges import draft_badge
from dashboard.components.notices import attempt
from dashboard.components.text import literal, moment, plain, utc_text, visible
from dashboard.components.wording import DRAFT_WORDS, actor_name, fact_text, facts_by_id
from dashboard.session import Viewer

NO_RIGHT = "Your role drafts; an approver or a lead approves."


def show_drafts(detail: CaseDetail, viewer: Viewer) -> None:
    """Show every draft of the case, one a tab, always in the same order."""
    if not detail.drafts:
        if not viewer.is_partner:
            st.caption(
                "No draft: this type of case says nothing to anybody, or drafting was off when it was opened."
            )
        return
    st.subheader("What to say", anchor=False)
    facts = facts_by_id(detail.facts)
    order = list(DRAFT_WORDS)
    ranked = sorted(detail.drafts, key=lambda draft: order.index(draft.kind))
    labels = [DRAFT_WORDS[draft.kind] for draft in ranked]

    for tab, draft in zip(st.tabs(labels, key="case_drafts"), ranked, strict=True):
        with tab, st.container(key=f"draft_{draft.kind}"):
            if st.session_state.get(_editing(draft)):
                _edit(draft, viewer, facts)
            else:
                _read(draft, viewer, facts, detail)


def _editing(draft: DraftView) -> str:
    return f"editing_{draft.draft_id}"


def _read(draft: DraftView, viewer: Viewer, facts: dict[str, Fact], detail: CaseDetail) -> None:
    """Show one draft as it stands, with what it rests on and what can be decided."""
    with st.container(horizontal=True, vertical_alignment="center"):
        draft_badge(draft.state)
        st.caption(
            literal(
                f"Version {draft.version} by {actor_name(detail, draft.author)}, {moment(draft.created_at)}"
            ),
            width="content",
        )
    if draft.content.get("generator_reason"):
        st.caption(literal(draft.content["generator_reason"]))
    for sentence in draft.content.get("warnings", []):
        st.warning(literal(f"Look twice: {sentence}"), icon=":material/fact_check:")
    if draft.is_stale and draft.state == DraftState.WAITING:
        st.warning("The facts moved on after this was written. Write it anew or edit it before approving.")
    with st.container(border=True):
        st.markdown(f"**{literal(draft.content['subject'])}**")
        for paragraph in draft.content["paragraphs"]:
            plain(paragraph["text"])
            _rests_on(paragraph.get("fact_ids", []), facts)
    _options(draft, facts)
    _leaves(draft)
    _decide(draft, viewer, detail)


def _rests_on(fact_ids: list[str], facts: dict[str, Fact]) -> None:
    """Show the facts under a paragraph; what is known of the case itself is named without a value."""
    known = [facts[name] for name in fact_ids if name in facts]
    words = [f"{fact.label} {fact_text(fact, UTC)}" for fact in known]
    words += [name.removeprefix("case:").replace("_", " ") for name in fact_ids if name not in facts]
    if words:
        st.caption(
            "↳ " + literal(" · ".join(words)),
            help=literal("; ".join(_source(fact) for fact in known)) or None,
        )


def _source(fact: Fact) -> str:
    row = f", row {fact.row_number} of file {fact.file_sha256[:12]}" if fact.file_sha256 else ""
    return f"{fact.label}: {fact.source}{row}"


def _options(draft: DraftView, facts: dict[str, Fact]) -> None:
    """Show the ways out with cost and effect."""
    for number, option in enumerate(draft.content.get("options") or [], start=1):
        advised = " · recommended" if option.get("is_recommended") else ""
        st.markdown(f"**{number}. {literal(option['title'])}**{advised}")
        plain(f"Cost: {option['cost']}\nEffect: {option['effect']}")
        _rests_on(option.get("fact_ids", []), facts)


def _leaves(draft: DraftView) -> None:
    """Show exactly what would leave, to whom, byte for byte as it is approved."""
    if not draft.messages:
        internal = draft.kind == DraftKind.RECOVERY_RECOMMENDATION
        why = "it is for the desk" if internal else "no verified address is known for this party"
        st.caption(f"Nothing would leave: {why}.")
        return
    recipients = ", ".join(message.address for message in draft.messages)
    st.caption(literal(f"Goes to {recipients}"))
    with st.expander(
        "Exactly what will be sent", icon=":material/visibility:", key=f"draft_preview_{draft.kind}"
    ):
        for message in draft.messages:
            _message(message)
        st.caption(literal(f"Approval binds version {draft.version} and hash {draft.content_sha256}"))


def _message(message: RenderedMessage) -> None:
    """Show one message: where it goes, its subject and its body."""
    words = {"mail": "Mail", "portal_webhook": "Customer portal"}.get(message.target, message.target)
    st.caption(literal(f"{words} to {message.address}"))
    st.code(visible(f"Subject: {message.subject}\n\n{message.body}"), language=None, wrap_lines=True)


def _decide(draft: DraftView, viewer: Viewer, detail: CaseDetail) -> None:
    """Show the decision taken, or the buttons to take it."""
    approval = draft.approval
    if approval and draft.state != DraftState.WAITING:
        approver = actor_name(detail, approval.approver)
        words = f"{approval.decision.capitalize()} by {approver}, {moment(approval.decided_at)}"
        why = f": {approval.reason}" if approval.reason else ""
        until = f". Valid until {moment(approval.expires_at)}" if approval.decision == "approved" else ""
        st.caption(literal(words + why + until), help=utc_text(approval.decided_at))
    if draft.state not in (DraftState.WAITING, DraftState.VOID, DraftState.REJECTED):
        return
    if draft.state == DraftState.WAITING:
        _show_standing(draft)
    with st.container(horizontal=True, gap="small"):
        if draft.state == DraftState.WAITING:
            _approve_button(draft, viewer)
            _edit_and_reject(draft, viewer)
        if viewer.may("draft:edit"):
            st.button(
                "Write anew", key=f"draft_regenerate_{draft.kind}", icon=":material/autorenew:", type="tertiary",
                on_click=_regenerate, args=(draft, viewer), help="Write it again from the case's current facts",
            )  # fmt: skip


def _show_standing(draft: DraftView) -> None:
    """Show what the tier asks, who has approved this version, and who is still needed and could."""
    standing = draft.standing
    if standing is None:
        return
    st.caption(literal(standing.asks), help=literal(f"Tier {standing.tier}, by the money at stake"))
    for given in standing.given:
        whom = f" for {given.on_behalf_of_name}" if given.on_behalf_of_name else ""
        said = f"Approved by {given.approver_name}{whom}, {moment(given.decided_at)}"
        why = f", but it does not count: {given.why_not}" if given.why_not else ""
        st.caption(literal(f"{said}, valid until {moment(given.expires_at)}{why}"))
    if not standing.given and standing.approvals == 1:
        return
    could = [_named(one) for one in standing.candidates if one.why_not is None]
    who = f" Could approve: {', '.join(could)}." if could else " Nobody here could give it now."
    st.caption(literal(standing.still_needed + (who if standing.missing else "")))


def _named(one: Candidate) -> str:
    return f"{one.name} for {one.on_behalf_of_name}" if one.on_behalf_of_name else one.name


def _approve_button(draft: DraftView, viewer: Viewer) -> None:
    """Show the buttons that approve, one for oneself and one for each lender; grey, with the door's reason."""
    ways = draft.standing.ways_of(viewer.principal.principal_id) if draft.standing else ()
    if not ways or draft.is_stale:
        why = "The facts moved on; write it anew or edit it first." if ways else NO_RIGHT
        _one_approve_button(draft, viewer, None, why)
        return
    for lender, way in {way.on_behalf_of: way for way in reversed(ways)}.items():
        _one_approve_button(draft, viewer, way if lender else None, way.why_not)


def _one_approve_button(draft: DraftView, viewer: Viewer, way: Candidate | None, why_not: str | None) -> None:
    whom, suffix = (f" for {way.on_behalf_of_name}", f"_for_{way.on_behalf_of}") if way else ("", "")
    is_last = draft.standing is None or draft.standing.missing <= 1
    leaves = " and send" if draft.messages and is_last else ""
    st.button(
        literal(f"Approve{leaves}{whom}"), key=f"draft_approve_{draft.kind}{suffix}", type="primary",
        icon=":material/check:", shortcut="Shift+A" if _is_first(draft.kind) and not way else None,
        disabled=bool(why_not), help=literal(why_not) if why_not else None,
        on_click=_approve, args=(draft, viewer, way.on_behalf_of if way else None),
    )  # fmt: skip


def _edit_and_reject(draft: DraftView, viewer: Viewer) -> None:
    """Show the buttons that change or refuse the draft, to whom they are of use."""
    kind = draft.kind
    if viewer.may("draft:edit"):
        st.button(
            "Edit", key=f"draft_edit_{kind}", icon=":material/edit:", shortcut="e" if _is_first(kind) else None,
            on_click=_start_edit, args=(draft,),
        )  # fmt: skip
    if viewer.may("draft:reject"):
        with st.popover("Reject", icon=":material/close:", key=f"draft_reject_{kind}"):
            reason = st.text_input("Why?", key=f"draft_reject_reason_{kind}", max_chars=500)
            given = (draft, viewer, reason or "")
            st.button("Reject", key=f"draft_reject_confirm_{kind}", on_click=_reject, args=given)


def _is_first(kind: str) -> bool:
    """Only one draft may own the keyboard: the customer update."""
    return kind == "customer_update"


def _start_edit(draft: DraftView) -> None:
    st.session_state[_editing(draft)] = True


def _stop_edit(draft: DraftView) -> None:
    st.session_state.pop(_editing(draft), None)


def _edit(draft: DraftView, viewer: Viewer, facts: dict[str, Fact]) -> None:
    """Show the draft as text boxes, one a paragraph; nothing is saved before Save."""
    content, kind = draft.content, draft.kind
    with st.form(f"draft_form_{kind}", border=True):
        subject = st.text_input("Subject", content["subject"], key=f"draft_subject_{kind}", max_chars=300)
        texts: list[str] = []
        for number, paragraph in enumerate(content["paragraphs"]):
            text = paragraph["text"]
            texts.append(
                st.text_area(
                    f"Paragraph {number + 1}", text, key=f"draft_text_{kind}_{number}", max_chars=4000,
                    height=max(70, 26 * (len(text) // 60 + text.count("\n") + 2)),
                )
                or ""
            )  # fmt: skip
            _rests_on(paragraph.get("fact_ids", []), facts)
        with st.container(horizontal=True):
            saved = st.form_submit_button("Save", key=f"draft_save_{kind}", type="primary")
            dropped = st.form_submit_button("Cancel", key=f"draft_cancel_{kind}")
    if saved and _save(draft, viewer, _edited(content, subject or "", texts)):
        _stop_edit(draft)
    if dropped:
        _stop_edit(draft)
    if saved or dropped:
        st.rerun()


def _edited(content: Any, subject: str, texts: list[str]) -> dict[str, Any]:
    """Return the content with the new words; a paragraph left empty is taken out."""
    changed = copy.deepcopy(dict(content))
    changed["subject"] = subject.strip()
    pairs = zip(changed["paragraphs"], texts, strict=True)
    changed["paragraphs"] = [{**paragraph, "text": text.strip()} for paragraph, text in pairs if text.strip()]
    return changed


def _save(draft: DraftView, viewer: Viewer, content: dict[str, Any]) -> bool:
    return attempt(
        lambda: context.casework().edit_draft(
            viewer.principal, viewer.tenant_id, draft.draft_id, content, expected_version=draft.version
        ),
        "Saved as a new version; it waits for approval.",
    )


def _approve(draft: DraftView, viewer: Viewer, on_behalf_of: str | None) -> None:
    is_last = draft.standing is None or draft.standing.missing <= 1
    attempt(
        lambda: context.casework().approve(
            viewer.principal,
            viewer.tenant_id,
            draft.draft_id,
            version=draft.version,
            content_sha256=draft.content_sha256,
            on_behalf_of=on_behalf_of,
        ),
        "Approved. It leaves with the next turn of the sender."
        if is_last
        else "Approved by you. Others have to approve it before it leaves.",
    )


def _reject(draft: DraftView, viewer: Viewer, reason: str) -> None:
    attempt(
        lambda: context.casework().reject(
            viewer.principal, viewer.tenant_id, draft.draft_id, version=draft.version, reason=reason.strip()
        ),
        "Rejected; nothing is sent.",
    )


def _regenerate(draft: DraftView, viewer: Viewer) -> None:
    attempt(
        lambda: context.casework().regenerate_draft(
            viewer.principal, viewer.tenant_id, draft.draft_id, expected_version=draft.version
        ),
        "Written anew from the current facts.",
    )
