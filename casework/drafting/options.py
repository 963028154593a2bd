"""Ways to recover, chosen from the facts by rules: what each costs, what it brings, and why it ranks so.

Costs that no feed carries are not invented: the option then says what it may cost at most to be worth it
(the loss it avoids) and that a quote is needed. The first option is the recommended one.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from casework.drafting.content import option
from casework.drafting.facts import FactSheet
from casework.model import Option

DOCUMENT_TYPES = frozenset({"pod_missing", "trade_document_missing"})
HOLD_TYPES = frozenset({"customs_hold", "facility_dwell"})
FAST_MODES = ("air", "truck")


def _worth(facts: FactSheet) -> tuple[str, list[str]]:
    """What an option may cost at most, with the fact it rests on."""
    loss = facts.amount("case:expected_loss")
    if loss is not None and loss > 0:
        return f"To be quoted; worth it up to the {facts.text('case:expected_loss')} at stake", [
            "case:expected_loss"
        ]
    return "To be quoted; no loss is expected at present, so compare with care", []


def _delay(facts: FactSheet) -> tuple[str, list[str]]:
    """The delay to win back, in words, with its fact."""
    for fact_id in ("expected_delay_hours", "delay_hours"):
        amount = facts.amount(fact_id)
        if amount is not None and amount > 0:
            return f"the {facts.text(fact_id)} it is behind", [fact_id]
    return "the delay", []


def _expedite(facts: FactSheet) -> Option:
    cost, cost_ids = _worth(facts)
    delay, delay_ids = _delay(facts)
    mode = facts.text("mode") or ""
    how = (
        "a faster service on the rest of the way"
        if mode.lower().startswith(FAST_MODES)
        else "air or road for the rest"
    )
    ids = cost_ids + delay_ids + (["mode"] if mode else [])
    return option("expedite", "Expedite", cost, f"Ask for {how}, to win back {delay}", ids)


def _reroute(facts: FactSheet) -> Option:
    cost, ids = _worth(facts)
    place_id = next((i for i in ("alert_place", "hold_place", "facility_name") if facts.has(i)), None)
    around = f"around {facts.text(place_id)}" if place_id else "around the place where it is held up"
    return option(
        "reroute", "Reroute", cost, f"Move the goods {around}", ids + ([place_id] if place_id else [])
    )


def _split(facts: FactSheet) -> Option:
    cost, ids = _worth(facts)
    effect = "Send the part that is needed first by a faster service and leave the rest as planned"
    return option("split", "Split the shipment", cost, effect, ids)


def _substitute(facts: FactSheet) -> Option:
    place = f" at {facts.text('stock_place')}" if facts.has("stock_place") else ""
    ids = ["stock_place"] if facts.has("stock_place") else []
    if facts.has("on_hand_quantity"):
        return option(
            "substitute",
            "Serve from other stock",
            "Cost of the transfer, to be quoted",
            f"On hand{place}: {facts.text('on_hand_quantity')}; cover the gap from another site",
            [*ids, "on_hand_quantity"],
        )
    effect = f"Cover the gap{place} from another site or a substitute, if stock is confirmed there"
    return option("substitute", "Serve from other stock", "Cost of the transfer, to be quoted", effect, ids)


def _wait(facts: FactSheet) -> Option:
    ids, costs = [], []
    if facts.has("case:expected_loss"):
        ids.append("case:expected_loss")
        costs.append(f"Nothing now; {facts.text('case:expected_loss')} expected loss stands")
    if (facts.amount("penalty_per_day") or Decimal(0)) > 0:
        ids.append("penalty_per_day")
        costs.append(f"{facts.text('penalty_per_day')} for each day late")
    effect = "Keep the plan and tell the customer early"
    if facts.has("predicted_arrival_at"):
        ids.append("predicted_arrival_at")
        effect += f"; predicted arrival {facts.text('predicted_arrival_at')}"
    return option("wait", "Wait and inform", "; ".join(costs) or "Nothing now", effect, ids)


def _chase(facts: FactSheet) -> Option:
    ids = [i for i in ("document_type", "needed_by_at") if facts.has(i)]
    what = facts.text("document_type") or "the document"
    by = f" before {facts.text('needed_by_at')}" if facts.has("needed_by_at") else ""
    return option("chase_document", "Chase the document", "A message", f"Ask its issuer for {what}{by}", ids)


def _release(facts: FactSheet) -> Option:
    place_id = next((i for i in ("hold_place", "facility_name") if facts.has(i)), None)
    where = f" at {facts.text(place_id)}" if place_id else ""
    effect = f"Find out what the hold{where} waits for and supply it; nothing faster helps before the release"
    return option(
        "release",
        "Get it released",
        "A message, and the papers or payments asked for",
        effect,
        [place_id] if place_id else [],
    )


def _locate(facts: FactSheet) -> Option:
    ids = [i for i in ("last_milestone_at",) if facts.has(i)]
    since = f" since {facts.text('last_milestone_at')}" if ids else ""
    effect = f"Ask the carrier for the position (no event{since}) before spending on anything else"
    return option("locate", "Locate it first", "A message", effect, ids)


def _makes_sense_to_spend(facts: FactSheet) -> bool:
    """Whether the loss at stake justifies paying for speed: known, above zero, and not already final."""
    loss = facts.amount("case:expected_loss")
    probability = facts.amount("late_probability")
    return loss is not None and loss > 0 and (probability is None or probability >= Decimal("0.5"))


Maker = Callable[[FactSheet], Option]


def _order(exception_type: str, facts: FactSheet) -> tuple[Maker, ...]:
    """Which options there are for this type and these facts, the recommended one first."""
    if exception_type in DOCUMENT_TYPES:
        return (_chase, _wait)
    if exception_type in HOLD_TYPES:
        return (_release, _reroute, _split, _wait)
    if exception_type == "tracking_silent":
        return (_locate, _expedite, _wait)
    if exception_type == "stock_out_before_inbound":
        return (_substitute, _expedite, _split, _wait)
    if exception_type == "disruption":
        return (_reroute, _expedite, _wait)
    if _makes_sense_to_spend(facts):
        return (_expedite, _reroute, _split, _substitute, _wait)
    return (_wait, _expedite, _reroute)


def options_for(exception_type: str, facts: FactSheet) -> list[Option]:
    """Return the options for a case, the recommended one first; the same facts give the same list."""
    options = [maker(facts) for maker in _order(exception_type, facts)]
    options[0]["is_recommended"] = True
    return options
