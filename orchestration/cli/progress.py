"""How long work shows itself: a bar on a terminal, a sentence for each stage elsewhere. Always on the error stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestration.cli.output import say

if TYPE_CHECKING:
    from orchestration.pipeline import Tell


@contextmanager
def telling(first: str) -> Iterator[Tell]:
    """Yield what takes a sentence and, where it is known, the share of the work that is done (0 to 1)."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _sentences(first)
        return
    columns = (
        SpinnerColumn(),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(first, total=None)

        def tell(sentence: str, share: float | None = None) -> None:
            progress.update(
                task, description=sentence, total=None if share is None else 1.0, completed=share or 0
            )

        yield tell


def _sentences(first: str) -> Tell:
    """Return what prints a stage once, however often its share moves."""
    said = [first]
    say(f"{first} …")

    def tell(sentence: str, share: float | None = None) -> None:
        if sentence != said[-1]:
            said.append(sentence)
            say(f"{sentence} …")

    return tell
