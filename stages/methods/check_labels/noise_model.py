"""How probable it is that a label is right, from what was given and from what judges think.

A judge's probability of the given class is a bad measure where one class is rare: where one word in twenty is in a
span, a judge thinks of most words in spans that they are outside. So labels are taken for what annotators made of a
truth that the judges only guess at (class-conditional noise: Angluin and Laird 1988; Northcutt, Jiang and Chuang 2021):
the chance that a label g is right is P(given g | g) P(g) over the sum of P(given g | c) P(c) over all classes c. That
one is marked which is of the common class, called "none" here, is so rare that a judge must be very sure of it.
"""

from __future__ import annotations

import numpy as np

from stages.methods.check_labels.views import Codes, Floats, Mask

_WRONG = 0.1
"""Share of the marks that are taken to be wrong. The order of the chances hardly depends on it: on WNUT17 the average
precision was the same from 0.005 to 0.2."""


def chances(shares: Floats, given: Codes, teaches: Mask) -> Floats:
    """The chance of each class (column; 0 is none) by judges' probabilities, now that one is given; rows sum to 1.

    How common each class is, is counted where labels may teach. A given class of -1 is not known: the row is that of
    none given.
    """
    weighted = shares * noise(given[teaches], shares.shape[1])[:, np.maximum(given, 0)].T
    found: Floats = weighted / weighted.sum(axis=1, keepdims=True)
    return found


def noise(given: Codes, classes: int) -> Floats:
    """The chance that what is of a class (row) is given as another (column).

    Of the marks that should be there a share is wrong: missing, or of another class, where there are several, half
    each. As many as are missing are too much, spread over the classes as the marks are.
    """
    counts = np.bincount(given[given >= 0], minlength=classes).astype(np.float64)
    others = classes - 2
    missing = _WRONG / 2 if others else _WRONG
    found = np.full((classes, classes), _WRONG / 2 / max(others, 1))
    np.fill_diagonal(found, 1 - _WRONG)
    found[1:, 0] = missing
    found[0, 1:] = missing * np.maximum(counts[1:], 1) / max(counts[0], counts.sum() / 2, classes)
    found[0, 0] = 1 - found[0, 1:].sum()
    return found
