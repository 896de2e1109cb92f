"""What one pass over the split tells about it, for the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stages.core.errors import DataError, Fault
from stages.core.ledger import IdSet
from stages.core.records import Record
from stages.core.task import Task
from stages.methods.finetune.batching import length, was_cut
from stages.methods.finetune.planning import token_summary
from stages.methods.finetune.token_fit import TokenFit


@dataclass
class Survey:
    """Sizes, labels and lengths; of the training records also their ids with the labels of each."""

    task: Task
    sizes: Counter[str] = field(default_factory=lambda: Counter(train=0, validation=0, test=0))
    labels: set[str] = field(default_factory=set)
    classes: Counter[str] = field(default_factory=Counter)
    train: IdSet = field(default_factory=IdSet)
    train_labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lengths: list[int] = field(default_factory=list)
    computed: int = 0
    cut: int = 0
    targets_cut: int = 0
    nothing_left: int = 0
    windows: int = 1
    """In how many windows the training record is read that has most."""
    fit: TokenFit = field(default_factory=TokenFit)

    def add(self, records: Sequence[Record], tokenizer: Any, options: Mapping[str, Any]) -> None:
        """Look at some more records; those without an answer to learn are not used and not counted."""
        usable = [record for record in records if self.task.answered(record)]
        self.labels |= {label for record in usable for label in self.task.labels(record)}
        self.sizes.update(str(record.split) for record in usable if record.split != "train")
        train = [record for record in usable if record.split == "train"]
        for record, row in zip(train, self.task.encode(train, tokenizer, options), strict=True):
            self.lengths.append(row["tokens"])
            self.computed += length(row)
            self.cut += was_cut(row)
            self.windows = max(self.windows, len(row.get("windows", ())))
            self.targets_cut += row.get("target_tokens", 0) > row.get("learned", 0)
            if not row.get("learned", 1):
                self.nothing_left += 1
                continue
            self.sizes["train"] += 1
            self.train_labels[record.id] = self.task.labels(record)
            self.classes.update(self.train_labels[record.id])
            self.train.add(record.id)
        self.fit.add([record.text for record in train], tokenizer)

    def add_synthetic(self, records: Sequence[Record], tokenizer: Any, options: Mapping[str, Any]) -> None:
        """Count synthetic records: they are trained on, and are no records of the split."""
        rows = self.task.encode(records, tokenizer, options)
        self.lengths += [row["tokens"] for row in rows]
        self.computed += sum(map(length, rows))
        self.sizes["synthetic"] = len(records)

    def leave_out(self, ids: Iterable[str]) -> None:
        """Training records that will not be used, for a subject has too many: counted no longer."""
        for id in ids:
            self.classes.subtract(self.train_labels.pop(id))
        self.sizes["train"], self.train = len(self.train_labels), IdSet()
        for id in self.train_labels:
            self.train.add(id)

    @property
    def learned(self) -> int:
        """How many records an epoch has."""
        return self.sizes["train"] + self.sizes["synthetic"]

    def tokens(self, terms: int) -> dict[str, Any]:
        """Lengths and the tokenizer's fit, over the training records; `terms` fall apart (terms.csv lists them)."""
        left: dict[str, float] = {"nothing_left": self.nothing_left} if self.nothing_left else {}
        left |= {"targets_cut": round(self.targets_cut / len(self.lengths), 6)} if self.targets_cut else {}
        return {**token_summary(self.lengths, self.cut, self.fit), "epoch": self.computed, "terms_apart": terms, **left}

    def check(self) -> None:
        """Raises DataError when there is nothing to learn from, or nothing to tell apart."""
        single = bool(self.task.schema.of_kind("label")) and len(self.classes) < 2
        if self.sizes["train"] and not single:
            return
        rows, labels = self.sizes["train"], len(self.classes)
        problem = f"{rows} training records with a label, {labels} different labels: nothing to learn from"
        if self.nothing_left:
            problem = f"of {len(self.lengths)} training records, {self.nothing_left} have no token of their answer left"
        raise DataError(Fault("data/split", problem, "look at the counts in reports/ingest.json to reports/split.json"))
