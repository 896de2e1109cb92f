"""How work is spread: the engine changes speed and memory, never a byte of any output."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from stages.core.params import EngineParams

In = TypeVar("In")
Out = TypeVar("Out")

ENGINES = {"local": "stages.core.engine.local:LocalEngine"}
"""Engines by name; imported when they are used."""


class Engine(Protocol):
    """What a stage may ask of an engine."""

    workers: int

    def map(self, work: Callable[[In], Out], batches: Iterable[In]) -> Iterator[Out]:
        """`work` over all batches; results come in the order of the batches. `work` must be importable by name."""
        ...

    def group(self, pairs: Iterable[list[tuple[int, str]]], scratch: Path) -> Iterator[list[str]]:
        """Ids that share a key: each group with two ids or more, ids sorted, groups in order of their key.

        `pairs` are batches of (64-bit unsigned key, id); `scratch` is a folder for what does not fit in memory.
        """
        ...


def make_engine(params: EngineParams) -> Engine:
    """The engine that the params ask for."""
    module, _, name = ENGINES[params.kind].partition(":")
    engine: Engine = getattr(importlib.import_module(module), name)(params.workers or available_cores())
    return engine


def available_cores() -> int:
    """Cores this process may use, which in a container or under taskset are fewer than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
