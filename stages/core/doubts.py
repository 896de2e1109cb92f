"""What a task finds wrong with what its records are labelled as, and the tools `check_labels` lends it for looking."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stages.core.cache import Cache
from stages.core.params import CheckLabelsParams
from stages.core.records import Evidence, Record

Vectors: TypeAlias = NDArray[np.float32]
Mapper: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


@dataclass(frozen=True, slots=True)
class Doubt:
    """One thing that is probably wrong with a record: a reason of `check_labels`, and evidence without any text."""

    reason: str
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ranked:
    """How a record that was checked stands in the review queue.

    `margin` is in 0..1: 0 is surely wrong, 1 surely right. `suggested` is an annotation as `Task.annotation` writes it,
    None where the check has no better one to offer.
    """

    margin: float
    suggested: str | None = None


@dataclass(frozen=True, slots=True)
class Doubted:
    """What a task's check found: the doubts by record, the rank of every record it could judge, and figures."""

    doubts: Mapping[str, Sequence[Doubt]] = field(default_factory=dict)
    ranked: Mapping[str, Ranked] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelCheck:
    """What a task may use to check its labels.

    `records()` reads all records again, sorted by id. `keys` gives each id the key of the records that belong together
    (a person's, a duplicate group's): what judges a record must not have seen any of its key. `reserved` are the ids of
    the records that the split will put in test: they are judged, but nothing may be learned from them about others, or
    what is dropped or relabelled would have been chosen by their labels. `embed` gives unit
    vectors of texts, shape (texts, dimensions), cached by content. For vectors of another kind: `encoder` names the
    model, `run` maps over batches on all workers, `name_of(purpose, record, text)` is a keyed hash to cache under. In
    `cache`, where there is one, results can be kept under a digest of all that they were made from.
    """

    records: Callable[[], Iterator[Record]]
    params: CheckLabelsParams
    seed: int
    keys: Mapping[str, str]
    reserved: Collection[str]
    embed: Callable[[Iterable[tuple[Record, str]]], Vectors]
    encoder: str
    run: Mapper
    name_of: Callable[[str, Record, str], str]
    cache: Cache | None = None
