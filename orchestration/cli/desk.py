"""Commands that show and do what people at a desk do: case open, handover list."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from orchestration.cli.caller import PASSWORD, reader, signed_in
from orchestration.cli.cases import case as show_case
from orchestration.cli.output import print_json, print_table, say

JSON = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


class CaseGroup(TyperGroup):
    """`tidewaiter case D-000017` shows a case, as `tidewaiter case show D-000017` does."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read a number where the name of a command could stand as `show` and that number."""
        is_named = not args or args[0] in self.commands or args[0] in ctx.help_option_names
        return super().parse_args(ctx, args if is_named else ["show", *args])


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    case = typer.Typer(
        cls=CaseGroup, help="One case: show it by its number, or open one by hand.", no_args_is_help=True
    )
    case.command("show")(show_case)
    case.command("open")(case_open)
    app.add_typer(case, name="case")
    handover = typer.Typer(help="Hand-overs between shifts.", no_args_is_help=True)
    handover.command("list")(handover_list)
    app.add_typer(handover, name="handover")


def _amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is no amount.") from None


AMOUNT = {"parser": _amount, "metavar": "AMOUNT"}


def case_open(
    title: Annotated[str, typer.Argument(help="What happened, in a few words.")],
    tenant: Annotated[str, typer.Option(help="Whose case.")],
    login: Annotated[str, typer.Option("--as", help="Who opens it: an operations lead or a planner.")],
    reason: Annotated[str, typer.Option(help="What was said, and by whom.")],
    password: PASSWORD,
    severity: Annotated[str, typer.Option(help="low, medium, high or critical.")] = "medium",
    shipment: Annotated[str | None, typer.Option(help="The shipment it is about.")] = None,
    subject: Annotated[str | None, typer.Option(help="What it is about, where that is no shipment.")] = None,
    customer: Annotated[str | None, typer.Option(help="The customer's id.")] = None,
    carrier: Annotated[str | None, typer.Option(help="The carrier's id.")] = None,
    facility: Annotated[str | None, typer.Option(help="The facility's id.")] = None,
    team: Annotated[str | None, typer.Option(help="The team whose queue it goes to.")] = None,
    penalty: Annotated[Any, typer.Option(help="Penalty that may fall due.", **AMOUNT)] = "0",
    revenue: Annotated[Any, typer.Option(help="Revenue at risk.", **AMOUNT)] = "0",
    inventory: Annotated[Any, typer.Option(help="Cost of a stock-out.", **AMOUNT)] = "0",
    reference: Annotated[str | None, typer.Option(help="Opens one case however often it is sent.")] = None,
    as_json: JSON = False,
) -> None:
    """Open a case that no detector found, on a person's word; its facts name that person."""
    from casework.manual import ManualCase
    from orchestration.cli.cases import as_row
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    casework = Platform(Settings.from_environment()).casework
    asked = ManualCase(
        title=title,
        reason=reason,
        severity=severity,
        shipment_id=shipment,
        subject=subject,
        customer_id=customer,
        carrier_id=carrier,
        facility_id=facility,
        team=team,
        sla_penalty_amount=penalty,
        revenue_amount=revenue,
        inventory_amount=inventory,
        reference=reference,
    )
    with signed_in(casework, login, password) as person:
        opened = casework.open_manual(person, tenant, asked)
    if as_json:
        print_json(as_row(opened))
        return
    say(f"case {opened.case_id} opened by {person.display_name}: {opened.subject}")


def handover_list(
    tenant: Annotated[str, typer.Option(help="Whose hand-overs.")],
    ended: Annotated[bool, typer.Option("--ended", help="Those decided on too.")] = False,
    as_json: JSON = False,
) -> None:
    """Print the hand-overs of a tenant, newest first, with the cases in them."""
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    casework = Platform(Settings.from_environment()).casework
    found = casework.hand_overs(reader(casework), tenant, include_ended=ended)
    if as_json:
        print_json(list(found))
        return
    print_table(
        f"{tenant}: {len(found)} hand-overs",
        ["hand-over", "from", "to", "state", "made", "accept by", "told the lead", "cases", "left"],
        [
            [h.handover_id, h.from_name, h.to_name, h.state, _minute(h.made_at), _minute(h.accept_by),
             _minute(h.escalated_at), *(" ".join(i.case_id for i in h.items if i.is_left is left)
                                        for left in (False, True))]
            for h in found
        ],
    )  # fmt: skip


def _minute(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z" if moment else ""
