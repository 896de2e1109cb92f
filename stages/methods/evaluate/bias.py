"""Does the answer change when only a person's identity does? The tuned model is asked about pairs of texts."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.core.params import BiasParams
from stages.core.records import Record, Span
from stages.core.spans import SpanCut, TextEdit, move_span
from stages.core.task import Metric, Prediction, Task
from stages.methods.audit.roc import flat
from stages.methods.evaluate.clustered import Clustered, largest
from stages.methods.evaluate.counterfactuals import Pair, own_pairs, template_pairs
from stages.methods.evaluate.metrics import Floats
from stages.methods.evaluate.tuned_model import TunedModel

_TOKEN = re.compile(r"\w+|\W")
_UNFIT = (
    "Counterfactual pairs were not asked: they compare the labels or spans that a text is given, and this kind of "
    "model answers in another way. That says nothing about its bias."
)


@dataclass(frozen=True, slots=True)
class Change:
    """What the second text of a pair changes: whether the answer, and by how much each label's probability.

    `shifts` are the probabilities for the first text minus those for the second.
    """

    pair: Pair
    flipped: bool
    shifts: Floats

    @property
    def gap(self) -> float:
        """The largest change of a probability."""
        return float(np.abs(self.shifts).max(initial=0.0))


def bias_scores(tuned: TunedModel, params: BiasParams, resamples: int, seed: int) -> dict[str, Any]:
    """`bias` for the report: flip rate and score gap with 95 % intervals, of identities and of controls.

    In total and by attribute. Empty where nobody asked for it. Raises UsageError for a file of pairs that has none.
    """
    if not params.enabled:
        return {}
    if tuned.task.writes or ("text",) not in tuned.task.layouts:
        return {"bias": {"sentence": _UNFIT}}
    pairs = own_pairs(params.pairs) if params.pairs else template_pairs(params.languages)
    labels, changes = _changes(tuned, pairs)
    found = _summary(changes, 1, resamples, seed)
    attributes = list(dict.fromkeys(pair.attribute for pair in pairs))
    by_attribute = {}
    for attribute in attributes:
        own = [change for change in changes if change.pair.attribute == attribute]
        by_attribute[attribute] = _summary(own, len(attributes), resamples, seed)
        by_attribute[attribute] |= _largest_shift(own, labels, resamples, seed)
    asked = "own" if params.pairs else "templates"
    sentence = _sentence(found, by_attribute)
    return {"bias": {"asked": asked, **found, "by_attribute": by_attribute, "sentence": sentence}}


def _changes(tuned: TunedModel, pairs: Sequence[Pair]) -> tuple[list[str], list[Change]]:
    """The labels that have scores, and the change in each pair. A text is asked once, however many pairs it is in."""
    texts = list(dict.fromkeys(text for pair in pairs for text in (pair.first, pair.second)))
    records = [_record(tuned.task, number, text) for number, text in enumerate(texts)]
    said = dict(zip(texts, tuned.predict(records), strict=True))
    labels = sorted({label for prediction in said.values() for label in prediction.scores})
    rows = {text: np.array([found.scores.get(label, 0.0) for label in labels]) for text, found in said.items()}
    return labels, [
        Change(pair, flipped(pair, said[pair.first], said[pair.second]), rows[pair.first] - rows[pair.second])
        for pair in pairs
    ]


def _record(task: Task, number: int, text: str) -> Record:
    return Record(f"{number:08x}", "counterfactuals", str(number), task.schema, task.read_row({"text": text}, None))


def flipped(pair: Pair, first: Prediction, second: Prediction) -> bool:
    """Whether the answers differ; of spans, whether the same places of the text have them."""
    spans = [span for span in first.answer if isinstance(span, Span)] if isinstance(first.answer, tuple) else []
    if not spans:
        return bool(first.answer != second.answer)
    edits = _word_edits(pair.first, pair.second)
    try:
        moved = {(*move_span((span.start, span.end), edits), span.label) for span in spans}
    except SpanCut:
        return True
    return moved != {(span.start, span.end, span.label) for span in second.answer}


def _word_edits(first: str, second: str) -> list[TextEdit]:
    """Edits of whole words, so that a name which takes another's place takes its span along."""
    old, new = _TOKEN.findall(first), _TOKEN.findall(second)
    starts = np.cumsum([0, *map(len, old)]).tolist()
    codes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [TextEdit(starts[a], starts[b], "".join(new[c:d])) for tag, a, b, c, d in codes if tag != "equal"]


def _summary(changes: Sequence[Change], tests: int, resamples: int, seed: int) -> dict[str, Any]:
    """Flip rate and score gap of identities; with controls also theirs, and what identities have in excess of them.

    `stands_out` when the answer flips more often for identities, beyond doubt even for one of so many `tests`.
    """
    control = np.array([change.pair.control for change in changes])
    values = {
        "flip_rate": np.array([float(change.flipped) for change in changes]),
        "score_gap": np.array([change.gap for change in changes]),
    }
    columns = {name: (~control, own) for name, own in values.items()}
    if control.any():
        columns |= {f"control_{name}": (control, own) for name, own in values.items()}
    means = Clustered.of([change.pair.frame for change in changes], columns, resamples, seed)
    counts = {"pairs": int((~control).sum()), "controls": int(control.sum()), "frames": means.sizes["flip_rate"]}
    found = {**counts, **flat({name: means.mean(name) for name in columns})}
    if control.any():
        found |= flat({f"excess_{name}": means.difference(name, f"control_{name}") for name in values})
        found["stands_out"] = means.exceeds("flip_rate", "control_flip_rate", tests)
    return found


def _largest_shift(changes: Sequence[Change], labels: Sequence[str], resamples: int, seed: int) -> dict[str, Any]:
    """Which label is more probable for which group than for which other, by how much in the mean over the sentences."""
    real = [change for change in changes if not change.pair.control]
    groups = list(dict.fromkeys(change.pair.groups for change in real))
    columns = np.array([groups.index(change.pair.groups) for change in real])
    frames, values = [change.pair.frame for change in real], np.array([change.shifts for change in real])
    found = largest(frames, columns, values, resamples, seed) if labels else None
    if found is None:
        return {}
    column, place, shift = found
    first, second = groups[column]
    if shift.value < 0:
        first, second, shift = second, first, Metric(-shift.value, -shift.high, -shift.low)
    return {"largest_shift": {"label": labels[place], "group": first, "against": second, **flat({"shift": shift})}}


def _sentence(found: Mapping[str, Any], by_attribute: Mapping[str, Mapping[str, Any]]) -> str:
    """What the flip rate shows, and what it does not."""
    text = f"The answer flipped in {_share(found, 'flip_rate')} of {found['pairs']} pairs that differ in identity alone"
    if found["controls"]:
        more = [name for name, entry in by_attribute.items() if entry.get("stands_out")]
        text += f", and in {_share(found, 'control_flip_rate')} of {found['controls']} that differ in a neutral word. "
        text += f"For {', '.join(more) or 'no attribute'} it clearly flips more often than other words make it flip"
    return (
        f"{text}. This holds for {found['frames']} sentences and the identities in them: it does not show that other "
        "texts are treated alike, nor that an answer which stays the same is fair to anyone."
    )


def _share(found: Mapping[str, Any], name: str) -> str:
    value, low, high = (100 * found[f"{name}{end}"] for end in ("", "_low", "_high"))
    return f"{value:.1f} % ({low:.1f} to {high:.1f})"
