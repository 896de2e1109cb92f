"""What a private training will cost, before it is paid for, and what must not be called private."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from stages.core.errors import Fault, PrivacyRefused
from stages.core.params import PrivacyParams
from stages.core.params.section import Section
from stages.core.params.training import RUNTIME
from stages.methods.privacy.accounting import Loss, Mechanism, epsilon, epsilon_of_a_change, noise_for
from stages.methods.privacy.holders import Holders

_LARGE_NOISE = 10.0
_SMALL_BATCH = 128
_NO_BOUND = 1000.0


def refuse_unsafe(private: PrivacyParams, sections: Mapping[str, Section]) -> None:
    """Raises PrivacyRefused for settings under which a bound would not hold, all at once."""
    faults = [*_unsafe_training(sections["finetune"].model_dump())]
    if private.preprocessing == "per_record":
        faults += _unsafe_preprocessing({name: section.model_dump() for name, section in sections.items()})
        if private.max_rows_per_subject is not None:
            # A row that is added or taken away moves another one of its subject: two steps of the relation, not one.
            problem = "which of a subject's rows are kept depends on the others, which preprocessing: per_record denies"
            step = "set it to null, or say `preprocessing: conditional`"
            faults.append(Fault("params.yaml: privacy.max_rows_per_subject", problem, step))
    if faults:
        raise PrivacyRefused(*faults)


def _unsafe_training(options: Mapping[str, Any]) -> Iterator[Fault]:
    place = "params.yaml: finetune"
    if options["augment"]["method"] != "none":
        yield Fault(f"{place}.augment", "one record would be trained on as several", "set its method to none")
    if options["contrastive"]["enabled"]:
        yield Fault(f"{place}.contrastive", "a pair is the loss of two records, and clips for neither", "turn it off")
    for name in ("class_weights", "attribute_weights"):
        if options[name]:
            problem = "a record's weight would depend on how many others there are"
            yield Fault(f"{place}.{name}", problem, "turn it off; `source_weights` are fixed numbers, and allowed")
    if options["new_tokens"]:
        yield Fault(f"{place}.new_tokens", "words from private texts would stand in the vocabulary", "set it to []")
    if options["gradient_accumulation"] != 1:
        problem = "a step is `batch_size` records on average already, in parts of privacy.physical_batch"
        yield Fault(f"{place}.gradient_accumulation", problem, "set it to 1, and batch_size to the size of a step")
    if options["gradient_checkpointing"]:
        problem = "recomputed activations have no gradients of single records"
        yield Fault(f"{place}.gradient_checkpointing", problem, "set it to false; privacy.physical_batch saves memory")


def _unsafe_preprocessing(options: Mapping[str, Mapping[str, Any]]) -> list[Fault]:
    near, labels, split = options["deduplicate"], options["check_labels"], options["split"]
    limits = [options["ingest"]["limit"], *(source["limit"] for source in options["ingest"]["sources"])]
    found = [
        ("ingest", any(limit is not None for limit in limits), "set every limit to null"),
        (
            "deduplicate",
            near["exact"] or near["near"] or near["semantic"] is not None,
            "turn exact, near, semantic off",
        ),
        ("check_labels.policy", labels["policy"] != "flag", "set it to flag"),
        ("split.shots", split["shots"] is not None, "set it to null"),
    ]
    problem = "decides about a record by looking at others, which privacy.preprocessing: per_record denies"
    more = ", or say `preprocessing: conditional`"
    return [Fault(f"params.yaml: {place}", problem, step + more) for place, unsafe, step in found if unsafe]


def plan_privacy(
    private: PrivacyParams, holders: Holders, batch: int, steps: Mapping[str, int], *, windows: int
) -> dict[str, Any]:
    """The section `privacy` of the plan, but for the noise against the signal (see `noise_against_signal`).

    `windows` is in how many parts the record is read that has most. Raises PrivacyRefused for a promise that cannot be
    kept, all reasons at once.
    """
    units = holders.count(private.unit)
    delta = private.delta or float(f"{min(1e-5, units**-1.1):.6g}")
    faults = list(_impossible(private, holders, units, (delta, batch, windows)))
    if faults:
        raise PrivacyRefused(*faults)
    rate, total = batch / units, steps["total"] * private.runs
    try:
        sigma = noise_for(private.target_epsilon, rate, total, delta, private.accountant)
    except ValueError as error:
        raise PrivacyRefused(Fault("params.yaml: privacy.target_epsilon", str(error), "raise it")) from None
    mechanism = Mechanism(sigma, rate, total)
    return {
        **private.model_dump(mode="json", exclude={"target_epsilon", "delta", *RUNTIME}),
        "target_epsilon": private.target_epsilon,
        "delta": delta,
        "records": len(holders.of),
        "units": units,
        "largest_unit": holders.largest,
        "with_subject": holders.with_subject,
        "left_out": len(holders.left_out),
        "rate": rate,
        "expected_batch": batch,
        "steps": steps["total"],
        "noise_multiplier": sigma,
        "epsilon": epsilons(mechanism, private.unit, holders.largest, delta, private.accountant),
    }


def _impossible(private: PrivacyParams, holders: Holders, units: int, found: tuple[float, int, int]) -> Iterator[Fault]:
    delta, batch, windows = found
    if delta >= 1 / units:
        problem = f"{delta:g} is 1/n or more, with {units} units: publishing one of them in full would satisfy it"
        yield Fault("params.yaml: privacy.delta", problem, f"set it below 1/{units}, or to null")
    if batch > units:
        problem = f"a step would draw {batch} of {units} units"
        yield Fault("params.yaml: batch_size", problem, f"set it to {units} at most; a quarter of that, say")
    if private.unit == "subject" and not holders.with_subject:
        problem = "no training record has a subject, so that nobody's rows can be told from another's"
        yield Fault("params.yaml: privacy.unit", problem, "name the column in ingest.sources[].subject, or take record")
    several = private.unit == "subject" and holders.largest > 1
    if private.mode == "ghost" and (several or windows > 1):
        what = f"{holders.largest} rows of one subject" if several else f"{windows} windows of one record"
        problem = f"norms alone cannot be added up over {what}"
        yield Fault("params.yaml: privacy.mode", problem, "set it to hooks")


def epsilons(mechanism: Mechanism, unit: str, rows: int, delta: float, accountant: str) -> dict[str, float | None]:
    """What a record and a subject lose at most; None where there is no bound. `rows` has the largest subject.

    A record among several of a drawn subject changes that subject's gradient, which takes two steps of the neighbouring
    relation: its bound is the larger one. Its whole subject's removal, of course, costs what the subject's does.
    """
    one = epsilon([Loss(mechanism)], delta, accountant)
    if unit == "record":
        found = {"record": one, "subject": one if rows <= 1 else epsilon([Loss(mechanism, rows)], delta, accountant)}
    else:
        changed = one if rows <= 1 else epsilon_of_a_change([Loss(mechanism)], delta, accountant)
        found = {"record": changed, "subject": one}
    return {name: rounded_up(value) for name, value in found.items()}


def rounded_up(value: float) -> float | None:
    """Three digits behind the point, never less than the value; None where it is so large that it bounds nothing."""
    return math.ceil(value * 1000 - 1e-9) / 1000 if value < _NO_BOUND else None


def noise_against_signal(private: Mapping[str, Any], trainable: int) -> dict[str, float]:
    """The expected length of a step's noise, and that of its signal if all clipped gradients point the same way."""
    norm = private["noise_multiplier"] * private["max_grad_norm"] * math.sqrt(trainable) / private["expected_batch"]
    most = private["max_grad_norm"]
    return {
        "norm": float(f"{norm:.4g}"),
        "signal_at_most": float(f"{most:.4g}"),
        "ratio": float(f"{norm / most:.4g}"),
    }


def in_words(private: Mapping[str, Any]) -> str:
    """The promise and its price, in one line."""
    losses = (f"{value:g}" if value is not None else "no bound" for value in private["epsilon"].values())
    epsilon_of = " and ".join(f"{value} for a {who}" for who, value in zip(private["epsilon"], losses, strict=True))
    noise = f"noise {private['noise_multiplier']:g}, {private['noise']['ratio']:.2g} times the largest signal"
    return f"epsilon {epsilon_of} at delta {private['delta']:g}; {noise}; rate {private['rate']:.4g}"


def warnings(private: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What to look at before the budget is spent: a code and a sentence with the numbers."""
    if private["test_seed"] is not None:
        yield "not_private", "privacy.test_seed makes the noise known: this run is not private"
    if private["noise"]["ratio"] > _LARGE_NOISE:
        ratio = f"the noise of a step is {private['noise']['ratio']:.0f} times as long as its signal can be"
        yield "noise_drowns", f"{ratio}: train fewer parameters (finetune.lora, head_only) or raise batch_size"
    if private["expected_batch"] < min(_SMALL_BATCH, private["units"] // 4):
        yield "small_batch", f"batch_size {private['expected_batch']}: under noise, larger batches and more epochs win"
    if private["unit"] == "record" and private["largest_unit"] > 1:
        subject = private["epsilon"]["subject"]
        cost = "without bound" if subject is None else f"epsilon {subject:g}"
        problem = f"a subject with {private['largest_unit']} rows loses {cost}"
        step = "lower" if private.get("max_rows_per_subject") else "set"
        yield "subject_exposed", f"{problem}: {step} privacy.max_rows_per_subject, or set privacy.unit to subject"
