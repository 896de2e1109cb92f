"""A pool of processes on this machine; DuckDB, which spills to disk, for the grouping."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar

from stages.core.errors import Fault, RowtrailError
from stages.core.watchdog import end_with_parent

In = TypeVar("In")
Out = TypeVar("Out")


class LocalEngine:
    """One process (`workers=1`, in this very process) or a pool of them."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def map(self, work: Callable[[In], Out], batches: Iterable[In]) -> Iterator[Out]:
        """See `Engine.map`. At most two batches a worker are under way, so that memory stays bounded."""
        if self.workers == 1:
            yield from map(work, batches)
            return
        # spawn, not fork: the parent holds threads (Arrow's, torch's), and a fork copies their locks as they stand.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.workers, context, initializer=end_with_parent) as pool:
            waiting: deque[Future[Out]] = deque()
            try:
                for batch in batches:
                    waiting.append(pool.submit(work, batch))
                    if len(waiting) >= 2 * self.workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            except BrokenProcessPool:
                fault = Fault(
                    "engine", "a worker process died (killed, or out of memory)", "run again, or lower engine.workers"
                )
                raise RowtrailError(fault) from None
            finally:
                for future in waiting:
                    future.cancel()

    def group(self, pairs: Iterable[list[tuple[int, str]]], scratch: Path) -> Iterator[list[str]]:
        """See `Engine.group`."""
        import duckdb
        import pyarrow as pa

        with duckdb.connect(str(scratch / "pairs.duckdb")) as db:
            db.execute("SET preserve_insertion_order = false")
            db.execute(f"SET threads = {self.workers}")
            db.execute("CREATE TABLE pairs (key UBIGINT, id VARCHAR)")
            for batch in pairs:
                keys, ids = pa.array([key for key, _ in batch], pa.uint64()), pa.array([id for _, id in batch])
                block = pa.table({"key": keys, "id": ids})
                db.register("block", block)
                db.execute("INSERT INTO pairs SELECT key, id FROM block")
                db.unregister("block")
            query = "SELECT list(DISTINCT id) FROM pairs GROUP BY key HAVING count(DISTINCT id) > 1 ORDER BY key"
            found = db.execute(query)
            while rows := found.fetchmany(1024):
                for (ids_together,) in rows:
                    yield sorted(ids_together)
