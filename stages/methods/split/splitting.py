"""Who goes into train, validation and test: a threshold on a hash, so that no row's place depends on other rows.

Rows that share a subject, a duplicate group or a text form one component, and a component has one key. The key and the
seed give a number u in [0, 1): test below `test`, validation below `test + validation`, train above. Nothing is ranked
or counted, therefore rows that are added or erased move no row outside their own component, and everyone who knows the
key (`check_labels`, which must leave the test rows alone, runs before the split) can foretell the part.

The price is that shares hold in expectation only, in the whole and in each stratum. `repairs` mends the one case that
hurts: a stratum that is absent from a part although it has groups enough. A record that it moves says so.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from stages.core.params import SplitParams
from stages.methods.deduplicate.union_find import UnionFind

Part: TypeAlias = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Row:
    """What the split needs to know of a record; `text` is a digest of its normalised texts."""

    id: str
    subject: str | None
    group: str | None
    text: str
    stratum: str
    labelled: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record goes, where the draw alone would have put it, and its cross-validation fold."""

    part: Part
    drawn: Part
    key: str
    u: float
    fold: int | None


def group_keys(
    records: Iterable[tuple[str, str | None, str | None]], texts: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The key of each record's component, by id, from rows of (id, subject, group).

    The key is the component's smallest subject; without any subject its smallest group, where a record without a group
    counts as the group of its own id. A subject comes first so that a duplicate that turns up, and gives a record its
    group, does not move the subject's other rows. `texts` gives an id a digest of its text: records of equal text
    belong together too (scrubbing can make texts equal that were not when duplicates were removed).
    """
    texts = texts or {}
    sets: UnionFind[tuple[str, str]] = UnionFind()
    home: dict[str, tuple[str, str]] = {}
    for id, subject, group in records:
        home[id] = own = ("group", group or id)
        sets.find(own)
        if subject is not None:
            sets.join(own, ("subject", subject))
        if id in texts:
            sets.join(own, ("text", texts[id]))
    smallest: dict[tuple[str, str], str] = {}
    for nodes in sets.components():
        subjects = [value for kind, value in nodes if kind == "subject"]
        groups = [value for kind, value in nodes if kind == "group"]
        smallest[sets.find(nodes[0])] = min(subjects or groups)
    return {id: smallest[sets.find(own)] for id, own in home.items()}


def draw(seed: int, key: str, purpose: str = "split") -> float:
    """A number in [0, 1) from the seed and the key: the first 53 bits of SHA-256, as many as a float holds exactly."""
    digest = hashlib.sha256(f"{seed}:{purpose}:{key}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) / 2**53


def part_of(u: float, validation: float, test: float) -> Part:
    """The part for a draw, given the shares of validation and test."""
    if u < test:
        return "test"
    return "validation" if u < test + validation else "train"


def fold_of(seed: int, key: str, folds: int | None) -> int | None:
    """The cross-validation fold of a key, 0 to folds - 1; drawn apart from the part, so that folds are alike."""
    return None if folds is None else int(draw(seed, key, "fold") * folds)


def places(rows: Sequence[Row], relabelled: Collection[str], params: SplitParams, seed: int) -> dict[str, Place]:
    """The place of every record, by id: draw, keep machine-made labels out of test, mend absent strata.

    `relabelled` are ids whose label a machine has changed; the test split must not be scored against such labels.
    Everything goes by component, so that none is torn.
    """
    keys = group_keys(((row.id, row.subject, row.group) for row in rows), {row.id: row.text for row in rows})
    strata: dict[str, set[str]] = {}
    for row in rows:
        strata.setdefault(keys[row.id], set()).add(row.stratum)
    draws = {key: draw(seed, key) for key in strata}
    drawn = {key: part_of(u, params.validation, params.test) for key, u in draws.items()}
    barred = {keys[id] for id in relabelled if id in keys}
    parts: dict[str, Part] = {key: "train" if part == "test" and key in barred else part for key, part in drawn.items()}
    parts.update(repairs(draws, parts, strata, barred))
    folds = {key: None if parts[key] == "test" else fold_of(seed, key, params.kfold) for key in draws}
    return {id: Place(parts[key], drawn[key], key, draws[key], folds[key]) for id, key in keys.items()}


def repairs(
    draws: Mapping[str, float],
    parts: Mapping[str, Part],
    strata: Mapping[str, Collection[str]],
    barred: Collection[str],
) -> dict[str, Part]:
    """Groups to move, by key, so that no stratum of three groups or more lacks a part.

    All mappings go by key; `strata` are those of the group's rows, `barred` the keys that must not enter test. For each
    stratum, in order of name, and each part it lacks (test, validation, train), the group with the smallest draw moves
    whose leaving empties no part of any such stratum. One group a lack, and none where nothing lacks: minimal. A lack
    stays where no group may move.
    """
    now: dict[str, Part] = dict(parts)
    members: dict[str, list[str]] = {}
    for key in sorted(draws, key=lambda key: (draws[key], key)):
        for stratum in strata[key]:
            members.setdefault(stratum, []).append(key)
    large = {stratum: keys for stratum, keys in sorted(members.items()) if len(keys) >= len(PARTS)}
    counts = {stratum: Counter(now[key] for key in keys) for stratum, keys in large.items()}

    def may_move(key: str, part: Part) -> bool:
        spare = all(counts[stratum][now[key]] > 1 for stratum in strata[key] if stratum in counts)
        return spare and not (part == "test" and key in barred)

    for stratum, part in ((stratum, part) for stratum in large for part in reversed(PARTS)):
        chosen = next((key for key in large[stratum] if may_move(key, part)), None)
        if counts[stratum][part] or chosen is None:
            continue
        for touched in set(strata[chosen]) & set(counts):
            counts[touched].update({now[chosen]: -1, part: 1})
        now[chosen] = part
    return {key: part for key, part in now.items() if part != parts[key]}
