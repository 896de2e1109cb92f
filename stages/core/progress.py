"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere. Standard error only."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from stages.core.terminal import printable

T = TypeVar("T")
_EVERY_SECONDS = 15.0


def say(message: str) -> None:
    """One line about the run: never text of a record, never a value from the data."""
    print(printable(message), file=sys.stderr, flush=True)


def track(items: Iterable[T], what: str, total: int | None, size: int = 1) -> Iterator[T]:
    """Go through items and show how far the work is. `size` units (records, say) stand behind one item."""
    if sys.stderr.isatty():
        yield from _bar(items, what, total, size)
        return
    start = last = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += size
        if time.monotonic() - last > _EVERY_SECONDS:
            last = time.monotonic()
            share = f" of {total}" if total else ""
            say(f"  {what}: {min(done, total or done)}{share}, {last - start:.0f} s")


def _bar(items: Iterable[T], what: str, total: int | None, size: int) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task(what, total=total)
        for item in items:
            yield item
            bar.advance(line, size)
