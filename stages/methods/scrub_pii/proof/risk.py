"""Residual risk: what could still single a record out after its personal data is gone.

Three things are counted: how many records hold the same combination of entity types, words that occur in one or two
records of the set, and the classes that declared columns form (k-anonymity, Samarati and Sweeney 1998). Words and
column values are known by 64-bit hashes, and only counts leave.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import log2
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stages.methods.scrub_pii.proof.check import Scrubbed

Hashes: TypeAlias = NDArray[np.uint64]

RARE = 2
"""A word is rare that stands in at most this many records."""
SMALL = 5
"""A class of fewer records is small: a common threshold of disclosure control."""
RISKIEST = 20
_VOCABULARY = 2**23
"""Distinct words that are counted exactly (12 bytes each, three times that while batches merge)."""
_WORD = re.compile(r"\w{3,}")
_EDGES = (1, 2, 5, 10, 50)


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """How often each hash occurs; hashes ascend."""

    hashes: Hashes = field(default_factory=lambda: np.empty(0, np.uint64))
    counts: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))

    def of(self, hash: int) -> int:
        """The count of one hash."""
        place = int(np.searchsorted(self.hashes, np.uint64(hash)))
        there = place < len(self.hashes) and int(self.hashes[place]) == hash
        return int(self.counts[place]) if there else 0


def _summed(parts: Sequence[Counts]) -> Counts:
    hashes, places = np.unique(np.concatenate([part.hashes for part in parts]), return_inverse=True)
    weights = np.concatenate([part.counts for part in parts])
    return Counts(hashes, np.bincount(places, weights, len(hashes)).astype(np.uint32))


class _Adder:
    """Adds many small counts up, merging rarely: each hash is sorted a few times, not once a batch."""

    def __init__(self, limit: int | None = None) -> None:
        self._parts: list[Counts] = []
        self._waiting, self._limit, self.halvings = 0, limit, 0

    def add(self, part: Counts) -> None:
        self._parts.append(part)
        self._waiting += len(part.hashes)
        if self._waiting > max(2**20, len(self._parts[0].hashes)):
            self.total()

    def total(self) -> Counts:
        """All so far. Beyond the limit only hashes below a falling bound are kept: a sample of the words."""
        whole = _below(_summed(self._parts), self.halvings) if self._parts else Counts()
        while self._limit and len(whole.hashes) > self._limit:
            self.halvings += 1
            whole = _below(whole, self.halvings)
        self._parts, self._waiting = [whole], 0
        return whole


def _below(counts: Counts, halvings: int) -> Counts:
    """The counts of the hashes in the lowest of 2**halvings equal ranges."""
    if not halvings:
        return counts
    end = int(np.searchsorted(counts.hashes, np.uint64(2 ** (64 - halvings))))
    return Counts(counts.hashes[:end], counts.counts[:end])


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """Counts over some records: of combinations of entity types, of classes of columns, of records a word is in."""

    records: int
    combinations: Counter[str]
    classes: Counts
    words: Counts


def survey(records: Sequence[Scrubbed]) -> Facts:
    """What the ranking must know about all records, of some of them."""
    words = _unique(list(_words_by_record(records)))
    classes = _unique([np.array([_class(record) for record in records], np.uint64)])
    return Facts(len(records), Counter(map(_combination, records)), classes, words)


def _unique(parts: list[Hashes]) -> Counts:
    hashes, counts = np.unique(np.concatenate(parts) if parts else np.empty(0, np.uint64), return_counts=True)
    return Counts(hashes, counts.astype(np.uint32))


def _combination(record: Scrubbed) -> str:
    return "+".join(sorted(set(record.entities))) or "none"


def _class(record: Scrubbed) -> int:
    return _hash(json.dumps(dict(record.columns), sort_keys=True, default=str))


def _words_by_record(records: Iterable[Scrubbed]) -> Iterator[Hashes]:
    """Hashes of the distinct words of each record, of three or more letters or digits, outside of what was replaced."""
    known: dict[str, int] = {}
    for record in records:
        words: set[str] = set()
        for path, text in record.texts.items():
            words.update(_WORD.findall(_without(text, record.replaced.get(path, ())).casefold()))
        for word in words.difference(known):
            known[word] = _hash(word)
        yield np.array([known[word] for word in words], np.uint64)


def _without(text: str, stretches: Sequence[tuple[int, int]]) -> str:
    parts, at = [], 0
    for start, end in sorted(stretches):
        parts.append(text[at:start])
        at = end
    return " ".join([*parts, text[at:]])


def _hash(value: str) -> int:
    return int.from_bytes(hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


class Totals:
    """The facts about all records, added up in any order; memory grows with the vocabulary, up to `_VOCABULARY`."""

    def __init__(self) -> None:
        self.records = 0
        self.combinations: Counter[str] = Counter()
        self._classes, self._words = _Adder(), _Adder(_VOCABULARY)

    def add(self, facts: Facts) -> None:
        """Add the facts about some records."""
        self.records += facts.records
        self.combinations.update(facts.combinations)
        self._classes.add(facts.classes)
        self._words.add(facts.words)

    def ranker(self) -> Ranker:
        """What judges single records by these totals."""
        words, classes = self._words.total(), self._classes.total()
        rare = words.hashes[words.counts <= RARE]
        return Ranker(self.records, dict(self.combinations), classes, rare, 2**self._words.halvings)

    def vocabulary(self) -> tuple[int, float]:
        """Distinct words (estimated if only a sample was counted), and the share of them that was counted."""
        words = self._words.total()
        return len(words.hashes) * 2**self._words.halvings, 0.5**self._words.halvings

    def k_anonymity(self, columns: Sequence[str]) -> dict[str, Any] | None:
        """The classes that the columns form; None without columns."""
        sizes = self._classes.total().counts
        if not columns or not len(sizes):
            return None
        below = {"records_in_small_classes": int(sizes[sizes < SMALL].sum()), "unique": int((sizes == 1).sum())}
        return {"columns": list(columns), "classes": len(sizes), "k": int(sizes.min()), **below}


@dataclass(frozen=True, slots=True, order=True)
class Risk:
    """One record: how rare it is, in bits, and the numbers behind that."""

    bits: float
    id: str
    shared_by: int
    rare_words: int
    class_size: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """Records by how many share their combination and by their rare words, and those with the highest risk."""

    sharing: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    riskiest: tuple[Risk, ...] = ()

    def __add__(self, other: Ranking) -> Ranking:
        riskiest = _riskiest((*self.riskiest, *other.riskiest))
        return Ranking(self.sharing + other.sharing, self.words + other.words, riskiest)


@dataclass(frozen=True, slots=True, eq=False)
class Ranker:
    """Ranks records by totals over all of them; travels to worker processes."""

    records: int
    combinations: Mapping[str, int]
    classes: Counts
    rare: Hashes
    factor: int

    def __call__(self, records: Sequence[Scrubbed]) -> Ranking:
        """The ranking of some of the records that the totals were made of."""
        risks = []
        for record, words in zip(records, _words_by_record(records), strict=True):
            rare = self._rare(words)
            shared, size = self.combinations[_combination(record)], self.classes.of(_class(record))
            bits = log2(self.records / shared) + log2(self.records / size) + log2(1 + rare)
            risks.append(Risk(round(bits, 2), record.id, shared, rare, size))
        sharing = Counter(_edge(risk.shared_by) for risk in risks)
        return Ranking(sharing, Counter(_edge(risk.rare_words) for risk in risks), _riskiest(risks))

    def _rare(self, words: Hashes) -> int:
        if not len(self.rare):
            return 0
        places = np.minimum(np.searchsorted(self.rare, words), len(self.rare) - 1)
        return int((self.rare[places] == words).sum()) * self.factor


def _riskiest(risks: Iterable[Risk]) -> tuple[Risk, ...]:
    return tuple(heapq.nsmallest(RISKIEST, risks, key=lambda risk: (-risk.bits, risk.id)))


def _edge(count: int) -> str:
    """The range of counts that this one is in."""
    if count < _EDGES[0]:
        return "0"
    lower = max(edge for edge in _EDGES if edge <= count)
    after = [edge for edge in _EDGES if edge > lower]
    return f"{lower}+" if not after else f"{lower}" if after[0] == lower + 1 else f"{lower}-{after[0] - 1}"


def risk_report(totals: Totals, ranking: Ranking, columns: Sequence[str]) -> dict[str, Any]:
    """The residual risk for a report: numbers, ids of the records with the highest, and what they mean."""
    vocabulary, counted = totals.vocabulary()
    classes = totals.k_anonymity(columns)
    return {
        "combinations": {
            "distinct": len(totals.combinations),
            "records_by_sharing": _ordered(ranking.sharing),
            "most_common": dict(sorted(totals.combinations.items(), key=lambda one: (-one[1], one[0]))[:10]),
        },
        "rare_words": {
            "vocabulary": vocabulary,
            "counted_share": counted,
            "records_by_rare_words": _ordered(ranking.words),
        },
        "k_anonymity": classes,
        "riskiest": [
            {"id": one.id, "bits": one.bits, "shared_by": one.shared_by, "rare_words": one.rare_words}
            | ({"class_size": one.class_size} if classes else {})
            for one in ranking.riskiest
        ],
        "notes": _notes(totals.records, ranking, classes),
    }


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda one: int(re.match(r"\d+", one[0])[0])))  # type: ignore[index]


def _notes(records: int, ranking: Ranking, classes: Mapping[str, Any] | None) -> list[str]:
    few = sum(count for edge, count in ranking.sharing.items() if edge in {"1", "2-4"})
    wordy = records - ranking.words["0"]
    words = (
        f"{wordy} of {records} records hold words that at most {RARE} records hold: names that were missed, but also "
        "misspellings and rare words of the trade. Who knows such a word can find the record."
    )
    order = (
        "The riskiest records are ranked by how rare they are in bits (their combination, their class, and the number "
        "of rare words together); this orders what to look at, and is no probability."
    )
    notes = [
        f"{few} of {records} records hold a combination of entity types that fewer than {SMALL} records hold.",
        words,
        order,
    ]
    if classes:
        notes.append(
            f"By {', '.join(classes['columns'])} a record is alike with at least {classes['k'] - 1} others; "
            f"{classes['records_in_small_classes']} records are in classes of fewer than {SMALL}."
        )
    return notes
