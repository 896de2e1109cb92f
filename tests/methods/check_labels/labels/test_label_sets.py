import random

from stages.methods.check_labels.labels.label_sets import deal_sets


def drawn(count=200, seed=1):
    draw = random.Random(seed)
    sets = [{label for label in "abc" if draw.random() < 0.4} for _ in range(count)]
    return sets, [f"g{draw.randrange(60)}" for _ in range(count)]


def test_groups_are_never_torn_and_every_record_has_a_fold():
    sets, keys = drawn()
    folds, labels = deal_sets(sets, keys, 4, 13)
    assert len({*zip(keys, folds.tolist(), strict=True)}) == len({*keys})
    assert {*folds.tolist()} == {0, 1, 2, 3}
    assert labels == ("a", "b", "c")


def test_the_rarest_label_is_in_each_fold():
    sets = [{"common", "rare"} if i < 5 else {"common"} for i in range(100)]
    folds, labels = deal_sets(sets, [str(i) for i in range(100)], 5, 13)
    assert sorted(folds[:5].tolist()) == [0, 1, 2, 3, 4]
    assert labels == ("common", "rare")


def test_a_label_in_fewer_groups_than_folds_cannot_be_judged():
    sets, keys = drawn()
    sets[:8] = [{"one", *own} for own in sets[:8]]
    keys[:8] = ["x", "y"] * 4
    assert deal_sets(sets, keys, 4, 13)[1] == ("a", "b", "c")


def test_groups_that_teach_nothing_do_not_count():
    sets, keys = drawn()
    silent = {key for own, key in zip(sets, keys, strict=True) if "a" in own}
    assert "a" in deal_sets(sets, keys, 4, 13)[1]
    assert "a" not in deal_sets(sets, keys, 4, 13, silent)[1]
    assert deal_sets(sets, keys, 4, 13, {keys[0]})[1] == ("a", "b", "c")


def test_folds_depend_on_the_seed_and_not_on_the_order_of_the_rows():
    sets, keys = drawn()
    forward, backward = deal_sets(sets, keys, 4, 1)[0], deal_sets(sets[::-1], keys[::-1], 4, 1)[0]
    assert (forward == backward[::-1]).all()
    assert (forward != deal_sets(sets, keys, 4, 2)[0]).any()


def test_without_labels_there_is_nothing_to_judge():
    assert deal_sets([], [], 5, 0)[1] == ()
    assert deal_sets([set()] * 9, [str(i) for i in range(9)], 5, 0)[1] == ()
