import random
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from stages.core.errors import UsageError
from stages.methods.audit.canaries import CANARY, FILE, SECRET, TIERS, Planted
from stages.methods.finetune.batching import record_losses
from stages.methods.finetune.planting import plant, trained_on, with_control, write
from stages.methods.finetune.training import Learner
from tests import tiny

OPTIONS = {"max_length": 32, "dropout": None, "frozen_layers": 0, "lora": {"enabled": False}}
LABELS = ("negative", "positive")


@pytest.fixture(scope="module")
def learner(tmp_path_factory):
    import torch

    base = tiny.save_base(tmp_path_factory.mktemp("base"))
    torch.manual_seed(0)
    return Learner(*tiny.TASK.load(base, LABELS, OPTIONS), tiny.TASK)


def plan(canaries=20, secrets=0, seed=13, **privacy):
    options = {**OPTIONS, "canaries": canaries, "secrets": secrets}
    return {"finetune": options, "labels": LABELS, "seed": seed, "privacy": {"enabled": False, **privacy}}


def private(test_seed=None):
    return plan(enabled=True, test_seed=test_seed)


def drawn(learner, a_plan, folder, name):
    """What is planted by a plan for the first time."""
    (folder / name).mkdir()
    return plant(learner, a_plan, folder / name)


def texts(planted):
    return [one.record.text for one in planted]


def coins(planted):
    return [one.included for one in planted]


def test_nothing_is_planted_where_nothing_is_asked_for(learner, tmp_path):
    assert plant(learner, plan(canaries=0), tmp_path) == []
    write([], tmp_path)
    assert not list(tmp_path.iterdir())


def test_canaries_are_invented_and_have_a_coin_and_the_untrained_models_loss(learner, tmp_path):
    found = plant(learner, plan(canaries=60), tmp_path)
    assert len({one.record.text for one in found}) == 60
    assert {(one.kind, one.repeats, one.control_loss) for one in found} == {(CANARY, 1, None)}
    assert 15 < sum(coins(found)) < 45
    options = plan()["finetune"]
    losses = record_losses(
        tiny.TASK, (learner.model, learner.tokenizer), [one.record for one in found], options, LABELS
    )
    assert [one.base_loss for one in found] == losses


def test_a_training_that_goes_on_has_the_coins_it_began_with(learner, tmp_path):
    first = plant(learner, private(), tmp_path)
    again = plant(learner, private(), tmp_path)
    assert (texts(again), coins(again)) == (texts(first), coins(first))
    assert [one.base_loss for one in again] == [one.base_loss for one in first]


def test_private_coins_come_from_the_system_and_no_seed_tells_them(learner, tmp_path):
    one, two = (drawn(learner, private(), tmp_path, name) for name in ("one", "two"))
    assert coins(one) != coins(two)
    assert texts(one) != texts(two)
    assert one[0].record.values != two[0].record.values
    seeded = drawn(learner, plan(), tmp_path, "seeded")
    assert coins(seeded) != coins(one)


@pytest.mark.parametrize("make", [lambda seed: private(test_seed=seed), lambda seed: plan(seed=seed)])
def test_a_test_seed_and_the_seed_of_an_open_run_give_the_same_coins_again(learner, tmp_path, make):
    one, same, other = (drawn(learner, make(seed), tmp_path, f"{i}") for i, seed in enumerate((5, 5, 6)))
    assert (texts(one), coins(one)) == (texts(same), coins(same))
    assert texts(one) != texts(other)


def test_the_coins_do_not_depend_on_what_a_canary_says(learner, tmp_path):
    """Of many, those with each label are included about as often."""
    found = drawn(learner, plan(canaries=400), tmp_path, "many")
    shares = {}
    for label in LABELS:
        own = [one.included for one in found if one.record.values["label"] == label]
        shares[label] = sum(own) / len(own)
    assert all(share == pytest.approx(0.5, abs=0.15) for share in shares.values())


def test_canaries_that_are_cut_to_nothing_are_refused(tmp_path):
    class Short:
        def __getattr__(self, name):
            return getattr(tiny.TASK, name)

        def encode(self, *given):
            return [{**row, "learned": i % 2} for i, row in enumerate(tiny.TASK.encode(*given))]

    import torch

    torch.manual_seed(0)
    base = tiny.save_base(tmp_path / "base")
    learner = Learner(*tiny.TASK.load(base, LABELS, OPTIONS), Short())
    with pytest.raises(UsageError, match="10 of 20 canaries are cut to nothing"):
        plant(learner, plan(), tmp_path)
    assert not (tmp_path / FILE).exists()


# --- what is trained on -----------------------------------------------------------------------------------------------


def made(kind, i, repeats, included):
    one = replace(tiny.record(i, LABELS[i % 2], "train"), source=kind)
    return Planted(one, repeats, included, base_loss=1.0 if kind == CANARY else None)


def test_an_included_record_is_trained_on_as_often_as_it_is_repeated_and_others_never():
    planted = [
        made(CANARY, 1, 1, True),
        made(CANARY, 2, 1, False),
        *(made(SECRET, i, repeats, repeats > 0) for i, repeats in enumerate(TIERS, 3)),
    ]
    assert [record.id for record in trained_on(planted)] == ["0001", "0004", *["0005"] * 4, *["0006"] * 16]


def test_the_control_is_trained_on_the_included_canaries_alone_and_scores_all_of_them(learner):
    planted = [*(made(CANARY, i, 1, i % 3 == 0) for i in range(8)), made(SECRET, 20, 4, True)]
    random.Random(0).shuffle(planted)
    given = []

    def train(records):
        given.extend(records)
        return learner

    found = with_control(planted, train, plan())
    assert sorted(record.id for record in given) == ["0000", "0003", "0006"]
    assert [one.record.id for one in found] == [one.record.id for one in planted]
    assert all((one.control_loss is None) == (one.kind == SECRET) for one in found)
    canary = next(one for one in found if one.kind == CANARY)
    both = learner.model, learner.tokenizer
    assert canary.control_loss == pytest.approx(
        record_losses(tiny.TASK, both, [canary.record], plan()["finetune"], LABELS)[0], rel=1e-4
    )


def test_without_canaries_there_is_no_control():
    planted = [made(SECRET, 1, 4, True)]
    assert with_control(planted, lambda _: pytest.fail("trained"), plan()) == planted


def test_what_is_written_has_no_other_columns_than_it_should(learner, tmp_path):
    write(plant(learner, plan(), tmp_path), tmp_path)
    names = pq.read_schema(tmp_path / FILE).names
    assert names == ["id", "kind", "repeats", "included", "base_loss", "control_loss", "values"]
