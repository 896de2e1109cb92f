"""What is wrong with the data beside its labels: single records, and figures of the set. Vectors are made by hand."""

import hashlib
import importlib
from dataclasses import replace

import numpy as np
import pytest

from stages.core.doubts import Doubt, Doubted, LabelCheck, Ranked
from stages.core.params import CheckLabelsParams
from stages.core.records import Answer, Record
from stages.core.votes import with_votes
from stages.methods.check_labels.issues import data_issues
from stages.methods.check_labels.issues.data_issues import with_data_issues
from stages.methods.check_labels.issues.data_issues_near import overlap
from stages.tasks import TASKS, load_task

TOPICS = ("parcel", "ticket", "refund")


def vector(text):
    """Near the vector of the text's first word, the nearer the same words it has; the same for the same words."""
    some = text.split()
    sums = 6.0 * spot(some[0]) + sum(spot(word) for word in some[1:])
    return sums / np.linalg.norm(sums)


def spot(word):
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4])
    return np.random.default_rng(seed).normal(size=64) / 8


def embed(texts):
    return np.array([vector(text) for _, text in texts], dtype=np.float32)


def check(records):
    return LabelCheck(
        records=lambda: iter(records), params=CheckLabelsParams(), seed=13, keys={r.id: r.id for r in records},
        reserved=(), embed=embed, encoder="", run=map, name_of=lambda *_: "",
    )  # fmt: skip


@pytest.fixture
def look(classification):
    """The data issues of records; `reserved` names those the split will put in test."""

    def found(records, reserved=(), task=classification, doubted=None):
        reserve = {record.id: record.id in reserved for record in records}
        return with_data_issues(doubted or Doubted(), task, check(records), reserve)

    return found


@pytest.fixture
def ordinary(make_record):
    """Records of three topics, each with words of its own."""

    def make(rows=150, **more):
        rng = np.random.default_rng(7)
        texts = [" ".join([TOPICS[i % 3], *(f"w{n}" for n in rng.integers(1000, 6000, 8))]) for i in range(rows)]
        return [make_record(f"{i:04x}", text, TOPICS[i % 3], **more) for i, text in enumerate(texts)]

    return make


def reasons(found):
    return {(id, doubt.reason) for id, some in found.doubts.items() for doubt in some}


def test_of_ordinary_records_none_is_doubted_and_the_one_far_from_all_is_an_outlier(look, ordinary, make_record):
    assert not reasons(look(ordinary()))
    found = look([*ordinary(), make_record("ffff", "zebra o1 o2 o3 o4 o5 o6", TOPICS[0])])
    assert reasons(found) == {("ffff", "outlier")}
    [doubt] = found.doubts["ffff"]
    assert doubt.evidence["distance"] > doubt.evidence["bound"] == found.facts["data_issues"]["distances"]["bound"]


def test_among_few_records_none_is_an_outlier(look, ordinary, make_record):
    found = look([*ordinary(60), make_record("ffff", "zebra o1 o2 o3 o4 o5 o6", TOPICS[0])])
    assert not reasons(found)
    assert "distances" not in found.facts["data_issues"]


def test_the_labels_of_twins_are_told_as_annotations_so_that_they_can_be_checked(look):
    task = load_task("multi_label")
    texts = [" ".join(f"w{i}x{j}" for j in range(8)) for i in range(6)]
    values = [{"text": text, "labels": ("a",)} for text in texts]
    values += [{"text": texts[0] + " more", "labels": ("a", "b|c")}]
    records = [Record(f"{i:04x}", "s", str(i), task.schema, one) for i, one in enumerate(values)]
    evidence = look(records, task=task).doubts["0000"][0].evidence
    assert (evidence["given"], evidence["other"]) == ('["a"]', '["a", "b|c"]')


def test_almost_the_same_text_under_another_label_is_a_twin_of_the_other(look, ordinary, make_record):
    one = make_record("fff0", "parcel has not come to our door since last monday", "parcel")
    other = make_record("fff1", "parcel has not come to our door since last friday", "ticket")
    found = look([*ordinary(), one, other])
    assert reasons(found) == {("fff0", "conflicting_twin"), ("fff1", "conflicting_twin")}
    evidence = found.doubts["fff0"][0].evidence
    assert (evidence["of"], evidence["given"], evidence["other"]) == ("fff1", "parcel", "ticket")
    assert evidence["similarity"] >= 0.95
    assert 0.6 <= evidence["overlap"] < 1
    alike = replace(other, values={**other.values, "label": "parcel"})
    unlabelled = replace(other, values={**other.values, "label": None})
    assert not reasons(look([*ordinary(), one, alike]))
    assert not reasons(look([*ordinary(), one, unlabelled]))


def test_an_embedding_alone_does_not_make_texts_the_same(look, ordinary, make_record, monkeypatch):
    monkeypatch.setitem(globals(), "vector", lambda text: spot(text.split()[0]) / np.linalg.norm(spot(text.split()[0])))
    one = make_record("fff0", "parcel came late and wet", "parcel")
    assert not reasons(look([*ordinary(), one, make_record("fff1", "parcel was never sent out", "ticket")]))


def test_what_is_almost_in_the_test_split_is_marked_and_the_reserved_record_itself_is_not(look, ordinary, make_record):
    one = make_record("fff0", "parcel has not come to our door since last monday", "parcel")
    other = make_record("fff1", "parcel has not come to our door since last friday", "parcel")
    every = [*ordinary(), one, other]
    found = look(every, reserved={"fff1"})
    assert reasons(found) == {("fff0", "near_test")}
    assert found.doubts["fff0"][0].evidence["of"] == "fff1"
    assert not reasons(look(every, reserved={"fff0", "fff1"}))


def test_of_several_texts_the_least_similar_one_counts():
    assert overlap(["what is it", "a long story"], ["what is it", "a long story"]) == 1
    assert overlap(["what is it", "a long story"], ["who was she", "a long story"]) == 0


def test_questions_about_one_context_are_no_twins(look):
    task = load_task("question_answering")
    context = "parcel " + " ".join(f"c{i}" for i in range(60))
    records = [
        Record(f"{i:04x}", "s", "1", task.schema, {"question": question, "context": context, "answers": answers})
        for i, (question, answers) in enumerate([("where is it", (Answer(0, "parcel"),)), ("who sent all of that", ())])
    ]
    assert not reasons(look(records, task=task))


@pytest.mark.parametrize("name", sorted(TASKS))
def test_records_of_every_task_are_looked_at(look, name):
    task, given = load_task(name), importlib.import_module(f"tests.tasks.samples.{name}")
    values = [task.read_row(row, given.LABELS) for row in given.ROWS] * 2
    records = [Record(f"{i:04x}", "ab"[i % 2], "1", task.schema, value) for i, value in enumerate(values)]
    found = look(records, reserved={record.id for record in records[: len(given.ROWS)]}, task=task)
    copies = {record.id for record in records[len(given.ROWS) :]}
    assert copies <= {id for id, reason in reasons(found) if reason == "near_test"}


def test_what_the_task_found_stays_and_stands_first(look, ordinary, make_record):
    records = [*ordinary(), make_record("ffff", "zebra o1 o2 o3 o4 o5 o6", TOPICS[0])]
    before = Doubted({"ffff": [Doubt("suspect_label")]}, {"ffff": Ranked(0.1, "ticket")}, {"probe": 1})
    found = look(records, doubted=before)
    assert [doubt.reason for doubt in found.doubts["ffff"]] == ["suspect_label", "outlier"]
    assert found.ranked == before.ranked
    assert found.facts["probe"] == 1


def test_balance_tells_the_rarest_class_and_how_many_even_ones_there_might_as_well_be(look, ordinary):
    even = look(ordinary()).facts["data_issues"]["balance"]
    assert (even["classes"], even["imbalance_ratio"], even["effective_classes"]) == (3, 1.0, 3.0)
    uneven = [record for i, record in enumerate(ordinary()) if record.values["label"] != "ticket" or i < 15]
    found = look(uneven).facts["data_issues"]["balance"]
    assert (found["rarest"], found["rarest_share"], found["imbalance_ratio"]) == ("ticket", 0.048, 10.0)
    assert 2 < found["effective_classes"] < 2.5


def test_a_source_unlike_the_other_is_told_by_the_tests_it_fails(look, ordinary):
    records = [replace(r, source="a" if r.values["label"] == "parcel" else "b") for r in ordinary(360)]
    rows = {row["what"]: row for row in look(records).facts["data_issues"]["sources"]}
    assert {what for what, row in rows.items() if row["notable"]} == {"labels", "embeddings"}
    assert {(row["source"], row["against"]) for row in rows.values()} == {("a", "b")}
    assert "sources" not in look(ordinary(360)).facts["data_issues"]


def test_of_three_sources_each_is_held_against_the_others(look, ordinary):
    records = [replace(r, source="abc"[int(r.id, 16) % 7 % 3]) for r in ordinary(360)]
    rows = look(records).facts["data_issues"]["sources"]
    assert [row["source"] for row in rows if row["what"] == "lengths"] == ["a", "b", "c"]
    assert not any(row["notable"] for row in rows)


def test_suspects_that_pile_up_in_a_source_make_it_a_weak_slice(look, ordinary):
    records = [replace(r, source="ab"[int(r.id, 16) % 2]) for r in ordinary()]
    suspects = {r.id: [Doubt("suspect_label")] for r in records[:60] if r.source == "b"}
    found = look(records, doubted=Doubted(suspects, {r.id: Ranked(0.5) for r in records}))
    [weak] = found.facts["data_issues"]["weak_slices"]
    assert (weak["by"], weak["name"], weak["suspects"]) == ("source", "b", 30)
    outliers = {id: [Doubt("outlier")] for id in suspects}
    told = look(records, doubted=Doubted(outliers, {r.id: Ranked(0.5) for r in records})).facts["data_issues"]
    assert "weak_slices" not in told


def test_votes_of_annotators_are_held_against_labels(look, ordinary):
    said = {"ann": "parcel", "ben": "parcel", "cleo": "ticket"}
    records = [replace(r, attributes=with_votes({}, said)) if r.id < "0010" else r for r in ordinary()]
    found = look(records).facts["data_issues"]["agreement"]
    assert (found["rows"], found["with_majority"], found["not_majority"]) == (16, 16, 10)


def test_of_too_many_records_some_are_compared_and_the_report_says_so(look, ordinary, monkeypatch):
    monkeypatch.setattr(data_issues, "MOST", 120)
    assert look(ordinary()).facts["data_issues"]["compared"] == {"rows": 120, "of": 150}


def test_without_any_record_nothing_is_said(look):
    assert look([]) == Doubted()


def test_no_text_is_in_what_is_found(look, ordinary, make_record):
    twins = [make_record(f"fff{i}", f"parcel secret words nobody may read a{i}", TOPICS[i]) for i in (0, 1)]
    found = look([*ordinary(), *twins], reserved={"fff1"})
    assert len(reasons(found)) == 3
    assert "secret" not in f"{found.doubts}{found.facts}"
