"""Attack the tuned model: tell its training records from others, and look for personal data in what comes with it.

in:  data/split, data/finetune   records with their split; the tuned model
     data/evaluate               searched for personal data
     data/scrub_pii              may be given: the keyed hashes of what was replaced, to look for
out: data/audit                  roc.csv, the curve of the membership attack
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from stages.core.cache import Cache
from stages.core.params import AuditParams
from stages.core.records import Record
from stages.core.stage import Artifact, Context, Usage, artifact_stage, used
from stages.core.storage import files_below
from stages.methods.audit import leaks, membership
from stages.methods.audit.membership import Candidates
from stages.methods.audit.roc import curve
from stages.methods.check_labels.embeddings import Encoder, embed
from stages.methods.evaluate.tables import csv_text
from stages.methods.evaluate.tuned_model import open_tuned, sample
from stages.methods.split.splitting import fold_of, group_keys

REASONS = {
    "attacked_as_member": "a training record that membership inference was tried on",
    "attacked_as_other": "a test record that membership inference was tried on, as one the model has not seen",
}
_FOLDS = 5
_TOKENS = 64
_TEXT_FILES = (".json", ".csv", ".txt", ".md")
_VOCABULARIES = ("vocab.json", "vocab.txt", "merges.txt")


def audit(context: Context, folder: Path) -> Artifact:
    """Try both, and write the curve."""
    members, others = _chosen(context)
    found, curve, usages = _membership(context, members, others)
    (folder / "roc.csv").write_text(csv_text(curve), encoding="utf-8")
    return Artifact(usages, {**found, **_leaks(context)})


def _chosen(context: Context) -> tuple[list[Record], list[Record]]:
    """Equally many training and test records, chosen by hash."""
    params: AuditParams = context.params
    rows: dict[str, list[Record]] = {"train": [], "test": []}
    for record in context.input("split").records(context.task.schema):
        if record.split in rows and context.task.answered(record):
            rows[record.split].append(record)
    size = min(params.sample, len(rows["train"]), len(rows["test"]))
    return sample(rows["train"], size, context.seed, "audit"), sample(rows["test"], size, context.seed, "audit")


def _membership(
    context: Context, members: list[Record], others: list[Record]
) -> tuple[dict[str, Any], list[dict[str, float]], list[Usage]]:
    """The report, the curve, and what was done with each record."""
    params: AuditParams = context.params
    sizes = {"members": len(members), "non_members": len(others)}
    if len(members) < membership.LEAST:
        nothing = {"membership": {}, "valid": False, "membership_sentence": membership.sentence({}, [])}
        return {**sizes, **nothing}, [], []
    records = [*members, *others]
    tuned = open_tuned(context.task, context.input("finetune"))
    known = _candidates(context, records, len(members))
    tuned.refuse_other_labels({label for record in records for label in context.task.labels(record)})
    losses = np.array([_loss(loss) for loss in tuned.losses(records)])
    report = membership.inference(known, losses, params.bootstrap, context.seed)
    reasons = ["attacked_as_member" if member else "attacked_as_other" for member in known.member]
    facts = zip(records, reasons, losses, strict=True)
    usages = [used(record.id, reason, loss=float(loss)) for record, reason, loss in facts]
    return {**sizes, **report}, curve(-losses[known.member], -losses[~known.member]), usages


def _loss(loss: float | None) -> float:
    """A label without probability has an infinite loss, which ranks like any other number that is large enough."""
    return 1e3 if loss is None else loss


def _candidates(context: Context, records: list[Record], members: int) -> Candidates:
    encoder = Encoder(context.shared["model"], _TOKENS)
    texts = ((context.keys.hash("embedding", record.source, record.text), record.text) for record in records)
    keys = group_keys((record.id, record.subject, record.group) for record in records)
    return Candidates(
        member=np.arange(len(records)) < members,
        texts=[record.text for record in records],
        vectors=embed(encoder, texts, Cache(f"embeddings-{encoder.digest()}")),
        labels=[context.task.targets(record) or "" for record in records],
        folds=np.array([fold_of(context.seed, keys[record.id], _FOLDS) for record in records]),
    )


def _leaks(context: Context) -> dict[str, Any]:
    """What the search of the files finds; counts only."""
    files = list(_files(context))
    texts = [text for some in files for text in some]
    proven = leaks.patterns(texts)
    scrubbed = _scrubbed(context)
    known = None if scrubbed is None else leaks.known_values(texts, scrubbed, lambda value: _hashes(context, value))
    counts = {"files": len(files), "patterns": proven, **({} if known is None else {"scrubbed_values": known})}
    total = sum(proven.values()) + sum((known or {}).values())
    return {"leaks": counts, "leaks_found": total, "leaks_sentence": leaks.sentence(len(files), proven, known)}


def _files(context: Context) -> Iterator[list[str]]:
    """The texts of each file that goes along with the model, or tells of it."""
    for folder in context.inputs:
        for name in files_below(folder.path) if folder.stage in ("finetune", "evaluate") else ():
            if name.endswith(_TEXT_FILES) and not name.endswith(_VOCABULARIES):
                yield leaks.strings(name, (folder.path / name).read_text(encoding="utf-8"))


_IN_ANY_FILE = frozenset({"AGE", "DATE_TIME", "NRP", "POSTAL_CODE", "TITLE"})
"""Entities whose values, such as a year, stand in settings and tables without coming from a person."""


def _scrubbed(context: Context) -> dict[str, str] | None:
    """Entity by keyed hash of each value that was replaced, or None when the folder was not given."""
    folder = next((folder for folder in context.inputs if folder.stage == "scrub_pii"), None)
    if folder is None:
        return None
    events = folder.table("events.parquet", ["reason", "evidence"]).to_pylist()
    found = (json.loads(event["evidence"]) for event in events if event["reason"] == "pii_replaced")
    return {evidence["value"]: evidence["entity"] for evidence in found if evidence["entity"] not in _IN_ANY_FILE}


def _hashes(context: Context, value: str) -> Iterator[str]:
    """The value's hash as `scrub_pii` writes it, under the key of each source."""
    for source in sorted(context.input("split").table(columns=["source"]).column("source").unique().to_pylist()):
        yield context.keys.hash("pii-value", source, value)[:32]


HEADLINE = ("membership.*", "valid", "leaks_found")
STAGE = artifact_stage("audit", audit, reasons=REASONS, uses=("seed", "model"), headline=HEADLINE)
