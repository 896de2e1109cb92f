"""Attack the tuned model: tell its training records from others, and look for personal data in what comes with it.

in:  data/split, data/finetune   records with their split; the tuned model, what was planted, what is claimed of privacy
     data/evaluate               searched for personal data
     data/scrub_pii              may be given: the keyed hashes of what was replaced, to look for
out: data/audit                  roc.csv, the curve of the membership attack; after private training privacy.json, the
                                 certificate with what the attack on it showed
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages.core.cache import Cache
from stages.core.params import AuditParams
from stages.core.records import Record
from stages.core.stage import Artifact, Context, Usage, artifact_stage, used
from stages.core.storage import StageFolder, write_json
from stages.methods.audit import leaks, membership
from stages.methods.audit.canaries import CANARY, SECRET, read_planted
from stages.methods.audit.exposure import measure_exposure
from stages.methods.audit.membership import LARGEST, Candidates
from stages.methods.audit.one_run import Claim, audit_canaries
from stages.methods.audit.regurgitation import compare, goes_on
from stages.methods.audit.roc import curve
from stages.methods.audit.searched import scrubbed_values, texts_of_files
from stages.methods.check_labels.embeddings import Encoder, embed
from stages.methods.evaluate.tables import csv_text
from stages.methods.evaluate.tuned_model import TunedModel, open_tuned, sample
from stages.methods.split.splitting import fold_of, group_keys

REASONS = {
    "attacked_as_member": "a training record that membership inference was tried on",
    "attacked_as_other": "a test record that membership inference was tried on, as one the model has not seen",
    "asked_to_go_on": "the model was asked to go on with this record's answer (verbatim: whether it did, to the word)",
}
CERTIFICATE = "privacy.json"
_FOLDS = 5
_TOKENS = 64


def audit(context: Context, folder: Path) -> Artifact:
    """Try all, and write the curve and the certificate. Raises CheckFailed when an attack contradicts the latter."""
    finetuned = context.input("finetune")
    certificate = finetuned.json(CERTIFICATE) if (finetuned.path / CERTIFICATE).exists() else None
    tuned, claim = open_tuned(context.task, finetuned), Claim.of(certificate)
    rows = _answered(context, None if certificate is None else _trained(finetuned))
    invented = _invented(context, tuned, claim)
    found, curve, attacked = _membership(context, tuned, rows, claim)
    repeated, asked = _regurgitation(context, tuned, rows)
    (folder / "roc.csv").write_text(csv_text(curve), encoding="utf-8")
    if certificate is not None:
        write_json(folder / CERTIFICATE, {**certificate, "audit": invented.get("canary")})
    return Artifact([*attacked, *asked], {**found, **invented, **repeated, **_leaks(context)})


def _trained(finetuned: StageFolder) -> set[str]:
    """The ids of what was trained on: a private training leaves rows out, too, of those who have many."""
    events = finetuned.table("events.parquet", ["id", "reason"]).to_pylist()
    return {event["id"] for event in events if event["reason"] == "trained_on"}


def _answered(context: Context, trained: set[str] | None) -> dict[str, list[Record]]:
    """The training and test records with an answer; of the former only those that are among `trained`, if given."""
    rows: dict[str, list[Record]] = {"train": [], "test": []}
    for record in context.input("split").records(context.task.schema):
        asked = record.split == "test" or trained is None or record.id in trained
        if record.split in rows and asked and context.task.answered(record):
            rows[record.split].append(record)
    return rows


def _chosen(context: Context, rows: Mapping[str, list[Record]], most: int, purpose: str) -> list[list[Record]]:
    """Equally many training and test records, chosen by hash."""
    size = min(most, *map(len, rows.values()))
    return [sample(rows[split], size, context.seed, purpose) for split in ("train", "test")]


def _invented(context: Context, tuned: TunedModel, claim: Claim) -> dict[str, Any]:
    """What canaries and secrets show, where any were planted."""
    planted = read_planted(context.input("finetune"), context.task.schema)
    canaries, secrets = ([row for row in planted if row.kind == kind] for kind in (CANARY, SECRET))
    shown = audit_canaries(canaries, tuned.losses([row.record for row in canaries]), claim)
    return {**shown, **measure_exposure(secrets, tuned.losses, context.seed)}


def _regurgitation(
    context: Context, tuned: TunedModel, rows: Mapping[str, list[Record]]
) -> tuple[dict[str, Any], list[Usage]]:
    """The report, and what was done with each record; nothing for a task whose answers are not written."""
    if not (context.params.regurgitation and context.task.writes):
        return {}, []
    sides = _chosen(context, rows, context.params.regurgitation, "regurgitation")
    found = [goes_on(tuned, records) for records in sides]
    usages = [
        used(record.id, "asked_to_go_on", verbatim=right)
        for records, some in zip(sides, found, strict=True)
        for record, right in zip(records, some, strict=True)
        if right is not None
    ]
    return compare(*found), usages


def _membership(
    context: Context, tuned: TunedModel, rows: Mapping[str, list[Record]], claim: Claim
) -> tuple[dict[str, Any], list[dict[str, float]], list[Usage]]:
    """The report, the curve, and what was done with each record."""
    params: AuditParams = context.params
    members, others = _chosen(context, rows, params.sample, "audit")
    sizes = {"members": len(members), "non_members": len(others)}
    if len(members) < membership.LEAST:
        nothing = {"membership": {}, "valid": False, "membership_sentence": membership.sentence({}, [])}
        return {**sizes, **nothing}, [], []
    records = [*members, *others]
    untrained = context.task.load_base(context.shared["model"])
    base = None if untrained is None else tuned.instead(untrained).losses(records)
    known = _candidates(context, records, len(members), base)
    tuned.refuse_other_labels({label for record in records for label in context.task.labels(record)})
    losses = np.array([_loss(loss) for loss in tuned.losses(records)])
    report = membership.inference(known, losses, params.bootstrap, context.seed, claim)
    reasons = ["attacked_as_member" if member else "attacked_as_other" for member in known.member]
    facts = zip(records, reasons, losses, strict=True)
    usages = [used(record.id, reason, loss=float(loss)) for record, reason, loss in facts]
    return {**sizes, **report}, curve(-losses[known.member], -losses[~known.member]), usages


def _loss(loss: float | None) -> float:
    """A label without probability has an infinite loss, which ranks like any other number that is large enough."""
    return LARGEST if loss is None else loss


def _candidates(
    context: Context, records: list[Record], members: int, base: Sequence[float | None] | None
) -> Candidates:
    encoder = Encoder(context.shared["model"], _TOKENS)
    texts = ((context.keys.hash("embedding", record.source, record.text), record.text) for record in records)
    keys = group_keys((record.id, record.subject, record.group) for record in records)
    return Candidates(
        member=np.arange(len(records)) < members,
        texts=[record.text for record in records],
        vectors=embed(encoder, texts, Cache(f"embeddings-{encoder.digest()}")),
        labels=[context.task.targets(record) or "" for record in records],
        folds=np.array([fold_of(context.seed, keys[record.id], _FOLDS) for record in records]),
        base=base,
    )


def _leaks(context: Context) -> dict[str, Any]:
    """What the search of the files finds; counts only."""
    files = list(texts_of_files(context.inputs))
    texts = [text for some in files for text in some]
    proven = leaks.patterns(texts)
    scrubbed = scrubbed_values(context.inputs)
    known = None if scrubbed is None else leaks.known_values(texts, scrubbed, lambda value: _hashes(context, value))
    counts = {"files": len(files), "patterns": proven, **({} if known is None else {"scrubbed_values": known})}
    total = sum(proven.values()) + sum((known or {}).values())
    return {"leaks": counts, "leaks_found": total, "leaks_sentence": leaks.sentence(len(files), proven, known)}


def _hashes(context: Context, value: str) -> Iterator[str]:
    """The value's hash as `scrub_pii` writes it, under the key of each source."""
    for source in sorted(context.input("split").table(columns=["source"]).column("source").unique().to_pylist()):
        yield context.keys.hash("pii-value", source, value)[:32]


HEADLINE = (
    "membership.*",
    "valid",
    "canary.epsilon_at_least",
    "canary.ceiling",
    "exposure.*.exposure",
    "regurgitation.t*",
    "leaks_found",
)
STAGE = artifact_stage("audit", audit, reasons=REASONS, uses=("seed", "model"), headline=HEADLINE)
