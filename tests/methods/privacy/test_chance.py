"""Coins that show heads as often as they are said to, each on its own, and that nobody can toss again."""

from __future__ import annotations

import itertools
import os
import random
import secrets

import numpy as np
import pytest

from stages.methods.privacy import chance as module
from stages.methods.privacy.chance import Chance

UNITS, RATE, STEPS = 200, 0.3, 500
FAR = 8
"""Standard deviations that no right coin is ever off, however often the tests run."""


@pytest.fixture(scope="module", params=[None, 7], ids=["system", "test_seed"])
def tosses(request):
    """Whether each unit was drawn in each step."""
    chance, found = Chance(request.param), np.zeros((STEPS, UNITS))
    for step in range(STEPS):
        found[step, chance.drawn(UNITS, RATE, step)] = 1
    return found


def off(share, chance, count):
    """How many standard deviations a share among so many coins lies off."""
    return abs(share - chance) / (chance * (1 - chance) / count) ** 0.5


def test_units_are_drawn_at_the_rate_each_of_them_and_in_each_step(tosses):
    assert off(tosses.mean(), RATE, tosses.size) < FAR
    assert all(off(share, RATE, STEPS) < FAR for share in tosses.mean(axis=0))
    assert all(off(share, RATE, UNITS) < FAR for share in tosses.mean(axis=1))


def test_the_size_of_a_step_varies_as_independent_coins_make_it_vary(tosses):
    """A shuffled fixed batch has no variance, and one coin for all has far too much."""
    expected = UNITS * RATE * (1 - RATE)
    assert 0.6 * expected < tosses.sum(axis=1).var() < 1.6 * expected


def test_one_unit_or_step_tells_nothing_of_another(tosses):
    for one, other in ((tosses[:, :-1], tosses[:, 1:]), (tosses[:-1], tosses[1:])):
        both = (one * other).mean()
        assert off(both, RATE**2, one.size) < FAR


def test_a_rate_of_one_draws_all_and_of_zero_none():
    for chance in (Chance(), Chance(7)):
        assert chance.drawn(50, 1.0, 0) == list(range(50))
        assert chance.drawn(50, 0.0, 0) == chance.drawn(0, 0.5, 0) == []


def test_steps_without_anyone_come_up():
    chance = Chance()
    assert any(not chance.drawn(3, 0.1, step) for step in range(200))


def noise(chance, step):
    import torch

    return torch.randn(8, generator=chance.generator("cpu", step)).tolist()


def test_with_a_test_seed_coins_noise_and_canaries_come_again():
    first, again = Chance(7), Chance(7)
    assert first.drawn(100, 0.5, 3) == again.drawn(100, 0.5, 3)
    assert noise(first, 3) == noise(again, 3)
    assert first.random().random() == again.random().random()


def test_each_test_seed_purpose_and_step_has_chance_of_its_own():
    def all_of(chance, step):
        return chance.drawn(64, 0.5, step), noise(chance, step)

    found = [all_of(Chance(*which), step) for which in ((7,), (8,), (7, "control")) for step in (0, 1)]
    for one, other in itertools.combinations(found, 2):
        assert one[0] != other[0]
        assert one[1] != other[1]


def test_without_a_test_seed_nothing_comes_again_even_where_every_seed_is_the_same():
    import torch

    found = []
    for _ in range(2):
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 what must have no effect
        torch.manual_seed(0)
        chance = Chance()
        found.append((chance.drawn(64, 0.5, 0), noise(chance, 0), chance.random().random()))
    assert all(one != other for one, other in zip(*found, strict=True))


def test_without_a_test_seed_coins_and_noise_come_from_the_operating_system(monkeypatch):
    """Bytes that are all ones are the largest numbers: nobody is drawn. The noise's seed is asked for at each step."""
    asked = []
    monkeypatch.setattr(os, "urandom", lambda count: asked.append(count) or b"\xff" * count)
    monkeypatch.setattr(secrets, "randbits", lambda bits: asked.append(bits) or 5)
    assert Chance().drawn(10, 0.99, 0) == []
    assert [Chance().generator("cpu", step).initial_seed() for step in (0, 1)] == [5, 5]
    assert asked == [80, 63, 4 * 624, 63, 4 * 624]
    assert isinstance(Chance().random(), random.SystemRandom)


def test_noise_is_not_one_of_the_few_that_a_seed_of_the_cpus_generator_can_make(monkeypatch):
    """Torch takes 32 bits of it: whoever sees a step could try them all."""
    import torch

    def of_seed(seed):
        return torch.randn(8, generator=torch.Generator("cpu").manual_seed(seed)).tolist()

    assert of_seed(5) == of_seed(5 + 2**32)
    monkeypatch.setattr(secrets, "randbits", lambda _: 5)
    found = [noise(Chance(), 0) for _ in range(3)]
    assert len({*map(tuple, [*found, of_seed(5)])}) == 4
    much = torch.randn(100_000, generator=Chance().generator("cpu", 0))
    assert much.std().item() == pytest.approx(1, abs=0.03)
    assert much.mean().item() == pytest.approx(0, abs=0.03)


def test_a_release_of_torch_that_keeps_its_state_elsewhere_is_not_trusted(monkeypatch):
    monkeypatch.setattr(module, "_FIRST", 16)
    with pytest.raises(RuntimeError, match="another way"):
        Chance().generator("cpu", 0)
    assert noise(Chance(7), 0) == noise(Chance(7), 0)


def test_what_is_dropped_is_drawn_from_the_operating_system_and_comes_again_with_a_test_seed():
    import torch

    def dropped(one, step):
        torch.manual_seed(13)
        one.shake(step)
        return tuple(torch.rand(8).tolist())

    assert len({dropped(Chance(), 0) for _ in range(3)}) == 3
    assert dropped(Chance(7), 1) == dropped(Chance(7), 1)
    assert len({dropped(Chance(*which), step) for which in ((7,), (8,), (7, "control")) for step in (0, 1)}) == 6


def test_the_noise_and_the_rest_of_the_training_do_not_share_a_generator():
    import torch

    torch.manual_seed(3)
    expected = torch.randn(4).tolist()
    torch.manual_seed(3)
    noise(Chance(), 0)
    assert torch.randn(4).tolist() == expected
