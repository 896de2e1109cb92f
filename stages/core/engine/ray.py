"""The nodes of a Ray cluster, as plain tasks: Ray does a task again when its worker or its node is lost.

All nodes have the same software and see the project's folder under the same path. What travels (settings and derived
keys, verdicts, results) lies in the memory of the nodes, and on their disks when that is full.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, TypeVar

import stages
from stages.core.engine import available_cores
from stages.core.engine.grouping import Groups, Pairs, by_key, cut, grouped, joined
from stages.core.engine.pool import portable
from stages.core.errors import Fault, RowtrailError, UsageError
from stages.core.params import EngineParams

In = TypeVar("In")
Out = TypeVar("Out")

_PASSED = (
    "HF_HUB_OFFLINE",
    "HF_DATASETS_OFFLINE",
    "HF_HUB_DISABLE_TELEMETRY",
    "TOKENIZERS_PARALLELISM",
    "OMP_WAIT_POLICY",
)
_RETRIES = 3
_SUBRANGES = 16
_PATIENCE = 10  # seconds until a cluster must answer
_SHARED = "let every node of the cluster see the project's folder under the same path, with the same software installed"


class RayEngine:
    """Tasks of one CPU each: two for each CPU of the cluster are under way, or `workers` if that is fewer."""

    def __init__(self, workers: int | None, address: str) -> None:
        self._session = ExitStack()
        cores = _join(address, workers, self._session)
        self.workers = min(workers or cores, cores)
        self._ahead = 2 * cores if self.workers == cores else self.workers

    @classmethod
    def of(cls, params: EngineParams) -> Self:
        """The engine that the params ask for. Raises UsageError when Ray is missing or the cluster cannot be joined."""
        return cls(params.workers, params.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def map(self, work: Callable[[In], Out], batches: Iterable[In]) -> Iterator[Out]:
        """See `Engine.map`."""
        for (result,) in self._tasks(_map, work, ((batch,) for batch in batches), 1):
            yield result

    def group(
        self, work: Callable[[In], tuple[Out, Pairs]], batches: Iterable[In], take: Callable[[Out], Any], _: Path
    ) -> Iterator[Groups]:
        """See `Engine.group`. Tasks over some batches each cut their pairs by ranges of keys, one more a range groups.

        Ranges and batches a task grow together, so that what goes from one task to one other stays of the same size.
        """
        parts = min(max(8, 1 << (2 * self.workers - 1).bit_length()), 256)
        stream = iter(batches)
        several = ((some, parts) for some in iter(lambda: list(islice(stream, 2 * parts)), []))
        cuts = []
        for kept, *ranges in self._tasks(_cut, work, several, 1 + parts):
            cuts.append(ranges)
            for some in kept:
                take(some)
        columns = ((part, parts, *column) for part, column in enumerate(zip(*cuts, strict=True)))
        for (found,) in self._tasks(_group, None, columns, 1):
            yield from found

    def _tasks(
        self, do: Callable[..., Any], work: Any, arguments: Iterable[tuple[Any, ...]], returns: int
    ) -> Iterator[list[Any]]:
        """What tasks return, in the order of their arguments: the first value itself, references to the others."""
        import ray

        task = ray.remote(num_cpus=1, max_retries=_RETRIES, num_returns=returns)(_task)
        shared = ray.put((str(Path.cwd()), do, work, returns))
        waiting: deque[list[Any]] = deque()
        try:
            for some in arguments:
                refs = task.remote(shared, *some)
                waiting.append([refs] if returns == 1 else refs)
                if len(waiting) >= self._ahead:
                    yield _got(waiting.popleft())
            while waiting:
                yield _got(waiting.popleft())
        finally:
            if ray.is_initialized():
                for refs in waiting:
                    ray.cancel(refs[0])


def _got(refs: list[Any]) -> list[Any]:
    """The first value got. Raises what the task raised, and RowtrailError when there is no answer."""
    import ray

    try:
        value, error = ray.get(refs[0])
    except ray.exceptions.RayTaskError:
        # Errors of the work itself come as values: this one was raised before the work began.
        raise UsageError(Fault("engine", "a node of the cluster cannot load the code of the stages", _SHARED)) from None
    except ray.exceptions.RayError as lost:
        problem = f"a worker process died (killed, or out of memory), and {_RETRIES} more on the same records"
        step = "run again, or give a worker more memory: fewer CPUs for Ray on each node, or a lower engine.workers"
        raise RowtrailError(Fault("engine", f"{problem} ({type(lost).__name__})", step)) from None
    if error is not None:
        raise error
    return [value, *refs[1:]]


def _task(shared: tuple[str, Callable[..., list[Any]], Any, int], *arguments: Any) -> Any:
    """Runs on a worker. Errors are values, so that no message of a library gets into the logs of a cluster."""
    home, do, work, returns = shared
    try:
        _enter(home)
        first, *others = do(work, *arguments)
        values = [(first, None), *others]
    except Exception as error:
        values = [(None, portable(error))] + [None] * (returns - 1)
    return values[0] if returns == 1 else values


def _enter(home: str) -> None:
    try:
        os.chdir(home)
    except OSError:
        raise UsageError(Fault(home, "a node of the cluster does not see this folder", _SHARED)) from None


def _map(work: Callable[[Any], Any], batch: Any) -> list[Any]:
    return [work(batch)]


def _cut(work: Callable[[Any], tuple[Any, Pairs]], batches: list[Any], parts: int) -> list[Any]:
    """What is kept of each batch, then the pairs of all of them in each range of keys."""
    kept, pairs = zip(*map(work, batches), strict=True)
    return [kept, *cut(by_key(joined(pairs)), parts)]


def _group(_: None, part: int, parts: int, *columns: Pairs) -> list[list[Groups]]:
    """The groups in one range of keys, in narrower ranges one after the other, so that sorting needs little memory."""
    narrower = zip(*(cut(pairs, _SUBRANGES, (part, parts)) for pairs in columns), strict=True)
    return [[grouped(joined(some)) for some in narrower]]


def _join(address: str, workers: int | None, session: ExitStack) -> int:
    """Start Ray here or join a cluster, until the session is closed, and give the number of CPUs."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if address == "local" and "ray" not in sys.modules and "RAY_AUTH_MODE" not in os.environ:
        # Ray listens to the whole network: who does not know this secret may not use it. Read when Ray is imported.
        os.environ.update({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)})
    try:
        import ray
    except ImportError:
        step = "install it (`pip install 'rowtrail[ray]'`), or set engine.kind to local"
        raise UsageError(Fault("engine.kind", "`ray` needs the package ray, which is not installed", step)) from None
    settings: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": "error",
        "runtime_env": {"env_vars": _environment()},
    }
    if address == "local":
        settings |= {"num_cpus": workers or available_cores(), "include_dashboard": False}
        settings["_temp_dir"] = session.enter_context(_closed_folder())
    session.callback(ray.shutdown)
    try:
        _knock(os.environ.get("RAY_ADDRESS", "") if address == "auto" else address)
        ray.init(address, **settings)
    except (OSError, RuntimeError, ValueError) as error:
        problem = f"cannot join a Ray cluster at {address!r} ({str(error).strip().partition(chr(10))[0]})"
        step = "start its head with `ray start --head`, correct the address, or set engine.kind to local"
        raise UsageError(Fault("engine.address", problem, step)) from None
    return int(ray.cluster_resources()["CPU"])


@contextmanager
def _closed_folder() -> Iterator[str]:
    """A folder for what Ray logs and spills, which only this user can enter, and which goes away."""
    # Ray opens its own folder to everybody; and paths of sockets must be short, which those of TMPDIR need not be.
    with TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder:  # nosec B108 # mode 0700
        yield f"{folder}/ray"


def _knock(address: str) -> None:
    """Raises OSError when nobody listens there: Ray itself would wait for a quarter of an hour."""
    host, _, port = address.rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), _PATIENCE).close()


def _environment() -> dict[str, str]:
    """What workers must find in their environment when they start."""
    code = [str(Path(stages.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    # Ray sends small results along with the answer to the caller; pairs are to stay on the nodes.
    return {**passed, "PYTHONPATH": os.pathsep.join(code), "RAY_max_direct_call_object_size": "1024"}
