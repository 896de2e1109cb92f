"""Where private training gets its chance from: the operating system, afresh for each step, and stored nowhere."""

from __future__ import annotations

import hashlib
import os
import random
import secrets
from typing import Any

import numpy as np


class Chance:
    """Coins and noise. A `test_seed` makes both known to anyone who knows it: nothing is private then.

    What decides who is drawn comes straight from the system's generator. Gaussian noise is made by torch's, whose state
    comes from there anew for each step: it is not a cryptographic one, and floating-point numbers have gaps (Mironov
    2012), so an attacker who sees exact intermediate values is out of scope.
    """

    def __init__(self, test_seed: int | None = None, purpose: str = "training") -> None:
        self.test_seed, self.purpose = test_seed, purpose

    def drawn(self, units: int, rate: float, step: int) -> list[int]:
        """The units of this step: each by a coin of its own that shows heads with the chance `rate`."""
        if self.test_seed is None:
            coins = np.frombuffer(os.urandom(8 * units), dtype=np.uint64).astype(np.float64) / 2.0**64
        else:
            coins = np.random.default_rng(self._seed("coins", step)).random(units)
        return [int(place) for place in np.flatnonzero(coins < rate)]

    def generator(self, device: Any, step: int) -> Any:
        """A generator for the noise of this step."""
        import torch

        return self._seeded(torch.Generator(device), "noise", step)

    def shake(self, step: int) -> None:
        """Seed torch's own generators, from which dropout is drawn, for this step.

        From a seed that is known, who else is in a batch would decide what is dropped of a row: then one row more or
        less would change the gradients of all others, and noise for a single one would not hide it.
        """
        import torch

        torch.manual_seed(secrets.randbits(63) if self.test_seed is None else self._seed("dropout", step))
        self._seeded(torch.default_generator, "dropout", step)

    def random(self) -> random.Random:
        """For canaries and what else must be drawn in secret."""
        return random.SystemRandom() if self.test_seed is None else random.Random(self._seed("canaries", 0))

    def _seeded(self, generator: Any, what: str, step: int) -> Any:
        generator.manual_seed(secrets.randbits(63) if self.test_seed is None else self._seed(what, step))
        if self.test_seed is None and generator.device.type == "cpu":
            _fill(generator)
        return generator

    def _seed(self, what: str, step: int) -> int:
        text = f"{self.test_seed}:{self.purpose}:{what}:{step}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7])


_WORDS, _FIRST = 624, 24
"""Of a Mersenne twister's state, and at which byte of what torch says of a generator it begins; each takes 8 bytes."""


def _fill(generator: Any) -> None:
    """Fill a generator's state from the operating system.

    For the CPU torch uses 32 bits of any seed, and so many noises can be tried out one by one. Raises RuntimeError
    where a release of torch has the state elsewhere: noise that is not as secret as it should be must not be used.
    """
    state = generator.get_state()
    words = state.numpy()[_FIRST : _FIRST + 8 * _WORDS].view(np.uint64)
    if len(words) != _WORDS or int(words[0]) != generator.initial_seed() % 2**32:
        raise RuntimeError("this release of torch keeps the state of its generator in another way")
    words[:] = np.frombuffer(os.urandom(4 * _WORDS), dtype=np.uint32)
    generator.set_state(state)
