"""Values of a comparison as people read them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from stages.methods.document.measures import measure
from stages.methods.document.wording import is_number, words

_LONG, _MANY = 60, 4
_MINUS = re.compile(r"(?<![\w-])-(?=\d)")
_DIGEST = 64


def count(value: int | None) -> str:
    """A count; a question mark for one that is not known."""
    return "?" if value is None else f"{value:,}"


def difference(value: int | None) -> str:
    """A difference of counts, with its sign."""
    return "?" if value is None else f"{value:+,}"


def score(value: float | None, name: str) -> str:
    """A share in per cent, a loss as it is."""
    return "-" if value is None else f"{value:.3f}" if name == "loss" else f"{100 * value:.1f}"


def score_name(name: str, paired: Mapping[str, Any]) -> str:
    """A score in words; of the quality of answers, what it is measured by."""
    return f"mean {measure(paired['measure']).within}" if name == "quality" and paired.get("measure") else words(name)


def shown(value: Any, *, sign: bool = False) -> str:
    """A score (with its value and ends), a number, or a value of the params."""
    if isinstance(value, Mapping) and "value" in value:
        value = value["value"]
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:+.4g}" if sign else f"{value:.4g}"
    if is_number(value):
        return f"{value:+,}" if sign else f"{value:,}"
    if isinstance(value, str) and len(value) == _DIGEST:
        return value[:12]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONG else text[: _LONG - 1] + "\u2026"


def minus(text: str) -> str:
    """A text with true minus signs before its numbers, for a page."""
    return _MINUS.sub("\u2212", text)


_KINDS = {"absent": "not in the sources", "not_sampled": "not sampled", "erased": "erased"}


def end_words(end: Mapping[str, str]) -> str:
    """Where a row ended: `train`, `dropped by clean: too short`."""
    if end["kind"] == "kept":
        return end["reason"] or "kept"
    if end["kind"] in _KINDS:
        return _KINDS[end["kind"]]
    return f"{end['kind']} by {words(end['stage'])}: {words(end['reason'])}"


def setting(value: Any) -> str:
    """A value of the params, a version, or the beginning of a digest."""
    return json.dumps(value) if value is None or isinstance(value, int) else shown(value)


def stages_words(row: Mapping[str, Any]) -> str:
    """The stages for which a setting differs, in brackets, or how many; nothing where there are none."""
    stages = row.get("stages") or []
    told = f"{len(stages)} stages" if len(stages) > _MANY else ", ".join(map(words, stages))
    return f"  ({told})" if told else ""
