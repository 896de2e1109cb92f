import numpy as np
import pytest

from stages.methods.check_labels.folds import Apart
from stages.methods.check_labels.labels.label_set_noise import measure, planted
from stages.methods.check_labels.labels.multi_label_errors import judge, label_sets
from stages.methods.check_labels.views import term_matrix

LABELS = ("fee", "lost", "rate")
IDS = [f"{i:020x}" for i in range(240)]


def records(count=240, changed=None, silent=()):
    """Records whose labels stand in their words and in the directions of their vectors; `changed` has other labels.

    `silent` ones teach nothing.
    """
    draw = np.random.default_rng(3)
    has = draw.random((count, 3)) < 0.35
    vectors = has @ np.eye(3, 12) + draw.normal(0, 0.15, (count, 12))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    words = [[label for label, one in zip(LABELS, row, strict=True) if one] for row in has]
    texts = [" ".join([*own, "hello", "there", f"w{i % 9}"]) for i, own in enumerate(words)]
    teaches = np.array([i not in silent for i in range(count)])
    apart = Apart([str(i) for i in range(count)], np.arange(count) % 5, teaches)
    sets = [(changed or {}).get(i, own) for i, own in enumerate(words)]
    return label_sets(sets, LABELS, apart, vectors, term_matrix(texts)), words


def test_labels_too_many_and_too_few_are_found_and_right_ones_left_alone():
    clean, words = records()
    assert judge(clean).doubted.sum() <= 3
    more = next(i for i, own in enumerate(words) if own == ["fee"])
    less = next(i for i, own in enumerate(words) if own == ["lost", "rate"])
    noisy, _ = records(changed={more: ["fee", "rate"], less: ["lost"]})
    found = judge(noisy)
    assert found.doubted[more].tolist() == [False, False, True]
    assert found.doubted[less].tolist() == [False, False, True]
    assert {*found.right.min(axis=1).argsort()[:4].tolist()} >= {more, less}


def test_no_record_is_judged_by_what_learned_from_its_own_label():
    """The label is in a single fold and in all its words: who has seen these must expect it, nobody else can."""
    only = {i: ["rate"] for i in range(0, 240, 5)} | {i: [] for i in range(240) if i % 5}
    found = judge(records(changed=only)[0])
    assert found.right[::5, 2].max() < 0.5


def test_what_only_silent_records_have_is_expected_of_none():
    only = {i: ["rate"] if i % 2 else [] for i in range(240)}
    found = judge(records(changed=only, silent=range(1, 240, 2))[0])
    assert found.right[1::2, 2].max() < 0.5


def test_labels_are_judged_alike_whatever_runs_the_work():
    clean, _ = records(60)
    asked = []

    def run(work, columns):
        for column in columns:
            asked.append(len(column))
            yield work(column)

    assert (judge(clean, run).right == judge(clean).right).all()
    assert asked == [60, 60, 60]


def test_planted_errors_change_one_label_of_a_record_each():
    clean, _ = records()
    noisy, plants = planted(clean, IDS, [0.2] * 240, seed=1)
    changed = np.argwhere(noisy.given != clean.given)
    assert [[plant.record, plant.label] for plant in plants] == changed.tolist()
    for plant in plants:
        assert noisy.given[plant.record, plant.label] == (plant.kind == "added")
    assert {plant.kind for plant in plants} == {"removed", "added"}


def test_recall_is_told_by_kind_with_an_interval():
    clean, _ = records()
    found = measure(clean, judge(clean), IDS, 0.2, seed=1)
    assert {*found} == {"removed", "added"}
    for seen in found.values():
        assert seen["recall_low"] <= seen["recall"] <= seen["recall_high"]
        assert seen["recall"] > 0.5


@pytest.mark.parametrize("share", [0.0, 0.02])
def test_too_few_plants_say_nothing(share):
    clean, _ = records()
    assert measure(clean, judge(clean), IDS, share, seed=1) == {}
