"""What a comparison of two models on shared test rows comes to: a sentence or two that claim no more than it shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stages.methods.document.measures import measure
from stages.methods.document.wording import plural

ENOUGH = 30
"""Common rows below which a comparison is called weak: one row is then worth more than three points."""
_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Verdict:
    """`model` is better, worse, same, not_shown or unknown; `test_set` easier, harder, same, not_shown or unknown."""

    model: str
    test_set: str
    sentence: str
    metric: str = ""


def verdict(paired: Mapping[str, Any], names: tuple[str, str] = ("A", "B")) -> Verdict:
    """The verdict from what `paired.compare` found: by accuracy or quality where there is one, else by the loss."""
    rows = paired["rows"]
    metric = next((name for name in ("accuracy", "quality", "loss") if name in paired["metrics"]), "")
    if not metric:
        return Verdict("unknown", "unknown", "No test row was scored in both versions; the models cannot be compared.")
    if not rows["common"]:
        told = "The two test sets share no row with the same label, so nothing tells the models from the test sets."
        return Verdict("unknown", "unknown", told, metric)
    parts = paired["metrics"][metric]
    model = _model(metric, parts["model"], paired["mcnemar"])
    test_set = _test_set(metric, parts["test_set"], rows)
    sentences = (_on_common(metric, paired, model, names), _on_rest(metric, parts, test_set, _apart(rows)))
    return Verdict(model, test_set, " ".join(sentences), metric)


def _sign(metric: str, interval: Mapping[str, float]) -> int:
    """1 when a change is surely for the better, -1 when for the worse, 0 when the interval holds both."""
    up = -1 if metric == "loss" else 1
    return up if interval["low"] > 0 else -up if interval["high"] < 0 else 0


def _model(metric: str, change: Mapping[str, float], mcnemar: Mapping[str, Any]) -> str:
    """Of accuracy, both the interval and McNemar's test must speak; of quality and of a loss, the interval."""
    if metric == "accuracy":
        if not mcnemar["only_a_right"] + mcnemar["only_b_right"]:
            return "same"
        if mcnemar["p"] >= _LEVEL:
            return "not_shown"
    elif change["value"] == change["low"] == change["high"] == 0:
        return "same"
    return {1: "better", -1: "worse", 0: "not_shown"}[_sign(metric, change)]


def _test_set(metric: str, change: Mapping[str, float], rows: Mapping[str, int]) -> str:
    if not _apart(rows):
        return "same"
    if _apart(rows) < ENOUGH:
        return "not_shown"
    return {1: "easier", -1: "harder", 0: "not_shown"}[_sign(metric, change)]


def _apart(rows: Mapping[str, int]) -> int:
    """Test rows that the versions do not share, or label otherwise: resampling a few of them says nothing."""
    return rows["only_a"] + rows["only_b"] + rows["relabelled"]


def _on_common(metric: str, paired: Mapping[str, Any], model: str, names: tuple[str, str]) -> str:
    common, test = paired["rows"]["common"], paired["mcnemar"]
    shared = f"On the {plural(common, 'test row')} that both versions share"
    change = paired["metrics"][metric]["model"]
    if metric == "quality":
        return f"{shared}, {_on_quality(paired, change)}: {MODEL[model]}."
    if metric == "loss":
        return f"{shared}, the mean loss changes by {_with_interval(metric, change)}: {MODEL[model]}."
    gain = test["only_b_right"] - test["only_a_right"]
    if model == "same":
        return f"{shared}, both models are right on the same ones: {MODEL[model]}."
    evidence = f"{_with_interval(metric, change)}, McNemar p {p_value(test['p'])}"
    if not gain:
        return f"{shared}, both models are right on equally many, if not the same ({evidence}): {MODEL[model]}."
    more = f"{names[1]} is right on {abs(gain):,} {'more' if gain > 0 else 'fewer'} ({evidence})"
    return f"{shared}, {more}: {MODEL[model]}."


def _on_quality(paired: Mapping[str, Any], change: Mapping[str, float]) -> str:
    """The mean change, and how many answers got better and worse; not all of the rows need have an answer."""
    found = paired["by_record"]
    answered = found["better"] + found["worse"] + found["equal"]
    some = "" if answered == paired["rows"]["common"] else f"of which both answered {answered:,}, "
    name = f"mean {measure(paired['measure']).within}" if paired["measure"] else "the mean quality"
    counts = f"{found['better']:,} answers better, {found['worse']:,} worse, sign test p {p_value(found['p'])}"
    return f"{some}{name} changes by {_with_interval('quality', change)} ({counts})"


MODEL = {
    "better": "the model got better",
    "worse": "the model got worse",
    "same": "nothing tells the models apart",
    "not_shown": "that is within what chance gives, so neither model is shown to be the better one",
}
"""What is said of the models, by code."""
TEST_SET = {"easier": "it got easier", "harder": "it got harder"}
"""What is said of the test set, by code."""


def _on_rest(metric: str, parts: Mapping[str, Any], test_set: str, apart: int) -> str:
    if test_set == "same":
        return "The test sets hold the same rows under the same labels: no part of the change is theirs."
    rest = _with_interval(metric, parts["test_set"])
    if test_set == "not_shown":
        rows = "row is" if apart == 1 else "rows are"
        if apart < ENOUGH:
            change = signed(parts["test_set"]["value"], metric)
            what = f"{apart} {rows} in one test set only, or relabelled: too few to call either set the easier one"
            return f"The rest of the change ({change} {_unit(metric, change)}) is the test set's, but only {what}."
        return (
            f"The rest of the change ({rest}) comes from {apart:,} rows that are in one test set only, or relabelled, "
            "and is within what chance gives."
        )
    return f"The rest of the change ({rest}) is the test set: {TEST_SET[test_set]}."


def _with_interval(metric: str, change: Mapping[str, float]) -> str:
    value, low, high = (signed(change[part], metric) for part in ("value", "low", "high"))
    return f"{value} {_unit(metric, value)}, 95 % interval {low} to {high}"


def _unit(metric: str, change: str) -> str:
    return "nats" if metric == "loss" else "point" if change in ("+1.0", "-1.0") else "points"


def signed(value: float, metric: str) -> str:
    """A change with its sign: in points (hundredths) for shares, as it is for a loss."""
    text = f"{value:+.3f}" if metric == "loss" else f"{100 * value:+.1f}"
    return text if float(text) else text[1:]


def p_value(p: float) -> str:
    """As in `McNemar p = .03`; never `p = 0`."""
    return "< .001" if p < 0.001 else "= 1" if p >= 0.9995 else f"= {p:.{3 if p < 0.01 else 2}f}".replace("0.", ".")


def warnings(
    paired: Mapping[str, Any], crossed: Mapping[str, int] | None, reworded: int, names: tuple[str, str]
) -> Iterator[str]:
    """What a reader must know before believing the verdict. `reworded`: shared test rows whose text is not the same."""
    rows, (a, b) = paired["rows"], names
    if 0 < rows["common"] < ENOUGH:
        yield (
            f"The versions share only {plural(rows['common'], 'test row')}: a single answer is worth "
            f"{100 / rows['common']:.1f} points, and only a very large difference could be seen."
        )
    smaller = min(rows["a"], rows["b"])
    if ENOUGH <= rows["common"] < smaller / 2:
        yield (
            f"The shared test rows are only {100 * rows['common'] / smaller:.0f} % of the smaller test set: "
            "they need not be typical of either."
        )
    for test, train, key in ((a, b, "tested_in_a_trained_in_b"), (b, a, "tested_in_b_trained_in_a")):
        if crossed and crossed[key]:
            was = "was" if crossed[key] == 1 else "were"
            yield (
                f"{plural(crossed[key], 'row')} that {test} tests on {was} in the training data of {train}: "
                f"left out here, but do not score the model of {train} on the test set of {test}."
            )
    if reworded:
        yield (
            f"The text of {plural(reworded, 'shared test row')} is not the same in both versions: "
            "the model's part of the change holds that of its input, too."
        )
    if changed := rows["relabelled"]:
        verbs = ("carries", "is") if changed == 1 else ("carry", "are")
        what = "another label" if paired["mcnemar"] else "another right answer"
        told = f"{verbs[0]} {what} in {b} than in {a}, and {verbs[1]} counted apart"
        yield f"{plural(changed, 'shared test row')} {told}."
