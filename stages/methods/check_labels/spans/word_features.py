"""What words look like and what stands beside them, as hashed features: a view that no encoder has part in.

The features are those that taggers with hand-made features have used since Ratinov and Roth (2009), without lists of
names: the word, its beginnings and ends, its shape (capitals, digits), two words to either side, pairs of words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from stages.methods.finetune.alignment import words

_COLUMNS = 2**18
_AFFIX = 4
_EDGE = "|"  # stands where the text ends


def word_features(texts: Iterable[str]) -> Any:
    """Features of every word of the texts in order, sparse, shape (words, features that two words have)."""
    import numpy as np
    from sklearn.feature_extraction import FeatureHasher

    hasher = FeatureHasher(_COLUMNS, input_type="string", alternate_sign=False)
    found = hasher.transform(row for text in texts for row in _rows([text[start:end] for start, end in words(text)]))
    return found[:, np.flatnonzero(found.getnnz(axis=0) > 1)]


def _rows(seen: Sequence[str]) -> Iterator[list[str]]:
    """The features of each word of a text."""
    lower = [_EDGE, _EDGE, *(word.lower() for word in seen), _EDGE, _EDGE]
    shapes = [_EDGE, _EDGE, *map(shape, seen), _EDGE, _EDGE]
    for i, word in enumerate(seen, 2):
        row = [f"exact={word}", f"word={lower[i]}", f"shape={shapes[i]}"]
        for size in range(1, min(_AFFIX, len(word) - 1) + 1):
            row += [f"prefix={lower[i][:size]}", f"suffix={lower[i][-size:]}"]
        row += [f"{step:+}={lower[i + step]}" for step in (-2, -1, 1, 2)]
        row += [f"shape{step:+}={shapes[i + step]}" for step in (-1, 1)]
        row += [f"pair-1={lower[i - 1]} {lower[i]}", f"pair+1={lower[i]} {lower[i + 1]}"]
        row.append(f"capitals={''.join(one[:1] for one in shapes[i - 1 : i + 2])}")
        yield row


def shape(word: str) -> str:
    """Capitals as X, other letters as x, digits as d, the rest as it is; longer runs count as two."""
    kinds = ("X" if c.isupper() else "d" if c.isdigit() else "x" if c.isalpha() else c for c in word)
    return "".join("".join(run)[:2] for _, run in groupby(kinds))
