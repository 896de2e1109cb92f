"""Membership inference: telling from the model's loss on a record whether the model was trained on it.

The attack takes a low loss as a sign of membership (Yeom et al. 2018); the calibrated one subtracts the loss of a model
that has seen neither kind in another way (Watson et al. 2022), so that an easy record does not pass for a member. Both
say something only if members and non-members do not differ by themselves: the controls look for such differences
without the tuned model, and must not find any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.core.doubts import Vectors
from stages.core.task import Metric
from stages.methods.audit.one_run import Claim
from stages.methods.audit.roc import auc_interval, flat, tpr_at_fpr
from stages.methods.check_labels.views import Codes, Floats, Judge, out_of_fold
from stages.methods.evaluate.baselines import tfidf_logistic

LEAST = 20
"""Members, and non-members, below which nothing is tried: the interval would span everything."""
_CONTROL_LEVEL = 1 - 0.05 / 3
"""Three controls at this level reject a fair comparison, all together, in one run of twenty at most (Bonferroni)."""


_RATES = {"tpr_at_1_percent_fpr": 0.01, "tpr_at_0_1_percent_fpr": 0.001}
NOTHING_CLAIMED = Claim()
LARGEST = 1e3
"""Instead of the loss of an answer that has no probability, or no place in the model's window."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What is known of records without the tuned model; one value a record. Groups never lie in two folds."""

    member: NDArray[np.bool_]
    texts: Sequence[str]
    vectors: Vectors
    labels: Sequence[str]
    folds: Codes
    base: Sequence[float | None] | None = None
    """The base model's losses, where it answers without having been tuned."""


def inference(
    known: Candidates, losses: Floats, resamples: int, seed: int, claim: Claim = NOTHING_CLAIMED
) -> dict[str, Any]:
    """The report: both attacks, the controls, and whether the attacks say anything. `losses` are the tuned model's."""
    reference = reference_losses(known)
    found = attack(known.member, losses, reference, resamples, seed)
    found |= ceilings(found, claim)
    checks = controls(known, reference, resamples, seed)
    failed = suspicious(checks)
    return {
        "membership": found,
        "controls": {name: flat({"auc": auc}) for name, auc in checks.items()},
        "valid": not failed,
        "membership_sentence": sentence(found, failed),
    }


def attack(member: NDArray[np.bool_], losses: Floats, reference: Floats, resamples: int, seed: int) -> dict[str, Any]:
    """AUC of both attacks, and the share of members found at a false-positive rate of 1 % and 0.1 %.

    The rates are left out where there are too few non-members to tell them from zero.
    """
    plain, calibrated = -losses, reference - losses
    found = {
        "auc": auc_interval(plain[member], plain[~member], resamples, seed),
        "calibrated_auc": auc_interval(calibrated[member], calibrated[~member], resamples, seed),
        **{name: tpr_at_fpr(plain[member], plain[~member], rate) for name, rate in _RATES.items()},
    }
    return flat({name: metric for name, metric in found.items() if metric})


def ceilings(found: Mapping[str, float], claim: Claim) -> dict[str, float]:
    """Beside each rate, what differential privacy as claimed leaves to any attack; nothing without a claim."""
    most = {f"{name}_ceiling": claim.most_found(rate) for name, rate in _RATES.items() if name in found}
    return {name: round(share, 6) for name, share in most.items() if share is not None}


def reference_losses(known: Candidates) -> Floats:
    """How hard each record is for a model that was trained on neither kind, in nats.

    The base model's loss where it has one. Else that of the record's own label under a logistic regression on the other
    folds' frozen embeddings.
    """
    if known.base is not None:
        return np.array([LARGEST if loss is None else loss for loss in known.base])
    classes, given = np.unique(np.array(known.labels), return_inverse=True)
    if len(classes) < 2:
        return np.zeros(len(given))
    everyone = np.ones(len(given), dtype=np.bool_)
    shares = out_of_fold(Judge(known.vectors, given, len(classes)), known.folds, everyone)
    losses: Floats = -np.log(shares[np.arange(len(given)), given])
    return losses


def controls(known: Candidates, reference: Floats, resamples: int, seed: int) -> dict[str, Metric]:
    """AUC of three guesses at membership that do not use the tuned model: all should be about 0.5.

    `text` and `embedding` are classifiers that learn to tell members from others on three folds and are judged on the
    other two. (Cross-validation would judge them on all, but its AUC spreads half as wide again as a bootstrap says:
    each fold's classifier learns from what the others are judged on.) `difficulty` is the reference loss, which differs
    where one side has the harder records or the worse labels.
    """
    learned = known.folds % 2 == 0
    judged = ~learned
    guesses = {"text": _by_text(known, learned, seed), "embedding": _by_embedding(known, learned)}
    sides = {name: (guess[known.member[judged]], guess[~known.member[judged]]) for name, guess in guesses.items()}
    sides["difficulty"] = (-reference[known.member], -reference[~known.member])
    return {
        name: auc_interval(members, others, resamples, seed, _CONTROL_LEVEL)
        for name, (members, others) in sides.items()
        if len(members) and len(others)
    }


def suspicious(found: Mapping[str, Metric]) -> list[str]:
    """Controls that tell members from others. A trained control below 0.5 has found nothing; the difficulty has."""
    return [name for name, auc in found.items() if auc.low > 0.5 or (name == "difficulty" and auc.high < 0.5)]


def _by_text(known: Candidates, learned: NDArray[np.bool_], seed: int) -> Floats:
    """Probability of membership of each record that was not learned from, by TF-IDF and logistic regression."""
    rows, asked = np.flatnonzero(learned).tolist(), np.flatnonzero(~learned).tolist()
    sides = ["member" if known.member[i] else "other" for i in rows]
    scores = tfidf_logistic([known.texts[i] for i in rows], sides, [known.texts[i] for i in asked], seed)
    return np.array([score.get("member", 0.0) for score in scores])


def _by_embedding(known: Candidates, learned: NDArray[np.bool_]) -> Floats:
    """The same by logistic regression on the frozen embeddings."""
    chances: Floats = Judge(known.vectors, known.member.astype(np.int64), 2)((learned, ~learned))[:, 1]
    return chances


def sentence(membership: Mapping[str, Any], failed: Sequence[str]) -> str:
    """What the stronger of the two attacks shows, and what it does not."""
    if "auc" not in membership:
        return f"Not tried: it takes at least {LEAST} members and {LEAST} non-members with a label."
    attack = max(("auc", "calibrated_auc"), key=lambda name: membership.get(f"{name}_low", 0.0))
    value, low, high = (membership[f"{attack}{end}"] for end in ("", "_low", "_high"))
    numbers = f"AUC {value:.3f}, 95 % interval {low:.3f} to {high:.3f}, the stronger of two attacks"
    if failed:
        return (
            f"Not valid ({numbers}): training and test rows can be told apart without the tuned model, by "
            f"{' and '.join(failed)}; what the attack finds may be that difference and not memory."
        )
    if any(membership[f"{name}_low"] > membership.get(f"{name}_ceiling", 1.0) for name in _RATES if name in membership):
        return (
            f"More members are found than the claimed epsilon leaves to any attack ({numbers}): the training is not as "
            "private as it says, or members differ from others in a way that the controls do not see."
        )
    if low > 0.5:
        return f"The model treats rows it was trained on differently ({numbers}): it tells something of who is in them."
    return (
        f"Neither attack does better than guessing ({numbers}). A stronger one might: what every attack could find is "
        "bounded by differential privacy, where the model was trained with it, and by nothing else."
    )
