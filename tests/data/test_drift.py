"""A file whose columns are others than agreed: what seems to be renamed, and the change of the agreement proposed."""

from __future__ import annotations

import csv
import io
import unicodedata
from pathlib import Path

import pytest
import yaml

from data.contract import Contract, contract_path, load_contract, load_contracts, read_contract
from data.errors import FileRefused
from data.mapping import mapped_contract, read_mapping
from data.mapping.drift import Drift, changed, difference, drift_of
from tests.data.test_mapping import MEIER, ROW, mapping_file

ORDER = {
    "order_no": "SO-100001", "order_line": "1", "customer_ref": "C0000001", "sku": "ABC-123", "quantity": "5",
    "unit_price": "9.5", "currency_code": "USD", "requested_delivery_at": "2026-09-01T00:00:00Z",
    "promised_delivery_at": "2026-09-02T00:00:00Z", "ordered_at": "2026-08-01T00:00:00Z",
    "exported_at": "2026-08-02T00:00:00Z",
}  # fmt: skip


def table(folder: Path, row: dict[str, str], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, row, delimiter=delimiter)
    writer.writeheader()
    writer.writerow(row)
    path = folder / "sent.csv"
    path.write_bytes(out.getvalue().encode(encoding))
    return path


def renamed(row: dict[str, str], **names: str) -> dict[str, str]:
    return {names.get(name, name): cell for name, cell in row.items()}


def found(contract: Contract, path: Path) -> Drift:
    drift = drift_of(contract, path)
    assert drift is not None
    return drift


def taken(drift: Drift) -> dict[str, str]:
    return {guess.column: guess.heading for guess in drift.renamed}


def test_a_file_as_agreed_has_not_drifted(tmp_path: Path) -> None:
    drift = found(load_contract("network", "order"), table(tmp_path, ORDER))
    assert (drift.missing, drift.unknown, drift.renamed, drift.sentence) == ((), (), (), "")
    assert difference(contract_path("network", "order"), drift) == ""


def test_a_heading_with_its_accents_apart_has_not_drifted(tmp_path: Path) -> None:
    path = mapping_file(tmp_path, MEIER.replace("{from: Bemerkung}", "{from: Größe}"))
    row = {unicodedata.normalize("NFD", name): cell for name, cell in renamed(ROW, Bemerkung="Größe").items()}
    contract = mapped_contract(read_mapping(path), load_contracts(), path)
    drift = found(contract.model_copy(update={"encoding": "utf-8"}), table(tmp_path, row, ";"))
    assert (drift.missing, drift.unknown) == ((), ())


def test_columns_that_have_another_name_are_recognised_by_name_and_cells(tmp_path: Path) -> None:
    sent = renamed(ORDER, order_no="Order number", quantity="Qty", exported_at="Export time")
    drift = found(load_contract("network", "order"), table(tmp_path, sent))
    assert set(drift.missing) == {"order_no", "quantity", "exported_at"}
    assert taken(drift)["order_no"] == "Order number"
    assert taken(drift)["quantity"] == "Qty"
    assert "Perhaps" in drift.sentence and "'order_no' is 'Order number' now" in drift.sentence


def test_a_column_that_is_gone_is_not_made_of_another_that_came(tmp_path: Path) -> None:
    sent = renamed(ORDER, sku="Sachbearbeiter") | {"Sachbearbeiter": "Müller"}
    drift = found(load_contract("network", "order"), table(tmp_path, sent))
    assert (drift.missing, drift.unknown, drift.renamed) == (("sku",), ("Sachbearbeiter",), ())


def test_cells_that_break_the_columns_promise_are_no_renamed_column(tmp_path: Path) -> None:
    sent = renamed(ORDER, quantity="Quantity of pieces") | {"Quantity of pieces": "many"}
    drift = found(load_contract("network", "order"), table(tmp_path, sent))
    assert (drift.missing, drift.renamed) == (("quantity",), ())


def test_two_columns_are_never_proposed_to_be_one(tmp_path: Path) -> None:
    sent = {name: cell for name, cell in ORDER.items() if name not in ("ordered_at", "exported_at")}
    drift = found(
        load_contract("network", "order"), table(tmp_path, sent | {"ordered at": ORDER["ordered_at"]})
    )
    assert taken(drift) == {"ordered_at": "ordered at"}
    assert set(drift.missing) == {"ordered_at", "exported_at"}


def test_the_change_of_a_contract_is_a_contract_that_takes_the_file(tmp_path: Path) -> None:
    packaged = contract_path("network", "order")
    sent = table(tmp_path, renamed(ORDER, order_no="Order number", sku='SKU: "new", #1'))
    drift = found(load_contract("network", "order"), sent)
    own = tmp_path / "network" / "order.yml"
    own.parent.mkdir()
    own.write_text(changed(packaged.read_text(), drift))
    assert found(read_contract(own), sent).missing == ()
    diff = difference(packaged, drift)
    assert [line for line in diff.splitlines() if line.startswith("-  ")] != []
    assert len([line for line in diff.splitlines() if line.startswith("+  ")]) == len(drift.renamed)


def test_the_change_of_a_mapping_keeps_its_comments_and_takes_the_file(tmp_path: Path) -> None:
    text = MEIER.replace("  remark:", "  # what the driver wrote\n  remark:")
    path = mapping_file(tmp_path, text)
    contract = mapped_contract(read_mapping(path), load_contracts(), path)
    sent = renamed(ROW, Meldungsnr="Meldungsnummer", Bemerkung="Bemerkungen") | {"Filiale": "Nord"}
    file = table(tmp_path, sent, ";", "cp1252")
    drift = found(contract, file)
    assert taken(drift) == {"Meldungsnr": "Meldungsnummer", "Bemerkung": "Bemerkungen"}
    path.write_text(changed(text, drift))
    assert "# what the driver wrote" in path.read_text()
    mapping = read_mapping(path)
    assert mapping.ignored == ["Sachbearbeiter", "Filiale"]
    again = found(mapped_contract(mapping, load_contracts(), path), file)
    assert (again.missing, again.unknown) == ((), ())


@pytest.mark.parametrize(
    "said", ["", "ignored: []\n", "ignored: [A]\n", 'ignored: ["A", B]\n', "ignored:\n  - A\n  - 'B'\n"]
)
@pytest.mark.parametrize("end", ["", "# the end\n"])
def test_what_nobody_knows_is_added_to_what_is_ignored(said: str, end: str) -> None:
    text = f"contract: network/milestone\ncolumns:\n  a: {{from: X}}\n{said}{end}"
    before = (yaml.safe_load(text).get("ignored")) or []
    odd = ["N", "yes", "a: b", "#c", "tab\there", "7"]
    after = yaml.safe_load(changed(text, Drift((), tuple(odd), ())))
    assert after["ignored"] == [*before, *odd]
    assert after["columns"] == {"a": {"from": "X"}}


def test_a_heading_joined_of_several_is_renamed_in_its_place(tmp_path: Path) -> None:
    path = mapping_file(tmp_path)
    contract = mapped_contract(read_mapping(path), load_contracts(), path)
    file = table(tmp_path, renamed(ROW, Gemeldet="Gemeldet am", Ort="Ortschaft"), ";", "cp1252")
    drift = found(contract, file)
    assert taken(drift)["Gemeldet"] == "Gemeldet am"
    path.write_text(changed(MEIER, drift))
    assert read_mapping(path).columns["reported_at"].headings == ["Gemeldet am"]


def test_a_message_of_a_standard_does_not_drift(tmp_path: Path) -> None:
    (tmp_path / "a.edi").write_text("ISA*00*")
    assert drift_of(load_contract("partner", "x12_214"), tmp_path / "a.edi") is None


def test_what_cannot_be_read_at_all_says_so(tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_bytes(b"")
    with pytest.raises(FileRefused):
        drift_of(load_contract("network", "order"), empty)
