"""The report's words about what a private training promises, made from the figures alone; the cards say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stages.methods.document.privacy import best_guess, epsilons
from stages.methods.document.score_words import key
from stages.methods.document.tree import find, metric
from stages.methods.document.wording import (
    interval,
    is_number,
    number,
    percent,
    plural,
    words,
)

Figures = Mapping[str, Any]
_WHOM = {
    "record": "any one record",
    "subject": "any one subject, with all its rows and their near duplicates,",
}
_MODES = {"hooks": "held one by one (hooks)", "ghost": "by their norms (ghost)"}
_NOT_PRIVATE = {
    "test_seed": "The noise was drawn from `privacy.test_seed`, which stands in params.yaml: whoever has that file can "
    "take the noise off again.",
}
_TIMES = {0: "never (control)", 1: "once"}
_HEADINGS = {
    "canary": "Invented records, trained on by a coin",
    "exposure": "Invented secrets, planted",
    "regurgitation": "Training text, given away word for word",
}


def privacy_texts(figures: Figures) -> dict[str, Any]:
    """All texts about differential privacy, by the names the template knows them by."""
    found, planted = figures["privacy"]["certificate"], figures["privacy"]["planted"]
    return {
        "promised": list(promised(found)),
        "not_private": not_private(found),
        "not_covered": not_covered(found),
        "mechanism": mechanism(found),
        "planted_attacks": [
            {"heading": _HEADINGS[name], "sentence": one["sentence"], **_TABLES[name](one)}
            for name, one in planted.items()
        ],
    }


def epsilon_key(found: Figures, note: str) -> dict[str, str]:
    """The figure on top; `note` says what the attacks came to."""
    whom, value = next(epsilons(found), (found.get("unit", "unit"), None))
    if not found.get("private"):
        return key("epsilon", "Epsilon", "not private", "trained with known noise, for tests")
    said = f"at delta {number(found.get('delta'))}; {note}"
    return key("epsilon", f"Epsilon for a {whom}, at most", number(value), said)


def not_private(found: Figures) -> str:
    """Why a training with noise promises nothing; empty where it does promise something, or where there was none."""
    if not found or found.get("private"):
        return ""
    why = _NOT_PRIVATE.get(str(found.get("not_private_because")), "The certificate does not say why.")
    return f"This model is not private. {why}"


def promised(found: Figures) -> Iterator[str]:
    """Who is protected, how far, what that means, and how often it was spent."""
    if not found.get("private"):
        return
    unit, delta = found.get("unit"), found.get("delta")
    hidden = (
        f"It was trained with differential privacy, which hides whether {_WHOM.get(str(unit), 'a unit')} was there."
    )
    yield f"{hidden} {_sentence(found.get('adjacency'))}".strip()
    stated = dict(epsilons(found))
    yield " ".join(bounds(found))
    if guess := best_guess(stated.get(str(unit)), delta):
        yield (
            f"What that means: whoever has the model, knows all else, and guesses whether one {unit} was there, where "
            f"a coin would be right half the time, is right at most {percent(guess, 2)} of the time, by any attack "
            "that there is or will be."
        )
    yield from _spent(found.get("ledger") or {})
    yield from _spread(found.get("spread") or {})


def bounds(found: Figures) -> Iterator[str]:
    """Epsilon, for a record and for a subject, and whose rows were left out for it."""
    stated, delta = dict(epsilons(found)), number(found.get("delta"))
    told = " and ".join(f"at most {number(value)} for a {whom}" for whom, value in stated.items())
    yield f"Epsilon is {told}, at delta {delta}." if told else "Epsilon: not recorded."
    largest, known, records = (found.get(name) for name in ("largest_unit", "with_subject", "records"))
    if found.get("unit") == "record" and "subject" in stated and is_number(largest):
        yield f"The subject with the most rows has {number(largest)}."
    elif "subject" not in stated:
        yield "For a whole person with several rows, no bound is stated."
    if known == 0:
        yield "No row names its subject: each is taken for a person of its own, with its near duplicates."
    elif known is not None and records is not None and known < records:
        yield f"Of {number(records)} rows, {number(known)} name their subject; the others count as one each."
    if left_out := found.get("left_out"):
        was = "was" if left_out == 1 else "were"
        yield f"{plural(left_out, 'row')} of subjects with more than the cap {was} left out."


def _spent(ledger: Figures) -> Iterator[str]:
    """What all runs over the same subjects cost together."""
    if not is_number(ledger.get("runs")):
        return
    if ledger["runs"] == 1:
        yield "By the ledger it is the first private run over these subjects."
        return
    value = ledger.get("epsilon")
    total = f"at most {number(value)} at delta {number(ledger.get('delta'))}" if is_number(value) else "without a bound"
    yield (
        f"By the ledger it is one of {number(ledger['runs'])} private runs over these subjects. Together they come to "
        f"epsilon {total} for a subject."
    )


def _spread(spread: Figures) -> Iterator[str]:
    values = spread.get("values") or []
    if len(values) > 1:
        yield (
            f"Trained {len(values)} times with new noise, {words(spread.get('metric'))} on the validation split was "
            f"{number(spread.get('mean'))} on average, with a standard deviation of {number(spread.get('sd'))}."
        )


def not_covered(found: Figures) -> list[str]:
    """What the guarantee does not speak of."""
    listed = (found.get("excludes") or ()) if found.get("private") else ()
    return [_sentence(one.get("why") or words(one.get("what"))) for one in listed]


def _sentence(text: Any) -> str:
    """A clause of the certificate with a capital and a full stop."""
    said = str(text or "").strip()
    return f"{said[:1].upper()}{said[1:]}{'' if said.endswith('.') else '.'}" if said else ""


def mechanism(found: Figures) -> list[tuple[str, str]]:
    """What was done, in numbers; rows that were not recorded are left out."""
    how, unit = found.get("mechanism") or {}, found.get("unit") or "unit"
    accountant = find(found, "accountant") or {}
    library = f", {accountant.get('library')} {accountant.get('version')}" if accountant.get("library") else ""
    rows = {
        "Rows trained on": _count(found.get("records")),
        f"{words(unit).capitalize()}s": _count(found.get("units")) if unit != "record" else None,
        "Noise, in clipping norms": _count(how.get("noise_multiplier")),
        f"Chance of a {unit} to be in a step": percent(how.get("rate"), 2) if is_number(how.get("rate")) else None,
        f"{words(unit).capitalize()}s a step, expected": _count(how.get("expected_batch")),
        "Steps": _count(how.get("steps")),
        "Trainings": _count(how.get("runs")),
        "Clipping norm": _count(how.get("max_grad_norm")),
        "Gradients of single rows": _MODES.get(str(how.get("mode"))),
        "Accountant": f"{accountant['name']}{library}" if accountant.get("name") else None,
        "Epsilon asked for": _count(find(found, "epsilon", "target")),
        "Invented records among the rows": _count(found.get("canaries")) if found.get("canaries") else None,
        "Entry in the ledger": str(find(found, "ledger", "entry") or "")[:12] or None,
    }
    return [(name, value) for name, value in rows.items() if value]


def _count(value: Any) -> str | None:
    return number(value) if is_number(value) else None


def _canary(found: Figures) -> Figures:
    """The bound beside what it could have been, what it is without noise, and what is claimed."""
    rows = {
        "shown by the attack": ("at least", found.get("epsilon_at_least")),
        "had every guess been right": ("at least", found.get("ceiling")),
        "control, trained on them without noise": ("at least", find(found, "control", "epsilon_at_least")),
        "claimed": ("at most", found.get("claimed")),
    }
    return _table(["", "Epsilon"], [[name, f"{end} {number(v)}"] for name, (end, v) in rows.items() if is_number(v)])


def _exposure(found: Figures) -> Figures:
    """How well codes can be guessed, by how often they were planted; those never planted are the control."""
    tiers = {int(name.removeprefix("repeats_")): one for name, one in found.items() if name.startswith("repeats_")}
    rows = [
        [_TIMES.get(count, f"{count} times"), number(one.get("secrets")), number(one.get("exposure"))]
        for count, one in sorted(tiers.items())
    ]
    ends = [["by chance", "", number(found.get("by_chance"))], ["at most", "", number(found.get("ceiling"))]]
    return _table(["Trained on", "Secrets", "Exposure, bits"], rows + ends)


def _regurgitation(found: Figures) -> Figures:
    """How many answers were continued word for word, of rows that were trained on and of others."""
    known = {"training rows": found.get("members") or {}, "test rows (control)": found.get("others") or {}}
    rows = [
        [name, number(one.get("asked")), number(one.get("verbatim")), interval(metric(one, "share"))]
        for name, one in known.items()
        if is_number(one.get("verbatim"))
    ]
    return _table(["Answers", "Begun", "Gone on with", "95 % interval"], rows)


def _table(header: list[str], rows: list[list[str]]) -> Figures:
    return {"header": header, "rows": rows}


_TABLES = {"canary": _canary, "exposure": _exposure, "regurgitation": _regurgitation}
