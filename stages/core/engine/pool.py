"""Processes of this machine that work for us, each behind a pipe and a thread of its own.

The standard library's pool ends for good when one of its processes is killed, and may wait for ever when that happens
in the middle of an answer, because its processes share one pipe. Here the end of a process is the end of its pipe: the
thread that waits for it starts another one and asks again.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeAlias

from stages.core.errors import Fault, RowtrailError
from stages.core.watchdog import end_with_parent

# Pickled as the standard library's own processes do; both ends are ours.
Buffer: TypeAlias = memoryview | bytes
_ATTEMPTS = 3


class Work:
    """A function on its way to workers: pickled once, and sent to each of them once, however large it is."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.pickled = bytes(ForkingPickler.dumps(function))


class Pool:
    """`workers` processes, started when they are first needed. An answer is an `Out` or the exception it ended in."""

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers, "worker")
        self._own = threading.local()
        self._workers: set[_Worker] = set()
        self._closed = False

    def submit(self, work: Work, batch: Any) -> Future[Any]:
        """Have the work done on a batch. The future raises RowtrailError when three workers in a row died of it."""
        return self._threads.submit(self._answer, work, batch)

    def close(self) -> None:
        """End all workers, whatever they are doing."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in list(self._workers):
            worker.process.kill()
            worker.process.join()
        self._threads.shutdown()

    def _answer(self, work: Work, batch: Any) -> Any:
        for _ in range(_ATTEMPTS):
            if self._closed:
                break
            try:
                result, error = self._worker().ask(work, batch)
            except (EOFError, OSError):
                self._bury()
                continue
            if error is not None:
                raise error
            return result
        problem = f"a worker process died (killed, or out of memory), and {_ATTEMPTS - 1} more on the same records"
        raise RowtrailError(Fault("engine", problem, "run again, or lower engine.workers"))

    def _worker(self) -> _Worker:
        """The worker of the thread that asks."""
        if not hasattr(self._own, "worker"):
            self._own.worker = _Worker()
            self._workers.add(self._own.worker)
        worker: _Worker = self._own.worker
        return worker

    def _bury(self) -> None:
        self._own.worker.process.join()
        self._workers.discard(self._own.worker)
        del self._own.worker


class _Worker:
    """A process and this side of its pipe."""

    def __init__(self) -> None:
        # spawn, not fork: the parent holds threads (Arrow's, torch's), and a fork copies their locks as they stand.
        context = multiprocessing.get_context("spawn")
        self._pipe, there = context.Pipe()
        self.process = context.Process(target=_serve, args=(there,), daemon=True)
        self.process.start()
        self._known: Work | None = None
        there.close()  # the worker holds the only other end now, so that its death is heard

    def ask(self, work: Work, batch: Any) -> tuple[Any, Exception | None]:
        self._pipe.send_bytes(ForkingPickler.dumps((None if work is self._known else work.pickled, batch)))
        answer: tuple[Any, Exception | None] = ForkingPickler.loads(self._pipe.recv_bytes())
        self._known = work
        return answer


def _serve(pipe: Connection) -> None:
    """A worker's life: until the other end of the pipe is closed, or the process there is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    end_with_parent()
    held: list[Callable[[Any], Any]] = []
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            pipe.send_bytes(_answer(pipe.recv_bytes(), held))


def _answer(question: bytes, held: list[Callable[[Any], Any]]) -> Buffer:
    """The answer to (work, batch); `held` keeps the work, which comes only when it is another than the last."""
    try:
        pickled, batch = ForkingPickler.loads(question)
        if pickled is not None:
            held.clear()  # were the new work broken, the old one must not be done in its place
            held.append(ForkingPickler.loads(pickled))
        return ForkingPickler.dumps((held[0](batch), None))
    except Exception as error:
        return ForkingPickler.dumps((None, portable(error)))


def portable(error: Exception) -> Exception:
    """The error with its trace as a note, or, where it cannot be pickled, one with nothing but its name."""
    error.add_note(traceback.format_exc())
    try:
        ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__} in a worker")
    return error
