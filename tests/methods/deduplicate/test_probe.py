import json
import re
from itertools import islice
from statistics import mode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.methods.audit.roc import wilson
from stages.methods.deduplicate.probe import mutate, recall_by_similarity

FOX = "The quick brown fox jumps over the lazy dog, and the cat looks on."
NAMES = [f"record-{i}" for i in range(200)]


def numbered(count):
    return " ".join(f"word{i}" for i in range(count))


def similarity(one, other, n=5):
    def shingles(text):
        found = re.findall(r"\w+", text.lower())
        return {tuple(found[i : i + n]) for i in range(len(found) - n + 1)}

    first, second = shingles(one), shingles(other)
    return len(first & second) / len(first | second)


GOLDEN = {
    "record-0": "tHE  QUICK  BROWN  FOX  JUMPS  OVER  THE  LAZY  DOG,  AND  THE  CAT  LOOKS  ON.",
    "record-1": "The quick brown fox jumps over the lazy dog, and the cat looks kmtacla.",
    "record-11": "The quick brown fox jumps mvgpyq over the lazy dog, and the cat looks on.",
    "record-20": "The quick brown fox jumps over the lazy dog, and cat the looks on.",
}


def test_probes_are_these_texts_on_every_machine():
    assert [mutate(FOX, name) for name in GOLDEN] == list(GOLDEN.values())


def test_a_probe_depends_on_the_text_and_the_name_alone():
    assert [mutate(FOX, name) for name in NAMES] == [mutate(FOX, name) for name in reversed(NAMES)][::-1]
    assert len({mutate(numbered(200), name) for name in NAMES}) > 150


@pytest.mark.parametrize("ngram", [1, 3, 5, 8])
@pytest.mark.parametrize("count", [100, 400])
def test_similarities_spread_on_both_sides_of_the_usual_threshold(ngram, count):
    text = numbered(count)
    found = sorted(similarity(text, mutate(text, name, ngram), ngram) for name in NAMES)
    assert found[0] > 0.35
    assert found[len(found) // 20] < 0.9
    assert sum(value >= 0.8 for value in found) > 100
    assert sum(0.8 <= value < 0.95 for value in found) > 30
    assert found[-1] == 1


def test_a_tenth_of_the_probes_only_looks_different():
    text = numbered(100)
    same = [probe for name in NAMES if similarity(text, probe := mutate(text, name)) == 1]
    assert 8 <= len(same) <= 40
    assert all(probe != text for probe in same)
    assert all(probe == text.swapcase().replace(" ", "  ") for probe in same)


def test_a_short_text_that_chance_spares_loses_its_last_word_alone():
    text = numbered(15)
    probes = [mutate(text, name) for name in NAMES]
    last = [probe for probe in probes if probe.split()[:-1] == text.split()[:-1]]
    assert len(last) > 100
    assert mode(similarity(text, probe) for probe in last) == pytest.approx(10 / 12)


@given(st.text(max_size=200), st.text(max_size=20), st.integers(1, 20))
def test_any_text_can_be_mutated(text, name, ngram):
    assert mutate(text, name, ngram) == mutate(text, name, ngram)


@pytest.mark.parametrize("text", ["", " ", "👍👍", "\ud800", "..."])
def test_a_text_without_words_keeps_its_characters(text):
    assert {mutate(text, name).split()[0] if text.strip() else "" for name in NAMES} == {text.strip()}


def test_changes_keep_what_stands_between_words():
    text = "a1, b2; c3 -- d4 (e5) f6: g7! h8? i9\nj10 " * 20
    for probe in (mutate(text, name, 1) for name in islice(NAMES, 40)):
        if probe.startswith("a1,"):
            assert probe.count("--") == probe.count("(") == 20


def test_recall_counts_pairs_at_or_above_the_threshold():
    outcomes = [(0.8, True), (0.81, False), (0.86, True), (1.0, True), (0.79, False)]
    found = recall_by_similarity(outcomes, 0.8)
    low, high = wilson(3, 4)
    assert {key: value for key, value in found.items() if not isinstance(value, dict)} == {
        "pairs": 4,
        "found": 3,
        "recall": 0.75,
        "recall_low": low,
        "recall_high": high,
        "missed": 0.25,
    }
    assert {edge: (of["found"], of["pairs"]) for edge, of in found["by_similarity"].items()} == {
        "0.80": (1, 2),
        "0.85": (1, 1),
        "0.90": (0, 0),
        "0.95": (0, 0),
        "1.00": (1, 1),
    }
    assert found["below_threshold"] == {"pairs": 1, "removed": 0}


def test_what_is_removed_below_the_threshold_is_counted():
    found = recall_by_similarity([(0.84, True), (0.8, False), (0.85, True)], 0.85)
    assert found["below_threshold"] == {"pairs": 2, "removed": 1}
    assert found["recall"] == 1


def test_a_threshold_within_a_bin_cuts_it():
    found = recall_by_similarity([(0.81, True), (0.83, False)], 0.82)
    assert found["by_similarity"]["0.80"]["pairs"] == 1


@pytest.mark.parametrize("edge", range(1, 21))
def test_a_similarity_on_an_edge_lies_in_the_bin_above_it(edge):
    found = recall_by_similarity([(edge / 20, True)], 0.05)
    assert found["by_similarity"][f"{edge / 20:.2f}"]["pairs"] == 1


def test_a_recall_of_nothing_is_unknown():
    found = recall_by_similarity([], 0.8)
    assert (found["recall"], found["recall_low"], found["recall_high"], found["missed"]) == (None, 0, 1, None)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_numbers_have_six_decimals_at_most():
    found = recall_by_similarity([(0.9, i % 3 == 0) for i in range(7)], 0.8)
    assert (found["recall"], found["missed"]) == (0.428571, 0.571429)
