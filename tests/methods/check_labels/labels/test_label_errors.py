from dataclasses import fields, replace

import numpy as np
import pytest

from stages.core.cache import Cache
from stages.methods.check_labels.folds import Apart, deal_folds
from stages.methods.check_labels.labels.label_errors import THRESHOLD, Views, judge, judged, labelled, look, trusted
from stages.methods.check_labels.labels.noise_probe import FEW, measure, plants
from stages.methods.check_labels.views import term_matrix


def clusters(rows=240, classes=3, wrong=0.1, seed=0):
    """Records around one direction and one word a class, labels of which some are wrong, and which those are."""
    draw = np.random.default_rng(seed)
    true = np.arange(rows) % classes
    vectors = np.eye(classes, 8)[true] + draw.normal(0, 0.15, (rows, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    bad = draw.random(rows) < wrong
    given = np.where(bad, (true + draw.integers(1, classes, rows)) % classes, true)
    labels, keys = [f"c{code}" for code in given], [str(i) for i in range(rows)]
    terms = term_matrix(f"word{code} other{i % 7}" for i, code in enumerate(true))
    apart = Apart(keys, deal_folds(labels, keys, 5, 13), np.ones(rows, dtype=bool))
    return labelled(labels, apart, vectors, terms, 10), true, bad


def test_wrong_labels_are_found_with_the_right_one_and_right_labels_left_alone():
    records, true, bad = clusters()
    found = judge(records)
    assert (found.suspect & bad).sum() >= 0.9 * bad.sum()
    assert (found.suspect & ~bad).sum() <= 2
    assert (found.suggested[found.suspect & bad] == true[found.suspect & bad]).all()
    assert found.score[bad].max() < np.median(found.score)


def test_clean_labels_are_not_doubted():
    records, _, _ = clusters(wrong=0.0)
    assert judge(records).suspect.mean() < 0.01


def test_the_second_round_finds_what_wrong_labels_hid_in_the_first():
    """A fifth of one class is labelled as its neighbour, always the same one: judges learn the confusion."""
    records, true, _ = clusters(600, wrong=0.0)
    bad = (true == 0) & (np.random.default_rng(3).random(600) < 0.3)
    noisy = records.under(np.where(bad, 1, true))
    everyone = np.ones(600, dtype=bool)
    first, second = judged(look(noisy, everyone), noisy.given), judge(noisy)
    assert second.score[bad].mean() < first.score[bad].mean()
    assert (second.suspect & bad).sum() >= (first.suspect & bad).sum()


def test_a_label_is_a_suspect_when_model_and_neighbours_doubt_it_and_not_when_the_models_do_alone():
    given = np.array([0] * 20 + [1] * 20)
    shares = np.where(np.eye(2)[given] > 0, 0.95, 0.05)
    shares[:4] = [0.01, 0.99]
    votes = np.eye(2)[given].astype(float)
    assert not judged(Views(shares, shares, votes), given).suspect.any()
    votes[:4] = [0.0, 1.0]
    assert np.flatnonzero(judged(Views(shares, shares, votes), given).suspect).tolist() == [0, 1, 2, 3]


def test_the_margin_is_cleanlabs():
    from cleanlab.rank import get_normalized_margin_for_each_label

    draw = np.random.default_rng(2)
    shares = draw.dirichlet(np.ones(4), 50)
    given = draw.integers(0, 4, 50)
    views = Views(shares, shares, shares)
    assert judged(views, given).margin == pytest.approx(get_normalized_margin_for_each_label(given, views.mean()))


def test_of_two_equal_margins_the_label_without_any_support_is_doubted_more():
    given = np.array([0, 0])
    shares = np.array([[0.001, 0.441, 0.558], [0.221, 0.778, 0.001]])
    found = judged(Views(shares, shares, shares), given)
    assert found.margin[0] == pytest.approx(found.margin[1], abs=1e-4)
    assert found.score[0] < found.score[1] - 0.1
    assert 0 <= found.score.min() <= THRESHOLD


def test_at_least_half_of_a_class_is_trusted():
    """Judges without one record of a class would find all of it wrong."""
    records, _, _ = clusters(36, classes=2)
    records = records.under(np.array([0] * 30 + [1] * 6))
    shares = np.tile([0.99, 0.01], (36, 1))
    assert trusted(records, Views(shares, shares, shares))[30:].sum() >= 3


def test_records_reserved_for_test_are_judged_and_teach_nobody():
    """What is dropped or relabelled must not have been chosen by the labels that the model is scored on."""
    records, _, bad = clusters(400)
    reserved = np.arange(400) % 5 == 2
    quiet = replace(records, teaches=~reserved)
    other = quiet.under(np.where(reserved, (records.given + 1) % 3, records.given))
    one, two = judge(quiet), judge(other)
    for name in ("suspect", "score", "suggested"):
        assert (getattr(one, name)[~reserved] == getattr(two, name)[~reserved]).all()
    assert (one.suspect & reserved & bad).sum() >= 0.8 * (reserved & bad).sum()
    assert (two.suspect & reserved).sum() > (one.suspect & reserved).sum()


def test_the_probe_finds_most_of_what_it_planted_and_says_how_sure_that_is():
    records, _, _ = clusters(600, wrong=0.03)
    ids = [f"{i:04x}" for i in range(600)]
    found = judge(records)
    said = measure(records, found, ids, 0.1, 13)
    assert set(said) == {"symmetric", "confusable"}
    for kind in said.values():
        assert kind["recall"] == pytest.approx(kind["found"] / kind["planted"], abs=1e-6)
        assert kind["recall_low"] < kind["recall"] <= kind["recall_high"]
        assert kind["recall"] > 0.8
        assert kind["others_suspected"] <= 12


def test_nothing_is_planted_where_too_few_errors_would_be():
    records, _, _ = clusters(240)
    ids = [f"{i:04x}" for i in range(240)]
    assert measure(records, judge(records), ids, FEW / 2000, 13) == {}


def test_a_planted_label_is_always_another_one_and_the_confusable_one_is_next_in_words():
    records, _, _ = clusters(300, classes=4, wrong=0.0)
    texts = [f"{'pay card' if code < 2 else 'rain sun'} w{code}" for code in records.given]
    found = plants(replace(records, terms=term_matrix(texts)), [f"{i:04x}" for i in range(300)], 13)
    assert (found["symmetric"] != records.given).all()
    assert (found["confusable"] == np.array([1, 0, 3, 2])[records.given]).all()
    assert len(set(found["symmetric"][records.given == 0])) == 3


def test_what_was_judged_once_is_taken_from_the_cache_and_is_the_same(tmp_path):
    records, _, _ = clusters()
    asked = []

    def counting(work, parts):
        asked.append(work)
        return map(work, parts)

    cache = Cache("judged", tmp_path)
    first = judge(records, counting, cache)
    rounds = len(asked)
    again = judge(records, counting, cache)
    assert len(asked) == rounds > 0
    for one in fields(first):
        assert (getattr(first, one.name) == getattr(again, one.name)).all()
    judge(records.under(np.roll(records.given, 1)), counting, cache)
    assert len(asked) == 2 * rounds
