import hashlib
import importlib
from dataclasses import dataclass
from typing import Any

import pytest

from stages.core.params import BiasParams
from stages.core.records import Span
from stages.core.task import Prediction
from stages.methods.evaluate.bias import bias_scores, flipped
from stages.methods.evaluate.counterfactuals import Pair
from stages.methods.evaluate.tuned_model import TunedModel
from stages.tasks import load_task

CLASSIFICATION = load_task("classification")
ON = BiasParams(enabled=True)


@dataclass
class Rule:
    """A model that goes by a rule: from a text to the probability of `bad`."""

    rule: Any
    task: Any = CLASSIFICATION
    asked: int = 0

    def predict(self, records):
        self.asked += len(records)
        chances = [self.rule(record.values["text"]) for record in records]
        return [
            Prediction(record.id, "bad" if chance >= 0.5 else "good", {"bad": chance, "good": 1 - chance})
            for record, chance in zip(records, chances, strict=True)
        ]


def scores(rule, params=ON):
    return bias_scores(Rule(rule), params, 200, 0)["bias"]


def test_nothing_is_asked_unless_somebody_wants_it():
    model = Rule(lambda _: 0.5)
    assert bias_scores(model, BiasParams(), 100, 0) == {}
    assert model.asked == 0


def test_a_model_that_goes_by_religion_flips_there_and_nowhere_else():
    found = scores(lambda text: 0.9 if "Muslim" in text else 0.2)
    religion = found["by_attribute"]["religion"]
    assert religion["flip_rate"] == pytest.approx(4 / 10)  # of ten pairs of five groups, those with this one
    assert religion["score_gap"] == pytest.approx(0.4 * 0.7)
    assert religion["control_flip_rate"] == 0.0
    assert religion["excess_flip_rate_low"] > 0
    assert [name for name, entry in found["by_attribute"].items() if entry["stands_out"]] == ["religion"]
    assert all(entry["flip_rate"] == 0 for name, entry in found["by_attribute"].items() if name != "religion")
    shift = religion["largest_shift"]
    assert shift["shift"] == pytest.approx(0.7)
    assert (shift["label"], shift["group"]) in (("bad", "muslim"), ("good", "christian"))
    assert "For religion it clearly flips more often" in found["sentence"]


def test_a_model_that_stumbles_over_any_word_is_unstable_but_not_more_so_for_identities():
    found = scores(lambda text: int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 16**8)
    assert found["flip_rate"] == pytest.approx(0.5, abs=0.05)
    assert found["excess_flip_rate_low"] < 0 < found["excess_flip_rate_high"]
    assert "For no attribute" in found["sentence"]


def test_a_model_that_does_not_read_the_person_flips_never_and_the_interval_says_how_sure_that_is():
    found = scores(lambda text: 0.9 if "parcel" in text else 0.1)
    assert found["flip_rate"] == found["score_gap"] == 0.0
    assert found["flip_rate_high"] == pytest.approx(0.121, abs=0.002)  # Wilson's for 0 of 28 sentences
    assert found["frames"] == 28


def test_a_text_in_many_pairs_is_asked_once():
    model = Rule(lambda _: 0.1)
    found = bias_scores(model, ON, 100, 0)["bias"]
    assert model.asked < (found["pairs"] + found["controls"]) / 2


def test_languages_add_up():
    found = scores(lambda _: 0.1, BiasParams(enabled=True, languages=["en", "de", "es", "fr"]))
    assert found["frames"] == 112


def test_pairs_of_the_users_own_take_the_place_of_the_templates(tmp_path):
    (tmp_path / "pairs.csv").write_text("first,second,attribute\nher order,his order,gender\na b,a c,other\n")
    found = scores(lambda text: 0.9 if "her" in text else 0.1, BiasParams(enabled=True, pairs=f"{tmp_path}/pairs.csv"))
    assert (found["asked"], found["pairs"], found["controls"], found["flip_rate"]) == ("own", 2, 0, 0.5)
    assert found["by_attribute"]["gender"]["flip_rate"] == 1.0
    assert "control_flip_rate" not in found
    assert "largest_shift" not in found["by_attribute"]["gender"]
    assert "neutral" not in found["sentence"]


@pytest.mark.parametrize("name", ["question_answering", "causal_lm", "seq2seq"])
def test_models_that_answer_in_another_way_are_not_asked_and_the_report_says_so(name):
    found = bias_scores(Rule(lambda _: 0.5, load_task(name)), ON, 100, 0)
    assert list(found["bias"]) == ["sentence"]
    assert "not asked" in found["bias"]["sentence"]


def test_nothing_of_a_sentence_stands_in_the_report():
    assert not any(word in str(scores(lambda text: len(text) / 200)) for word in ("parcel", "Emily", "Muslim"))


@pytest.mark.parametrize("name", ["multi_label", "token_labels"])
def test_models_that_give_sets_or_spans_are_asked_as_they_are(name, tmp_path):
    sample = importlib.import_module(f"tests.tasks.samples.{name}")
    options = {"max_length": 32, "dropout": None, "frozen_layers": 0, "lora": {"enabled": False}, **sample.OPTIONS}
    task = load_task(name)
    model, tokenizer = task.load(sample.save_base(tmp_path), sample.LABELS, options)
    tuned = TunedModel(task, model.eval(), tokenizer, sample.LABELS, options)
    (tmp_path / "pairs.csv").write_text("first,second\nher order,his order\na long text,a long text\n")
    found = bias_scores(tuned, BiasParams(enabled=True, pairs=f"{tmp_path}/pairs.csv"), 100, 0)["bias"]
    assert found["flip_rate"] in (0.0, 0.5)
    assert found["score_gap"] < 1


PAIR = Pair("Emily Clark met her in Rome.", "Fatima Haddad met her in Rome.", "name", ("a", "b"), "1")


@pytest.mark.parametrize(
    ("first", "second", "differs"),
    [
        ([(0, 11, "PER"), (23, 27, "LOC")], [(0, 13, "PER"), (25, 29, "LOC")], False),
        ([(0, 5, "PER")], [(0, 6, "PER")], False),
        ([(0, 11, "PER")], [], True),
        ([], [(0, 13, "PER")], True),
        ([(0, 11, "PER")], [(0, 13, "ORG")], True),
        ([(0, 11, "PER")], [(0, 6, "PER")], True),
        ([(3, 11, "PER")], [(3, 13, "PER")], True),
        ([], [], False),
    ],
)
def test_spans_are_the_same_where_they_stand_in_the_same_places(first, second, differs):
    said = [Prediction("1", tuple(Span(*span) for span in spans)) for spans in (first, second)]
    assert flipped(PAIR, *said) is differs


def test_sets_of_labels_flip_when_one_of_them_does():
    assert flipped(PAIR, Prediction("1", ("a", "b")), Prediction("2", ("a",)))
    assert not flipped(PAIR, Prediction("1", ("a",)), Prediction("2", ("a",)))
