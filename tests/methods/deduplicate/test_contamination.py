import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.methods.deduplicate.contamination import EvaluationIndex, Leak
from stages.methods.deduplicate.shingles import digest, mix, shingles, words

N = 3
QUESTION = "which of these planets is the largest in our solar system"


def digests(rows):
    return np.array([digest(texts) for texts in rows], "S16")


def ngrams(rows):
    """(values, starts, owner) of the texts that have enough words, as the stage hands them over."""
    found = words([text for texts in rows for text in texts])
    owner = np.repeat(np.arange(len(rows)), [len(texts) for texts in rows])
    enough = np.flatnonzero(found.counts >= N)
    return *shingles(found.of(enough), N), owner[enough]


def index_of(*sets, overlap=0.7):
    names = [(name, place) for name, rows in sets for place in range(len(rows))]
    rows = [texts for _, rows in sets for texts in rows]
    return EvaluationIndex.build(names, digests(rows), ngrams(rows), overlap)


def find(index, *records):
    return index.find(*ngrams(records), digests(records))


def test_a_record_that_contains_a_row_names_it():
    index = index_of(("exam", [["what is the capital of France"], [QUESTION]]))
    within = [f"Answer this one. {QUESTION.upper()}? Think first."]
    assert find(index, ["nothing of the kind stands here"], within) == [None, Leak("exam", "contains", 1.0, 1)]


def test_a_record_that_equals_a_row_but_for_case_and_punctuation_is_equal_also_when_it_is_short():
    index = index_of(("exam", [["Yes!"], [QUESTION]]))
    found = find(index, ["yes"], [f"  {QUESTION.title()}?"], ["yes indeed"], ["oh yes it is so"])
    assert found == [Leak("exam", "equal", 1.0, 0), Leak("exam", "equal", 1.0, 1), None, None]


def test_overlap_is_the_share_of_the_rows_ngrams_and_must_reach_the_bound():
    row = "a b c d e f g h i j k l"  # ten 3-grams
    seven, six = "x a b c d e f g h i y", "x a b c d e f g h y"
    assert find(index_of(("exam", [[row]])), [seven], [six]) == [Leak("exam", "contains", 0.7, 0), None]
    assert find(index_of(("exam", [[row]]), overlap=0.6), [six]) == [Leak("exam", "contains", 0.6, 0)]
    assert find(index_of(("exam", [[row]]), overlap=1.0), [seven], [row + " y"]) == [
        None,
        Leak("exam", "contains", 1.0, 0),
    ]


def test_the_row_held_most_wins_and_of_equal_ones_the_first_of_the_first_set():
    most, less = "a b c d e f", "b c d e f q"
    record = ["x a b c d e f y"]
    assert find(index_of(("one", [[less]]), ("two", [[most]])), record) == [Leak("two", "contains", 1.0, 0)]
    assert find(index_of(("one", [[less], [most]]), ("two", [[most]])), record) == [Leak("one", "contains", 1.0, 1)]
    assert find(index_of(("one", [[most]]), ("two", [[most]])), [most]) == [Leak("one", "equal", 1.0, 0)]


def test_an_equal_row_comes_before_one_that_is_contained():
    index = index_of(("exam", [["a b c d"], ["a b c d e"]]))
    assert find(index, ["A, b, c, d, e"]) == [Leak("exam", "equal", 1.0, 1)]


def test_no_sequence_of_words_reaches_from_one_text_into_the_next():
    index = index_of(("exam", [["a b c d"]]))
    assert find(index, ["x a b", "c d y"], ["x", "a b c d y"]) == [None, Leak("exam", "contains", 1.0, 0)]


def test_all_texts_of_a_record_and_of_a_row_count_together():
    index = index_of(("exam", [["a b c d", "p q r s"]]))
    half, both = ["a b c d", "nothing else here"], ["x p q r s", "a b c d y"]
    assert find(index, half, both) == [None, Leak("exam", "contains", 1.0, 0)]


def test_what_all_rows_share_is_no_leak():
    prompt = "choose the right answer to this question"
    rows = [[f"{prompt} n{i} o{i} p{i} q{i} r{i} s{i} t{i}"] for i in range(50)]
    index = index_of(("exam", rows))
    assert find(index, [f"{prompt} about something else"], rows[7] + ["more"])[0] is None
    assert find(index, [f"{rows[7][0]} more"]) == [Leak("exam", "contains", 1.0, 7)]
    assert index.proposed.of(np.flatnonzero(np.isin(index.ngrams, ngrams([[prompt]])[0]))).tolist() == []


def test_rows_that_hold_the_same_are_compared_once():
    index = index_of(("exam", [[QUESTION], [QUESTION + "?"], [QUESTION.upper()]] * 50))
    assert set(index.proposed.values.tolist()) == {0}
    assert find(index, ["so " + QUESTION]) == [Leak("exam", "contains", 1.0, 0)]


letters = st.lists(st.sampled_from("abcde"), min_size=1, max_size=14).map(" ".join)


@given(
    st.lists(letters, min_size=1, max_size=6),
    st.lists(letters, min_size=1, max_size=6),
    st.sampled_from([0.1, 1 / 3, 0.5, 2 / 3, 0.7, 1.0]),
)
def test_finds_what_comparing_each_record_with_each_row_finds(rows, records, overlap):
    def sets(text):
        found = text.split()
        return {tuple(found[i : i + N]) for i in range(len(found) - N + 1)}

    def expected(record):
        if record in rows:
            return Leak("exam", "equal", 1.0, rows.index(record))
        shares = [len(sets(record) & sets(row)) / max(len(sets(row)), 1) for row in rows]
        best = int(np.argmax(shares))
        return Leak("exam", "contains", round(shares[best], 6), best) if shares[best] >= overlap else None

    index = index_of(("exam", [[row] for row in rows]), overlap=overlap)
    assert find(index, *[[record] for record in records]) == [expected(record) for record in records]


def test_a_records_leak_does_not_depend_on_its_company_and_an_index_travels():
    rows = [[f"row {i} says that {i * 7} and {i * 11} are numbers"] for i in range(40)]
    records = [[f"I read: row {i} says that {i * 7} and {i * 11} are numbers"] for i in range(0, 80, 3)]
    index = index_of(("exam", rows))
    together = find(index, *records)
    assert sum(leak is not None for leak in together) == 14
    assert together == [find(pickle.loads(pickle.dumps(index)), record)[0] for record in records]


def test_nothing_is_found_where_there_is_nothing():
    empty = (np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64))
    short = EvaluationIndex.build([("exam", 0)], digests([["yes"]]), empty, 0.7)
    assert find(short, [QUESTION], ["yes"], [""]) == [None, Leak("exam", "equal", 1.0, 0), None]
    assert short.find(*empty, np.array([], "S16")) == []
    nothing = EvaluationIndex.build([], np.array([], "S16"), empty, 0.7)
    assert find(nothing, [QUESTION], [""]) == [None, None]


def test_most_ngrams_are_turned_away_by_their_first_bits_and_no_known_one_is(monkeypatch):
    known = np.unique(mix(np.arange(10_000, dtype=np.uint64)))
    rows = np.arange(len(known))
    index = EvaluationIndex.build([("exam", i) for i in rows], rows.astype("S16"), (known, rows, rows), 0.7)
    asked = []
    monkeypatch.setattr(
        "stages.methods.deduplicate.contamination._look_up",
        lambda known, values: (asked.append(len(values)), (rows[:0], rows[:0]))[1],
    )
    for first in (0, 10_000):
        values = mix(np.arange(first, first + 10_000, dtype=np.uint64))
        index.find(values, rows, rows, rows.astype("S16"))
    assert asked[1] == 10_000
    assert asked[3] < 1_250


@pytest.mark.parametrize("shared", [1, 3])
def test_one_record_of_very_many_words_is_looked_up_like_others(shared):
    index = index_of(("exam", [[QUESTION]]))
    long = " ".join(f"w{i}" for i in range(20_000))
    assert find(index, [f"{long} {' '.join(QUESTION.split()[: shared + 2])}"], [f"{long} {QUESTION}"]) == [
        None,
        Leak("exam", "contains", 1.0, 0),
    ]
