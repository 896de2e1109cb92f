"""How often a doubt was right, by what people decided about the records in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stages.core.task import Metric
from stages.methods.audit.roc import wilson

ENOUGH = 30
"""Answers from which on a share means something: 15 of 30 still is anything from 0.33 to 0.67."""

_STRATA = 5
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Precision:
    """Share of doubts that were right, the answers it rests on, and how many doubts it stands for."""

    share: Metric
    reviewed: int
    stands_for: int
    enough: bool


def precision(answers: Sequence[bool | None]) -> Precision | None:
    """From the answers about all doubts in the order of the queue: True for a wrong label, None for no answer yet.

    The top of the queue is reviewed first, where doubts are right more often. So what was reviewed from the top without
    a gap stands for itself, and of the rest each fifth counts by its size, as far as anybody looked into it. The
    interval is Wilson's (1927) for as many answers as these are worth (Kish 1965, the effective sample size), rounded.
    None without an answer.
    """
    gap = next((at for at, one in enumerate(answers) if one is None), len(answers))
    size = -(-(len(answers) - gap) // _STRATA) or 1
    strata = [answers[:gap], *(answers[at : at + size] for at in range(gap, len(answers), size))]
    known = [(len(some), [one for one in some if one is not None]) for some in strata]
    known = [(n, some) for n, some in known if some]
    if not known:
        return None
    total = sum(n for n, _ in known)
    share = sum(n * sum(some) / len(some) for n, some in known) / total
    worth = max(1, round(total**2 / sum(n**2 / len(some) for n, some in known)))
    low, high = wilson(round(share * worth), worth)
    metric = Metric(round(share, _DIGITS), round(min(low, share), _DIGITS), round(max(high, share), _DIGITS))
    return Precision(metric, sum(len(some) for _, some in known), total, worth >= ENOUGH)
