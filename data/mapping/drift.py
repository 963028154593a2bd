"""How a file's columns differ from those its feed was agreed to have, and the change of that file's YAML proposed.

A column that is missing and one that is unknown may be one column under a new name: that is proposed where names
and cells make it likely, and a person decides. Nothing here changes what a feed is held to.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import yaml
from rapidfuzz import fuzz

from data.contract.model import Column, Contract
from data.mapping.content import content_of
from data.mapping.mapped import MappedContract
from data.mapping.model import TableFormat
from data.mapping.propose import CONTENT_WEIGHT, NAME_WEIGHT, SURE_ENOUGH, Candidate, scalar
from data.mapping.sample import Sample, sample_of
from data.mapping.words import likeness
from data.records import composed, shortened

SHOWN = 5


@dataclass(frozen=True)
class Drift:
    """What a file lacks, what nobody knows of it, and which of the two may be one column, best guesses first."""

    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    renamed: tuple[Candidate, ...]

    @property
    def sentence(self) -> str:
        """Which columns seem to have another name now; empty where none does."""
        guesses = [f"{shortened(g.column, 60)!r} is {shortened(g.heading, 60)!r} now" for g in self.renamed]
        more = f", and {len(guesses) - SHOWN} more" if len(guesses) > SHOWN else ""
        return f"Perhaps {', '.join(guesses[:SHOWN])}{more}." if guesses else ""


def drift_of(contract: Contract, path: Path) -> Drift | None:
    """Return how a file differs from what its feed was agreed to be; None where it is no table of columns.

    Raises `FileRefused` where the file cannot be read at all.
    """
    if contract.format not in get_args(TableFormat):
        return None
    sample = sample_of(path, contract.sheet, contract.header_row, contract.rows_at)
    agreed = dict(_agreed(contract))
    given, known = ({composed(name) for name in names} for names in (sample.headings, agreed))
    lacking = [name for name in agreed if composed(name) not in given]
    new = [name for name in sample.headings if composed(name) not in known]
    unknown = [name for name in new if not _is_ignored(contract, name)]
    renamed = _renamed({name: agreed[name] for name in lacking}, unknown, sample)
    guessed = {guess.column for guess in renamed}
    # A column that may be absent is no drift by its absence alone.
    missing = [name for name in lacking if name in guessed or any(c.required for _, c in agreed[name])]
    return Drift(tuple(missing), tuple(unknown), tuple(renamed))


def _is_ignored(contract: Contract, heading: str) -> bool:
    return isinstance(contract, MappedContract) and contract.mapping.ignores(heading)


def _agreed(contract: Contract) -> Iterator[tuple[str, list[tuple[str, Column]]]]:
    """Each agreed heading with what is made of it: our names and columns."""
    if not isinstance(contract, MappedContract):
        for name, column in contract.columns.items():
            yield str(column.source_name), [(name, column)]
        return
    columns, base = contract.mapping.columns, contract.base.columns
    for heading in dict.fromkeys(h for column in columns.values() for h in column.headings):
        yield heading, [(name, base[name]) for name, column in columns.items() if heading in column.headings]


def _renamed(
    lacking: dict[str, list[tuple[str, Column]]], unknown: list[str], sample: Sample
) -> list[Candidate]:
    guesses = [
        _guess(agreed, name, column, heading, sample)
        for agreed, columns in lacking.items()
        for name, column in columns
        for heading in unknown
    ]
    chosen: list[Candidate] = []
    for guess in sorted(guesses, key=lambda guess: (-guess.score, guess.column, guess.heading)):
        is_free = all(guess.column != one.column and guess.heading != one.heading for one in chosen)
        if is_free and guess.score >= SURE_ENOUGH and guess.likeness > 0 and guess.content.share >= 0.5:
            chosen.append(guess)
    return chosen


def _guess(agreed: str, name: str, column: Column, heading: str, sample: Sample) -> Candidate:
    spelt = round(fuzz.ratio(agreed.casefold(), heading.casefold()))
    alike = max(spelt, likeness(agreed, heading), likeness(name, heading))
    content = content_of(column, sample.cells[heading], sample.format)
    score = round(NAME_WEIGHT * alike + CONTENT_WEIGHT * content.share * content.strength)
    return Candidate(agreed, heading, score, alike, content)


def changed(text: str, drift: Drift) -> str:
    """Return the YAML of a mapping or a contract with the guesses taken and, in a mapping, the rest ignored.

    Everything else of the text stays as it was written, comments too.
    """
    root = _children(yaml.compose(text, Loader=yaml.SafeLoader))
    names = {guess.column: guess.heading for guess in drift.renamed}
    edits: list[tuple[int, int, str]] = []
    for ours, column in _children(root.get("columns")).items():
        edits += _renamings(ours, column, names)
    if "contract" in root:  # only a mapping says what of a file is ignored
        new = [name for name in drift.unknown if name not in names.values()]
        edits += _ignoring(text, root.get("ignored"), new)
    for start, end, put in sorted(edits, reverse=True):
        text = text[:start] + put + text[end:]
    return text


def _children(node: yaml.Node | None) -> dict[str, yaml.Node]:
    return {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def _renamings(ours: str, column: yaml.Node, names: dict[str, str]) -> Iterator[tuple[int, int, str]]:
    said = _children(column)
    source = said.get("from") or said.get("source_name")
    for part in source.value if isinstance(source, yaml.SequenceNode) else [source] if source else []:
        if part.value in names:
            yield part.start_mark.index, part.end_mark.index, scalar(names[part.value])
    if source is None and "constant" not in said and ours in names:  # a contract's column of the same name
        start, put = column.start_mark, f"source_name: {scalar(names[ours])}"
        is_flow = isinstance(column, yaml.MappingNode) and column.flow_style
        place = start.index + 1 if is_flow else start.index
        yield place, place, f"{put}, " if is_flow else f"{put}\n{' ' * start.column}"


def _ignoring(text: str, node: yaml.Node | None, names: list[str]) -> Iterator[tuple[int, int, str]]:
    if not names:
        return
    if isinstance(node, yaml.SequenceNode) and node.value:
        place = node.value[-1].end_mark.index
        gap = ", " if node.flow_style else f"\n{' ' * node.start_mark.column}- "
        yield place, place, "".join(f"{gap}{scalar(name)}" for name in names)
    elif node is not None:
        yield node.start_mark.index, node.end_mark.index, f"[{', '.join(map(scalar, names))}]"
    else:
        begin = "ignored:\n" if text.endswith("\n") else "\nignored:\n"
        yield len(text), len(text), begin + "".join(f"  - {scalar(name)}\n" for name in names)


def difference(path: Path, drift: Drift) -> str:
    """Return the change proposed of a mapping or contract file, as a unified diff; empty where there is none."""
    before = path.read_text("utf-8")
    one, other = before.splitlines(keepends=True), changed(before, drift).splitlines(keepends=True)
    return "".join(difflib.unified_diff(one, other, str(path), str(path), n=1))
