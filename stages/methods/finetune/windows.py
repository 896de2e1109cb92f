"""Questions over long contexts: the windows that a model reads, what it learns in them, and the best answer over all.

A window holds the question and a stretch of the context; neighbours share `stride` tokens, so that an answer that the
end of one cuts is whole in the next. A window without the answer points at the classification token, as one over a
question without an answer does (Devlin et al. 2019, section 4.3). The answer is the span with the highest sum of start
and end logits over all windows of a record.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stages.core.errors import Fault, UsageError
from stages.core.records import Answer
from stages.methods.finetune.batching import Features

Floats: TypeAlias = NDArray[np.float64]
Place: TypeAlias = tuple[int, int]
_TARGETS = ("start_positions", "end_positions")


@dataclass(frozen=True, slots=True)
class Window:
    """A question and a stretch of its context as the model reads them, without padding."""

    inputs: Mapping[str, list[int]]
    null: int
    """The position that stands for no answer: the classification token, or the first where there is none."""
    first: int
    """The position of the stretch's first token."""
    stretch: range
    """Which of the context's tokens it holds."""

    def position(self, place: Place | None) -> Place:
        """Positions of the first and the last of some of the context's tokens; twice `null` without all of them."""
        if place is None or place[0] not in self.stretch or place[1] not in self.stretch:
            return self.null, self.null
        shift = self.first - self.stretch.start
        return place[0] + shift, place[1] + shift


@dataclass(frozen=True, slots=True)
class Reading:
    """A question over a context in windows."""

    windows: tuple[Window, ...]
    offsets: NDArray[np.int64]
    """Of each token of the context its start and end there, in code points, shape (tokens, 2)."""
    tokens: int
    """How many there would be in a window with room for everything."""

    def find(self, answer: Answer) -> Place | None:
        """The first and the last of the context's tokens that hold some of an answer; None where no token does."""
        starts, ends = self.offsets[:, 0], self.offsets[:, 1]
        held = np.flatnonzero((ends > answer.start) & (starts < answer.start + len(answer.text)))
        return (int(held[0]), int(held[-1])) if len(held) else None

    def positions(self, answers: Sequence[Answer]) -> list[Place] | None:
        """What each window is to point at: the first of the answers that one of them holds, or that there is none.

        None where there are answers and no window holds a whole one.
        """
        nothing = [window.position(None) for window in self.windows]
        for answer in answers:
            place = self.find(answer)
            found = [window.position(place) for window in self.windows]
            if found != nothing:
                return found
        return None if answers else nothing

    def features(self, answers: Sequence[Answer] | None) -> dict[str, Any]:
        """The windows for `window_batch`, with targets unless `answers` is None; see `Task.encode`."""
        windows: list[dict[str, Any]] = [dict(window.inputs) for window in self.windows]
        if answers is None:
            return {"windows": windows, "tokens": self.tokens}
        found = self.positions(answers)
        for window, position in zip(windows, found or (), strict=False):
            window.update(zip(_TARGETS, position, strict=True))
        return {"windows": windows, "tokens": self.tokens, "learned": 1 if found else 0}


def read_windows(pairs: Sequence[tuple[str, str]], tokenizer: Any, max_length: int, stride: int) -> Iterator[Reading]:
    """The windows of each (question, context), of `max_length` tokens at most.

    The question may take half of a window and loses its end beyond that; what windows share is at most half of the
    context in them, or there would be ever more windows. Raises UsageError for a tokenizer that does not say where its
    tokens stand.
    """
    if not tokenizer.is_fast:
        problem = "its tokenizer does not say where in a text its tokens stand"
        raise UsageError(Fault("params.yaml: model", problem, "take a model that has a tokenizer.json"))
    special = tokenizer.num_special_tokens_to_add(pair=True)
    room = max_length - special
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    questions, contexts = (backend.encode_batch([pair[i] for pair in pairs], add_special_tokens=False) for i in (0, 1))
    for question, context in zip(questions, contexts, strict=True):
        tokens = special + len(question) + len(context)
        question.truncate(max(1, room // 2))
        offsets = np.array(context.offsets, np.int64).reshape(-1, 2)
        space = room - len(question)
        yield Reading(_windows(question, context, tokenizer, (space, min(stride, space // 2))), offsets, tokens)


def _windows(question: Any, context: Any, tokenizer: Any, sizes: tuple[int, int]) -> tuple[Window, ...]:
    """`sizes` are the most tokens of the context in a window, and those that neighbours share."""
    space, shared = sizes
    context.truncate(space, stride=shared)
    windows = []
    for number, part in enumerate([context, *context.overflowing]):
        whole = tokenizer.backend_tokenizer.post_process(question, part)
        inputs = {"input_ids": whole.ids, "attention_mask": whole.attention_mask, "token_type_ids": whole.type_ids}
        inputs = {name: values for name, values in inputs.items() if name in tokenizer.model_input_names}
        start = number * (space - shared)
        first = whole.sequence_ids.index(1) if len(part) else len(whole)
        windows.append(Window(inputs, _null(whole.ids, tokenizer), first, range(start, start + len(part))))
    return tuple(windows)


def _null(ids: Sequence[int], tokenizer: Any) -> int:
    return next((ids.index(id) for id in (tokenizer.cls_token_id, tokenizer.bos_token_id) if id in ids), 0)


# --- training ---------------------------------------------------------------------------------------------------------


def window_inputs(windows: Features, tokenizer: Any) -> Any:
    """What the model takes of some windows, padded on the right whatever side the tokenizer prefers for writing.

    On the left it would shift positions, and with them the logits of a model that counts positions from the start.
    """
    names = set(tokenizer.model_input_names)
    rows = [{name: values for name, values in window.items() if name in names} for window in windows]
    return tokenizer.pad(rows, padding_side="right", return_tensors="pt")


def window_batch(rows: Features, tokenizer: Any) -> dict[str, Any]:
    """The windows of some records, padded; `record` has the place among the rows of each window's record."""
    import torch

    windows = [window for row in rows for window in row["windows"]]
    batch = {**window_inputs(windows, tokenizer)}
    batch["record"] = torch.tensor([i for i, row in enumerate(rows) for _ in row["windows"]])
    for name in _TARGETS:
        if all(name in window for window in windows):
            batch[name] = torch.tensor([window[name] for window in windows])
    return batch


def window_losses(model: Any, batch: Mapping[str, Any]) -> Any:
    """The cross-entropy of start and end, its mean over both and over each record's windows, shape (records,).

    Padding is no candidate: else a loss would depend on how long the others in the batch are.
    """
    import torch
    from torch.nn.functional import cross_entropy

    output = model(**{name: value for name, value in batch.items() if name not in ("record", *_TARGETS)})
    padding = batch["attention_mask"] == 0
    start, end = (
        cross_entropy(logits.float().masked_fill(padding, -math.inf), batch[name], reduction="none")
        for name, logits in zip(_TARGETS, (output.start_logits, output.end_logits), strict=True)
    )
    record = batch["record"]
    sums = torch.zeros(int(record[-1]) + 1, device=start.device).index_add(0, record, (start + end) / 2)
    return sums / torch.bincount(record)


# --- prediction -------------------------------------------------------------------------------------------------------


def window_logits(model: Any, batch: Mapping[str, Any]) -> list[Floats]:
    """For each window the logits of start and end at its tokens, shape (2, tokens)."""
    import torch

    output = model(**batch)
    both = torch.stack([output.start_logits, output.end_logits], dim=1).float().cpu().double().numpy()
    inside = batch["attention_mask"].bool().cpu().numpy()
    return [logits[:, tokens] for logits, tokens in zip(both, inside, strict=True)]


def best_answer(reading: Reading, logits: Sequence[Floats], most: int, *, may_be_none: bool) -> tuple[Place, float]:
    """Where in the context the best span of at most `most` tokens starts and ends, and its probability.

    (0, 0) means that there is no answer: where that is possible, when no span's score exceeds that of the
    classification token, the lowest over the windows (as in the SQuAD 2.0 code of BERT). Probabilities are a softmax
    over the scores of all spans in all windows, and of no answer where that is possible.
    """
    best, place, weights = -math.inf, (0, 0), [-math.inf]
    if may_be_none:
        best = min(float(own[:, window.null].sum()) for window, own in zip(reading.windows, logits, strict=True))
        weights.append(best)
    for window, own in zip(reading.windows, logits, strict=True):
        size = len(window.stretch)
        start, end = own[:, window.first : window.first + size]
        for more in range(min(most, size)):
            scores = start[: size - more] + end[more:]
            weights.append(np.logaddexp.reduce(scores))
            at = int(scores.argmax())
            if scores[at] > best:
                token = window.stretch.start + at
                best, place = float(scores[at]), (reading.offsets[token, 0], reading.offsets[token + more, 1])
    if best == -math.inf:
        return (0, 0), 1.0
    return (int(place[0]), int(place[1])), min(1.0, math.exp(best - np.logaddexp.reduce(weights)))


def reading_loss(reading: Reading, logits: Sequence[Floats], answers: Sequence[Answer]) -> float | None:
    """What `window_losses` gives for the record; None where no window holds a whole answer."""
    found = reading.positions(answers)
    if found is None:
        return None
    losses = [
        (np.logaddexp.reduce(own, axis=1) - own[[0, 1], list(position)]).mean()
        for own, position in zip(logits, found, strict=True)
    ]
    return float(np.mean(losses))
