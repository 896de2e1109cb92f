"""What a search may change, and within what bounds: `lr=1e-5..1e-4:log`, `epochs=2,3,4`, `finetune.dropout=null,0.1`.

Only what `plan` and `finetune` read can be searched. Anything before them would change the validation rows, and scores
on other rows cannot be compared.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stages.core.errors import Fault, UsageError
from stages.core.params import FinetuneParams
from stages.core.task import Task

TOP = ("lr", "epochs", "batch_size", "model")
_OTHER_LOSS = {
    "finetune.class_weights": "weighs the records in the loss",
    "finetune.source_weights": "weighs the records in the loss",
    "finetune.attribute_weights": "weighs the records in the loss",
    "finetune.loss_over": "decides what the loss is a mean of",
    "finetune.overflow": "decides which records have a loss",
    "finetune.template": "decides which tokens have a loss",
    "finetune.max_target_length": "decides which tokens have a loss",
}
"""Knobs that change what the validation loss measures: the lowest is then not the best."""
_RANGE = re.compile(r"(?P<low>[^.,:]+(?:\.\d+)?(?:e[+-]?\d+)?)\.\.(?P<high>[^,:]+?)(?P<log>:log)?")
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Knob:
    """A key of params.yaml with the values to try: one of `choices`, or else a number from `low` to `high`."""

    name: str
    choices: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether a range is of whole numbers: both ends are written so."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def values(self) -> tuple[Any, ...] | None:
        """All values where they can be counted; None for a range of real numbers."""
        if self.choices:
            return self.choices
        return tuple(range(int(self.low), int(self.high) + 1)) if self.whole else None

    def allows(self, value: Any) -> bool:
        """Whether the search could propose this value."""
        known = self.values()
        if known is not None:
            return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in known)
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def share(self, value: float) -> float:
        """Where a number of a range lies between its ends, 0 to 1."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def is_edge(self, value: Any) -> bool:
        """Whether a number lies within the outer twentieth of its range; 0 is an end that nothing lies beyond."""
        return not self.choices and (self.share(value) > 0.95 or (self.low != 0 and self.share(value) < 0.05))

    def readable(self, value: Any) -> Any:
        """The value as it is written to params.yaml: three significant digits of a real number are plenty."""
        if self.choices or self.whole:
            return value
        return min(max(float(f"{value:.3g}"), self.low), self.high)

    def __str__(self) -> str:
        if self.choices:
            return f"{self.name}={','.join(written(value) for value in self.choices)}"
        return f"{self.name}={self.low!r}..{self.high!r}{':log' if self.log else ''}"


def parse(text: str) -> Knob:
    """The knob that a command line names. Raises UsageError for what is no knob, or has fewer than two values."""
    name, equals, wanted = text.partition("=")
    name = name.strip()
    if not equals or not re.fullmatch(r"[a-z_]+(\.[a-z_0-9]+)*", name):
        raise _fault(text, "does not name a key and its values", "write it as lr=1e-5..1e-4:log or epochs=2,3,4")
    _check_name(name)
    if found := _RANGE.fullmatch(wanted.strip()):
        return _range(text, name, found)
    choices = tuple(_scalar(text, part) for part in wanted.split(","))
    if len(choices) < 2 or len({written(choice) for choice in choices}) < len(choices):
        raise _fault(text, "needs two different values or more", "leave out what stays as params.yaml has it")
    return Knob(name, choices)


def _check_name(name: str) -> None:
    section, _, key = name.partition(".")
    if name in TOP or (section == "finetune" and key.split(".")[0] in FinetuneParams.model_fields):
        return
    problem = "cannot be searched: only what `plan` and `finetune` read leaves the validation rows the same"
    raise _fault(name, problem, f"search {', '.join(TOP)} or finetune.*; for others compare whole runs: `dvc exp run`")


def _range(text: str, name: str, found: re.Match[str]) -> Knob:
    low, high = (_scalar(text, found[end]) for end in ("low", "high"))
    if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high)) or low >= high:
        raise _fault(text, "is not a range from a lower to a higher number", "write it as lr=1e-5..1e-4")
    if found["log"] and low <= 0:
        raise _fault(text, "a logarithmic range starts above 0", "raise its lower end, or leave out :log")
    knob = Knob(name, (), low, high, bool(found["log"]))
    return knob if knob.whole else Knob(name, (), float(low), float(high), knob.log)


def _scalar(text: str, part: str) -> Any:
    """A value as params.yaml would have it (YAML 1.2: `1e-5` is a number, `null` is none)."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        value = YAML(typ="safe").load(part.strip())
    except YAMLError:
        value = ()
    if part.strip() and isinstance(value, str | int | float | bool | None):
        return value
    raise _fault(text, "has a value that is not a plain one", "give numbers, words, true, false or null")


def _fault(text: str, problem: str, step: str) -> UsageError:
    return UsageError(Fault(f"--space {text}", problem, step))


def written(value: Any) -> str:
    """A value as YAML writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def override(name: str, value: Any) -> str:
    """`-S` for DVC, which reads it by Hydra's grammar: words are quoted, for a path or a `:` would end one."""
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"{name}='{escaped}'"
    return f"{name}={written(value)}"


def combinations(knobs: Sequence[Knob]) -> Iterator[dict[str, Any]] | None:
    """All combinations where they can be counted and are not too many to matter."""
    values = [knob.values() for knob in knobs]
    counted = [some for some in values if some is not None]
    size = 1
    for some in counted:
        size *= len(some)
    if len(counted) < len(values) or size > _LONGEST:
        return None
    names = [knob.name for knob in knobs]
    return (dict(zip(names, some, strict=True)) for some in itertools.product(*counted))


def default_space(task: Task, finetune: FinetuneParams) -> list[Knob]:
    """What is worth searching for this way of training.

    Full: the ranges of Devlin et al. 2019 (A.3: lr 2e-5 to 5e-5, 2 to 4 epochs), with room on both sides. Adapters:
    learning rates about ten times as high (Hu et al. 2021, appendix D), and their rank. A new head on a frozen encoder
    is a small problem that takes far larger steps. Models that write text overfit sooner: fewer epochs.
    """
    epochs = Knob("epochs", (1, 2, 3) if task.writes else (2, 3, 4))
    if finetune.lora.enabled:
        return [Knob("lr", (), 5e-5, 1e-3, log=True), epochs, Knob("finetune.lora.r", (4, 8, 16))]
    decay = Knob("finetune.weight_decay", (), 0.0, 0.1)
    if finetune.head_only:
        return [Knob("lr", (), 1e-4, 1e-2, log=True), Knob("epochs", (3, 5, 10)), decay]
    return [Knob("lr", (), 1e-5, 2e-4, log=True), epochs, decay]


def check_space(knobs: Sequence[Knob], written_params: Mapping[str, Any], metric: str) -> None:
    """Raises UsageError, for all knobs at once: named twice, not in params.yaml, or changing what the loss means."""
    faults = []
    names = [knob.name for knob in knobs]
    for knob in knobs:
        place = f"--space {knob}"
        if names.count(knob.name) > 1:
            faults.append(Fault(place, "is there twice", "give one range for a key"))
        if not has(written_params, knob.name):
            faults.append(Fault(place, "is not in params.yaml, and DVC only changes keys that are", "add it there"))
        if metric.endswith("loss") and knob.name in _OTHER_LOSS:
            problem = f"{_OTHER_LOSS[knob.name]}: losses of such trials cannot be compared"
            faults.append(Fault(place, problem, "leave it out, and compare scores of whole runs: `dvc exp run -S`"))
    if faults:
        raise UsageError(*faults)


def has(written_params: Mapping[str, Any], name: str) -> bool:
    """Whether params.yaml has a dotted key."""
    section, _, key = name.rpartition(".")
    found = current(written_params, section) if section else written_params
    return isinstance(found, Mapping) and key in found


def current(written_params: Mapping[str, Any], name: str) -> Any:
    """The value of a dotted key; None where there is none."""
    found: Any = written_params
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
