"""Is a source unlike the others? Its rows against those of all other sources together, by the tests of `drift`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from stages.core.doubts import Vectors
from stages.methods.check_labels.issues.drift import (
    LEAST,
    Difference,
    embedding_difference,
    label_difference,
    length_difference,
    told,
)
from stages.methods.split.splitting import draw

_MOST = 20
"""Sources that are tested: the largest ones."""
_SIDE = 1000
"""Rows of a source, and of the others, whose embeddings are compared."""


class Sourced(Protocol):
    """What the tests look at; `stratum` is the label where there is one, else the kind of the record."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def length(self) -> int: ...  # noqa: D102
    @property
    def stratum(self) -> str: ...  # noqa: D102


def source_drift(rows: Sequence[Sourced], vectors: Vectors, keys: Mapping[str, str], seed: int) -> list[dict[str, Any]]:
    """Tests of each source with rows enough against the others; of two sources, one test says it of both.

    P-values are corrected for the number of all tests together. `keys` names the rows that belong together: the
    classifier never learns from some and is asked about others.
    """
    sizes = Counter(row.source for row in rows)
    large = [name for name, size in sizes.most_common() if min(size, len(rows) - size) >= LEAST]
    names = sorted(sorted(large, key=lambda name: (-sizes[name], name))[:_MOST])
    if len(sizes) == 2:
        names = names[:1]
    found: list[tuple[str, Difference]] = []
    for name in names:
        inside = np.array([row.source == name for row in rows])
        parts = [[row for row, own in zip(rows, inside, strict=True) if own is side] for side in (np.True_, np.False_)]
        labels = label_difference(*(Counter(row.stratum for row in part if row.stratum) for part in parts))
        lengths = length_difference(*([row.length for row in part] for part in parts))
        chosen = _chosen(parts, seed)
        places = np.array([i for i, row in enumerate(rows) if row.id in chosen], dtype=np.int64)
        learned = np.array([draw(seed, keys[rows[i].id], "drift_half") < 0.5 for i in places])
        texts = embedding_difference(vectors[places], inside[places], learned)
        found += [(name, one) for one in (labels, lengths, texts) if one is not None]
    against = next((other for other in sorted(sizes) if other != names[0]), "") if len(sizes) == 2 and names else ""
    return [
        {"source": name, **({"against": against} if against else {}), **entry}
        for (name, _), entry in zip(found, told([one for _, one in found]), strict=True)
    ]


def _chosen(parts: Sequence[Sequence[Sourced]], seed: int) -> set[str]:
    """Ids of as many rows of each part as are compared."""
    return {row.id for part in parts for row in sorted(part, key=lambda row: draw(seed, row.id, "drift"))[:_SIDE]}
