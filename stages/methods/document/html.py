"""The report's page: figures in, one self-contained HTML document out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from stages.methods.document import words as wording_of
from stages.methods.document.charts import Bin, Estimate, bars, heat_map, lines, reliability, shares, whiskers
from stages.methods.document.documents import DOCUMENTS
from stages.methods.document.flow_chart import NARROW, WIDE, Branch, End, Layout, Step, flow_chart
from stages.methods.document.label_check import SHOWN
from stages.methods.document.lineage.packing import Lineage
from stages.methods.document.measures import measure
from stages.methods.document.samples import Texts
from stages.methods.document.tree import find
from stages.methods.document.wording import is_number, kind_name, number, percent, words


def page(
    figures: Mapping[str, Any],
    title: str,
    lineage: Lineage | None = None,
    files: Collection[str] = (),
    shown: Texts | None = None,
) -> str:
    """The HTML document. Whatever it is given is escaped; what `figures` lacks is said to be not recorded.

    Without `lineage`, or with that of no row, the page shows no rows. `files` are the documents that stand beside it,
    `shown` the few texts that it quotes.
    """
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("stages"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": number, "percent": percent, "words": words, "coded": coded}
    return environment.get_template("report.html.j2").render(
        title=title,
        figures=figures,
        lineage=lineage or Lineage(),
        documents=[document for document in DOCUMENTS if document.file in files],
        shown=shown or Texts(),
        mixed_up=figures["mixed_up"],
        written=bool(figures["written"]),
        scored=figures["scored"],
        compared=figures["compared"],
        reasons=figures["reasons"],
        chain=figures["chain"],
        label_check=figures["label_check"],
        private=figures["privacy"]["certificate"].get("private"),
        **wording_of.texts(figures),
        **_drawings(figures),
    )


def coded(text: Any) -> Markup:
    """A sentence, escaped, in which backticks mark code."""
    parts = str(text).split("`")
    return Markup("").join(Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts))


def _drawings(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Every drawing of the page, empty where there is nothing to draw."""
    return {
        "flow_wide": _flow(figures["flow"], WIDE),
        "flow_narrow": _flow(figures["flow"], NARROW),
        "splits": _shares(figures["splits"]),
        "duplicates": _whiskers("Planted near-duplicates found", figures["duplicates"]["recall"]),
        "pii": _pii(figures["pii"]["entities"]),
        "pii_recall": _whiskers("Planted personal data found", figures["pii"]["recall"]),
        "suspects": _suspects(figures["suspects"]["labels"]),
        **_label_check(figures["label_check"]),
        "curves": lines("Loss by step", figures["curves"], "step"),
        "scores": [(measure(name).heading, _scores(name, rows)) for name, rows in figures["scores"].items() if rows],
        "confusion": "" if figures["mixed_up"] else _heat_map(figures["confusion"]),
        "calibration": _reliability(figures["calibration"]),
        "classes": _whiskers("F1 by label", figures["classes"]),
        "slices": _whiskers("Slices", figures["slices"]),
        "fit": _scores(figures["fit"]["measure"] or "", figures["fit"]["rows"]),
        "membership": _membership(figures["audit"]),
    }


def _flow(flow: Mapping[str, Any], layout: Layout) -> Markup:
    if not flow["steps"]:
        return Markup("")
    steps = [
        Step(step["stage"], step["given"], tuple(Branch(**branch) for branch in step["branches"]), tuple(step["notes"]))
        for step in flow["steps"]
    ]
    return flow_chart(steps, [End(**end) for end in flow["ends"]], layout)


def _scores(name: str, rows: Sequence[Mapping[str, Any]]) -> Markup:
    one = measure(name)
    estimates = _estimates(rows)
    return whiskers(one.title, estimates, scale=one.scale, digits=one.digits) if estimates else Markup("")


def _whiskers(title: str, rows: Sequence[Mapping[str, Any]], marks: Sequence[tuple[str, float]] = ()) -> Markup:
    estimates = _estimates(rows)
    return whiskers(title, estimates, marks) if estimates else Markup("")


def _estimates(rows: Sequence[Mapping[str, Any]]) -> list[Estimate]:
    return [
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


def _membership(audit: Mapping[str, Any]) -> Markup:
    rows = [*audit["attacks"], *audit["controls"]]
    return _whiskers("Membership inference, AUC", rows, [("chance", 0.5)]) if rows else Markup("")


def _pii(entities: Mapping[str, int]) -> Markup:
    rows = sorted(entities.items(), key=lambda row: (-row[1], row[0]))
    return bars("Personal data by kind", [(kind_name(name), count) for name, count in rows])


def _label_check(found: Mapping[str, Any]) -> dict[str, Markup]:
    """How much the check finds, how often people agreed with it, where suspects pile up, and who agrees with whom."""
    reviewed = found["reviewed"]["share"] if found["reviewed"].get("enough") else None
    share = [("all rows", found["share"])] if is_number(found["share"]) else []
    return {
        "planted": _whiskers("Planted errors found", found["recall"]),
        "reviewed": _whiskers(
            "Suspects that were wrong", [{"name": "reviewed suspects", **reviewed}] if reviewed else []
        ),
        "weak_slices": _whiskers("Where suspects pile up", found["slices"], share),
        "annotators": _whiskers("Agreement of annotators", found["agreement"].get("annotators", [])),
    }


def _suspects(labels: Mapping[str, Mapping[str, Any]]) -> Markup:
    rows = sorted(labels.items(), key=lambda row: (-row[1]["suspects"], row[0]))[:SHOWN]
    notes = [f"{percent(row['share'])} of {number(row['rows'])}" for _, row in rows]
    return bars("Suspected labels by label", [(label, row["suspects"]) for label, row in rows], notes)


def _shares(labels: Mapping[str, Mapping[str, int]]) -> Markup:
    return shares("Labels over the splits", list(labels.items())) if labels else Markup("")


def _heat_map(confusion: Mapping[str, Any]) -> Markup:
    labels, matrix = find(confusion, "labels") or [], find(confusion, "matrix") or []
    return heat_map("Confusion", labels, matrix) if len(labels) == len(matrix) else Markup("")


def _reliability(calibration: Mapping[str, Any]) -> Markup:
    bins = [
        Bin(bin["confidence"], bin["accuracy"], bin["count"], bin.get("accuracy_low"), bin.get("accuracy_high"))
        for bin in find(calibration, "bins") or []
        if bin["count"]
    ]
    return reliability("Calibration", bins) if bins else Markup("")
