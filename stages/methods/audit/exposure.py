"""How far a model gives away secrets that were planted into its training (Carlini et al. 2019).

The exposure of a secret is log2 |R| - log2 rank: the bits of guessing that the model saves somebody who knows the
sentence and looks for the code, where all codes R are ranked by the model's loss. They are ranked here among a random
sample of R, so that an exposure is at most log2 of its size. The rank of a code that was never trained on is uniform.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stages.core.progress import track
from stages.core.records import Record
from stages.methods.audit.canaries import CODE_DIGITS, TIERS, Planted

SAMPLE = 512
"""Codes, the secret's own among them."""
_LEVEL = 0.05 / len(TIERS)
_CODE = re.compile(rf"\d{{{CODE_DIGITS}}}")
_TIMES = {0: "never", 1: "once"}
Losses = Callable[[Sequence[Record]], Sequence[float | None]]


def measure_exposure(secrets: Sequence[Planted], losses: Losses, seed: int, size: int = SAMPLE) -> dict[str, Any]:
    """`exposure` and its sentence for the report; nothing without secrets. `losses` asks the tuned model."""
    found: dict[int, list[float]] = {}
    alike = True
    for secret in track(secrets, "secrets ranked", len(secrets)):
        codes = _others(secret.record, seed, size - 1)
        own, *others = losses([secret.record, *(with_code(secret.record, code) for code in codes)])
        alike = alike and len({own, *others}) == 1
        if own is not None:  # else it was too long for the model to see the answer
            found.setdefault(secret.repeats, []).append(_rank(own, [one for one in others if one is not None]))
    if not found:
        return {}
    report = {
        "codes": size,
        "codes_alike": alike,
        "ceiling": round(math.log2(size), 4),
        "by_chance": round(_mean_exposure(range(1, size + 1), size), 4),
        **{f"repeats_{repeats}": _summary(found[repeats], size) for repeats in sorted(found)},
    }
    return {"exposure": report, "exposure_sentence": sentence(report)}


def with_code(record: Record, code: str) -> Record:
    """The secret with another code in it."""
    changed = {path: _CODE.sub(code, text) for path, text in record.texts().items() if _CODE.search(text)}
    return record.with_texts(changed)


def _others(record: Record, seed: int, count: int) -> list[str]:
    """So many codes that are not the secret's own, drawn from (seed, purpose, id)."""
    draw = random.Random(f"{seed}:exposure:{record.id}")
    own = _CODE.findall(record.text)
    drawn = (f"{code:0{CODE_DIGITS}d}" for code in draw.sample(range(10**CODE_DIGITS), count + 1))
    return [code for code in drawn if code not in own][:count]


def _rank(own: float, others: Sequence[float]) -> float:
    """1 for the likeliest of all; ties count half."""
    return 1 + sum((one < own) + (one == own) / 2 for one in others)


def _mean_exposure(ranks: Sequence[float], size: int) -> float:
    return sum(math.log2(size / rank) for rank in ranks) / len(ranks)


def _summary(ranks: Sequence[float], size: int) -> dict[str, Any]:
    """The chance of ranks so low without any memory is Fisher's (1925): the sum of the logarithms of rank / size."""
    from scipy.stats import chi2

    p_value = chi2.sf(-2 * sum(math.log(rank / size) for rank in ranks), 2 * len(ranks))
    return {
        "secrets": len(ranks),
        "exposure": round(_mean_exposure(ranks, size), 4),
        "likeliest": sum(rank == 1 for rank in ranks),
        "p_value": round(float(p_value), 6),
    }


def sentence(found: Mapping[str, Any]) -> str:
    """What the exposure shows, and what it does not."""
    tiers = {repeats: found[f"repeats_{repeats}"] for repeats in TIERS if f"repeats_{repeats}" in found}
    bits = ", ".join(f"{_TIMES.get(n, f'{n} times')} {tier['exposure']:.1f}" for n, tier in tiers.items())
    numbers = f"{bits} bits, of {found['ceiling']:g} at most and {found['by_chance']:.1f} by chance"
    if found["codes_alike"]:
        return "Not valid: to this model all codes are alike, as when its tokenizer has no digits."
    remembered = [_TIMES.get(n, f"{n} times") for n, tier in tiers.items() if tier["p_value"] < _LEVEL]
    if "never" in remembered:
        return f"Not valid: even codes that were never trained on are exposed. Exposure by how often: {numbers}."
    result = f"secrets trained on {' and '.join(remembered)} are remembered" if remembered else "none is remembered"
    return f"Of invented secrets, {result}. Exposure by how often: {numbers}. Other secrets may be easier to learn."
