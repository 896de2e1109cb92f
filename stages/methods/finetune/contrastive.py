"""Few labelled texts: pull texts of one label together before the head is fitted (SetFit, Tunstall et al. 2022).

A head has little to learn from when there are eight texts a class, but from eight texts come dozens of pairs. The
encoder learns from these alone that two texts mean the same class (cosine 1) or different ones (cosine 0). Then it is
frozen, and the head is trained on what it gives, as with `head_only`.

SetFit compares means of the last layer's tokens. Here the vectors are what the model's last layer is given (for BERT
the pooled first token), for this is all that the head will see of a text: tuned elsewhere, the classes would lie apart
where nobody looks.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from stages.core.errors import DataError, Fault, UsageError
from stages.core.task import Task
from stages.methods.finetune.batching import Features, padded
from stages.methods.finetune.models import adapt
from stages.methods.finetune.planning import plan_steps
from stages.methods.finetune.rows import Rows
from stages.methods.finetune.training import Learner, Machine, Trained, fit

_PLACE = "params.yaml: finetune.contrastive"
Labels = tuple[str, ...]
Pair = tuple[int, int, bool]
"""Two positions, and whether their texts have a label in common."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Training records: ids, labels and features, in one order."""

    ids: Sequence[str]
    labels: Sequence[Labels]
    features: Features


def contrastive_steps(kinds: Mapping[Labels, int], batch_size: int, options: Mapping[str, Any]) -> dict[str, int]:
    """The steps of this phase as `plan_steps` gives them, and the number of `pairs`.

    `kinds` counts the training records by their labels, `options` is plan.json's `finetune`. Raises DataError when
    there are no pairs of one of both sorts: texts would only be pulled together, or only pushed apart.
    """
    each, same, different = options["contrastive"]["pairs"], 0, 0
    for labels, count in kinds.items():
        related = sum(other for kind, other in kinds.items() if not {*labels}.isdisjoint(kind))
        same += each * count * (related > 1)
        different += each * count * (sum(kinds.values()) > max(related, 0 if labels else count))
    if not same or not different:
        problem = f"of {sum(kinds.values())} training records, no two {'differ in' if same else 'share'} their labels"
        raise DataError(Fault(_PLACE, problem, "bring more rows of each class, or turn it off"))
    steps = plan_steps(same + different, options["contrastive"]["epochs"], batch_size, options)
    return {"pairs": same + different, **steps}


def draw_pairs(ids: Sequence[str], labels: Sequence[Labels], each: int, seed: int) -> Iterator[Pair]:
    """`each` pairs with a label in common and as many without for each record, drawn from the seed and its id.

    A record alone in its class has no pairs of the first sort. Records without any label have nothing in common, but
    they are not pushed apart either.
    """
    kinds = set(labels)
    for kind in sorted(kinds):
        related = {other for other in kinds if not {*kind}.isdisjoint(other)}
        near = [i for i, other in enumerate(labels) if other in related]
        far = [i for i, other in enumerate(labels) if other not in related and (kind or other)]
        for i in (i for i, own in enumerate(labels) if own == kind):
            chance = random.Random(f"{seed}:contrastive:{ids[i]}")
            fellows = [j for j in near if j != i]
            yield from ((i, chance.choice(fellows), True) for _ in range(each if fellows else 0))
            yield from ((i, chance.choice(far), False) for _ in range(each if far else 0))


def pull_together(
    learner: Learner, examples: Examples, plan: Mapping[str, Any], machine: Machine, folder: Path
) -> Trained:
    """Tune the encoder on pairs of the examples by `plan["steps"]["contrastive"]`, then freeze it for the head.

    The model is changed in place. The curve's `train_loss` is the squared error of the cosine. Checkpoints and resuming
    as in `fit`. Raises UsageError for a model without a layer that reads the classes from one vector a text.
    """
    options = plan["finetune"]
    drawn = draw_pairs(examples.ids, examples.labels, options["contrastive"]["pairs"], plan["seed"])
    rows = examples.features
    pairs = [{"windows": [rows[i], rows[j]], "same": float(same)} for i, j, same in drawn]
    phase = {"lr": options["contrastive"]["lr"], "epochs": options["contrastive"]["epochs"]}
    steps = {**plan, **phase, "steps": plan["steps"]["contrastive"]}
    last = last_layer(learner.model)
    last.requires_grad_(False)
    with _Likeness(last) as likeness:
        trained = fit(replace(learner, task=cast("Task", likeness)), pairs, [], steps, machine, folder)
    last.requires_grad_(True)
    adapt(learner.model, {"head_only": True}, "SEQ_CLS")
    return trained


def contrastive_phase(
    learner: Learner, rows: Rows, plan: Mapping[str, Any], machine: Machine, checkpoints: Path
) -> Trained | None:
    """Pull the rows' texts together, where the plan says so; of invented rows, which stand behind, none."""
    if not plan["finetune"]["contrastive"]["enabled"]:
        return None
    real = len(rows.ids)
    examples = Examples(rows.ids, [facts.labels for facts in rows.facts[:real]], rows.features[:real])
    place = checkpoints / "contrastive"
    place.mkdir(exist_ok=True)
    return pull_together(learner, examples, plan, machine, place)


def in_numbers(phase: Trained, plan: Mapping[str, Any]) -> dict[str, Any]:
    """How the phase went: a loss is the mean squared error of a pair's cosine."""
    losses = [row["train_loss"] for row in phase.curve if row["train_loss"] is not None]
    pairs = plan["steps"]["contrastive"]["pairs"]
    return {"pairs": pairs, "steps": phase.steps, "first_loss": losses[0], "last_loss": losses[-1]}


def last_layer(model: Any) -> Any:
    """The trained linear layer with an output for each label. Raises UsageError when there is none."""
    from torch import nn

    linear = [module for module in model.modules() if isinstance(module, nn.Linear) and module.weight.requires_grad]
    found = [module for module in linear if module.out_features == model.config.num_labels]
    if not found:
        raise UsageError(Fault(_PLACE, "this model has no layer with an output for each label", "turn it off"))
    return found[-1]


class _Likeness:
    """What is learned from pairs, in the place of a task: the cosine of two texts is 1 for one label, else 0.

    Holds what the last layer is given while it is entered.
    """

    chats = False

    def __init__(self, last: Any) -> None:
        self._last = last
        self._given: Any = None

    def __enter__(self) -> _Likeness:
        self._hook = self._last.register_forward_pre_hook(self._hold)
        return self

    def __exit__(self, *_: object) -> None:
        self._hook.remove()

    def _hold(self, _: Any, given: tuple[Any, ...]) -> None:
        self._given = given[0]

    def collate(self, rows: Features, tokenizer: Any) -> dict[str, Any]:
        """The first texts of all pairs, then the second ones; `same` is 1 or 0 for each pair."""
        import torch

        texts = [row["windows"][side] for side in (0, 1) for row in rows]
        return {**padded(texts, tokenizer), "same": torch.tensor([row["same"] for row in rows])}

    def losses(self, model: Any, batch: Mapping[str, Any]) -> Any:
        """The squared error of each pair's cosine, shape (pairs,)."""
        from torch.nn.functional import cosine_similarity

        model(**{name: value for name, value in batch.items() if name != "same"})
        vectors, self._given = self._given.float(), None
        if vectors.dim() != 2:
            problem = "this model's last layer reads each token, not one vector a text"
            raise UsageError(Fault(_PLACE, problem, "take an encoder such as BERT, or turn it off"))
        return (cosine_similarity(*vectors.chunk(2)) - batch["same"]) ** 2
