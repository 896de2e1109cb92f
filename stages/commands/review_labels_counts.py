"""What `rowtrail review labels` counts: doubts, decisions about them, and how often a doubt was right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from stages.commands.review_labels_run import LabelRun, QueueRow
from stages.core.label_decisions import LABEL_DECISIONS, LABEL_VERDICTS
from stages.methods.check_labels.reasons import DATA_REASONS, LABEL_REASONS
from stages.methods.check_labels.review.precision import ENOUGH, precision
from stages.methods.text_table import text_table

DOUBTS = {**LABEL_REASONS, **DATA_REASONS}


def count_lines(last: LabelRun) -> Iterator[str]:
    """By doubt: how many records have it, and what is decided about them."""
    rows = [
        (reason, *_states(last, [row for row in last.queue if reason in row.reasons]), text)
        for reason, text in DOUBTS.items()
    ]
    header = ("doubt", "records", "open", "decided", "stale", "in test", "")
    total = ("suspects", *_states(last, [row for row in last.queue if row.suspect]), "any doubt about the label")
    yield from text_table(header, [*(row for row in rows if row[1]), total])
    said = Counter[str](one.decision for one in last.decisions.by_id.values())
    stale = sum(last.state(id) == "stale" for id in last.decisions.by_id)
    told = ", ".join(f"{said[verdict]:,} {verdict}" for verdict in LABEL_VERDICTS)
    yield f"{len(last.queue):,} records in the queue. {len(last.decisions):,} decisions in {LABEL_DECISIONS}: {told}."
    yield f"{stale:,} of them are stale: the record's text or label has changed since, or it is gone."
    yield from precision_lines(last)


def _states(last: LabelRun, rows: Sequence[QueueRow]) -> tuple[int, int, int, int, int]:
    states = Counter(last.state(row.id) for row in rows)
    return len(rows), states["open"], states["decided"], states["stale"], sum(row.reserved for row in rows)


def precision_lines(last: LabelRun) -> Iterator[str]:
    """For each doubt, and for all suspects: the share of records whose label a person did not keep."""
    rows = []
    for reason in (*DOUBTS, None):
        doubts = [row for row in last.queue if (reason in row.reasons if reason else row.suspect)]
        found = precision([_wrong(last, row.id) for row in doubts])
        if found is not None:
            interval = f"{found.share.low:.2f} to {found.share.high:.2f}"
            note = "" if found.enough else "too few to tell"
            share = f"{found.share.value:.2f}"
            rows.append((reason or "suspects", share, interval, found.reviewed, found.stands_for, len(doubts), note))
    if not rows:
        return
    yield ""
    header = ("doubt", "precision", "95 % interval", "reviewed", "stands for", "records", "")
    yield from text_table(header, rows)
    yield "Share of them that people relabelled or dropped. What was reviewed from the top of the queue without a gap"
    yield "`stands for` itself, each fifth of the rest for its size, as far as anybody looked into it; --export with"
    yield f"--random draws from all of it. Too few to tell: not worth {ENOUGH} answers, which may err by 0.18."


def _wrong(last: LabelRun, id: str) -> bool | None:
    """Whether a person found the label wrong; None where there is no decision that holds."""
    return last.decisions.by_id[id].decision != "keep" if last.state(id) == "decided" else None
