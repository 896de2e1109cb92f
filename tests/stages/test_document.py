"""The page holds the figures that the stages recorded, escapes everything, and says what is missing."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import stages
from stages.core.params import DocumentParams
from stages.core.stage import Context
from stages.core.storage import StageFolder
from stages.document import build
from tests.fabricated import STAGES, fabricate


@pytest.fixture
def written(tmp_path, classification):
    """The page for fabricated folders, of which some may be left out or changed."""

    def write(changes=None, title="Report", without=()):
        folders = [StageFolder(path) for path in fabricate(tmp_path / "data", changes) if path.name not in without]
        context = Context("document", DocumentParams(title=title), {}, classification, None, tuple(folders))
        (tmp_path / "out").mkdir()
        artifact = build(context, tmp_path / "out")
        assert artifact.publish == ("index.html",)
        return (tmp_path / "out/index.html").read_text(encoding="utf-8")

    return write


def figures_of(page):
    (found,) = re.findall(r'<script type="application/json" id="figures">(.*?)</script>', page, re.DOTALL)
    return json.loads(found)


def text_of(page):
    return " ".join(unescape(re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)).split())


def test_the_page_needs_nothing_from_elsewhere(written):
    page = written()
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", page)
    assert "@import" not in page
    assert "url(http" not in page


def test_key_figures_are_those_of_the_reports(written, tmp_path):
    page = written()
    evaluate = json.loads((tmp_path / "data/evaluate/report.json").read_text())
    assert figures_of(page)["scores"]["accuracy"][0]["value"] == evaluate["accuracy"] == 0.8089
    assert "80.9" in text_of(page)
    assert "38,158" in text_of(page)


def test_every_reason_stands_with_its_count_and_its_sentence(written):
    page = text_of(written())
    for folder_reason in ("bad bytes", "not sampled", "exact duplicate"):
        assert folder_reason in page
    assert "says the same as the kept record" in page
    assert "27,212" in page


def test_every_link_of_the_chain_is_shown_by_the_digest_of_its_manifest(written, tmp_path):
    page = written()
    for name in STAGES:
        assert StageFolder(tmp_path / "data" / name).digest[:12] in page


def test_whatever_a_stage_recorded_is_escaped(written):
    evil = "<script>alert(1)</script>"
    slices = {evil: {"accuracy": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6, "rows": 40}}
    confusion = {"labels": [evil, "b"], "matrix": [[3, 1], [0, 4]]}
    written_by_us = (Path(stages.__file__).parent / "templates/report.html.j2").read_text(encoding="utf-8")
    page = written({"evaluate": {"slices": slices, "confusion": confusion}}, title=evil)
    assert "<script>alert" not in page
    assert page.count("<script") == written_by_us.count("<script")


@pytest.mark.parametrize("missing", ["evaluate", "audit", "scrub_pii", "finetune"])
def test_a_stage_that_was_not_given_is_said_to_be_missing_and_nothing_is_made_up(written, missing):
    page = written(without=(missing,))
    assert "ot recorded" in page
    assert figures_of(page)["chain"][-1] is not None


def key(page, name):
    (value,) = re.findall(rf'data-key="{name}">(.*?)</dd>', page)
    return unescape(value)


def test_the_membership_figure_on_top_is_that_of_the_stronger_attack(written):
    attacks = {"auc": 0.53, "auc_low": 0.5, "auc_high": 0.56, "calibrated_auc": 0.61}
    page = written({"audit": {"membership": attacks, "valid": True}})
    assert key(page, "membership") == "0.610"


def test_what_deduplication_found_of_its_own_plants_is_drawn_with_its_intervals(written):
    page = written()
    found = {row["name"]: (row["value"], row["low"], row["note"]) for row in figures_of(page)["duplicates"]["recall"]}
    assert found["all"] == (0.992188, 0.972188, "381 of 384")
    assert "similarity 1.00" not in found
    assert "miss 1.9 % of the pairs just at the threshold" in text_of(page).replace("\u202f", " ").replace("\xa0", " ")


def test_what_scrubbing_found_of_its_own_plants_what_it_left_and_whom_no_model_read_is_told(written):
    page = written()
    drawn = page.partition("Planted personal data found, %")[2].partition("</figure>")[0]
    assert "email address" in drawn
    assert "83.8" in drawn
    assert "These figures are an upper bound." in drawn
    assert "form or check digits prove: none; values that were replaced elsewhere: 3;" in page
    assert "(12 in de, 3 in fr): patterns and lists saw them" in page


def test_without_plants_no_such_figure_is_drawn(written):
    assert "Near-duplicates found" not in written({"deduplicate": {"probe": {}}})


def test_an_attack_whose_control_failed_gives_no_figure_on_top(written):
    sentence = "Not valid: the two kinds of rows differ by themselves."
    audit = {"membership": {"auc": 0.53}, "valid": False, "membership_sentence": sentence}
    page = written({"audit": audit})
    assert key(page, "membership") == "not valid"
    assert sentence in text_of(page)


def test_a_warning_of_the_plan_is_shown_by_its_message(written):
    page = text_of(written({"plan": {"warnings": [{"code": "long", "message": "many rows are cut"}]}}))
    assert "many rows are cut" in page
    assert "'code'" not in page


def test_the_flow_counts_changed_records_and_not_their_events(written, tmp_path, classification):
    written()
    events = [("01", 0), ("01", 1), ("02", 0)]
    rows = [{"id": id, "seq": seq, "action": "edit", "reason": "normalised", "evidence": "{}"} for id, seq in events]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "data/clean/events.parquet")
    context = Context("document", DocumentParams(), {}, classification, None, (StageFolder(tmp_path / "data/clean"),))
    build(context, tmp_path)
    (step,) = figures_of((tmp_path / "index.html").read_text(encoding="utf-8"))["flow"]["steps"]
    assert step["notes"] == ["2 changed"]


def test_a_report_that_is_not_json_is_a_clear_error(tmp_path, written, classification):
    from stages.core.errors import DataError

    folders = [StageFolder(path) for path in fabricate(tmp_path / "broken")]
    (tmp_path / "broken/audit/report.json").write_text("{")
    context = Context("document", DocumentParams(), {}, classification, None, tuple(folders))
    with pytest.raises(DataError, match=r"audit/report.json: is missing or is not JSON"):
        build(context, tmp_path)


def test_the_same_folders_give_the_same_page(tmp_path, written, classification):
    page = written()
    folders = [StageFolder(tmp_path / "data" / name) for name in STAGES]
    context = Context("document", DocumentParams(title="Report"), {}, classification, None, tuple(folders))
    (tmp_path / "again").mkdir()
    build(context, tmp_path / "again")
    assert (tmp_path / "again/index.html").read_text(encoding="utf-8") == page
