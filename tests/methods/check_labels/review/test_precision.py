import pytest

from stages.methods.audit.roc import wilson
from stages.methods.check_labels.review.precision import ENOUGH, precision


def test_without_an_answer_there_is_no_precision():
    assert precision([]) is None
    assert precision([None] * 40) is None


def test_when_all_is_reviewed_it_is_the_share_with_wilsons_interval():
    found = precision([True] * 60 + [False] * 40)
    low, high = wilson(60, 100)
    assert found.share.value == 0.6
    assert (found.share.low, found.share.high) == pytest.approx((low, high), abs=1e-3)
    assert (found.reviewed, found.stands_for, found.enough) == (100, 100, True)


def test_the_top_of_the_queue_stands_for_itself_only():
    found = precision([True] * 20 + [None] * 80)
    assert (found.share.value, found.reviewed, found.stands_for) == (1.0, 20, 20)


def test_of_the_rest_each_fifth_counts_by_its_size_and_not_by_how_much_of_it_was_reviewed():
    fifths = [[None, True] * 10, *[[None] * 15 + [False] * 5] * 4]
    found = precision([one for fifth in fifths for one in fifth])
    assert found.share.value == 0.2
    assert (found.reviewed, found.stands_for) == (30, 100)
    from_the_top = precision([True] * 20 + [one for fifth in fifths for one in fifth])
    assert from_the_top.share.value == pytest.approx((20 + 20) / 120, abs=1e-3)
    assert (from_the_top.reviewed, from_the_top.stands_for) == (50, 120)


def test_one_more_answer_from_the_top_never_makes_it_less_sure():
    widths = []
    for reviewed in range(1, 90):
        share = precision([True] * reviewed + [None] * (90 - reviewed)).share
        widths.append(share.high - share.low)
    assert widths == sorted(widths, reverse=True)


def test_few_answers_are_too_few_to_tell_and_weights_make_them_worth_less():
    assert not precision([True] * (ENOUGH - 1)).enough
    assert precision([True] * ENOUGH).enough
    assert not precision([None] + [True] * 40 + [None] * 158 + [False]).enough


def test_the_interval_holds_the_share():
    for answers in ([True], [False], [True, False, None], [True] * 7 + [None] * 30 + [False]):
        share = precision(answers).share
        assert 0 <= share.low <= share.value <= share.high <= 1
