"""A mapping drafted from a sample: which column seems to be which, why, and what a person has to decide."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from data.contract.model import Column, Contract
from data.mapping.content import Content, content_of
from data.mapping.model import UNDECIDED
from data.mapping.sample import Sample
from data.mapping.words import likeness
from data.records import shortened

#: Out of 100; below it a likeness is only mentioned.
SURE_ENOUGH = 60
#: Of a name, in percent, from which a column is mentioned at all.
MENTIONED = 50
#: Of a name, in percent, from which a column is mentioned whatever its cells are: it is said to be ours.
SAME_NAME = 95
NAME_WEIGHT, CONTENT_WEIGHT = 0.65, 35
LINE = 110


@dataclass(frozen=True)
class Candidate:
    """One of the partner's columns as one of ours; `example` is one of its cells."""

    column: str
    heading: str
    score: int
    likeness: int
    content: Content
    example: str | None = None

    @property
    def is_fit(self) -> bool:
        """Whether its cells could be ours, or it has none that say otherwise."""
        return self.content.share >= 0.5 or self.example is None

    @property
    def is_likely(self) -> bool:
        """Whether it is worth a mention: the name is rather alike, or cells that would fit little else do."""
        return self.likeness >= MENTIONED or self.content.share * self.content.strength == 1

    @property
    def reason(self) -> str:
        """Why it is thought of, for a person."""
        return f"{self.score}/100: the name is {self.likeness}% alike; {self.content.reason}"


@dataclass
class Proposal:
    """A mapping file's text, and what is left to decide before it can be used."""

    text: str
    left: list[str] = field(default_factory=list)


def propose(sample: Sample, contract: Contract, tenant: str, sample_name: str) -> Proposal:
    """A mapping of the sample onto the contract; nothing uncertain is filled in."""
    found = {name: _candidates(name, column, sample) for name, column in contract.columns.items()}
    chosen = _chosen(found)
    proposal = Proposal("")
    lines = _beginning(sample, contract, tenant, sample_name)
    proposal.left.extend(sample.questions)
    lines.append("columns:")
    for name, column in contract.columns.items():
        lines += _column_lines(name, column, chosen.get(name), found[name], proposal)
    used = {candidate.heading for candidate in chosen.values()}
    lines += _ignored([heading for heading in sample.headings if heading not in used], proposal)
    proposal.text = "\n".join(lines) + "\n"
    return proposal


def _candidates(name: str, column: Column, sample: Sample) -> list[Candidate]:
    """The partner's columns that this one could be, best first."""
    found = []
    for heading, cells in sample.cells.items():
        alike, content = likeness(name, heading), content_of(column, cells, sample.format)
        if content.share < 0.5 and (alike < SAME_NAME if cells else not alike):
            continue
        score = round(NAME_WEIGHT * alike + CONTENT_WEIGHT * content.share * content.strength)
        found.append(Candidate(name, heading, score, alike, content, cells[0] if cells else None))
    return sorted(found, key=lambda candidate: -candidate.score)


def _chosen(found: dict[str, list[Candidate]]) -> dict[str, Candidate]:
    """The best pairs first; each of the partner's columns once, so that a second use is a person's choice."""
    fit = (one for few in found.values() for one in few if one.is_fit)
    ranked = sorted(fit, key=lambda candidate: -candidate.score)
    chosen: dict[str, Candidate] = {}
    used: set[str] = set()
    for candidate in ranked:
        is_free = candidate.column not in chosen and candidate.heading not in used
        if is_free and candidate.score >= SURE_ENOUGH and candidate.likeness > 0:
            chosen[candidate.column] = candidate
            used.add(candidate.heading)
    return chosen


def _beginning(sample: Sample, contract: Contract, tenant: str, sample_name: str) -> list[str]:
    lines = _comment(
        f"Proposed from {shortened(sample_name, 80)!r} ({sample.rows} rows). Read every line: a proposal knows "
        f"names and cells, not what they mean. Each {UNDECIDED!r} is for you to decide."
    )
    lines += [f"tenant: {tenant}", f"contract: {contract.source}/{contract.feed}", f"format: {sample.format}"]
    lines += [f"{name}: {_plain(value)}" for name, value in sample.options.items()]
    return lines + [line for question in sample.questions for line in _comment(question)]


def _column_lines(
    name: str, column: Column, chosen: Candidate | None, candidates: list[Candidate], proposal: Proposal
) -> list[str]:
    lines = _comment(f"{name}: {column.description or column.type}", "  ")
    if chosen is None:
        return lines + _unknown(name, column, candidates, proposal)
    lines += _comment(f"{chosen.reason}.", "  ")
    for question in chosen.content.questions:
        lines += _comment(question, "  ")
        proposal.left.append(f"{name}: {question}")
    lines += [f"  {name}:", f"    from: {scalar(chosen.heading)}"]
    for field_name, value in chosen.content.says.items():
        lines += _field(field_name, value)
    return lines


def _unknown(name: str, column: Column, candidates: list[Candidate], proposal: Proposal) -> list[str]:
    lines = []
    likely = [candidate for candidate in candidates if candidate.is_fit and candidate.is_likely]
    for candidate in likely[:3]:
        lines += _comment(f"perhaps {scalar(candidate.heading)}, {candidate.reason}.", "  ")
    namesake = next((_unread(candidate) for candidate in candidates if not candidate.is_fit), None)
    if not column.required:
        if namesake:
            proposal.left.append(f"{name}: {namesake} It may be left out, and is.")
        left_out = f"{name} may be left out, and is."
        return lines + _comment(f"{namesake} {left_out}" if namesake else left_out, "  ")
    question = "nothing is surely it: give from, or a constant."
    if namesake:
        question = f"{namesake} Give from with how they are written, another from, or a constant."
    proposal.left.append(f"{name}: {question}")
    return [*lines, *_comment(question, "  "), f"  {name}:", f"    from: {scalar(UNDECIDED)}"]


def _unread(candidate: Candidate) -> str:
    heading, cell = shortened(candidate.heading, 60), shortened(str(candidate.example), 60)
    why = candidate.content.reason
    return (
        f"{heading!r} has its name, but its cells, such as {cell!r}, are written as nothing we know ({why})."
    )


def _plain(value: Any) -> str:
    return str(value) if isinstance(value, int) else scalar(value)


def _field(name: str, value: Any) -> list[str]:
    if isinstance(value, dict):
        pairs = [f"      {scalar(theirs)}: {scalar(ours)}" for theirs, ours in value.items()]
        return [f"    {name}:", *pairs]
    if isinstance(value, list):
        return [f"    {name}: [{', '.join(scalar(item) for item in value)}]"]
    return [f"    {name}: {'true' if value is True else scalar(value)}"]


def _ignored(headings: list[str], proposal: Proposal) -> list[str]:
    if not headings:
        return []
    proposal.left.append(
        f"ignored: is none of these needed: {', '.join(repr(name) for name in headings[:12])}?"
    )
    lines = _comment("Columns of theirs that nothing is made of: is none of them needed?")
    return [*lines, "ignored:", *(f"  - {scalar(heading)}" for heading in headings)]


def _comment(text: str, indent: str = "") -> list[str]:
    """The text as comment lines; whatever a file said in it, it stays a comment."""
    plain = "".join(mark if mark.isprintable() else " " for mark in text)
    lines: list[str] = []
    for word in plain.split():
        if lines and len(lines[-1]) + len(word) < LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(f"{indent}# {word}")
    return lines


def scalar(text: str) -> str:
    """The text as one quoted YAML scalar on one line."""
    written: str = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10**6)
    return written.strip()


def write(proposal: Proposal, path: Path) -> None:
    """Write the file whole: it appears under its name only when all of it is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    draft.write_text(proposal.text, encoding="utf-8")
    draft.replace(path)
