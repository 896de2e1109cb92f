"""The records of a split as features, for the time of a training."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stages.core.records import Record
from stages.core.stage import Usage, skipped, used
from stages.core.task import Task
from stages.methods.finetune.batching import length, was_cut
from stages.methods.finetune.weights import Facts, record_weights


@dataclass
class Rows:
    """The records of one split as features, with what must be said about them; their texts are let go."""

    task: Task
    tokenizer: Any
    plan: Mapping[str, Any]
    ids: list[str] = field(default_factory=list)
    facts: list[Facts] = field(default_factory=list)
    features: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[Usage] = field(default_factory=list)

    def add(self, records: Sequence[Record]) -> None:
        """Encode some more records; those from which nothing can be learned are only noted."""
        self.left_out += [skipped(record.id, "no_label") for record in records if not self.task.answered(record)]
        records = [record for record in records if self.task.answered(record)]
        encoded = self.task.encode(records, self.tokenizer, self.plan["finetune"], self.plan["labels"])
        for record, features in zip(records, encoded, strict=True):
            learned = features.get("learned", 1)
            if not learned:
                self.left_out.append(skipped(record.id, "nothing_to_learn", tokens=features["tokens"]))
                continue
            self.ids.append(record.id)
            self.facts.append(Facts(record.source, self.task.labels(record), record.attributes, learned))
            self.features.append(features)

    def add_invented(self, records: Sequence[Record]) -> None:
        """Encode synthetic and planted records: they are learned from, and nothing is said about them here."""
        made = Rows(self.task, self.tokenizer, self.plan)
        made.add(records)
        self.facts += made.facts
        self.features += made.features

    def leave_out(self, ids: Collection[str]) -> None:
        """Do without some records: their subject has more rows than it may have."""
        kept = [place for place in range(len(self.features)) if place >= len(self.ids) or self.ids[place] not in ids]
        self.left_out += [skipped(id, "over_subject_cap") for id in self.ids if id in ids]
        self.facts, self.features = [self.facts[i] for i in kept], [self.features[i] for i in kept]
        self.ids = [id for id in self.ids if id not in ids]

    def weigh(self, known: Sequence[Facts]) -> None:
        """Give each record its weight in the loss; `known` are the training records, which classes are counted in."""
        private = self.plan["privacy"]["enabled"]
        weights = record_weights(self.facts, known, self.plan["finetune"], private=private) or ()
        for features, weight in zip(self.features, weights, strict=False):
            features["weight"] = weight

    def usages(self, reason: str) -> Iterator[Usage]:
        """What was done with each record."""
        for id, features in zip(self.ids, self.features, strict=False):  # invented ones stand behind
            yield used(id, reason, tokens=length(features), truncated=was_cut(features))
        yield from self.left_out
