"""What only models with any number of labels must do."""

from __future__ import annotations

import json
import math
import random

import pytest

from stages.core.ledger import checked_evidence
from stages.core.records import Record
from stages.core.task import RowFault
from stages.tasks import load_task
from tests import tiny
from tests.methods.check_labels.lent import lent

TASK = load_task("multi_label")
LABELS = sorted(tiny.WORDS)
OPTIONS = {"max_length": 32, "dropout": 0.0, "frozen_layers": 0, "lora": {"enabled": False}}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def loaded(base):
    import torch

    torch.manual_seed(0)
    model, tokenizer = TASK.load(base, LABELS, OPTIONS)
    return model.eval(), tokenizer


def record(i, labels, split="train"):
    """A record with a word for each of its labels; None leaves it unanswered."""
    draw = random.Random(i)
    words = [draw.choice(tiny.FILLERS) for _ in range(draw.randint(2, 6))]
    words += [draw.choice(tiny.WORDS[label]) for label in labels or () if label in tiny.WORDS]
    draw.shuffle(words)
    return Record(f"{i:04x}", "s", str(i), TASK.schema, {"text": " ".join(words), "labels": labels}, split=split)


def records(count, first=0):
    draw = random.Random(first)
    sets = [tuple(label for label in LABELS if draw.random() < 0.4) for _ in range(count)]
    return [record(first + i, labels) for i, labels in enumerate(sets)]


@pytest.mark.parametrize("cell", [["b", " a ", "b"], '["b", "a"]', "b|a", " b | a|a", ("a", "b"), '[ "a","b"]\n'])
def test_labels_come_as_a_list_as_json_or_with_bars_between(cell):
    assert TASK.read_row({"text": "x", "labels": cell}, ["a", "b"])["labels"] == ("a", "b")


def test_numbers_in_a_list_are_names():
    assert TASK.read_row({"text": "x", "labels": [3, 12]}, None)["labels"] == ("12", "3")


def test_no_label_is_an_answer_and_no_column_of_labels_is_none():
    for cell in ([], "[]"):
        none = Record("0", "s", "0", TASK.schema, TASK.read_row({"text": "x", "labels": cell}, ["a"]))
        assert TASK.answered(none)
        assert (TASK.labels(none), TASK.truth(none), TASK.stratum(none)) == ((), "[]", "(none)")
    open_one = Record("0", "s", "0", TASK.schema, TASK.read_row({"text": "x"}, ["a"]))
    assert not TASK.answered(open_one)
    assert (TASK.labels(open_one), TASK.truth(open_one), TASK.stratum(open_one)) == ((), None, "")


def test_a_blank_cell_is_a_fault_for_it_may_mean_either():
    with pytest.raises(RowFault) as fault:
        TASK.read_row({"text": "x", "labels": ""}, None)
    assert fault.value.code == "missing_label"


@pytest.mark.parametrize("cell", ['["a', "[" * 100_000, '[["a"]]', "[1.5]"])
def test_a_cell_that_only_begins_like_a_list_of_names_is_a_fault(cell):
    with pytest.raises(RowFault) as fault:
        TASK.read_row({"text": "x", "labels": cell}, None)
    assert fault.value.code == "wrong_type"


def test_truth_and_answer_are_the_same_json_where_the_answer_is_right(loaded):
    (prediction,) = TASK.predict(*loaded, [record(1, ("positive",))], OPTIONS)
    assert json.loads(TASK.said(prediction)) == list(prediction.answer)
    assert TASK.truth(record(1, prediction.answer)) == TASK.said(prediction)


def test_the_answer_is_every_label_of_at_least_a_half(loaded):
    for prediction in TASK.predict(*loaded, records(40), OPTIONS):
        assert list(prediction.scores) == LABELS
        assert prediction.answer == tuple(label for label in LABELS if prediction.scores[label] >= 0.5)


def test_the_loss_is_the_mean_surprise_about_each_yes_and_no(loaded):
    for one, prediction in zip(records(10), TASK.predict(*loaded, records(10), OPTIONS), strict=True):
        right = [p if label in TASK.labels(one) else 1 - p for label, p in prediction.scores.items()]
        assert prediction.loss == pytest.approx(-sum(map(math.log, right)) / 3)


def test_a_record_without_labels_to_compare_with_has_no_loss(loaded):
    open_one, unknown = TASK.predict(*loaded, [record(1, None), record(2, ("other",))], OPTIONS)
    assert open_one.loss is None
    assert unknown.loss is None


def test_a_model_that_is_sure_and_wrong_has_a_finite_loss(loaded):
    import torch

    model, tokenizer = loaded
    with torch.no_grad():
        model.classifier.bias.fill_(1000)
    (prediction,) = TASK.predict(model, tokenizer, [record(1, ())], OPTIONS)
    assert prediction.loss == pytest.approx(1000, rel=1e-3)


def test_other_programs_read_from_the_saved_model_that_labels_do_not_exclude_each_other(loaded, tmp_path):
    from stages.methods.finetune.models import save

    save(*loaded, tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["problem_type"] == "multi_label_classification"


def test_the_answer_in_the_terminal_says_which_labels_are_in_it(loaded):
    (prediction,) = TASK.predict(*loaded, [record(3, None)], OPTIONS)
    lines = "".join(TASK.answer(*loaded, record(3, None), OPTIONS)).splitlines()
    assert [line.split()[0] for line in lines] == sorted(LABELS, key=lambda label: -prediction.scores[label])
    assert {line.split()[0] for line in lines if line.endswith("yes")} == set(prediction.answer)


def test_a_small_model_learns_sets_of_labels(base):
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, tokenizer = TASK.load(base, LABELS, OPTIONS)
    train, test = records(300), records(60, first=1000)
    features = TASK.encode(train, tokenizer, OPTIONS, LABELS)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(300):
        batch = TASK.collate([features[(step * 16 + i) % 300] for i in range(16)], tokenizer)
        TASK.losses(model, batch).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    learned, guessed = TASK.predict(model, tokenizer, test, OPTIONS), TASK.baselines(train, test, 13)["majority"]
    found = TASK.score(test, learned, 100, 13)
    assert found.metrics["micro_f1"].value > 0.95
    assert found.metrics["exact_match"].value > 0.85
    assert TASK.gain(test, learned, guessed, 100, 13)["micro_f1"].low > 0


def test_the_baselines_are_the_commonest_set_and_words():
    train = [*records(200), *(record(500 + i, ("neutral", "positive")) for i in range(60))]
    test = records(80, first=2000)
    found = TASK.baselines(train, test, 13)
    assert {prediction.answer for prediction in found["majority"]} == {("neutral", "positive")}
    assert all(prediction.loss > 0 for prediction in found["majority"])
    assert TASK.score(test, found["tfidf_logistic"], 100, 13).metrics["micro_f1"].value > 0.8


def test_a_label_that_no_training_record_has_leaves_a_baseline_without_a_loss():
    for predictions in TASK.baselines(records(30), [record(99, ("other",))], 13).values():
        assert predictions[0].loss is None


def test_records_that_all_have_no_label_can_be_scored():
    nothing = [record(i, ()) for i in range(3)]
    found = TASK.score(nothing, TASK.baselines(nothing, nothing, 13)["majority"], 10, 1)
    assert list(found.quality) == [1, 1, 1]
    assert found.metrics["exact_match"].value == 1


# --- labels in doubt --------------------------------------------------------------------------------------------------
def test_labels_too_many_and_too_few_are_suspects_with_the_right_set_suggested():
    some = records(600)
    less = next(i for i, one in enumerate(some) if one.values["labels"] == ("negative", "positive"))
    more = next(i for i, one in enumerate(some) if one.values["labels"] == ("neutral",))
    some[less] = some[less].with_values(labels=("negative",))
    some[more] = some[more].with_values(labels=("neutral", "positive"))
    found = TASK.doubts(lent(some, probe=0))
    (missing,), (doubted,) = found.doubts[some[less].id], found.doubts[some[more].id]
    assert (missing.evidence["missing"], missing.evidence["doubted"]) == (["positive"], [])
    assert (doubted.evidence["missing"], doubted.evidence["doubted"]) == ([], ["positive"])
    assert found.ranked[some[less].id].suggested == '["negative", "positive"]'
    assert doubted.evidence["suggested"] == '["neutral"]'
    assert {name: checked_evidence(name, value) for name, value in doubted.evidence.items()} == doubted.evidence
    assert len(found.doubts) <= 4
    assert len(found.ranked) == 600
    assert found.facts["labels"]["positive"]["missing"] >= 1


def test_the_check_says_how_many_planted_errors_it_finds():
    found = TASK.doubts(lent(records(240), probe=0.2)).facts["probe"]
    assert {*found} == {"removed", "added"}
    assert found["added"]["recall"] > 0.5


def test_labels_that_are_too_rare_or_in_every_record_are_left_alone_and_told():
    some = [one.with_values(labels=(*one.values["labels"], "text")) for one in records(120)]
    some[:3] = [one.with_values(labels=(*one.values["labels"], "moon")) for one in some[:3]]
    found = TASK.doubts(lent(some, probe=0))
    assert found.facts["unchecked_classes"] == {"moon": 3, "text": 120}
    assert "not checked" in found.facts["warnings"][0]
    assert not any({"moon", "text"} & {*one.evidence["doubted"]} for own in found.doubts.values() for one in own)


@pytest.mark.parametrize("some", [[], [record(1, None)], [record(i, ()) for i in range(9)]])
def test_without_labels_nothing_is_checked(some):
    found = TASK.doubts(lent(some))
    assert not found.ranked
    assert len(found.facts["warnings"]) == 1


def test_labels_are_one_line_which_a_person_can_change():
    one = record(1, ("neutral", "positive"))
    assert TASK.annotation(one) == '["neutral", "positive"]'
    assert TASK.with_annotation(one, '["a, \\"b\\""]').values["labels"] == ('a, "b"',)
    assert TASK.with_annotation(one, "[]").values["labels"] == ()
    assert TASK.annotation(record(1, None)) is None
    for line in ("neutral", '["positive", "neutral"]', '["neutral", "neutral"]', "[1]", ""):
        with pytest.raises(ValueError, match=r"JSON|Expecting"):
            TASK.with_annotation(one, line)
