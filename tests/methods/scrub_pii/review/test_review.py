from collections import Counter

import pytest

from stages.core.decisions import PiiDecision
from stages.methods.scrub_pii.review.decisions import RECOGNIZER
from stages.methods.scrub_pii.review.review import Mention, Value, distinct, located, precisions, sampled


def mention(number, entity="URL", recognizer="Some", score=0.9, operator="tag"):
    return Mention(f"{number:032x}", entity, recognizer, score, operator, f"{number:020x}", "text", 0, 3)


def some(count, first=0, **about):
    return [Value(mention(first + number, **about), 1) for number in range(count)]


def decisions(**by_verdict):
    return {
        f"{number:032x}": PiiDecision(f"{number:032x}", "URL", verdict)
        for verdict, numbers in by_verdict.items()
        for number in numbers
    }


def test_a_value_stands_for_all_its_mentions_by_the_least_sure():
    sure, unsure = mention(7, score=0.9), mention(7, score=0.4)
    assert distinct([sure, unsure, sure, mention(3)]) == [Value(mention(3), 1), Value(unsure, 3)]


def test_strata_are_drawn_from_evenly_however_large_they_are():
    drawn = sampled([*some(500), *some(8, 500, recognizer="Other"), *some(3, 600, entity="IP_ADDRESS")], 20)
    counts = Counter((one.mention.entity, one.mention.recognizer) for one in drawn)
    assert counts == {("URL", "Some"): 9, ("URL", "Other"): 8, ("IP_ADDRESS", "Some"): 3}


def test_low_scores_and_what_only_a_model_can_tell_are_drawn_more_often():
    values = [*some(100), *some(100, 100, score=0.4), *some(100, 200, entity="PERSON")]
    counts = Counter(one.stratum for one in sampled(values, 50))
    assert counts == {("URL", "Some", False): 10, ("URL", "Some", True): 20, ("PERSON", "Some", False): 20}


def test_a_sample_does_not_depend_on_the_order_and_is_all_where_there_are_few():
    values = [*some(30), *some(30, 30, score=0.4)]
    assert sampled(values[::-1], 10) == sampled(values, 10)
    assert len(sampled(values, 1000)) == 60


@pytest.mark.parametrize("value", ["Ada Quill", "Quill", "ada@quill.example", "(030) 23125"])
def test_a_value_is_located_within_the_place_that_covers_it(value):
    text = f"from Dr. {value}, yes {value}"
    start = text.index(value)
    assert located(text, 5, start + len(value) + 5, lambda part: part == value) == (start, start + len(value))


def test_what_is_not_located_is_the_whole_place():
    assert located("abc def", 0, 7, lambda part: False) == (0, 7)
    assert located("x " * 200, 0, 400, lambda part: part == "x") == (0, 400)


def test_precision_is_the_share_of_right_and_denied_values_with_wilsons_interval():
    found = precisions(some(40), decisions(right=range(20), deny=range(20, 36), allow=[36, 37], type=[38, 39]))["URL"]
    assert (found.share.value, found.reviewed, found.values, found.enough) == (0.9, 40, 40, True)
    assert (found.share.low, found.share.high) == pytest.approx((0.7695, 0.9604), abs=1e-3)


def test_precision_counts_a_stratum_by_its_size_and_not_by_how_often_it_was_drawn():
    values = [*some(90), *some(10, 100, score=0.4)]
    found = precisions(values, decisions(right=range(10), allow=range(100, 110)))["URL"]
    assert found.share.value == 0.9
    assert found.share.low < 0.9 < found.share.high
    assert not found.enough


def test_what_reviewers_asked_for_says_nothing_about_the_recognizers():
    assert precisions(some(9, recognizer=RECOGNIZER), decisions(deny=range(9))) == {}
    assert precisions(some(9), {}) == {}
