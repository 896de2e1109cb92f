import json

import pytest

from stages.methods.story import Made, Story, chapter, fate, metrics, model_files, origin, prediction, value_at
from stages.methods.story_page import page
from stages.methods.story_text import answer as said
from stages.methods.story_text import records_lines, story_lines

MANIFEST = {
    "reason_texts": {"too_short": "fewer characters than `clean.min_chars`, not in `clean.patterns`", "noted": ""},
    "params": {"clean": {"min_chars": 3, "patterns": {"a": 1}}, "seed": 13},
}


def event(action, reason, **evidence):
    return {"action": action, "reason": reason, "evidence": json.dumps(evidence)}


def test_a_reason_comes_with_the_values_of_the_params_that_it_names():
    (told,) = chapter("clean", [event("drop", "too_short", chars=2)], MANIFEST).events
    assert told.decided_by == {"clean.min_chars": 3}


def test_a_value_is_found_by_its_dotted_name():
    assert value_at(MANIFEST["params"], "clean.min_chars") == 3
    assert value_at(MANIFEST["params"], "clean.min_chars.more") is None
    assert value_at(MANIFEST["params"], "other.min_chars") is None


@pytest.mark.parametrize(
    ("actions", "outcome"),
    [((), "unchanged"), (("keep",), "flagged"), (("keep", "edit"), "changed"), (("assign", "drop"), "dropped")],
)
def test_a_chapter_is_called_by_the_weightiest_of_its_actions(actions, outcome):
    assert chapter("clean", [event(action, "noted") for action in actions], MANIFEST).outcome == outcome


def test_fate_tells_where_a_record_left_or_what_it_was_used_for():
    dealt = chapter("split", [event("assign", "train")], MANIFEST)
    tuned = chapter("finetune", [event("assign", "trained_on")], MANIFEST)
    lost = chapter("clean", [event("drop", "exact_duplicate", of="0b")], MANIFEST)
    assert fate([dealt, tuned], "train") == "in the train split; finetune: trained on"
    assert fate([lost], None) == "dropped in clean: exact duplicate of 0b"
    assert fate([], None) == "kept so far"


def test_an_answer_that_is_no_declared_label_is_not_told():
    row = {"label": "good", "answer": "Ann lives in Ghent", "correct": False, "loss": 0.5, "scores": [("good", 0.4)]}
    assert prediction(row, []) == {"correct": False, "loss": 0.5}
    assert prediction(row, ["good"]) == {"label": "good", "correct": False, "loss": 0.5, "scores": {"good": 0.4}}


LABELS = ["person", "place"]
MANY = json.dumps([[i, i + 1, "place"] for i in range(7)])


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ('["person", "place"]', "person, place"),
        ('[[0, 4, "person"], [12, 16, "place"]]', "person 0\u20134, place 12\u201316"),
        ("[]", "none"),
        (MANY, "place 0\u20131, place 1\u20132, place 2\u20133, place 3\u20134, place 4\u20135 and 2 more"),
    ],
)
def test_sets_of_labels_and_spans_are_told_by_their_labels_and_offsets(answer, shown):
    row = {"label": "[]", "answer": answer, "correct": False, "quality": 0.5, "loss": 0.5, "scores": [("place", 0.9)]}
    told = prediction(row, LABELS)
    assert told == {"label": "none", "answer": shown, "correct": False, "quality": 0.5, "loss": 0.5,
                    "scores": {"place": 0.9}}  # fmt: skip
    assert f"answered {shown} where none is given, quality 0.500 of 1, loss 0.500" in said(told)


@pytest.mark.parametrize("answer", ["Ann lives in Ghent", '["Ann"]', '[[0, 3, "Ann"]]', '[["Ann", 3, "person"]]', "7"])
def test_of_a_text_only_its_words_are_counted(answer):
    row = {"label": "Ann Ghent", "answer": answer, "correct": False, "quality": 0.25, "loss": 0.5, "scores": []}
    told = prediction(row, LABELS)
    assert told["words"] == {"answer": len(answer.split()), "label": 2}
    assert "Ann" not in json.dumps(told) + said(told)
    assert "where 2 are given, quality 0.250 of 1" in said(told)


def test_a_record_that_only_has_a_loss_was_not_asked_for_an_answer():
    row = {"label": "Ann", "answer": None, "correct": None, "quality": None, "loss": 0.5, "scores": []}
    assert prediction(row, []) == {"loss": 0.5}
    assert said(prediction(row, [])) == "was not asked for an answer, loss 0.500"


def test_the_origin_names_the_one_file_that_the_row_can_be_from():
    files = [{"name": "data/raw/a.csv", "sha256": "aa"}, {"name": "data/raw/b.csv", "sha256": "bb"}]
    sources = {"s": {"uri": "data/raw/*.csv", "files": files}}
    told = chapter("ingest", [event("create", "noted", source="s", row=7, file="b.csv", content="cc")], MANIFEST).events
    expected = {"source": "s", "row": 7, "file": "data/raw/b.csv", "sha256": "bb", "content": "cc"}
    assert origin({}, told, sources) == expected
    unknown = chapter("ingest", [event("create", "noted", source="s", row=7)], MANIFEST).events
    assert origin({}, unknown, sources) == {**expected, "file": "data/raw/*.csv", "sha256": None, "content": None}
    assert origin({"source": "s", "source_row": "k1"}, (), {})["row"] == "k1"


def test_metrics_are_the_reports_numbers_with_their_intervals():
    report = {"accuracy": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6, "loss": 1.5, "fit": {"gap": 1}, "ok": True}
    assert metrics(report) == {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}, "loss": {"value": 1.5}}


def test_the_model_is_its_weights_or_all_its_files():
    files = {"model/config.json": "a", "model/model.safetensors": "b", "report.json": "c"}
    assert model_files(files) == {"model/model.safetensors": "b"}
    assert model_files({"model/one": "a", "report.json": "c"}) == {"model/one": "a"}
    assert model_files({"report.json": "c"}) == {}


@pytest.fixture
def story():
    """A record with a source that is named to break a page, and more duplicates than a line shows."""
    folded = [{"id": f"{n:020x}", "reason": "near_duplicate", "similarity": 0.9} for n in range(7)]
    spans = [event("edit", "noted", value="ab" * 16, end=n) for n in range(3)]
    parts = (chapter("clean", spans, MANIFEST, folded=folded), chapter("split", [], MANIFEST))
    start = {"source": "<b>s</b>", "row": 1, "file": "f.csv", "sha256": None, "content": None}
    return Story("0a" * 10, "kept so far", {"source_row": "<i>k1</i>", "language": "en"}, parts, start)


MADE = {"clean": Made("c" * 64, "d" * 64, MANIFEST["params"]), "split": Made(None, "e" * 64, {})}


def test_lines_say_what_is_not_recorded_and_cut_long_lists(story):
    told = "\n".join(story_lines(story, MADE))
    assert "code cccccccccccc\n" in told
    assert "code not recorded" in told
    assert "sha256 not recorded" in told
    assert "edit noted, 3 times" in told
    assert "and 2 more" in told
    assert max(map(len, told.splitlines())) <= 80


def test_lines_of_several_records_fit_eighty_columns(story):
    lines = records_lines([(story, "PERSON replaced 2 times"), (story, "URL kept")])
    assert sum(line.startswith(story.id) for line in lines) == 2
    assert max(map(len, lines)) <= 80


def test_the_page_escapes_what_it_shows_and_tells_all_of_it(story):
    html = page([story], MADE, asked="", how={story.id: ""}, whole=False)
    assert "<b>s</b>" not in html
    assert "<i>k1</i>" not in html
    assert "&lt;i&gt;k1&lt;/i&gt;" in html
    assert all(one["id"] in html for one in story.chapters[0].folded)
    assert "c" * 64 in html
    assert "Code</dt><dd>not recorded" in html
