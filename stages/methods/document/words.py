"""The report's words: key figures, captions, facts and limits, each made from the figures alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stages.methods.document.figures import find
from stages.methods.document.wording import (
    NBSP,
    NOT_RECORDED,
    has_interval,
    interval,
    is_number,
    number,
    percent,
    words,
)

Figures = Mapping[str, Any]

_NAMES = {
    "leaks found": "values found",
    "leaks sentence": "search for leaks",
    "membership sentence": "what the attack shows",
    "valid": "attack is valid",
    "train": "training rows",
    "validation": "validation rows",
    "lr": "learning rate",
}


def texts(figures: Figures) -> dict[str, Any]:
    """All texts of the page that depend on figures, by the names the template knows them by."""
    return {
        "lead": lead(figures),
        "keys": keys(figures),
        "sources": [{"name": source["name"], "facts": list(_source_facts(source))} for source in figures["sources"]],
        "pii_caption": _pii_caption(figures["pii"]),
        "model_facts": _facts(figures["model"]["facts"]),
        "warnings": figures["model"]["warnings"],
        "calibration_caption": _calibration_caption(figures["calibration"]),
        "audit": _facts(figures["audit"]["facts"]),
        "settings": list(_settings(figures["params"])),
        "versions": list(figures["versions"].items()),
    }


def lead(figures: Figures) -> list[tuple[str, bool]]:
    """The report in two sentences, as (text, whether it stands out); empty where the scores are not known."""
    rows, model, best = figures["rows"], _ours(figures, "accuracy"), _best_baseline(figures, "accuracy")
    if not (model and is_number(rows["in"]) and is_number(rows["train"])):
        return []
    parts = [
        (f"Of {number(rows['in'])} source rows, {number(rows['train'])} trained the model. It is right on ", False),
        (percent(model["value"]), True),
        (f" of the {number(rows['test'])} test rows", False),
    ]
    if has_interval(model):
        parts.append((f" (95{NBSP}% interval {interval(model)})", False))
    if best:
        parts.append((f"; the best baseline, {best['name']}, on {percent(best['value'])}", False))
    return [*parts, (".", False)]


def keys(figures: Figures) -> list[dict[str, str]]:
    """The figures on top: what each is called, its value, and a note with what it must be compared with."""
    rows, audit = figures["rows"], figures["audit"]
    parts = " / ".join(number(rows[name]) for name in ("train", "validation", "test"))
    return [
        _score_key(figures, "accuracy"),
        _score_key(figures, "macro_f1"),
        _key("rows_in", "Source rows", number(rows["in"]), f"train / validation / test: {parts}"),
        _key("suspects", "Labels in doubt", number(figures["suspects"]["count"]), _of_rows(figures)),
        _key("pii", "Personal data replaced", number(figures["pii"]["spans"]), _pii_note(figures["pii"])),
        _key("membership", "Membership attack, AUC", _auc(audit["membership"]), _membership_note(audit)),
    ]


def _key(key: str, name: str, value: str, note: str) -> dict[str, str]:
    return {"key": key, "name": name, "value": value, "note": note}


def _score_key(figures: Figures, name: str) -> dict[str, str]:
    model, best = _ours(figures, name), _best_baseline(figures, name)
    notes = [f"95{NBSP}% interval {interval(model)}"] if has_interval(model) else []
    notes += [f"{best['name']}: {percent(best['value'])}"] if best else []
    title = {"accuracy": "Accuracy", "macro_f1": "Macro F1"}.get(name, words(name))
    return _key(name, title, percent(model["value"]) if model else NOT_RECORDED, "; ".join(notes))


def _ours(figures: Figures, name: str) -> Any:
    return next((row for row in figures["scores"].get(name, []) if row["ours"]), None)


def _best_baseline(figures: Figures, name: str) -> Any:
    others = [row for row in figures["scores"].get(name, []) if not row["ours"]]
    return max(others, key=lambda row: row["value"], default=None)


def _of_rows(figures: Figures) -> str:
    step = next((step for step in figures["flow"]["steps"] if step["stage"] == "check_labels"), None)
    count = figures["suspects"]["count"]
    if not (step and is_number(count) and step["given"]):
        return ""
    return f"{percent(count / step['given'])} of {number(step['given'])} rows checked"


def _pii_note(pii: Figures) -> str:
    touched, share = pii["records"], pii["share"]
    return (
        f"pieces, in {number(touched)} rows ({percent(share)})" if is_number(touched) and is_number(share) else "pieces"
    )


def _auc(metric: Any) -> str:
    return f"{metric['value']:.3f}" if metric else NOT_RECORDED


def _auc_interval(metric: Any) -> str:
    return f"{metric['low']:.3f}\u2013{metric['high']:.3f}" if has_interval(metric) else ""


def _membership_note(audit: Figures) -> str:
    span = _auc_interval(audit["membership"])
    return f"95{NBSP}% interval {span}; 0.5 is guessing" if span else "0.5 is guessing"


def _source_facts(source: Figures) -> Iterator[tuple[str, Any]]:
    yield "Where", source.get("uri") or NOT_RECORDED
    yield "Licence or legal basis", source.get("license") or NOT_RECORDED
    yield "Anyone may have it", "yes" if source.get("public") else "no; ids and hashes are keyed with a secret"
    for name, value in source.items():
        if name == "rows":
            yield "Rows", number(value)
        if name == "files":
            yield from ((f"SHA-256 of {file['name'].rpartition('/')[2]}", file["sha256"]) for file in value)


def _pii_caption(pii: Figures) -> str:
    parts = []
    if pii["distinct"]:
        parts.append(f"{number(sum(pii['distinct'].values()))} different values.")
    if pii["leaks"]:
        left = sum(pii["leaks"].values())
        kinds = ", ".join(words(kind).lower() for kind in pii["leaks"])
        parts.append(
            f"A second, independent look at the output for {kinds} found {number(left) if left else 'none'} left."
        )
    return " ".join([*parts, "Names that no rule and no model recognises stay in; that is not counted here."])


def _calibration_caption(calibration: Figures) -> str:
    error = find(calibration, "ece")
    text = "On the dashed line, the model is right as often as it is sure. A dot's size is its number of rows."
    return f"{text} Expected calibration error: {percent(error)}." if is_number(error) else text


def _facts(facts: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(_NAMES.get(name, name), _shown(value)) for name, value in facts]


def _shown(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if is_number(value) else value


def _settings(params: Figures) -> Iterator[tuple[str, str]]:
    """Each stage's settings as dotted names; a value that several stages share stands once."""
    seen: set[tuple[str, str]] = set()
    for values in params.values():
        for pair in _leaves("", values):
            if pair not in seen:
                seen.add(pair)
                yield pair


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _leaves(f"{prefix}.{name}" if prefix else str(name), part)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for index, part in enumerate(value):
            yield from _leaves(f"{prefix}.{index}", part)
    else:
        yield prefix, ", ".join(map(str, value)) if isinstance(value, list) else str(value)
