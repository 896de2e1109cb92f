"""What each form of a model costs and gains: bytes, time and answers, side by side on the same records."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from stages.core.progress import track
from stages.core.records import Record
from stages.core.storage import files_below
from stages.core.task import Metric

BATCHES = (1, 32)
"""Records that are asked about at once: a person who waits, and a file that is worked through."""
_WARM_UP = 1
_LEAST, _MOST = 3, 40
_CHUNK = 1 << 24
_LEVEL = 3

Ask = Callable[[Sequence[Record]], object]


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds a record, by batch size, and the ratio to the first form in the same round: medians over rounds."""

    ms: Mapping[int, float]
    ratio: Mapping[int, float]
    rounds: int


@dataclass(slots=True)
class Outcome:
    """One form, measured. `facts` is what only this form has to say, e.g. its share of zeros."""

    form: str
    size: int
    compressed: int
    score: Metric
    change: Metric
    kept: bool
    sure: bool
    facts: Mapping[str, Any] = field(default_factory=dict)
    times: Times | None = None

    @property
    def verdict(self) -> str:
        """In a word or two: whether the form is kept, and whether the interval says so too."""
        return ("kept" if self.kept else "refused") + ("" if self.sure else ", inconclusive")

    def row(self) -> dict[str, Any]:
        """For export.json."""
        return {**asdict(self), "verdict": self.verdict}


def judge(change: Metric, max_drop: float) -> tuple[bool, bool]:
    """(kept, sure): whether the metric falls by at most `max_drop`, and whether all of the interval agrees with that.

    The point estimate decides, so that a small test split does not refuse everything; who reads the verdict is told
    when the interval reaches over the limit.
    """
    # Rounded, or a drop of exactly the limit would fail by the last bit of a binary fraction.
    kept = round(change.value + max_drop, 9) >= 0
    sure = (round(change.low + max_drop, 9) >= 0) if kept else (round(change.high + max_drop, 9) < 0)
    return kept, sure


def sizes(folder: Path) -> tuple[int, int]:
    """Bytes of a folder's files as they are, and compressed by zstd (level 3): only there do zeros count for less."""
    import pyarrow as pa

    codec = pa.Codec("zstd", compression_level=_LEVEL)
    whole = compressed = 0
    for chunk in _chunks(folder):
        whole += len(chunk)
        compressed += codec.compress(chunk).size
    return whole, compressed


def _chunks(folder: Path) -> Iterator[bytes]:
    for name in files_below(folder):
        with (folder / name).open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk


def latencies(ask: Mapping[str, Ask], records: Sequence[Record], seconds: float = 60.0) -> dict[str, Times]:
    """How long each form takes to answer, from text to answer, in rounds: every round asks every form the same.

    A form is compared with the first one within a round, so that a machine that is slow for a while is slow for both,
    and the order turns from round to round. One round warms up; then at least 3 and at most 40, none after `seconds`.
    """
    names = list(ask)
    spans: dict[str, dict[int, list[float]]] = {name: {size: [] for size in BATCHES} for name in names}
    started = time.perf_counter()
    for turn in track(range(_WARM_UP + _MOST), "latency (rounds)", _WARM_UP + _MOST):
        if turn >= _WARM_UP + _LEAST and time.perf_counter() - started > seconds:
            break
        first = turn % len(names)
        for size in BATCHES:
            asked = [records[(turn * size + i) % len(records)] for i in range(size)]
            for name in names[first:] + names[:first]:
                taken = _seconds(ask[name], asked)
                if turn >= _WARM_UP:
                    spans[name][size].append(1000 * taken / size)
    return {name: _times(spans[name], spans[names[0]]) for name in names}


def _seconds(ask: Ask, records: Sequence[Record]) -> float:
    started = time.perf_counter()
    ask(records)
    return time.perf_counter() - started


def _times(ours: Mapping[int, Sequence[float]], first: Mapping[int, Sequence[float]]) -> Times:
    ratios = {size: median(a / b for a, b in zip(ours[size], first[size], strict=True)) for size in ours}
    return Times(
        {size: round(median(values), 3) for size, values in ours.items()},
        {size: round(ratio, 3) for size, ratio in ratios.items()},
        min(map(len, ours.values())),
    )


def header(metric: str) -> list[str]:
    """Of the table: sizes in megabytes (10^6 bytes), times in milliseconds a record, the ratio to the first row."""
    batches = [name for size in BATCHES for name in (f"ms, batch {size}", "ratio")]
    return ["form", "MB", "MB zstd", *batches, metric, "change (95 %)", "verdict"]


def cells(outcome: Outcome) -> list[str]:
    """A row of the table."""
    times = outcome.times
    measured = (
        [cell for size in BATCHES for cell in (f"{times.ms[size]:.1f}", f"{times.ratio[size]:.2f}")] if times else []
    )
    change = outcome.change
    return [
        outcome.form,
        f"{outcome.size / 1e6:.1f}",
        f"{outcome.compressed / 1e6:.1f}",
        *measured,
        f"{outcome.score.value:.4f} ({outcome.score.low:.3f} to {outcome.score.high:.3f})",
        f"{change.value:+.4f} ({change.low:+.3f} to {change.high:+.3f})",
        outcome.verdict,
    ]


def notes(outcomes: Sequence[Outcome]) -> list[str]:
    """What the table has no column for, a line a form."""
    lines = []
    for outcome in outcomes:
        facts = outcome.facts
        if "logits_differ_by" in facts:
            most = f"{facts['logits_differ_by']:.1g}"
            lines.append(f"{outcome.form}: logits differ from the tuned model's by at most {most}")
        if "zeros" in facts:
            share = f"{facts['zeros']:.1%} of the {facts['weights']:,} weights of linear layers"
            lines.append(f"{outcome.form}: zeros are {share}, {facts['zeros_of_all']:.1%} of all parameters")
    return lines
