"""What the page says of labels in doubt: only what was recorded, and no precision from a handful of reviews."""

import json
import re
from html import unescape

import pytest

from stages.methods.document.figures import figures
from stages.methods.document.html import page
from stages.methods.document.label_check import label_check
from stages.methods.document.label_words import label_texts
from tests.fabricated import fabricate


@pytest.fixture
def report(tmp_path):
    fabricate(tmp_path / "data")
    return json.loads((tmp_path / "data/check_labels/report.json").read_text())


def texts(report):
    return label_texts(figures({"check_labels": {"report": report}}, [], {}))


def shown(report):
    """The page's section on labels, as text."""
    html = page(figures({"check_labels": {"report": report, "manifest": {"reason_texts": {}}}}, [], {}), "Report")
    [section] = re.findall(r'<section id="labels">.*?</section>', html, re.DOTALL)
    return " ".join(unescape(re.sub("<[^>]+>", " ", section)).replace("\u00a0", " ").split())


def test_the_section_tells_doubts_recall_reviews_agreement_and_how_to_go_on(report):
    found = shown(report)
    for told in (
        "312 records of 5,704 that were checked carry a label in doubt (5.5 %)",
        "conflicting twin 8",
        "an easily confused one 166 of 268 61.9",
        "73.3 % were wrong (95 % interval 65.4\u201381.2 %)",
        "2 decisions are stale",
        "AUROC 0.684",
        "neutral negative 104",
        "label: neutral 171 of 2598; of the other rows 4.5 % 6.6",
        "Krippendorff's alpha is 0.61",
        "The rarest, positive, is on 26.9 % of the rows",
        "forum against tweets labels Cramér's V 0.17 < .001 yes",
        "rowtrail review labels --serve",
    ):
        assert told in found


def test_what_was_not_measured_is_left_out_and_without_a_report_the_section_says_so():
    found = shown({"suspects": 3, "checked": 50, "policy": "flag", "doubts": {"empty_answer": 3}})
    assert "empty answer 3" in found
    for heading in ("Planted", "AUROC", "People decided", "Sources", "Beside the labels", "Suggested", "pile up"):
        assert heading not in found
    assert "not recorded" in shown({})
    assert "rowtrail review" not in shown({})


def test_with_few_reviews_there_is_no_precision(report):
    few = {**report["reviewed"], "suspects": 4, "enough": False}
    [_, said, _] = texts({**report, "reviewed": few})["review_sentences"]
    assert said == "Only 4 suspects among them: too few to say how often a suspicion is right."
    assert "Suspects that were wrong" not in shown({**report, "reviewed": few})


@pytest.mark.parametrize(
    ("p", "effect", "notable", "said"),
    [(0.0, 0.3, True, "yes"), (0.01, 0.02, False, "hardly"), (0.2, 0.3, False, "not shown")],
)
def test_a_difference_is_one_where_it_is_sure_and_not_small(report, p, effect, notable, said):
    row = {**report["data_issues"]["sources"][0], "p_corrected": p, "effect": effect, "notable": notable}
    [told] = texts({**report, "data_issues": {"sources": [row]}})["sources_apart"]
    assert told["verdict"] == said


def test_doubts_about_labels_stand_before_those_about_the_data():
    found = label_check({"doubts": {"outlier": 9, "suspect_label": 2}}, {"outlier": "far off"})
    assert [(row["reason"], row["data"], row["meaning"]) for row in found["doubts"]] == [
        ("suspect_label", False, ""),
        ("outlier", True, "far off"),
    ]


def test_of_many_labels_the_chart_shows_some_and_the_caption_says_so(report):
    labels = {f"label {i}": {"rows": 10, "suspects": i, "share": i / 10} for i in range(40)}
    assert "The 15 of 40 labels with the most." in texts({**report, "labels": labels})["labels_caption"]
    found = shown({**report, "labels": labels})
    assert "label 39: 39" in found
    assert "label 7: 7" not in found
