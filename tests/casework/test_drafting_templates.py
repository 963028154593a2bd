"""Drafts by template: always there, calm and grounded, and nothing in them that their reader may not know."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.drafting import grounding, template
from casework.drafting.content import body_of, cited
from casework.drafting.drafter import Drafter
from casework.drafting.facts import VISIBLE, FactSheet
from casework.errors import DraftRefused
from casework.model import AUDIENCES, DraftKind
from tests.casework.effects_fixtures import EXCEPTION_TYPES, VALUES, case, contact, detail, facts

KINDS = tuple(DraftKind)
MONEY = re.compile(r"USD|\$|18,400|9,000|1,500|73,125")


@pytest.mark.parametrize("kind", KINDS)
def test_every_exception_type_has_wording_of_its_own_for_every_kind(kind):
    assert set(template.exception_types(kind)) == set(EXCEPTION_TYPES)
    bodies = {body_of(Drafter().draft(kind, detail(t))) for t in EXCEPTION_TYPES}
    assert len(bodies) == len(EXCEPTION_TYPES)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    exception_type=st.sampled_from(EXCEPTION_TYPES),
    known=st.sets(st.sampled_from(sorted(VALUES))),
)
def test_any_set_of_known_facts_gives_a_whole_grounded_draft(kind, exception_type, known):
    case_detail = detail(exception_type, facts(*sorted(known)) if known else ())
    draft = Drafter().draft(kind, case_detail)
    text = draft["subject"] + "\n" + body_of(draft)
    assert draft["subject"].strip() and len(draft["paragraphs"]) >= 2
    assert (
        "{" not in text and "None" not in text and "  " not in text and " ." not in text and " ," not in text
    )
    visible = FactSheet.of(case_detail.case, case_detail.facts).for_audience(AUDIENCES[kind])
    assert [p.sentence for p in grounding.problems(draft, visible)] == []
    assert grounding.commitments(draft) == []


NAMES = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=60)
MOMENTS = st.datetimes(datetime(2012, 1, 1), datetime(2030, 1, 1)).map(
    lambda d: d.replace(tzinfo=UTC).isoformat()
)


@st.composite
def arbitrary_values(draw):
    by_type = {
        "text": NAMES,
        "instant": MOMENTS,
        "date": st.dates().map(str),
        "number": st.floats(0, 1e6),
        "money": st.floats(0, 1e9),
        "probability": st.floats(0, 1),
    }
    return {name: draw(by_type[kind]) for name, (kind, _) in VALUES.items()}


@settings(max_examples=120, deadline=None)
@given(
    kind=st.sampled_from(KINDS), exception_type=st.sampled_from(EXCEPTION_TYPES), values=arbitrary_values()
)
def test_a_template_is_never_blocked_by_grounding_whatever_the_feeds_say(kind, exception_type, values):
    case_detail = detail(exception_type, facts(**values))
    visible = FactSheet.of(case_detail.case, case_detail.facts).for_audience(AUDIENCES[kind])
    draft = Drafter().draft(kind, case_detail)
    assert [p.sentence for p in grounding.problems(draft, visible)] == []


@pytest.mark.parametrize("kind", [DraftKind.CUSTOMER_UPDATE, DraftKind.CARRIER_REQUEST])
@pytest.mark.parametrize("exception_type", EXCEPTION_TYPES)
def test_outsiders_read_no_money_no_tier_and_nobody_elses_name(kind, exception_type):
    draft = Drafter().draft(kind, detail(exception_type))
    text = draft["subject"] + body_of(draft)
    assert not MONEY.search(text)
    assert "gold" not in text and "212" not in text and "31%" not in text and "87%" not in text
    hidden = "Northwind" if kind == DraftKind.CUSTOMER_UPDATE else "Acme"
    assert hidden not in text
    assert set(cited(draft)) <= VISIBLE[AUDIENCES[kind]] | {"case:reference"}
    assert draft["options"] == []


@pytest.mark.parametrize("exception_type", EXCEPTION_TYPES)
def test_a_recommendation_has_costed_options_and_recommends_one(exception_type):
    draft = Drafter().draft(DraftKind.RECOVERY_RECOMMENDATION, detail(exception_type))
    assert len(draft["options"]) >= 2
    assert [o["is_recommended"] for o in draft["options"]].count(True) == 1
    assert all(o["cost"] and o["effect"] for o in draft["options"])


def test_a_name_in_which_an_address_seems_to_stand_may_still_be_quoted():
    case_detail = detail("facility_dwell", facts(facility_name="AÀA@¹"))
    visible = FactSheet.of(case_detail.case, case_detail.facts).for_audience("customer")
    draft = Drafter().draft(DraftKind.CUSTOMER_UPDATE, case_detail)
    assert [p.sentence for p in grounding.problems(draft, visible)] == []


def test_a_stock_out_is_told_of_the_place_where_stock_lies_not_of_the_last_move():
    body = body_of(Drafter().draft(DraftKind.RECOVERY_RECOMMENDATION, detail("stock_out_before_inbound")))
    assert "at Durban DC runs out" in body
    assert "at Cape Town hub" not in body


def test_spending_is_recommended_only_where_the_loss_is_likely():
    likely = Drafter().draft(DraftKind.RECOVERY_RECOMMENDATION, detail())
    unlikely = Drafter().draft(DraftKind.RECOVERY_RECOMMENDATION, detail(known=facts(late_probability=0.2)))
    assert likely["options"][0]["option_id"] == "expedite"
    assert unlikely["options"][0]["option_id"] == "wait"


def test_the_same_facts_give_the_same_draft_and_the_same_bytes():
    drafts = [Drafter().draft(DraftKind.CUSTOMER_UPDATE, detail()) for _ in range(2)]
    assert drafts[0] == drafts[1]
    messages = [Drafter().render(d, case(), contact()) for d in drafts]
    assert messages[0].sha256 == messages[1].sha256


def test_a_link_in_a_feed_leads_nowhere_and_an_instruction_stays_a_name():
    hostile = "Acme <b>Health</b> https://evil.example/pay or mail eve@evil.example\r\n"
    hostile += "Bcc: x@evil.example \u202e{{ 7*7 }}"
    draft = Drafter().draft(DraftKind.CUSTOMER_UPDATE, detail(known=facts(customer_name=hostile)))
    text = draft["subject"] + body_of(draft)
    assert "evil.example" not in text and "<b>" not in text and "\u202e" not in text
    assert "{{ 7*7 }}" in text and "49" not in text
    assert "\nBcc" not in text


@pytest.mark.parametrize(
    "text", ["=?utf-8?q?a=0d=0aBcc:?=", "=\u200b?utf-8?q?x?=", "=<b>?utf-8?q?x?=", "a\nb"]
)
def test_a_subject_holds_nothing_that_mail_software_would_decode(text):
    edit = Drafter().draft(DraftKind.CUSTOMER_UPDATE, detail())
    edit["subject"] = text
    subject = Drafter().render(edit, case(), contact()).subject
    assert "=?" not in subject and "\n" not in subject


def test_unreadable_values_are_not_known():
    sheet = FactSheet.of(
        case(),
        facts(
            "promised_at",
            "delay_hours",
            "late_probability",
            promised_at="soon",
            delay_hours="NaN",
            late_probability="x",
        ),
    )
    assert not sheet.has("promised_at") and not sheet.has("delay_hours") and not sheet.has("late_probability")


def test_a_persons_edit_is_cleaned_and_kept():
    edit = Drafter().draft(DraftKind.CUSTOMER_UPDATE, detail())
    edit["paragraphs"][1]["text"] = "Hello\u200b <script>alert(1)</script>[click](http://x.example)\x07 there"
    edit["subject"] = "One\r\nBcc: eve@evil.example"
    stored = Drafter().edited(edit, detail(), "p-ana")
    assert stored["paragraphs"][1]["text"] == "Hello alert(1)click there"
    assert "\n" not in stored["subject"] and stored["generator"] == "person:p-ana"


def test_a_persons_edit_may_add_context_but_not_another_shipments_number():
    edit = Drafter().draft(DraftKind.CUSTOMER_UPDATE, detail())
    edit["paragraphs"][1]["text"] = "As agreed by phone at 15:30 with Maria, we deliver on 5 September 2026."
    stored = Drafter().edited(edit, detail(), "p-ana")
    assert any("15:30" in w for w in stored["warnings"]) and any(
        "2026-09-05" in w for w in stored["warnings"]
    )
    edit["paragraphs"][1]["text"] = "This also concerns SHP-20999."
    with pytest.raises(DraftRefused, match="SHP-20999"):
        Drafter().edited(edit, detail(), "p-ana")


def test_an_id_known_elsewhere_is_refused_whatever_it_looks_like():
    drafter = Drafter(is_known_elsewhere=lambda tenant, i: (tenant, i) == ("demo", "CUST77"))
    edit = drafter.draft(DraftKind.CUSTOMER_UPDATE, detail())
    edit["paragraphs"][1]["text"] = "The same happened to CUST77."
    with pytest.raises(DraftRefused, match="CUST77"):
        drafter.edited(edit, detail(), "p-ana")


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"kind": "poem", "subject": "x", "paragraphs": [{"text": "y", "fact_ids": []}]},
        {"kind": "customer_update", "subject": "x", "paragraphs": []},
        {"kind": "customer_update", "subject": "", "paragraphs": [{"text": "y", "fact_ids": []}]},
        {"kind": "customer_update", "subject": "x", "paragraphs": ["y"]},
        {"kind": "customer_update", "subject": "x", "paragraphs": [{"text": "y" * 10_000, "fact_ids": []}]},
        {"kind": "customer_update", "subject": "x", "paragraphs": [{"text": "y", "fact_ids": []}] * 31},
        {"kind": "customer_update", "subject": 7, "paragraphs": [{"text": "y", "fact_ids": []}]},
    ],
)
def test_what_is_no_draft_is_refused_with_a_sentence(broken):
    with pytest.raises(DraftRefused) as refusal:
        Drafter().edited(broken, detail(), "p-ana")
    assert refusal.value.message.endswith(".")


def test_times_are_written_in_utc_with_the_weekday():
    east = (datetime(2026, 9, 2, 23, 30, tzinfo=UTC) + timedelta(0)).isoformat().replace("+00:00", "Z")
    sheet = FactSheet.of(case(), facts("promised_at", promised_at=east))
    assert sheet.text("promised_at") == "Wednesday 2 September 2026, 23:30 UTC"
    sheet = FactSheet.of(case(), facts("promised_at", promised_at="2026-09-03T01:30:00+02:00"))
    assert sheet.text("promised_at") == "Wednesday 2 September 2026, 23:30 UTC"
