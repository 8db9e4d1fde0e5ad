"""Long commands: progress on standard error, a bar in a terminal, a line per step elsewhere; and an early end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tell = Callable[[int, int, str], None]
"""Told how many steps are done, how many there are, and what the last one was."""


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as an interrupt does, so that what it has started is ended, too."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def show_progress(title: str) -> Iterator[Tell]:
    """Show the steps that are told of inside the block."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda n_done, n_all, text: print(f"{title} {n_done} of {n_all}: {text}", file=sys.stderr, flush=True)
        return
    columns = (
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("")
        yield lambda n_done, n_all, text: bar.update(task, completed=n_done, total=n_all, description=text)
