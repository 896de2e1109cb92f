"""Whether so many rows were quarantined that a setting is more likely wrong than the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from stages.core.errors import DataError, Fault

READ = ""
"""Key of the rows that could be read, beside the reasons of those that could not."""


def check_quarantine(counts: Mapping[str, Counter[str]], max_share: float) -> None:
    """Check rows by source and reason. Raises DataError for a source without a single good row, and above the share."""
    faults = []
    for name, count in counts.items():
        if not count[READ]:
            problem = f"none of its {count.total()} rows can be read ({_listed(count)})" if count else "has no rows"
            faults.append(Fault(f"source {name}", problem, "look at the source's settings in params.yaml"))
    total: Counter[str] = sum(counts.values(), Counter())
    rows, lost = total.total(), total.total() - total[READ]
    if lost > max_share * rows and not faults:
        problem = f"{lost} of {rows} rows would be quarantined ({_listed(total)}), a share of {lost / rows:.3f}"
        step = (
            f"look at the sources' settings; for rows that are so bad raise ingest.max_quarantine_share ({max_share})"
        )
        faults.append(Fault("ingest", problem, step))
    if faults:
        raise DataError(*faults)


def _listed(count: Counter[str]) -> str:
    return ", ".join(f"{number} {reason}" for reason, number in sorted(count.items()) if reason != READ)
