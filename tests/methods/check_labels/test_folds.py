import random

from stages.methods.check_labels.folds import deal_folds


def test_folds_never_tear_a_group_and_each_holds_each_class():
    draw = random.Random(1)
    keys = [f"g{draw.randrange(60)}" for _ in range(200)]
    labels = [draw.choice("abc") for _ in keys]
    folds = deal_folds(labels, keys, 4, 13)
    of_group = {}
    for key, fold in zip(keys, folds, strict=True):
        of_group.setdefault(key, set()).add(int(fold))
    assert all(len(some) == 1 for some in of_group.values())
    for label in "abc":
        assert {int(f) for f, own in zip(folds, labels, strict=True) if own == label} == {0, 1, 2, 3}


def test_a_class_with_fewer_groups_than_folds_is_set_aside():
    labels = ["a"] * 10 + ["rare"] * 6
    keys = [str(i) for i in range(10)] + ["one", "one", "one", "two", "two", "two"]
    folds = deal_folds(labels, keys, 3, 13)
    assert (folds[10:] == -1).all()
    assert (folds[:10] >= 0).all()


def test_folds_depend_on_the_seed_and_not_on_the_order_of_the_rows():
    labels, keys = ["a", "b"] * 20, [str(i) for i in range(40)]
    forward, backward = deal_folds(labels, keys, 5, 1), deal_folds(labels[::-1], keys[::-1], 5, 1)
    assert (forward == backward[::-1]).all()
    assert (forward != deal_folds(labels, keys, 5, 2)).any()


def test_a_group_of_several_labels_is_dealt_with_its_rarest_one():
    """The other way round, a rare class whose groups also hold a common one would all lie in one fold, or nowhere."""
    labels, keys = ["zebra", "ant"] * 3 + ["ant"] * 30, [f"g{i // 2}" for i in range(6)] + [str(i) for i in range(30)]
    folds = deal_folds(labels, keys, 3, 13)
    assert sorted(folds[:6:2].tolist()) == [0, 1, 2]
    assert (folds >= 0).all()


def test_a_group_counts_for_each_of_its_labels_once():
    labels, keys = ["a", "b", "b", "b"], ["x", "x", "y", "z"]
    assert deal_folds(labels, keys, 2, 0).tolist().count(-1) == 1
    assert (deal_folds(["a", "a", "b", "b"], ["x", "x", "x", "y"], 2, 0)[:2] == -1).all()


def test_a_class_that_lies_in_one_fold_only_is_set_aside():
    """Its groups were dealt with other labels: a fold without it in training could only find it wrong."""
    for seed in range(20):
        labels = ["rare", "a", "rare", "b", *"ab" * 3]
        keys = ["x", "x", "y", "y", *"abcdef"]
        folds = deal_folds(labels, keys, 2, seed)
        own = {int(fold) for fold, label in zip(folds, labels, strict=True) if label == "rare"}
        assert own in ({-1}, {0, 1})


def test_groups_that_teach_nobody_have_a_fold_and_do_not_make_a_class_large_enough():
    labels, keys = ["a"] * 6 + ["b"] * 6, [str(i) for i in range(12)]
    folds = deal_folds(labels, keys, 3, 13, {"6", "7", "8", "9"})
    assert (folds[:6] >= 0).all()
    assert (folds[6:] == -1).all()
    assert (deal_folds(labels, keys, 3, 13, {"6"}) >= 0).all()
