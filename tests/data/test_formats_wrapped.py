"""A file within a file is refused as what it is, whatever format was agreed on: nobody wonders about odd bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import pytest

from data.contract import Contract, load_contracts
from data.errors import FileRefused
from data.formats import read, read_in_blocks
from data.mapping.sample import sample_of
from tests.data.builders import GOOD, csv_text, parcel
from tests.data.workbooks import sheet, workbook

TABLE = csv_text([GOOD])


def zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("parcels.csv", content)
    return stream.getvalue()


WRAPPED = {
    "packed by gzip": gzip.compress(TABLE),
    "packed by bzip2": bz2.compress(TABLE),
    "packed by xz": lzma.compress(TABLE),
    "packed by zstd": b"\x28\xb5\x2f\xfd" + TABLE,
    "a ZIP archive": zipped(TABLE),
    "a 7-Zip archive": b"7z\xbc\xaf\x27\x1c" + TABLE,
    "encrypted or signed by PGP": b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n",
}
#: A contract of each format.
CONTRACTS = {contract.format: contract for contract in [parcel(), *load_contracts().values()]}


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS.keys())
@pytest.mark.parametrize(("words", "content"), WRAPPED.items(), ids=WRAPPED.keys())
def test_a_wrapped_file_is_refused_as_such(contract: Contract, words: str, content: bytes) -> None:
    for reader in (read, read_in_blocks):
        with pytest.raises(
            FileRefused, match=f"it is {words}. Ask the producer to send the file itself"
        ) as told:
            list(reader(contract, content))
        assert told.value.rule == "wrapped"


@pytest.mark.parametrize(("words", "content"), WRAPPED.items(), ids=WRAPPED.keys())
def test_a_wrapped_sample_is_no_sample(tmp_path: Path, words: str, content: bytes) -> None:
    path = tmp_path / "sample.csv"
    path.write_bytes(content)
    with pytest.raises(FileRefused, match="Excel workbook" if "ZIP" in words else words):
        sample_of(path)


def test_a_workbook_is_an_archive_that_was_agreed_on_and_words_are_no_marks() -> None:
    columns = parcel().columns
    rows = {1: list(GOOD), 2: list(GOOD.values())}
    [record] = read(parcel(format="xlsx"), workbook({"A": sheet(rows)}))
    assert record.values["parcel_no"] == "P-1"
    renamed = columns["remark"].model_copy(update={"source_name": "BZh9"})
    contract = parcel().model_copy(update={"columns": {"remark": renamed}, "key": ["remark"]})
    [record] = read(contract, b"BZh9\n7z\n")
    assert record.values == {"remark": "7z"}
