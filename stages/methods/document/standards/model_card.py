"""The model card inside the ML-BOM: what the model is, how it scored with intervals, and what is known against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stages.methods.document.facts import Facts
from stages.methods.document.figures import Recorded
from stages.methods.document.privacy import certificate, epsilons
from stages.methods.document.privacy_words import bounds, not_private
from stages.methods.document.tree import find, metric

_TRAINING = ("lr", "epochs", "batch_size", "seed", "steps", "best_step", "max_length", "dtype", "train_ids")


def model_card(recorded: Recorded, facts: Facts, data: str | None) -> dict[str, Any]:
    """The `modelCard` of CycloneDX 1.6. `data` is the reference of the data set that the model was tuned on."""
    analysis = [*_metrics(find(recorded, "evaluate", "report") or {}), *_attacks(recorded)]
    card: dict[str, Any] = {"modelParameters": _parameters(recorded, facts, data)}
    if analysis:
        card["quantitativeAnalysis"] = {"performanceMetrics": analysis}
    if considerations := _considerations(recorded, facts):
        card["considerations"] = considerations
    known = {f"training:{name}": value for name, value in _training(facts).items()} | _privacy(recorded)
    properties = [
        {"name": f"rowtrail:{name}", "value": str(value)} for name, value in known.items() if value is not None
    ]
    return {**card, "properties": properties} if properties else card


def _training(facts: Facts) -> dict[str, Any]:
    options = find(facts.training, "options") or find(facts.plan, "finetune") or {}
    planned = {**facts.plan, **facts.training, "max_length": options.get("max_length")}
    return {name: planned[name] for name in _TRAINING if name in planned and not isinstance(planned[name], dict)}


def _privacy(recorded: Recorded) -> dict[str, Any]:
    """What the certificate of a private training states."""
    found = certificate(recorded)
    if not found.get("private"):
        return {"privacy:private": False} if found else {}
    stated = {f"epsilon_{whom}": value for whom, value in epsilons(found)}
    spent = {f"ledger_{name}": find(found, "ledger", name) for name in ("runs", "epsilon", "delta")}
    known = {"private": True, "unit": found.get("unit"), **stated, "delta": found.get("delta"), **spent}
    return {f"privacy:{name}": value for name, value in known.items()}


def _parameters(recorded: Recorded, facts: Facts, data: str | None) -> dict[str, Any]:
    labels = facts.plan.get("labels") or []
    task = facts.plan.get("task") or find(recorded, "finetune", "manifest", "params", "task")
    architectures = facts.model_config.get("architectures") or []
    known = {
        "task": task,
        "architectureFamily": facts.model_config.get("model_type"),
        "modelArchitecture": architectures[0] if architectures else None,
        "datasets": [{"ref": data}] if data else None,
        "inputs": [{"format": name} for name in _inputs(facts)],
        "outputs": [
            {"format": f"{name}: {', '.join(map(str, labels))}" if labels else name} for name in _outputs(facts)
        ],
    }
    return {"approach": {"type": "supervised"}, **{name: value for name, value in known.items() if value}}


def _inputs(facts: Facts) -> list[str]:
    """The columns that the model is given; one that writes is given the first of them."""
    names = [column.name for column in facts.schema.of_kind("text", "messages")]
    return names[:1] if facts.writes else names


def _outputs(facts: Facts) -> list[str]:
    """The columns that it answers: those that are no texts, or the last text where it writes."""
    names = [column.name for column in facts.schema.columns]
    given = facts.schema.of_kind("text", "messages")
    return names[-1:] if facts.writes else [name for name in names if name not in {column.name for column in given}]


def _metrics(evaluate: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All scores with an interval: on the whole test split, then by slice and by class."""
    yield from _scores(evaluate, "test split")
    for name, scores in (evaluate.get("slices") or {}).items():
        yield from _scores(scores, name)
    for name, scores in (evaluate.get("per_class") or {}).items():
        yield from _scores(scores, f"class: {name}")


def _scores(report: Mapping[str, Any], where: str) -> Iterator[dict[str, Any]]:
    for name in sorted(report):
        found = metric(report, name)
        if found and "low" in found and "high" in found:
            yield _metric(name, found, where)


def _metric(name: str, found: Mapping[str, float], where: str) -> dict[str, Any]:
    bounds = {"lowerBound": str(found["low"]), "upperBound": str(found["high"])}
    return {"type": name, "value": str(found["value"]), "slice": where, "confidenceInterval": bounds}


def _attacks(recorded: Recorded) -> Iterator[dict[str, Any]]:
    """How well an attack tells members of the training split from others: 0.5 is not at all."""
    audit = find(recorded, "audit", "report") or {}
    if audit.get("valid", True):
        membership = audit.get("membership") or {}
        for name in ("auc", "calibrated_auc"):
            found = metric(membership, name)
            if found and "low" in found and "high" in found:
                yield _metric(f"membership inference {name}", found, "members and others")


def _considerations(recorded: Recorded, facts: Facts) -> dict[str, Any]:
    said = facts.statements
    limits = [f"Out of scope: {said['out_of_scope']}"] if said.get("out_of_scope") else []
    slices = find(recorded, "evaluate", "report", "slices") or {}
    for name, scores in slices.items():
        if scores.get("weaker") and (first := next(_scores(scores, name), None)):
            score = f"{first['type']} {first['value']}"
            limits.append(f"Weaker than elsewhere on {name}: {score} on {scores.get('rows')} test rows")
    fit = find(recorded, "evaluate", "report", "fit", "sentence")
    limits += [str(fit)] if fit else []
    known = {
        "useCases": [said["intended_use"]] if said.get("intended_use") else [],
        "technicalLimitations": limits,
        "ethicalConsiderations": _risks(recorded),
    }
    return {name: value for name, value in known.items() if value}


def _risks(recorded: Recorded) -> list[dict[str, str]]:
    names = ("membership", "canary", "exposure", "regurgitation", "leaks")
    sentences = [find(recorded, "audit", "report", f"{name}_sentence") for name in names]
    found = certificate(recorded)
    promise = [not_private(found) or f"Trained with differential privacy. {' '.join(bounds(found))}"] if found else []
    return [{"name": str(sentence)} for sentence in (*promise, *sentences) if sentence]
