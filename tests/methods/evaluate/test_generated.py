import math
import random

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF

from stages.methods.evaluate.generated import gain_texts, perplexity, score_texts

TRUTHS = [
    "The parcel went back to the depot on Monday.", "Two of the four chairs are missing.",
    "Der Aufzug steht seit Mai still.", "El grifo de la cocina gotea cada noche.",
    "The light goes out after ten seconds.", "Nobody emptied the bins.",
]  # fmt: skip
ANSWERS = [
    "The parcel went to the depot on Sunday.", "Two chairs are missing.",
    "Der Aufzug steht still.", "El grifo gotea.", "", "Nobody emptied the bins.",
]  # fmt: skip


def drawn(resamples, seed):
    """The resamples that the scores use, as lists of positions."""
    draw = np.random.default_rng(seed)
    return draw.integers(0, len(TRUTHS), (resamples, len(TRUTHS))).tolist()


@pytest.mark.parametrize(("name", "metric"), [("chrf", CHRF()), ("bleu", BLEU())])
def test_scores_of_the_set_and_of_each_resample_are_those_of_sacrebleu(name, metric):
    found = score_texts(TRUTHS, ANSWERS, 100, 5)
    assert found.metrics[name].value == pytest.approx(metric.corpus_score(ANSWERS, [TRUTHS]).score, abs=1e-6)
    values = [
        metric.corpus_score([ANSWERS[i] for i in rows], [[TRUTHS[i] for i in rows]]).score for rows in drawn(100, 5)
    ]
    low, high = np.percentile(values, [2.5, 97.5])
    assert (found.metrics[name].low, found.metrics[name].high) == pytest.approx((low, high), abs=1e-6)
    assert found.details["signatures"][name] == str(metric.get_signature())


def test_on_ascii_text_rouge_is_that_of_rouge_score():
    from rouge_score.rouge_scorer import RougeScorer

    draw = random.Random(3)
    words = ["the", "a", "cat's", "snake_case", "e-mail", "3.5", "sat;", "mat,", "dog", "ran"]
    truths, answers = ([" ".join(draw.choices(words, k=9)) for _ in range(20)] for _ in range(2))
    found = score_texts(truths, answers, 100, 5)
    plain = RougeScorer(["rouge1", "rouge2", "rougeL"])
    rows = [plain.score(truth, answer) for truth, answer in zip(truths, answers, strict=True)]
    for ours, theirs in (("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_l", "rougeL")):
        assert found.metrics[ours].value == pytest.approx(np.mean([row[theirs].fmeasure for row in rows]), abs=1e-6)
    assert found.quality == pytest.approx([row["rougeL"].fmeasure for row in rows], abs=1e-6)


@pytest.mark.parametrize(
    ("truth", "half"),
    [
        ("η γάτα κοιμάται πάντα", "η γάτα τρέχει έξω"), ("水管昨晚漏水", "水管昨天坏了"),
        ("लिफ्ट कल बंद थी", "लिफ्ट कल चालू है"), ("лифт снова стоит", "лифт снова едет"),
    ],
)  # fmt: skip
def test_words_of_every_alphabet_count(truth, half):
    found = score_texts([truth, truth, truth], [truth, half, "cat"], 100, 5)
    assert found.quality[0] == 1
    assert 0.4 < found.quality[1] < 0.8
    assert found.quality[2] == 0


def test_accents_are_part_of_a_word_however_they_are_encoded():
    assert score_texts(["el niño comió"], ["el nin\u0303o comio\u0301"], 100, 5).quality == [1]
    assert score_texts(["el niño comió"], ["el nio comi"], 100, 5).quality[0] == pytest.approx(1 / 3, abs=1e-6)


def test_bleu_takes_a_tokenizer_for_scripts_without_spaces_and_says_so():
    found = score_texts(["水管昨晚漏水了，请来修。"], ["水管昨晚漏水，请修。"], 100, 5)
    assert "tok:zh" in found.details["signatures"]["bleu"]
    assert found.metrics["bleu"].value > 20
    assert "tok:char" in score_texts(["水が漏れている"], ["水が出ない"], 100, 5).details["signatures"]["bleu"]
    assert "tok:13a" in score_texts(TRUTHS, ANSWERS, 100, 5).details["signatures"]["bleu"]


def test_the_same_answers_score_full_marks_and_white_space_does_not_matter():
    found = score_texts(["a fine  day\n", "\U0001f642"], ["a fine day", "\U0001f642"], 100, 5)
    assert found.quality == [1, 1]
    assert found.metrics["exact_match"].value == 1
    assert found.metrics["chrf"].value == pytest.approx(100)


def test_answers_that_say_nothing_score_nothing():
    found = score_texts(TRUTHS, [""] * len(TRUTHS), 100, 5)
    assert {name: metric.value for name, metric in found.metrics.items()} == dict.fromkeys(found.metrics, 0)
    assert found.details["texts"]["empty"] == {"answers": 1, "references": 0}
    assert found.details["texts"]["length_ratio"] == 0


def test_details_count_refusals_loops_and_copies_in_answers_and_references():
    sources = ["one two three four five six", "a b c", "red green blue", "x"]
    answers = ["one two three four five", "go on go on go on go on go on", "I'm sorry, but I can't help with that.", ""]
    found = score_texts(["one two", "a b c", "red", "I cannot answer this."], answers, 100, 5, sources).details["texts"]
    assert found["declines"] == {"answers": 0.25, "references": 0.25}
    assert found["loops"] == {"answers": 0.25, "references": 0}
    assert found["copied"]["answers"] == pytest.approx(1 / 3, abs=1e-6)  # all, none, none; the empty one is too short
    assert found["copied"]["references"] == 0
    assert found["words"]["references"]["p50"] == 2.5


def test_every_answer_is_in_the_tables_once():
    tables = score_texts(TRUTHS, ANSWERS, 100, 5).tables
    assert sum(row["count"] for row in tables["quality.csv"]) == len(TRUTHS)
    assert tables["quality.csv"][-1]["count"] == 1  # the one that is right
    for side in ("answers", "references"):
        assert sum(row[side] for row in tables["lengths.csv"]) == len(TRUTHS)


def test_nothing_of_the_texts_is_in_the_details_or_tables():
    found = score_texts(["zebra quagga"], ["zebra okapi"], 100, 5, ["zebra"])
    assert not {"zebra", "quagga", "okapi"} & set(str((found.details, found.tables)).replace("'", " ").split())


def test_a_gain_is_the_difference_and_is_paired():
    gain = gain_texts(TRUTHS, TRUTHS, ANSWERS, 200, 5)
    theirs = score_texts(TRUTHS, ANSWERS, 200, 5).metrics
    assert gain["rouge_l"].value == pytest.approx(1 - theirs["rouge_l"].value, abs=1e-5)
    assert gain["chrf"].value == pytest.approx(100 - theirs["chrf"].value, abs=1e-5)
    none = gain_texts(TRUTHS, ANSWERS, ANSWERS, 200, 5)
    assert {(metric.low, metric.value, metric.high) for metric in none.values()} == {(0, 0, 0)}


def test_perplexity_is_the_exponential_of_the_mean_loss():
    found = perplexity([1.0, 2.0, 3.0], 200, 5)
    assert found.value == pytest.approx(math.exp(2), abs=1e-5)
    assert math.exp(1) <= found.low < found.value < found.high <= math.exp(3) + 1e-6


def test_nothing_to_score_is_an_error():
    with pytest.raises(ValueError, match="0 references"):
        score_texts([], [], 100, 5)
