"""What can go wrong between a producer's bytes and our rows, said to the person who has to act on it."""

from __future__ import annotations


class DataError(Exception):
    """Base of everything this room raises on purpose; the text is a sentence for a person."""


class ContractBroken(DataError):  # noqa: N818
    """A contract file itself is wrong: nothing of its feed can be read until it is mended."""

    def __init__(self, path: str, problem: str) -> None:
        """`path` is the contract file, `problem` what is wrong inside it."""
        self.path, self.problem = path, problem
        super().__init__(f"The contract {path} cannot be used: {problem}. Mend the file, then run again.")


class FileRefused(DataError):  # noqa: N818
    """A whole file breaks its feed's contract, so none of its rows can be trusted."""

    def __init__(self, feed: str, rule: str, problem: str, advice: str) -> None:
        """`rule` is the broken promise in one word, `problem` and `advice` are sentences."""
        self.feed, self.rule, self.problem, self.advice = feed, rule, problem, advice
        super().__init__(f"This {feed} file was refused: {problem} {advice}")


class OriginalMissing(DataError):  # noqa: N818
    """The bytes for a hash are not kept here (or no longer match it)."""

    def __init__(self, sha256: str, problem: str) -> None:
        """`sha256` is the address asked for."""
        self.sha256, self.problem = sha256, problem
        super().__init__(f"The original {sha256[:12]}… {problem}")
