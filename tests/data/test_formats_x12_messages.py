"""Tenders, ship notices, warehouse orders and bills by X12: each line is one row, exact, or one reason why not."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract import split
from data.errors import FileRefused
from data.formats import read
from data.records import Record
from tests.data.builders import NOW, SHA
from tests.data.interchanges import GROUP_KINDS, LINED, NEWER, STYLES, Style, cells, feed, message, records

TENDER = """
    B2**ACME**LOAD1**PP
    B2A*00*LT
    L11*PO77*PO
    L11*ZZ9*ZZ
    G62*64*20261127*1*1700*ET
    MS3*ACME*B**M
    NTE*GEN*NO TOUCH
    NTE**CALL AHEAD
    N1*SH*SHIPPER*93*S1
    S5*1*CL*12000*L*20*PC
    L11*STOP1*QN
    G62*37*20261128*I*0800
    G62*38*20261128*K*1600*CT
    N1*SF*PLANT 5*9*0012345670005
    N3*1 MAIN ST*DOCK 4
    N4*CHICAGO*IL*60601*US
    OID*REF1*PO77**PC*20*L*12000
    OID**PO78
    S5*2*CU*12000*L*20*PC
    G62*70*20261130
    N1*ST*DC 9*UL*0614141000005
    N4*ATLANTA*GA*30301*US
    L3*12000*G***15000
"""
RESPONSE = """
    B1*ACME*LOAD1*20261126*D
    N9*CN*PRO1
    V9*DEC*NO TRUCK
    K1*NO DRIVER UNTIL MONDAY
"""
NOTICE = """
    BSN*00*ASN1*20261126*1030*0001
    DTM*011*20261126*1000*ES
    HL*1**S
    TD1*PLT94*2****G*1500.5*LB
    TD5*B*2*ACME*M*ACME FREIGHT
    TD3*TL*ACMU*123456
    REF*BM*BOL1
    REF*CN*PRO1
    DTM*017*20261130
    N1*SF*PLANT 5*92*P5
    N1*ST*DC 9*UL*0614141000005
    N4*ATLANTA*GA*30301*US
    HL*2*1*O
    PRF*PO77***20261101
    REF*IA*V1
    HL*3*2*T
    MAN*GM*00106141412345678908
    HL*4*3*P
    MAN*AI*00106141412345678908
    MAN*CP*1Z999
    HL*5*4*I
    LIN*1*UP*614141000012*VN*V-12
    SN1**12*EA**24*EA**AC
    HL*6*2*P
    HL*7*6*I
    LIN*2*UP*614141000029
    SN1**3*CA
    CTT*7
"""
ORDER = """
    W05*N*SO55*PO77
    N1*ST*DC 9*9*0012345670005
    N4*ATLANTA*GA*30301*US
    N1*WH*WAREHOUSE 3
    N9*CO*CUST9
    G62*10*20261128
    NTE**FRAGILE
    W66*PP*M***FASTEST*****ACME
    LX*1
    W01*12*CA*061414100001*VN*V-12*****LB***LOT7
    G69*WIDGET
    N9*LI*1
    LX*2
    W01*5*EA**UP*614141000029
    W76*17
"""
SHIPPED = """
    W06*F*SO55*20261128*SHIP9**PO77
    N1*ST*DC 9*9*0012345670005
    N9*BM*BOL1
    G62*11*20261128*8*1015*ES
    W27*M*ACME**PP**ACMU*123456
    LX*1
    MAN*GM*106141412345678908
    W12*CC*12*12*0*CA*061414100001*VN*V-12*LOT7*240*G*L
    W12*BP*5*3*2*EA**UP*614141000029
    LX*2
    W12*BP*5*3*-2*EA**UP*614141000029***********01
    W03*18*240*LB
"""
BILL = """
    B3**INV1*LOAD1*PP*L*20261201*123456**20261130*035*ACME*20261128
    C3*USD
    N9*BM*BOL1
    N1*SH*PLANT 5
    N1*CN*DC 9
    N4*ATLANTA*GA*30301*US
    N1*BT*PAYER*93*B1
    LX*1
    L5*1*WIDGETS*50000*N
    L0*1***12000*G***20*PCS**L
    L1*1*95.5*PH*114600
    LX*2
    L1*2***8856****FUE****FUEL
    L3*12000*G***123456
"""
INVOICE = """
    BIG*20261201*INV9*20261101*PO77***DI
    CUR*SE*USD
    REF*BM*BOL1
    N1*ST*DC 9*92*D9
    N1*RI*SELLER
    IT1*1*12*EA*1.25**UP*614141000012*VN*V-12
    PID*F****WIDGET
    IT1*2*3*CA*10.5*PE*UP*614141000029
    SAC*A*D240***150
    TDS*5000
    SAC*C*D240***500
    CTT*2
"""
SAMPLES = {
    "204": TENDER,
    "990": RESPONSE,
    "856": NOTICE,
    "940": ORDER,
    "945": SHIPPED,
    "210": BILL,
    "810": INVOICE,
}


def good(kind: str, body: str, style: Style = LINED) -> list[dict[str, str]]:
    """The cells of each row of a message in which nothing is wrong."""
    found = records(kind, message(kind, body, style=style))
    assert [record.problem for record in found] == [None] * len(found)
    assert [record.extras for record in found] == [()] * len(found)
    return [cells(record) for record in found]


def faulty(kind: str, body: str) -> list[Record]:
    """The rows of a message that have a problem."""
    return [record for record in records(kind, message(kind, body)) if record.problem]


def sentence(record: Record) -> str:
    """What is wrong with a row."""
    assert record.problem
    return record.problem.message


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES.keys())
@pytest.mark.parametrize("kind", SAMPLES)
def test_every_message_goes_on_under_its_contract_in_every_style(kind: str, style: Style) -> None:
    content = message(kind, SAMPLES[kind], style=style)
    found = split(feed(kind), read(feed(kind), content), "demo", SHA, NOW, NOW)
    assert found.rejected == []
    assert found.extra_columns == ()
    assert found.rows.num_rows == found.row_count > 0
    plain = [cells(record) for record in records(kind, message(kind, SAMPLES[kind]))]
    assert [cells(record) for record in records(kind, content)] == plain


def test_a_row_keeps_its_identity_when_the_file_comes_again() -> None:
    first, second = good("204", TENDER)
    assert first["row_id"] == "x12:ACMECARRIER:261126:0830:000000001:1:0001:1"
    assert second["row_id"] == f"{second['message_id']}:2"


def test_a_tender_is_one_row_a_stop() -> None:
    first, second = good("204", TENDER)
    assert first | {"row_id": "", "message_id": ""} == {
        "row_id": "",
        "message_id": "",
        "sender_id": "ACMECARRIER",
        "position": "segment 13 (S5)",
        "carrier_scac": "ACME",
        "shipment_id": "LOAD1",
        "payment_method": "PP",
        "purpose_code": "00",
        "application_type": "LT",
        "shipment_references": json.dumps([["B2-04", "LOAD1"], ["PO", "PO77"], ["ZZ", "ZZ9"]]),
        "routing_scac": "ACME",
        "routing_sequence": "B",
        "transport_mode": "M",
        "remark": "NO TOUCH CALL AHEAD",
        "dates": json.dumps([["64", "1", "2026-11-27T17:00:00-05:00"]]),
        "respond_by_at": "2026-11-27T17:00:00-05:00",
        "respond_by_time_qualifier": "1",
        "stop_sequence": "1",
        "stop_reason_code": "CL",
        "weight": "12000",
        "weight_unit": "L",
        "quantity": "20",
        "quantity_unit": "PC",
        "stop_references": json.dumps([["QN", "STOP1"]]),
        "stop_dates": json.dumps(
            [["37", "I", "2026-11-28T08:00:00"], ["38", "K", "2026-11-28T16:00:00-06:00"]]
        ),
        "purchase_orders": json.dumps([["PO77", "REF1"], ["PO78", None]]),
        "location_role": "SF",
        "location_name": "PLANT 5",
        "location_code_list": "9",
        "location_code": "0012345670005",
        "location_address": "1 MAIN ST DOCK 4",
        "location_city": "CHICAGO",
        "location_region_code": "IL",
        "location_postal_code": "60601",
        "location_country_code": "US",
    }
    assert second["stop_dates"] == json.dumps([["70", None, "2026-11-30"]])
    assert (second["location_code_list"], second["location_code"]) == ("UL", "0614141000005")


def test_a_cancelled_tender_need_not_repeat_its_stops_and_a_new_one_must_have_them() -> None:
    head = "B2**ACME**LOAD1**PP\nB2A*01"
    [row] = good("204", head)
    assert (row["purpose_code"], row["shipment_id"]) == ("01", "LOAD1")
    [record] = faulty("204", head.replace("*01", "*00"))
    assert sentence(record) == "Segment 3 (ST) begins a load tender without any stop (S5)."


def test_what_is_wrong_with_one_stop_leaves_the_others_alone() -> None:
    [record] = faulty("204", TENDER.replace("G62*70*20261130", "G62*70*20261131"))
    assert sentence(record) == "Segment 23 (G62), element 2, '20261131' is no day of the calendar."
    assert record.line_number == 22
    assert len(faulty("204", TENDER.replace("*64*20261127*1*1700*ET", "*64**1*1700"))) == 2


def test_an_answer_to_a_tender_says_what_and_why() -> None:
    [row] = good("990", RESPONSE)
    assert (row["carrier_scac"], row["shipment_id"], row["action_code"]) == ("ACME", "LOAD1", "D")
    assert row["responded_on"] == "2026-11-26"
    assert row["shipment_references"] == json.dumps([["CN", "PRO1"]])
    assert row["event_codes"] == json.dumps([["DEC", "NO TRUCK"]])
    assert row["remark"] == "NO DRIVER UNTIL MONDAY"
    [row] = good("990", RESPONSE.replace("*D\n", "*D**CPU\n"), style=NEWER)
    assert row["event_codes"] == json.dumps([["B1-06", "CPU"], ["DEC", "NO TRUCK"]])
    [record] = faulty("990", RESPONSE.replace("*D\n", "\n"))
    assert sentence(record).startswith("Segment 4 (B1), element 4, is blank")
    [record] = faulty("990", "K1*WHO KNOWS")
    assert sentence(record) == "Segment 3 (ST) begins a 990 without its B1."


def test_a_ship_notice_is_one_row_an_item_with_what_stands_above_it() -> None:
    first, second = good("856", NOTICE)
    assert first["hierarchy"] == "S1/O2/T3/P4/I5"
    assert first["sscc"] == "106141412345678908"
    assert json.loads(first["marks"]) == [
        ["MAN:GM", "00106141412345678908"],
        ["MAN:AI", "00106141412345678908"],
        ["MAN:CP", "1Z999"],
    ]
    assert (first["shipped_quantity"], first["shipped_unit"]) == ("12", "EA")
    assert (first["ordered_quantity"], first["line_status_code"]) == ("24", "AC")
    assert json.loads(first["item_ids"]) == [["UP", "614141000012"], ["VN", "V-12"]]
    for row in (first, second):
        assert (row["shipment_id"], row["purchase_order_no"], row["ordered_on"]) == (
            "ASN1",
            "PO77",
            "2026-11-01",
        )
        assert row["shipped_at"] == "2026-11-26T10:00:00-05:00"
        assert row["estimated_delivery_local"] == "2026-11-30"
        assert row["noticed_local"] == "2026-11-26T10:30:00"
        assert (row["bol_no"], row["pro_no"], row["carrier_scac"]) == ("BOL1", "PRO1", "ACME")
        assert (row["equipment_no"], row["weight"], row["lading_quantity"]) == ("ACMU123456", "1500.5", "2")
        assert row["ship_to_code"] == "0614141000005"
    assert "sscc" not in second
    assert second["hierarchy"] == "S1/O2/P6/I7"


@pytest.mark.parametrize(
    ("told", "local"),
    [
        ("DTM*017****D8*20261130", "2026-11-30"),
        ("DTM*017****DT*202611301645", "2026-11-30T16:45:00"),
        ("DTM*017**1645**D8*20261130", "2026-11-30T16:45:00"),
        ("DTM*017\nDTM*017*20261130", "2026-11-30"),
        ("DTM*017****D8*20261130\nDTM*017*20261201", "2026-11-30"),
        ("DTM*017*20261130***RD8*20261130-20261202", "2026-11-30"),
        # A date that nobody asks for may be written in any way.
        ("DTM*017*20261130\nDTM*010****RD8*20261126-20261127", "2026-11-30"),
    ],
)
def test_a_date_may_stand_in_its_own_elements_or_as_a_period(told: str, local: str) -> None:
    for row in good("856", NOTICE.replace("DTM*017*20261130", told)):
        assert row["estimated_delivery_local"] == local
        assert row["shipped_at"] == "2026-11-26T10:00:00-05:00"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            "DTM*017****RD8*20261130-20261202",
            "Segment 12 (DTM), element 5, says that the date is written as 'RD8', and only D8 and DT are read.",
        ),
        ("DTM*017*****20261130", "element 5, is blank, and nobody can say how the date beside it is"),
        ("DTM*017****D8", "Segment 12 (DTM), element 6, is blank"),
        (
            "DTM*017****D8*261130",
            "Segment 12 (DTM), element 6, gives '261130', which is not written as CCYYMMDD (D8).",
        ),
        ("DTM*017****D8*20261131", "Segment 12 (DTM), element 6, '20261131' is no day of the calendar."),
        ("DTM*017****DT*202611302465", "element 6, '2465' is not a time written as HHMM or HHMMSS."),
        ("DTM*017**1600", "Segment 12 (DTM), element 2, a time is given without its day."),
    ],
)
def test_a_period_that_cannot_be_read_says_so(told: str, words: str) -> None:
    found = faulty("856", NOTICE.replace("DTM*017*20261130", told))
    assert len(found) == 2
    assert all(words in sentence(record) for record in found)


MARK = "MAN*AI*00106141412345678908"


@pytest.mark.parametrize(
    ("told", "sscc", "marks"),
    [
        ("MAN*AA*106141412345678908", "106141412345678908", [["MAN:AA", "106141412345678908"]]),
        ("MAN*AI*(00)106141412345678908", "106141412345678908", [["MAN:AI", "(00)106141412345678908"]]),
        # Any other application identifier makes no SSCC.
        ("MAN*AI*0110614141000012", None, [["MAN:AI", "0110614141000012"]]),
        ("MAN*AI", None, []),
        (
            "MAN*GM*106141412345678908*106141412345678915",
            None,
            [["MAN:GM", "106141412345678908-106141412345678915"]],
        ),
        ("MAN*CP*1*9", None, [["MAN:CP", "1-9"]]),
        (
            "MAN*CP*1Z111**GM*106141412345678908",
            "106141412345678908",
            [["MAN:CP", "1Z111"], ["MAN:GM", "106141412345678908"]],
        ),
        (
            "MAN*GM*106141412345678908**GM*106141412345678915*106141412345678922",
            None,
            [["MAN:GM", "106141412345678908"], ["MAN:GM", "106141412345678915-106141412345678922"]],
        ),
    ],
)
def test_a_mark_is_an_sscc_where_it_says_so_and_a_range_is_none(
    told: str, sscc: str | None, marks: list[list[str]]
) -> None:
    first, _ = good("856", NOTICE.replace(MARK, told).replace("MAN*GM*00106141412345678908", ""))
    assert first.get("sscc") == sscc
    assert json.loads(first["marks"]) == [*marks, ["MAN:CP", "1Z999"]]
    first, *_ = good("945", SHIPPED.replace("MAN*GM*106141412345678908", told))
    assert first.get("sscc") == sscc
    assert json.loads(first.get("marks", "[]")) == marks


def test_an_item_may_stand_above_its_packs() -> None:
    body = """
        BSN*00*ASN1*20261126*1030*0002
        HL*1**S
        HL*2*1*O
        PRF*PO77
        HL*3*2*I
        LIN**UP*614141000012
        SN1**12*EA
        HL*4*3*P
        MAN*GM*106141412345678908
    """
    [row] = good("856", body)
    assert row["sscc"] == "106141412345678908"
    two = body + "HL*5*3*P\nMAN*GM*106141412345678915\n"
    [row] = good("856", two)
    assert "sscc" not in row
    assert len(json.loads(row["marks"])) == 2


@pytest.mark.parametrize(
    ("old", "new", "rows", "words"),
    [
        (
            "HL*5*4*I",
            "HL*5*9*I",
            1,
            "element 2, names '9' as the level above, and no level before it is that",
        ),
        ("HL*5*4*I", "HL*5**I", 1, "element 2, is blank: a level I must say which level it is part of"),
        ("HL*5*4*I", "HL**4*I", 1, "element 1, is blank: a level without a number has no place in the tree"),
        ("CTT*7", "HL*4*2*P", 1, "element 1, gives the number '4', which another level has already"),
        ("HL*4*3*P", "HL*4*4*P", 1, "element 2, names '4' as the level above"),
        ("HL*4*3*P", "HL*4*3", 1, "element 3, is blank: nobody can say what kind of level this is"),
        ("HL*2*1*O", "HL*2*8*O", 2, "element 2, names '8' as the level above"),
        ("SN1**3*CA", "", 1, "begins an item without its quantity (SN1)"),
        ("LIN*2*UP*614141000029", "", 1, "begins an item without its numbers (LIN)"),
        ("MAN*AI*00106141412345678908", "MAN*AI*00106141412345678907", 1, "is not an SSCC"),
        ("MAN*AI*00106141412345678908", "MAN*AI*(00)10614141234567890٨", 1, "is not an SSCC"),
        ("MAN*GM*00106141412345678908", "MAN*GM*10614141234567890٨", 1, "is not an SSCC"),
        ("MAN*GM*00106141412345678908", "MAN*GM", 1, "gives '', which is not an SSCC"),
        ("MAN*AI*00106141412345678908", "MAN*AA*106141412345678907", 1, "is not an SSCC"),
        (
            "MAN*AI*00106141412345678908",
            "MAN*CP*1Z999**GM*106141412345678907",
            1,
            "(MAN), element 5, gives '106141412345678907', which is not an SSCC",
        ),
        ("SN1**3*CA", "SN1**3,5*CA", 1, "element 2, gives '3,5', which is not a number"),
        ("PRF*PO77***20261101", "PRF*PO77***20261301", 2, "element 4, '20261301' is no day of the calendar"),
        ("BSN*00*ASN1*", "BSN*00**", 2, "element 2, is blank"),
    ],
)
def test_what_is_wrong_with_a_level_is_wrong_with_the_items_below_it(
    old: str, new: str, rows: int, words: str
) -> None:
    assert old in NOTICE
    found = faulty("856", NOTICE.replace(old, new))
    assert len(found) == rows
    assert all(words in sentence(record) for record in found)


def test_levels_need_not_count_from_one() -> None:
    body = NOTICE.replace("HL*1**S", "HL*91**S").replace("HL*2*1*O", "HL*A2*91*O")
    first, _ = good("856", body.replace("HL*3*2*T", "HL*3*A2*T").replace("HL*6*2*P", "HL*6*A2*P"))
    assert first["hierarchy"] == "S91/OA2/T3/P4/I5"


def test_a_notice_without_items_says_so() -> None:
    [record] = faulty("856", "BSN*00*ASN1*20261126*1030\nHL*1**S")
    assert sentence(record) == "Segment 3 (ST) begins a ship notice without any item (HL of level I)."


def test_a_warehouse_order_is_one_row_a_line() -> None:
    first, second = good("940", ORDER)
    assert (first["order_status_code"], first["depositor_order_no"]) == ("N", "SO55")
    assert (first["ordered_quantity"], first["quantity_unit"]) == ("12", "CA")
    assert json.loads(first["item_ids"]) == [["UPC", "061414100001"], ["VN", "V-12"]]
    assert first["warehouse_lot_no"] == "LOT7"
    assert (first["item_description"], first["line_references"]) == ("WIDGET", '[["LI", "1"]]')
    assert (first["carrier_scac"], first["routing"], first["transport_mode"]) == ("ACME", "FASTEST", "M")
    assert (first["ship_to_name"], first["ship_from_name"]) == ("DC 9", "WAREHOUSE 3")
    assert (first["line_no"], second["line_no"]) == ("1", "2")
    assert json.loads(second["item_ids"]) == [["UP", "614141000029"]]
    assert first["remark"] == second["remark"] == "FRAGILE"
    [record] = faulty("940", ORDER.replace("W01*5*EA", "W01**EA"))
    assert sentence(record).startswith("Segment 17 (W01), element 1, is blank")


def test_a_shipping_advice_says_what_was_ordered_and_what_was_shipped() -> None:
    first, second, third = good("945", SHIPPED)
    assert first["sscc"] == second["sscc"] == "106141412345678908"
    assert "sscc" not in third
    assert [row["difference_quantity"] for row in (first, second, third)] == ["0", "2", "-2"]
    assert (first["shipped_on"], first["carrier_scac"]) == ("2026-11-28", "ACME")
    assert first["equipment_no"] == "ACMU123456"
    assert (first["weight"], first["weight_unit"], first["warehouse_lot_no"]) == ("240", "L", "LOT7")
    assert third["change_reason_code"] == "01"
    assert first["dates"] == json.dumps([["11", "8", "2026-11-28T10:15:00-05:00"]])


def test_a_difference_that_does_not_add_up_is_not_believed() -> None:
    [record] = faulty("945", SHIPPED.replace("W12*BP*5*3*2*", "W12*BP*5*3*1*"))
    assert sentence(record) == (
        "Segment 12 (W12), element 4, gives the difference 1, and 5 ordered and 3 shipped differ by 2."
    )
    assert record.problem and record.problem.column == "difference_quantity"
    assert faulty("945", SHIPPED.replace("W12*BP*5*3*2*", "W12*BP*5*3**")) == []


def test_a_freight_bill_is_one_row_a_charge_in_exact_amounts() -> None:
    first, second = good("210", BILL)
    assert (first["net_amount"], first["charge_amount"], second["charge_amount"]) == (
        "1234.56",
        "1146.00",
        "88.56",
    )
    assert (first["charges_amount"], first["charges_less_net_amount"]) == ("1234.56", "0.00")
    assert first["total_charge_amount"] == "1234.56"
    assert (first["description"], first["commodity_code"]) == ("WIDGETS", "50000")
    assert (first["weight"], first["weight_qualifier"], first["weight_unit"]) == ("12000", "G", "L")
    assert (first["lading_quantity"], first["packaging_code"]) == ("20", "PCS")
    assert (first["rate"], first["rate_qualifier"]) == ("95.5", "PH")
    assert (second["charge_code"], second["charge_description"]) == ("FUE", "FUEL")
    assert "weight" not in second
    assert (first["currency_code"], first["carrier_scac"]) == ("USD", "ACME")
    assert (first["invoiced_on"], first["delivered_on"]) == ("2026-12-01", "2026-11-30")
    assert (first["ship_to_city"], first["bill_to_code"]) == ("ATLANTA", "B1")


def test_a_bill_that_does_not_add_up_is_told_and_not_repaired() -> None:
    first, _ = good("210", BILL.replace("*8856*", "*8857*"))
    assert (first["net_amount"], first["charges_amount"]) == ("1234.56", "1234.57")
    assert first["charges_less_net_amount"] == "0.01"


def test_an_amount_with_a_point_is_not_guessed_at() -> None:
    [record] = faulty("210", BILL.replace("*8856*", "*88.56*"))
    assert sentence(record) == (
        "Segment 16 (L1), element 4, gives the amount '88.56', which must be digits alone: its decimal point is"
        " implied before the last two."
    )
    first = records("210", message("210", BILL.replace("*8856*", "*88.56*")))[0]
    assert first.problem is None
    assert "charges_amount" not in cells(first)
    assert len(faulty("210", BILL.replace("*123456**2026", "*1,234**2026"))) == 2


@pytest.mark.parametrize(
    ("sent", "found"),
    [("0", "0.00"), ("5", "0.05"), ("-150", "-1.50"), ("999999999999999999", "9999999999999999.99")],
)
def test_implied_decimals_are_exact(sent: str, found: str) -> None:
    first, _ = good("210", BILL.replace("*114600", f"*{sent}"))
    assert first["charge_amount"] == found
    assert Decimal(first["charges_amount"]) == Decimal(found) + Decimal("88.56")


def test_an_invoice_is_one_row_a_line() -> None:
    first, second = good("810", INVOICE)
    assert (first["invoice_no"], first["purchase_order_no"]) == ("INV9", "PO77")
    assert (first["invoiced_on"], first["ordered_on"]) == ("2026-12-01", "2026-11-01")
    assert (first["invoiced_quantity"], first["unit_price"], first["quantity_unit"]) == ("12", "1.25", "EA")
    assert (first["total_amount"], first["lines_amount"]) == ("50.00", "46.50")
    assert first["adjustments_amount"] == "3.50"
    assert json.loads(first["allowances_and_charges"]) == [["C", "D240", "5.00"]]
    assert json.loads(second["line_allowances_and_charges"]) == [["A", "D240", "1.50"]]
    assert (first["currency_code"], first["remit_to_name"]) == ("USD", "SELLER")
    assert first["item_description"] == "WIDGET"
    [row, _] = faulty("810", INVOICE.replace("TDS*5000", ""))
    assert sentence(row) == "Segment 3 (ST) begins an invoice without its total (TDS)."


@pytest.mark.parametrize(
    ("basis", "lines", "amount"),
    [
        ("PE", "1200*EA*450", "540000.00"),
        ("EA", "1200*EA*450", "540000.00"),
        ("HP", "1200*EA*450", "5400.00"),
        ("TP", "1200*EA*450.5", "540.60"),
        ("PD", "1200*EA*3.60", "360.00"),
        ("PD", "10*EA*1", "0.83"),
        ("TT", "1200*EA*450", "54.00"),
        ("PP", "1200*EA*450", None),
        ("CA", "1200*EA*450", None),
        ("PD", f"{'9' * 18}*EA*{'9' * 18}", "83333333333333333166666666670000000.00"),
        # What a price is for decides nothing where there is no price.
        ("PP", "1200*EA*", "0.00"),
    ],
)
def test_lines_are_added_up_by_what_their_price_is_for(basis: str, lines: str, amount: str | None) -> None:
    body = INVOICE.replace("IT1*1*12*EA*1.25*", f"IT1*1*{lines}*{basis}").replace("3*CA*10.5*PE", "0*CA*0*PE")
    first, _ = good("810", body)
    told = first.get("lines_amount")
    assert (told and f"{Decimal(told):.2f}") == amount
    assert first["price_basis_code"] == basis
    assert (first["total_amount"], first["adjustments_amount"]) == ("50.00", "3.50")


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_message_without_lines_is_one_reason(kind: str) -> None:
    begin = SAMPLES[kind].strip().splitlines()[0]
    found = records(kind, message(kind, begin))
    if kind == "990":
        assert found[0].problem is None
    else:
        assert [record.problem is None for record in found] == [False]


@pytest.mark.parametrize("kind", SAMPLES)
def test_more_references_than_any_document_has_are_not_carried_along(kind: str) -> None:
    tag = {"204": "L11*%d*PO", "856": "REF*PO*%d", "810": "REF*PO*%d"}.get(kind, "N9*PO*%d")
    begin, rest = SAMPLES[kind].strip().split("\n", 1)
    at = "HL*2*1*O" if kind == "856" else None
    many = "\n".join(tag % number for number in range(400))
    body = SAMPLES[kind].replace(at, f"{at}\n{many}") if at else f"{begin}\n{many}\n{rest}"
    if kind == "204":
        purpose, rest = rest.strip().split("\n", 1)
        body = f"{begin}\n{purpose}\n{many}\n{rest}"
    found = faulty(kind, body)
    assert found
    assert all("is one of more than 300 of its kind in one loop" in sentence(record) for record in found)


@pytest.mark.parametrize("kind", sorted(GROUP_KINDS))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_whatever_the_bytes_only_a_refusal_is_raised(kind: str, data: st.DataObject) -> None:
    body = SAMPLES.get(kind, "AK1*QM*1\nAK2*214*0001\nAK5*A\nAK9*A*1*1*1").strip().splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        line = body[at].strip()
        cut = data.draw(st.integers(0, len(line)))
        what = data.draw(st.sampled_from(["swap", "text", "drop", "again"]))
        if what == "swap":
            other = data.draw(st.integers(0, len(body) - 1))
            body[at], body[other] = body[other], body[at]
        elif what == "text":
            body[at] = line[:cut] + data.draw(st.text(max_size=6).filter(str.isprintable)) + line[cut:]
        elif what == "drop":
            body[at] = line[:cut]
        else:
            body.insert(at, line)
    content = message(kind, "\n".join(body), style=NEWER)
    try:
        found = list(read(feed(kind), content))
    except FileRefused:
        return
    split(feed(kind), found, "demo", SHA, NOW, NOW)
    text = content.decode()
    for record in found:
        if record.problem is None:
            names = ("shipment_id", "invoice_no", "depositor_order_no", "sscc", "purchase_order_no")
            assert all((record.values.get(name) or "") in text for name in names)
