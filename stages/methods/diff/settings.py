"""What two versions were made from: params, code, source files, packages, and the counts that came of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from stages.methods.document.measures import HEADLINES
from stages.methods.shareable import counted

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\s*==\s*([^\s;\\]+)")
_SEPARATORS = re.compile(r"[-_.]+")


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """Nested values by dotted name. Items of a list that have a `name` are known by it: their order does not count."""
    if isinstance(value, Mapping) and value:
        parts = ((f"{name}.{key}" if name else str(key), item) for key, item in value.items())
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) and "name" in item for item in value):
        parts = ((f"{name}[{item['name']}]", item) for item in value)
    else:
        return {name: value}
    return {key: leaf for part, item in parts for key, leaf in flat(item, part).items()}


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The names whose values differ, sorted: `name`, `change` (added, removed, changed) and `a`, `b`, where there."""
    rows = []
    for name in sorted({*a, *b}):
        change = "added" if name not in a else "removed" if name not in b else "changed"
        # As JSON, so that 1 and True are told apart, and 1 and 1.0 are not.
        if change != "changed" or _written(a[name]) != _written(b[name]):
            sides = {side: values[name] for side, values in (("a", a), ("b", b)) if name in values}
            rows.append({"name": name, "change": change, **sides})
    return rows


def unnamed(row: dict[str, Any]) -> dict[str, Any]:
    """A difference as it may be shown: of params that may name people, how many values they had."""
    section, _, rest = row["name"].partition(".")
    param = rest.partition(".")[0] if section == "scrub_pii" else ""
    return row | {side: counted(param, row[side]) or row[side] for side in ("a", "b") if side in row}


def _written(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return json.dumps(int(value) if whole else value, sort_keys=True, default=str)


def stage_differences(a: Mapping[str, Mapping[str, Any]], b: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """As `differences`, of values that stages have each for themselves; `stages` names those for which it is true.

    A stage that only one version has run is left out: all it used would be new.
    """
    rows: dict[str, dict[str, Any]] = {}
    for stage in (name for name in a if name in b):
        for row in differences(a[stage], b[stage]):
            key = json.dumps(row, sort_keys=True, default=str)
            rows.setdefault(key, {**row, "stages": []})["stages"].append(stage)
    return sorted(rows.values(), key=lambda row: (row["name"], row["change"]))


def packages(lock: str) -> dict[str, str]:
    """Version by package, from the pins of a requirements file; names as PEP 503 normalises them."""
    pins = (_PIN.match(line) for line in lock.splitlines())
    return {_SEPARATORS.sub("-", pin[1]).lower(): pin[2] for pin in pins if pin}


def source_files(sources: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 by source and file, from the report of `ingest`."""
    return {
        f"{name}: {file.get('name')}": str(file.get("sha256"))
        for name, source in sources.items()
        for file in source.get("files") or ()
    }


def reason_rows(
    stages: Iterable[str], a: Mapping[str, Any], b: Mapping[str, Any], texts: Mapping[tuple[str, str], str]
) -> list[dict[str, Any]]:
    """Counts of both versions by stage, action and reason; `a` and `b` have `records` and `reasons` by stage.

    The first row of a stage (action "") counts the records it was given. A count is None where the version has no
    figures of the stage. `texts` explains a reason of a stage.
    """
    return [row for stage in stages for row in _stage_rows(stage, a.get(stage), b.get(stage), texts)]


def _stage_rows(
    stage: str, a: Mapping[str, Any] | None, b: Mapping[str, Any] | None, texts: Mapping[tuple[str, str], str]
) -> Iterator[dict[str, Any]]:
    sides = (_counts(a), _counts(b))
    for action, reason in dict.fromkeys(key for side in sides for key in sorted(side or ())):
        one, other = (None if side is None else side.get((action, reason), 0) for side in sides)
        change = None if one is None or other is None else other - one
        meaning = texts.get((stage, reason), "")
        row = {"stage": stage, "action": action, "reason": reason, "a": one, "b": other, "difference": change}
        yield {**row, "meaning": meaning}


def _counts(figures: Mapping[str, Any] | None) -> dict[tuple[str, str], int] | None:
    if not figures:
        return None
    found = {("", ""): int(figures.get("records", {}).get("in", 0))}
    for action, by_reason in figures.get("reasons", {}).items():
        found |= {(action, reason): int(count) for reason, count in by_reason.items()}
    return found


def score_rows(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every number of two reports of `evaluate` with its difference; interval ends stand with the score they belong to.

    Counts of records and events are left out: they are told by reason.
    """
    first, second = (_numbers(side) for side in (a, b))
    names = [name for name in dict.fromkeys([*first, *second]) if not _is_end(name, first, second)]
    return [
        {"name": name, "a": _score(name, first), "b": _score(name, second), "difference": _change(name, first, second)}
        for name in sorted(names, key=_weight)
    ]


def _numbers(report: Mapping[str, Any]) -> dict[str, float]:
    told = {name: part for name, part in report.items() if name not in ("records", "reasons")}
    return {n: v for n, v in flat(told).items() if isinstance(v, int | float) and not isinstance(v, bool)}


def _is_end(name: str, *sides: Mapping[str, float]) -> bool:
    score, _, end = name.rpartition("_")
    return end in ("low", "high") and any(score in side for side in sides)


def _score(name: str, numbers: Mapping[str, float]) -> dict[str, float] | None:
    if name not in numbers:
        return None
    ends = {end: numbers[f"{name}_{end}"] for end in ("low", "high") if f"{name}_{end}" in numbers}
    return {"value": numbers[name], **ends}


def _change(name: str, a: Mapping[str, float], b: Mapping[str, float]) -> float | None:
    return round(b[name] - a[name], 6) if name in a and name in b else None


_FIRST: Sequence[str] = (*HEADLINES, "loss")


def _weight(name: str) -> tuple[int, int, str]:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST), name.count("."), name
