"""The report's words about scores: the sentence on top, key figures, gains, and what written answers are like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stages.methods.document.measures import Measure, headlines, measure
from stages.methods.document.scores import BASELINES, NOTHING, title_of
from stages.methods.document.tree import find, metric
from stages.methods.document.wording import NBSP, NOT_RECORDED, has_interval, is_number, number, percent, plural, words

Figures = Mapping[str, Any]
_TRAITS = {
    "empty": "Empty",
    "declines": "Decline to answer",
    "loops": "Repeat themselves",
    "copied": "Word runs copied from what is given",
}


def score_texts(figures: Figures) -> dict[str, Any]:
    """All texts about scores, by the names the template knows them by."""
    quality = title_of(figures["measure"])
    return {
        "lead": lead(figures),
        "calibration_caption": _calibration_caption(figures["calibration"]),
        "confusion_caption": _confusion_caption(figures["confusion"]),
        "fit_title": _fit_title(figures["fit"]["measure"] or figures["measure"]),
        "fit_caption": figures["fit"]["sentence"] or "",
        "quality_title": quality,
        "slices_title": f"{quality} by slice, %",
        "gain_sentence": _gain_sentence(figures["gain"]),
        "decided_sentence": decided_sentence(figures["as_given"]),
        "doubt_sentence": _doubt_sentence(figures["without_suspects"], figures["measure"]),
        "tuning_sentence": tuning_sentence(figures["written"]),
        "traits": list(traits(find(figures["written"], "texts") or {})),
        "traits_caption": _traits_caption(figures["written"]),
        "all_scores": _all_scores(figures["all_scores"]),
        "class_table": _class_table(figures["class_table"]),
    }


def lead(figures: Figures) -> list[tuple[str, bool]]:
    """The report in two sentences, as (text, whether it stands out); empty where the scores are not known."""
    rows, name = figures["rows"], next(iter(figures["scores"]), "")
    model, best = _ours(figures, name), _best_baseline(figures, name)
    if not (model and is_number(rows["in"]) and is_number(rows["train"])):
        return []
    start = f"Of {number(rows['in'])} source rows, {number(rows['train'])} trained the model. "
    if name == "accuracy":
        parts = [(f"{start}It is right on ", False), (percent(model["value"]), True)]
        parts.append((f" of the {number(rows['test'])} test rows", False))
        versus = "on "
    else:
        how = "Its answers reach" if figures["written"] else "It reaches"
        parts = [(f"{start}{how} {_with_article(measure(name))} of ", False), (shown(name, model["value"]), True)]
        parts.append((" on test rows" if figures["written"] else f" on the {number(rows['test'])} test rows", False))
        versus = "reaches "
    if has_interval(model):
        parts.append((f" (95{NBSP}% interval {span(name, model)})", False))
    if best:
        parts.append((f"; the best baseline ({best['name']}) {versus}{shown(name, best['value'])}", False))
    return [*parts, (".", False)]


def _with_article(one: Measure) -> str:
    return f"{'an' if one.title.startswith('F') else 'a'} {one.within}"


def score_keys(figures: Figures) -> list[dict[str, str]]:
    """The two scores that tell most."""
    if not figures["scores"]:
        return [key("score", "Score on the test split", NOT_RECORDED, "")]
    return [_score_key(figures, name) for name in [*figures["scores"]][:2]]


def key(key: str, name: str, value: str, note: str) -> dict[str, str]:
    """One of the figures on top."""
    return {"key": key, "name": name, "value": value, "note": note}


def _score_key(figures: Figures, name: str) -> dict[str, str]:
    model, best = _ours(figures, name), _best_baseline(figures, name)
    notes = [f"95{NBSP}% interval {span(name, model)}"] if has_interval(model) else []
    notes += [f"{best['name']}: {shown(name, best['value'])}"] if best else []
    return key(name, measure(name).title, shown(name, model["value"]) if model else NOT_RECORDED, "; ".join(notes))


def _ours(figures: Figures, name: str) -> Any:
    return next((row for row in figures["scores"].get(name, []) if row["ours"]), None)


def _best_baseline(figures: Figures, name: str) -> Any:
    others = [row for row in figures["scores"].get(name, []) if not row["ours"]]
    choose = min if measure(name).less else max
    return choose(others, key=lambda row: row["value"], default=None)


def shown(name: str, value: float) -> str:
    """A score in its unit: `80.9 %`, but a perplexity of `12.30`."""
    one = measure(name)
    return percent(value) if one.unit == "%" else one.told(value)


def span(name: str, found: Mapping[str, float]) -> str:
    """The interval of a score, in its unit."""
    one = measure(name)
    return f"{one.told(found['low'])}\u2013{one.told(found['high'])}{f'{NBSP}%' if one.unit == '%' else ''}"


def _calibration_caption(calibration: Figures) -> str:
    error = find(calibration, "ece")
    text = "On the dashed line, the model is right as often as it is sure. A dot's size is its number of rows."
    return f"{text} Expected calibration error: {percent(error)}." if is_number(error) else text


def _confusion_caption(confusion: Figures) -> str:
    if NOTHING in (find(confusion, "labels") or []):
        return (
            f"What the test rows hold, and what was found in its place; {NOTHING} is where nothing is, or nothing was "
            "found. The shade is the share of the row."
        )
    return "Rows of the test split; the shade is the share of the true label's rows."


def _fit_title(name: str | None) -> str:
    unit = "nats a token" if name == "loss" else "%"
    return f"{title_of(name)} on rows it has and has not seen, {unit}"


def _gain_sentence(gain: Figures) -> str:
    """What the model gains over each baseline, compared row by row: surer than two intervals side by side."""
    known = {name for values in gain.values() for name in values}
    name = next(iter(headlines(known - {"accuracy"})), "")
    parts = [
        f"{_points(values['value'], name)} over {BASELINES.get(other, words(other))} "
        f"({_points(values['low'], name)} to {_points(values['high'], name)})"
        for other, values in ((other, metric(found, name)) for other, found in gain.items())
        if values and has_interval(values)
    ]
    return f"Gain in {measure(name).within}, in points with 95{NBSP}% interval: {', '.join(parts)}." if parts else ""


def _points(value: float, name: str) -> str:
    return f"{measure(name).scale * value:+.1f}".replace("-", "\u2212")


def decided_sentence(given: Figures) -> str:
    """What people's decisions did to the test rows, and what the score would be without them."""
    changed, left_out = (find(given, name) or 0 for name in ("changed", "left_out"))
    if not changed + left_out:
        return ""
    done = [f"gave {plural(changed, 'test row')} another label"] if changed else []
    done += [f"left {plural(left_out, 'test row')} out of the score"] if left_out else []
    start = f"People's decisions {' and '.join(done)}."
    name = next(iter(headlines(given)), "")
    score = metric(given, name)
    if not (score and has_interval(score)):
        return start
    value = f"{shown(name, score['value'])} ({span(name, score)}) on {number(given['rows'])} rows"
    return f"{start} By the labels as they were given, {measure(name).within} is {value}."


def _doubt_sentence(without: Figures, name: str | None) -> str:
    """How much disputed labels may cost."""
    score, suspects = metric(without, name or "accuracy"), find(without, "suspects")
    if not (score and has_interval(score) and suspects):
        return ""
    title = measure(name or "accuracy").within
    return (
        f"Without the {number(suspects)} test rows whose label is in doubt, {title} is {percent(score['value'])} "
        f"({span('accuracy', score)}). That is an upper bound: rows that are hard are doubted more often, too."
    )


def tuning_sentence(written: Figures) -> str:
    """What tuning did to the loss of the references."""
    loss, perplexity = find(written, "loss") or {}, find(written, "perplexity") or {}
    if not {"before", "after"} <= loss.keys():
        return ""
    verb = "lowered" if loss["after"] < loss["before"] else "raised"
    return (
        f"Tuning {verb} the loss of the references from {_told('loss', loss)} nats a token, "
        f"and with it the perplexity from {_told('perplexity', perplexity)}, on the test "
        "rows that got an answer."
    )


def _told(name: str, pair: Mapping[str, float]) -> str:
    return " to ".join(measure(name).told(pair[when]) for when in ("before", "after"))


def traits(texts: Figures) -> Iterator[tuple[str, str, str]]:
    """Rows of a table: what, of the answers, of the references."""
    lengths = find(texts, "words") or {}
    if {"answers", "references"} <= lengths.keys():
        yield "Words: median, and nine of ten", _lengths(lengths["answers"]), _lengths(lengths["references"])
    for trait, title in _TRAITS.items():
        found = find(texts, trait) or {}
        if is_number(found.get("answers")):
            yield title, _share(found["answers"]), _share(found.get("references"))


def _lengths(quantiles: Figures) -> str:
    median, low, high = (quantiles.get(name) for name in ("p50", "p5", "p95"))
    return f"{number(median)} ({number(low)}\u2013{number(high)})" if is_number(median) else NOT_RECORDED


def _share(value: Any) -> str:
    return percent(value) if is_number(value) else "\u2013"


def _traits_caption(written: Figures) -> str:
    ratio = find(written, "texts", "length_ratio")
    longer = f"All answers together have {ratio:.2f} times the words of the references. " if is_number(ratio) else ""
    signatures = find(written, "signatures") or {}
    made = "; ".join(f"{measure(name).title} {signature}" for name, signature in signatures.items())
    return f"{longer}{f'How it was scored: {made}.' if made else ''}".strip()


def _all_scores(table: Figures) -> dict[str, Any]:
    """The table of all scores in words: header and rows."""
    rows = [
        (measure(row["name"]).heading, [_cell(row["name"], values) for values in row["values"]])
        for row in table["rows"]
    ]
    return {"models": table["models"], "rows": rows}


def _class_table(table: Figures) -> dict[str, Any]:
    """The table of all classes in words."""
    rows = [
        (
            row["name"],
            number(row["rows"]),
            [_cell(name, one) for name, one in zip(table["names"], row["values"], strict=True)],
        )
        for row in table["rows"]
    ]
    return {"names": [measure(name).heading for name in table["names"]], "rows": rows}


def _cell(name: str, values: Mapping[str, float] | None) -> str:
    """A score in a table whose head has the unit, with its interval."""
    if not values:
        return "\u2013"
    told = {part: measure(name).told(x) for part, x in values.items()}
    return f"{told['value']} ({told['low']}\u2013{told['high']})" if has_interval(values) else told["value"]
