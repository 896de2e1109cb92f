from stages.core.votes import agreed, groups_of, votes_of, with_votes


def test_groups_and_votes_are_kept_together_and_told_apart():
    attributes = with_votes({"region": "north"}, {"anna": "spam", "region": "ham"})
    assert groups_of(attributes) == {"region": "north"}
    assert votes_of(attributes) == {"anna": "spam", "region": "ham"}


def test_agreement_is_the_share_of_the_most_frequent_answer_of_two_or_more():
    assert agreed({"a": "x", "b": "x", "c": "y", "d": "z"}) == 0.5
    assert agreed({"a": "x"}) is None
    assert agreed({}) is None
