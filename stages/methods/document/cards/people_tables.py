"""Tables about people: the model on groups of rows side by side, and its answers when only an identity changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stages.methods.document.cards.markdown import Markdown, table
from stages.methods.document.cards.model_tables import metrics, shown, title
from stages.methods.document.tree import metric
from stages.methods.document.wording import words

_APART = "_difference"


def people_tables(report: Mapping[str, Any]) -> Iterator[Markdown]:
    """What the report of `evaluate` has of them, each table after a line that says what it is."""
    attributes = report.get("groups") or {}
    if scored := [row for name, entry in attributes.items() for row in _groups(name, entry)]:
        yield Markdown("Groups of test rows, by attributes that the model does not see:")
        yield table(["Attribute", "Group", ">Rows", "Measure", "Score"], scored)
        yield Markdown("How far the groups are apart at most; what is not above *by chance* is no finding:")
        apart = [row for name, entry in attributes.items() for row in _apart(name, entry)]
        yield table(["Attribute", "Difference in", "Of the label", "Value", ">By chance"], apart)
    pairs = (report.get("bias") or {}).get("by_attribute") or {}
    if asked := [_pairs(name, entry) for name, entry in pairs.items()]:
        yield Markdown("Pairs that differ in identity alone; *controls* change a neutral word instead:")
        yield table(["Identity", ">Pairs", "Answers that flip", "Controls that flip", "Score gap", "Stands out"], asked)


def _groups(attribute: str, entry: Mapping[str, Any]) -> Iterator[list[Any]]:
    for group, scores in (entry.get("groups") or {}).items():
        for name, values in metrics(scores).items():
            yield [words(attribute), group, scores.get("rows"), title(name), shown(values)]


def _apart(attribute: str, entry: Mapping[str, Any]) -> Iterator[list[Any]]:
    for name in entry:
        if name.endswith(_APART) and (found := metric(entry, name)):
            what = words(name.removesuffix(_APART))
            chance = entry.get(f"{name}_by_chance")
            yield [words(attribute), what, entry.get(f"{name}_label", "\u2013"), shown(found), shown(_alone(chance))]


def _alone(value: Any) -> dict[str, float] | None:
    return None if value is None else {"value": value}


def _pairs(attribute: str, entry: Mapping[str, Any]) -> list[Any]:
    controls = shown(metric(entry, "control_flip_rate"))
    rates = [shown(metric(entry, "flip_rate")), controls, shown(metric(entry, "score_gap"))]
    return [words(attribute), entry.get("pairs"), *rates, entry.get("stands_out", "\u2013")]
