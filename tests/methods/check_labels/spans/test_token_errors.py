import numpy as np
import pytest

from stages.core.records import Span
from stages.methods.check_labels.spans import token_errors
from stages.methods.check_labels.spans.token_errors import judge, judged
from tests.methods.check_labels.toy_spans import sentence, texts


def suspects(found, tagged):
    return {text for text in range(len(tagged.bounds)) if found.doubted[tagged.words(text)].any()}


def wrong():
    """By place: a span of another type, one that is missing, one that lost a word, one too much."""
    sentences = {i: sentence(i) for i in range(200)}
    one = next(i for i, (_, spans) in sentences.items() if len(spans) == 1)
    two = next(i for i, (_, spans) in sentences.items() if len(spans) == 2)
    long = next(i for i, (t, s) in sentences.items() if i not in (one, two) and s and " " in t[s[0].start : s[0].end])
    none = next(i for i, (_, spans) in sentences.items() if not spans)
    span, cut = sentences[one][1][0], sentences[long][1][0]
    space = cut.start + sentences[long][0][cut.start :].index(" ")
    return {
        one: (Span(span.start, span.end, "place" if span.label == "person" else "person"),),
        two: sentences[two][1][1:],
        long: (Span(cut.start, space, cut.label), *sentences[long][1][1:]),
        none: (Span(0, sentences[none][0].index(" "), "place"),),
    }


def test_words_have_the_type_and_the_place_of_their_span():
    changed = {0: (), 1: (Span(0, 3, "planet"),)}
    found = texts(8, changed)
    for text in range(2, 8):
        line, spans = sentence(text)
        given, owners = found.given[found.words(text)], found.owners[found.words(text)]
        for (start, end), code, owner in zip(found.bounds[text], given, owners, strict=True):
            over = [i for i, span in enumerate(spans) if span.start <= start and end <= span.end]
            assert owner == (over[0] if over else -1), line
            assert code == (1 + ("person", "place").index(spans[over[0]].label) if over else 0)
    assert not found.given[found.words(0)].any()
    assert found.given[found.words(1)][0] == -1


def test_wrong_spans_are_found_and_right_ones_left_alone():
    changed = wrong()
    noisy = texts(200, changed)
    assert suspects(judge(noisy), noisy) == {*changed}
    clean = texts(200)
    assert not suspects(judge(clean), clean)


def test_the_chance_of_what_was_given_is_lowest_where_it_is_wrong():
    changed = wrong()
    noisy = texts(200, changed)
    right = judge(noisy).right
    margins = np.array([right[noisy.words(text)].min() for text in range(200)])
    assert {*np.argsort(margins)[:4].tolist()} == {*changed}


def test_a_word_is_only_doubted_if_both_judges_would_have_tagged_it_otherwise():
    given = np.array([1, 1] + [0] * 98)
    sure, unsure = np.tile([0.99, 0.005, 0.005], (100, 1)), np.tile([0.99, 0.005, 0.005], (100, 1))
    sure[:2], unsure[:2] = [0.0, 0.001, 0.999], [0.0, 0.001, 0.999]
    assert judged(sure, unsure, given, given >= 0).doubted.tolist()[:3] == [True, True, False]
    unsure[0] = [0.0, 0.6, 0.4]
    assert judged(sure, unsure, given, given >= 0).doubted.tolist()[:3] == [False, True, False]


def test_words_of_a_type_that_cannot_be_judged_are_neither_learned_nor_doubted():
    found = texts(60, types=("person",))
    judged = judge(found)
    places = found.given == -1
    assert places.any()
    assert judged.chances.shape[1] == 2
    assert (judged.right[places] == 1).all()
    assert not judged.doubted[places].any()


def test_no_text_is_judged_by_what_learned_from_its_own_spans():
    """All spans of one fold are of a type that no other fold has: nobody could have guessed it."""
    fold = {i: tuple(Span(s.start, s.end, "moon") for s in sentence(i)[1]) for i in range(0, 100, 5)}
    found = texts(100, fold, types=("moon", "person", "place"))
    moons = found.given == 1
    assert moons.any()
    assert judge(found).right[moons].max() < 0.3


def test_a_silent_text_is_judged_and_teaches_nothing():
    """Only silent texts have moons: they are judged, and nobody knows what a moon is."""
    fold = {i: tuple(Span(s.start, s.end, "moon") for s in sentence(i)[1]) for i in range(0, 100, 2)}
    found = texts(100, fold, types=("moon", "person", "place"), silent=fold)
    moons = found.given == 1
    assert judge(found).right[moons].max() < 0.3
    silent = np.concatenate([np.r_[found.words(text)] for text in fold])
    assert not token_errors._weights(found)[silent].any()


def test_neighbours_of_other_texts_are_not_looked_at():
    alone = token_errors._Beside(
        np.array([[10_000, 0], [0, 10_000], [10_000, 0]], dtype=np.int16),
        np.array([True, False, True]), np.array([False, True, True]),
    )[np.arange(3)]  # fmt: skip
    assert alone.tolist() == [[1, 0, 0, 0.5], [0, 1, 0.5, 0], [1, 0, 0, 0]]


def test_of_too_many_words_some_stand_for_the_others(monkeypatch):
    monkeypatch.setattr(token_errors, "_MOST", 200)
    changed = wrong()
    noisy = texts(200, changed)
    weights = token_errors._weights(noisy)
    assert weights[noisy.given == 0].sum() == pytest.approx((noisy.given == 0).sum(), rel=0.2)
    assert (weights > 0).sum() < 500
    assert len(suspects(judge(noisy), noisy) & {*changed}) >= 3
