"""Numbers and codes as people read them: one way to write each kind of number, everywhere in the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

NOT_RECORDED = "not recorded"
NBSP = "\u00a0"


def number(value: Any) -> str:
    """A count with thousands separated, or a measure with three significant digits."""
    if not is_number(value):
        return NOT_RECORDED
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    if abs(value) < 0.001:
        return f"{value:.1e}".replace("e-0", "e-").replace(".0e", "e")
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"


def percent(value: Any, digits: int = 1) -> str:
    """A share of one as per cent. What is not quite all or nothing never looks as if it were."""
    if not is_number(value):
        return NOT_RECORDED
    smallest = 10.0**-digits
    shown = 100 * value
    if 0 < shown < smallest / 2:
        return f"<{NBSP}{smallest:.{digits}f}{NBSP}%"
    if 100 - smallest / 2 < shown < 100:
        return f">{NBSP}{100 - smallest:.{digits}f}{NBSP}%"
    return f"{shown:.{digits}f}{NBSP}%"


def interval(metric: Any, digits: int = 1) -> str:
    """A metric's 95 % interval as per cent: `79.0-83.3 %`."""
    if not has_interval(metric):
        return NOT_RECORDED
    return f"{100 * metric['low']:.{digits}f}\u2013{100 * metric['high']:.{digits}f}{NBSP}%"


def has_interval(metric: Any) -> bool:
    """Whether this is a metric with value, low and high."""
    return isinstance(metric, Mapping) and all(is_number(metric.get(part)) for part in ("value", "low", "high"))


def words(code: Any) -> str:
    """A code as words: `not_sampled` is `not sampled`."""
    return str(code).replace("_", " ")


def plural(count: int, one: str) -> str:
    """A count with its word: `1 row`, `2,000 rows`."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"


def is_number(value: Any) -> bool:
    """A finite number; True and False are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_ABBREVIATIONS = frozenset({"IBAN", "ID", "IP", "NRP", "SSN", "UK", "URL", "US"})


def kind_name(entity: str) -> str:
    """An entity as people call it: `PHONE_NUMBER` is `phone number`; abbreviations stay as they are."""
    return " ".join(word if word in _ABBREVIATIONS else word.lower() for word in entity.split("_"))
