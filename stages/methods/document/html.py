"""The report's page: figures in, one self-contained HTML document out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from stages.methods.document import words as wording_of
from stages.methods.document.charts import Estimate, bars, heat_map, lines, reliability, shares, whiskers
from stages.methods.document.figures import find
from stages.methods.document.flow_chart import NARROW, WIDE, Branch, End, Layout, Step, flow_chart
from stages.methods.document.wording import is_number, number, percent, words


def page(figures: Mapping[str, Any], title: str) -> str:
    """The HTML document. Whatever `figures` holds is escaped; what it lacks is said to be not recorded."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("stages"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": number, "percent": percent, "words": words}
    return environment.get_template("report.html.j2").render(
        title=title,
        figures=figures,
        reasons=figures["reasons"],
        chain=figures["chain"],
        private=figures["private"],
        **wording_of.texts(figures),
        **_drawings(figures),
    )


def _drawings(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Every drawing of the page, empty where there is nothing to draw."""
    return {
        "flow_wide": _flow(figures["flow"], WIDE),
        "flow_narrow": _flow(figures["flow"], NARROW),
        "splits": _shares(figures["splits"]),
        "pii": _bars("Personal data by kind", figures["pii"]["entities"]),
        "suspects": _bars("Suspected labels by label", figures["suspects"]["labels"]),
        "curves": lines("Loss by step", figures["curves"], "step"),
        "scores": [(words(name), _whiskers(words(name), rows)) for name, rows in figures["scores"].items() if rows],
        "confusion": _heat_map(figures["confusion"]),
        "calibration": _reliability(figures["calibration"]),
        "classes": _whiskers("F1 by label", figures["classes"]),
        "slices": _whiskers("Slices", figures["slices"]),
        "membership": _membership(figures["audit"]["membership"]),
    }


def _flow(flow: Mapping[str, Any], layout: Layout) -> Markup:
    if not flow["steps"]:
        return Markup("")
    steps = [
        Step(step["stage"], step["given"], tuple(Branch(**branch) for branch in step["branches"]), tuple(step["notes"]))
        for step in flow["steps"]
    ]
    return flow_chart(steps, [End(**end) for end in flow["ends"]], layout)


def _whiskers(title: str, rows: Sequence[Mapping[str, Any]], marks: Sequence[tuple[str, float]] = ()) -> Markup:
    estimates = [
        Estimate(
            words(row["name"]),
            row["value"],
            row.get("low"),
            row.get("high"),
            row.get("ours", True),
            row.get("note", ""),
        )
        for row in rows
        if is_number(row.get("value"))
    ]
    return whiskers(title, estimates, marks) if estimates else Markup("")


def _membership(metric: Mapping[str, Any] | None) -> Markup:
    return _whiskers("Membership inference", [{"name": "AUC", **metric}], [("chance", 0.5)]) if metric else Markup("")


def _bars(title: str, counts: Mapping[str, int]) -> Markup:
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    return bars(title, rows) if rows else Markup("")


def _shares(labels: Mapping[str, Mapping[str, int]]) -> Markup:
    return shares("Labels over the splits", list(labels.items())) if labels else Markup("")


def _heat_map(confusion: Mapping[str, Any]) -> Markup:
    labels, matrix = find(confusion, "labels") or [], find(confusion, "matrix") or []
    return heat_map("Confusion", labels, matrix) if len(labels) == len(matrix) else Markup("")


def _reliability(calibration: Mapping[str, Any]) -> Markup:
    bins = [
        (bin["confidence"], bin["accuracy"], bin["count"]) for bin in find(calibration, "bins") or [] if bin["count"]
    ]
    return reliability("Calibration", bins) if bins else Markup("")
