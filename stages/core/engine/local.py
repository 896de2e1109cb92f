"""The process itself, or a pool of processes on this machine; the grouping spills to disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, TypeVar

from stages.core.engine import available_cores
from stages.core.engine.grouping import Groups, Pairs, Spill
from stages.core.engine.pool import Pool, Work
from stages.core.params import EngineParams

In = TypeVar("In")
Out = TypeVar("Out")


class LocalEngine:
    """One process (`workers=1`, in this very process) or a pool of them, which lives as long as the engine."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool = Pool(workers)

    @classmethod
    def of(cls, params: EngineParams) -> Self:
        """The engine that the params ask for."""
        return cls(params.workers or available_cores())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    def map(self, work: Callable[[In], Out], batches: Iterable[In]) -> Iterator[Out]:
        """See `Engine.map`. At most two batches a worker are under way, so that memory stays bounded."""
        if self.workers == 1:
            yield from map(work, batches)
            return
        waiting: deque[Future[Out]] = deque()
        sent = Work(work)
        try:
            for batch in batches:
                waiting.append(self._pool.submit(sent, batch))
                if len(waiting) >= 2 * self.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def group(
        self, work: Callable[[In], tuple[Out, Pairs]], batches: Iterable[In], take: Callable[[Out], Any], scratch: Path
    ) -> Iterator[Groups]:
        """See `Engine.group`."""
        with TemporaryDirectory(dir=scratch) as folder:
            spill = Spill(Path(folder))
            for kept, pairs in self.map(work, batches):
                take(kept)
                spill.add(pairs)
            yield from spill.groups()
