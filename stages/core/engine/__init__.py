"""How work is spread: the engine changes speed and memory, never a byte of any output."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from stages.core.engine.grouping import Groups as Groups
from stages.core.engine.grouping import Pairs as Pairs
from stages.core.params import EngineParams

In = TypeVar("In")
Out = TypeVar("Out")

ENGINES = {"local": "stages.core.engine.local:LocalEngine", "ray": "stages.core.engine.ray:RayEngine"}
"""Engines by name; imported when they are used."""


class Engine(Protocol):
    """What a stage may ask of an engine. `work` must be importable by name; it and the batches travel to workers.

    A worker that is killed changes nothing: its batches are done again, so `work` must have no effects.
    """

    workers: int

    def __enter__(self) -> Self:
        """Workers are kept from one call to the next, with what they have loaded."""
        ...

    def __exit__(self, *_: object) -> None:
        """They end."""
        ...

    def map(self, work: Callable[[In], Out], batches: Iterable[In]) -> Iterator[Out]:
        """`work` over all batches; results come in the order of the batches."""
        ...

    def group(
        self, work: Callable[[In], tuple[Out, Pairs]], batches: Iterable[In], take: Callable[[Out], Any], scratch: Path
    ) -> Iterator[Groups]:
        """Which members share a key. `work` gives of each batch something to keep and its (key, member) pairs.

        `take` is called here with what is to be kept, in the order of the batches and for all of them before the first
        groups. These have two or more distinct members, sorted, and come in ascending order of their key, each yield a
        range of keys. Keys are hashes: 64 bits, all equally likely. `scratch` is a folder for what does not fit in
        memory.
        """
        ...


def make_engine(params: EngineParams) -> Engine:
    """The engine that the params ask for."""
    module, _, name = ENGINES[params.kind].partition(":")
    engine: Engine = getattr(importlib.import_module(module), name).of(params)
    return engine


def available_cores() -> int:
    """Cores this process may use, which in a container or under taskset are fewer than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
