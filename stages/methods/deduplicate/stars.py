"""Stars around the records that stay: exact comparison of what was proposed.

Similarity is not transitive, so there are no chains: a record leaves only because of a record that stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from stages.methods.deduplicate.edits import edit_similarities
from stages.methods.deduplicate.overlaps import Overlaps
from stages.methods.deduplicate.semantic import Vectors, cosine
from stages.methods.deduplicate.shingles import Hashes

Indexes: TypeAlias = npt.NDArray[np.int64]
_FEW = 4  # members of a cluster up to which sorting two sets is faster than numbering all hashes
Kind: TypeAlias = Literal["near", "edit", "semantic"]


@dataclass(frozen=True, slots=True)
class Rule:
    """From when on two records are duplicates: Jaccard similarity, edits of short texts, cosine of embeddings."""

    near: float
    edits: int = 0
    edit_chars: int = 1
    semantic: float | None = None


@dataclass(frozen=True, slots=True)
class Comparable:
    """What exact comparison needs of a record: 8 bytes a word, near enough.

    One sorted set of hashes for each long text; records are compared so only when their salts are equal. `short` is
    the normalised text of a record that has no long one, `vector` its embedding; None where that is not compared.
    """

    salt: int
    sets: tuple[Hashes, ...]
    short: str | None = None
    vector: Vectors | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    """Records that proposals tie together, in the order in which they may stay, and the buckets they share."""

    members: tuple[Comparable, ...]
    buckets: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Nearest:
    """The most similar of the records that stay, out of `compared` that were proposed; `close` if too similar."""

    member: int
    similarity: float
    compared: int
    kind: Kind = "near"
    close: bool = False


def stars(cluster: Cluster, rule: Rule) -> list[Nearest | None]:
    """For each member its most similar predecessor among those that stay, if any was proposed.

    A member leaves if and only if that one is `close`; of equally similar ones the earliest counts. Jaccard similarity
    comes before edits, and these before embeddings.
    """
    if len(cluster.members) == 2 and (decided := _pair(*cluster.members, rule)):
        return [None, decided]
    compare = _Comparer(cluster.members, rule)
    staying = _Staying(cluster)
    found: list[Nearest | None] = []
    for member in range(len(cluster.members)):
        nearest = compare.nearest(member, staying.sharing(member))
        found.append(nearest)
        if nearest is None or not nearest.close:
            staying.add(member)
    return found


def _pair(one: Comparable, other: Comparable, rule: Rule) -> Nearest | None:
    """What `stars` finds of two, as most clusters are; None where Jaccard similarity does not settle it."""
    if one.salt != other.salt or not one.sets:
        return None
    pairs = zip(one.sets, other.sets, strict=True)
    similarity = min((both := _in_both(mine, theirs)) / (len(mine) + len(theirs) - both) for mine, theirs in pairs)
    close = similarity >= rule.near
    return Nearest(0, similarity, 1, "near", close) if close or rule.semantic is None else None


class _Staying:
    """Who stays, by bucket."""

    def __init__(self, cluster: Cluster) -> None:
        self._buckets_of: list[list[int]] = [[] for _ in cluster.members]
        for number, bucket in enumerate(cluster.buckets):
            for member in bucket:
                self._buckets_of[member].append(number)
        self._members = [np.empty(len(bucket), np.int64) for bucket in cluster.buckets]
        self._counts = [0] * len(cluster.buckets)
        self._seen = np.zeros(len(cluster.members), np.bool_)

    def add(self, member: int) -> None:
        """The member stays."""
        for number in self._buckets_of[member]:
            self._members[number][self._counts[number]] = member
            self._counts[number] += 1

    def sharing(self, member: int) -> Indexes:
        """Those that stay and share a bucket with a member, ascending."""
        parts = [self._members[number][: self._counts[number]] for number in self._buckets_of[member]]
        if len(parts) == 1:
            return parts[0]
        for part in parts:
            self._seen[part] = True
        found = np.flatnonzero(self._seen)
        self._seen[found] = False
        return found


class _Comparer:
    """Exact similarities within a cluster."""

    def __init__(self, members: Sequence[Comparable], rule: Rule) -> None:
        self._members, self._rule = members, rule
        self._salts = np.array([member.salt for member in members], np.uint64)
        self._overlaps: dict[tuple[int, int], tuple[Overlaps, Indexes]] = {}

    def nearest(self, member: int, others: Indexes) -> Nearest | None:
        """The most similar of the others, the first of equals; None when none can be compared with it."""
        if not len(others):
            return None
        found = [self._near(member, others), self._edited(member, others), self._meant(member, others)]
        known = [nearest for nearest in found if nearest is not None]
        return next((nearest for nearest in known if nearest.close), known[0] if known else None)

    def _near(self, member: int, others: Indexes) -> Nearest | None:
        others = others[self._salts[others] == self._salts[member]]
        if not len(others) or not self._members[member].sets:
            return None
        similarities = np.ones(len(others))
        for text, own in enumerate(self._members[member].sets):
            shared, sizes = self._shared(member, others, text)
            similarities = np.minimum(similarities, shared / (len(own) + sizes - shared))
        return _best(others, similarities, "near", self._rule.near)

    def _shared(self, member: int, others: Indexes, text: int) -> tuple[Indexes, Indexes]:
        """(hashes that a member's text shares with those of others, how many these have)."""
        if len(self._members) <= _FEW:
            theirs = [self._members[other].sets[text] for other in others.tolist()]
            own = self._members[member].sets[text]
            return np.array([_in_both(own, their) for their in theirs]), np.array([*map(len, theirs)])
        salt = self._members[member].salt
        if (salt, text) not in self._overlaps:
            same = np.flatnonzero(self._salts == np.uint64(salt))
            place = np.zeros(len(self._members), np.int64)
            place[same] = np.arange(len(same))
            self._overlaps[salt, text] = Overlaps([self._members[i].sets[text] for i in same.tolist()]), place
        overlaps, place = self._overlaps[salt, text]
        return overlaps.shared(int(place[member]), place[others]), overlaps.sizes[place[others]]

    def _edited(self, member: int, others: Indexes) -> Nearest | None:
        own = self._members[member].short
        if own is None:
            return None
        known = [(other, short) for other in others.tolist() if (short := self._members[other].short) is not None]
        if not known:
            return None
        shorts = [short for _, short in known]
        similarities = edit_similarities(own, shorts, self._rule.edits, self._rule.edit_chars)
        nearest = _best([other for other, _ in known], similarities, "edit", 0)
        return nearest if nearest.close else None

    def _meant(self, member: int, others: Indexes) -> Nearest | None:
        own = self._members[member].vector
        known = [(other, vector) for other in others.tolist() if (vector := self._members[other].vector) is not None]
        if own is None or self._rule.semantic is None or not known:
            return None
        similarities = cosine(own, np.stack([vector for _, vector in known]))
        return _best([other for other, _ in known], similarities, "semantic", self._rule.semantic)


def _in_both(one: Hashes, other: Hashes) -> int:
    """Hashes in both of two sets."""
    both = np.concatenate((one, other))
    both.sort()
    return int(np.count_nonzero(both[1:] == both[:-1]))


def _best(
    others: Sequence[int] | Indexes, similarities: npt.NDArray[np.float64], kind: Kind, threshold: float
) -> Nearest:
    best = int(np.argmax(similarities))
    similarity = float(similarities[best])
    return Nearest(int(others[best]), similarity, len(others), kind, similarity >= threshold)
