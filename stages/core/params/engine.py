"""Knobs of how to run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from stages.core.params.section import Section


class EngineParams(Section):
    """How to run, never what: nothing here changes a byte of any output, and DVC does not watch it."""

    kind: Literal["local", "ray"] = "local"
    """`local`: a pool of processes on this machine. `ray`: the nodes of a Ray cluster (extra `[ray]`)."""
    workers: int | None = Field(default=None, ge=1, le=1024)
    """Processes of `local`, tasks at once of `ray`; `null` takes one a core."""
    address: str = "local"
    """The Ray cluster: `auto` finds the one this machine belongs to, `host:port` names its head, `local` starts one
    here for this stage alone. All nodes must see the project's folder under the same path."""
    processes: int = Field(default=1, ge=1, le=64)
    """Training processes of `finetune` on this machine (torchrun), each with its share of every batch. The one
    setting here that can show in a result: sums in another order round differently in the last digits."""
