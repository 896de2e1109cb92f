"""Short texts that differ in a few characters: which pairs to compare, and how many edits lie between two.

A text is cut into one segment more than it is granted edits. A text within that many edits holds one of the segments
unchanged, near the same place: each edit touches one segment at most. Where to look for a segment follows from how
many edits can lie before and behind it (Li, Deng, Wang and Feng 2011, "Pass-Join"). So no pair is missed.

Texts are given as `normalised` makes them. The shorter text of a pair decides how many edits are allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from stages.methods.deduplicate.shingles import GOLDEN, Counts, Hashes, chain, portions, ranges

Choice: TypeAlias = npt.NDArray[np.bool_]

_EDITS = 103  # purpose of constants
_INVERSE = np.uint64(pow(GOLDEN, -1, 2**64))
_CHARACTERS_AT_ONCE = 2**20


def edit_similarities(own: str, others: Sequence[str], edits: int, edit_chars: int) -> npt.NDArray[np.float64]:
    """1 - Levenshtein distance / characters of the longer text; -1 where that takes more edits than allowed.

    Allowed are `edits`, and no more than one for each `edit_chars` characters of the shorter text.
    """
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    lengths = np.fromiter(map(len, others), np.int64, len(others))
    allowed = np.minimum(edits, np.minimum(lengths, len(own)) // edit_chars)
    # Counting stops one beyond the cut-off.
    distances = cdist([own], others, scorer=Levenshtein.distance, score_cutoff=edits, dtype=np.int64)[0]
    similarities = np.round(1 - distances / np.maximum(np.maximum(lengths, len(own)), 1), 6)
    return np.where(distances <= allowed, similarities, -1.0)


def edit_keys(texts: Sequence[str], edits: int, edit_chars: int) -> tuple[Hashes, Counts]:
    """(keys, index of the text of each): two texts within the edits that they are allowed share a key.

    Texts too short for a single edit get no key: equal ones are found by their digest. Others get at most 4, 12 or 26
    keys for 1, 2 or 3 edits, whatever their length.
    """
    keys, owners = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    start = 0
    for some in portions(texts, _CHARACTERS_AT_ONCE):
        found, owner = _keys(some, edits, edit_chars)
        keys.append(found)
        owners.append(owner + start)
        start += len(some)
    return np.concatenate(keys), np.concatenate(owners)


def _keys(texts: Sequence[str], edits: int, edit_chars: int) -> tuple[Hashes, Counts]:
    length = np.array([len(text) for text in texts], np.int64)
    owner, partner, segment, shift, parts = _places(length, edits, edit_chars)
    begin, end = segment * partner // parts + shift, (segment + 1) * partner // parts + shift
    inside = (begin >= 0) & (end <= length[owner])
    owner, partner, segment = owner[inside], partner[inside], segment[inside]
    hashes = _substring_hashes(texts, length, owner, begin[inside], end[inside])
    return chain(np.column_stack((hashes, partner.astype(np.uint64), segment.astype(np.uint64))), _EDITS), owner


def _places(length: Counts, edits: int, edit_chars: int) -> tuple[Counts, ...]:
    """Where segments of other texts are to be looked for: (text, partner's length, segment, shift, its segments).

    Partners are texts as long as the text or shorter, by `less` characters. Its own segments are among this, for no
    shift is looked for where `less` is 0 too. One edit at most for each segment before this one moved it, and
    one at most for each segment behind it is left to bring the lengths together.
    """
    grid = np.indices((len(length), edits + 1, edits + 1, 2 * edits + 1), np.int64, sparse=True)
    text, less, segment, shift = grid[0], grid[1], grid[2], grid[3] - edits
    partner = length[text] - less
    allowed = np.minimum(edits, partner // edit_chars)
    looked: Choice = (allowed >= np.maximum(less, 1)) & (segment <= allowed)
    looked = looked & (abs(shift) <= segment) & (abs(shift - less) <= allowed - segment)
    every = np.broadcast_arrays(text, partner, segment, shift, allowed + 1)
    return tuple(values[looked] for values in every)


def _substring_hashes(texts: Sequence[str], length: Counts, owner: Counts, begin: Counts, end: Counts) -> Hashes:
    """64 bits for each substring: a polynomial in its code points (Karp and Rabin 1987), read off running sums."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    starts = np.cumsum(length) - length
    powers = np.full(int(length.max(initial=0)) + 1, GOLDEN, np.uint64)
    powers[0] = 1
    np.multiply.accumulate(powers, out=powers)
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(codes * powers[ranges(np.zeros_like(length), length)], out=sums[1:])
    between: Hashes = sums[starts[owner] + end] - sums[starts[owner] + begin]
    return between * np.power(_INVERSE, begin.astype(np.uint64))
