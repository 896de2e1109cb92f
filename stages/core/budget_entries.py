"""What stands in the budget ledger: one entry a line, each with the hash of the line before it.

A run `reserve`s all that it may spend before it trains, and `confirm`s its end. Ids, hashes and numbers only: no text
of a record, no name of a person.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

START = "0" * 64
"""What the first line has for the hash of the line before it."""
Digest: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
RunId: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class _Facts(BaseModel):
    """Nothing is guessed: a field that is unknown, missing or of another type is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Noise(_Facts):
    """The mechanism, over all of a run's steps."""

    noise_multiplier: float = Field(ge=0)
    rate: float = Field(ge=0, le=1)
    steps: int = Field(ge=1)


class Epsilon(_Facts):
    """What the run alone costs; null where there is no bound."""

    record: float | None = Field(ge=0)
    subject: float | None = Field(ge=0)


class Spend(_Facts):
    """What a run will spend at most, as its plan says.

    `plan` is the SHA-256 of the plan, `split` that of the split's manifest. `private` is false for a run with
    `test_seed`: its noise can be drawn again, and hides nothing.
    """

    plan: Digest
    split: Digest
    unit: Literal["record", "subject"]
    delta: float = Field(gt=0, lt=1)
    accountant: Literal["prv", "rdp"]
    mechanism: Noise
    epsilon: Epsilon
    units: int = Field(ge=0)
    records: int = Field(ge=0)
    private: bool


class _Entry(_Facts):
    """What every line has. `time` is UTC."""

    seq: int = Field(ge=0)
    previous: Digest
    time: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    run: RunId


class Reserve(Spend, _Entry):
    """A run is about to train. `holders` is the SHA-256 of the file that says on whom."""

    kind: Literal["reserve"] = "reserve"
    experiment: str | None
    holders: Digest


class Confirm(_Entry):
    """A run has taken its last step."""

    kind: Literal["confirm"] = "confirm"
    steps: int = Field(ge=0)


Entry: TypeAlias = Annotated[Reserve | Confirm, Field(discriminator="kind")]
_ENTRIES: TypeAdapter[Reserve | Confirm] = TypeAdapter(Entry)


def to_line(entry: Reserve | Confirm) -> bytes:
    """An entry as its line, without the end: JSON with sorted keys, so that it has one form only."""
    return json.dumps(entry.model_dump(), sort_keys=True, allow_nan=False).encode("ascii")


def from_line(line: bytes) -> Reserve | Confirm:
    """The entry of a line. Raises ValueError for one that `to_line` would not write."""
    entry = _ENTRIES.validate_json(line)
    if to_line(entry) != line:
        raise ValueError("written by someone else")
    return entry
