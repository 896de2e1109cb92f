"""The YAML headers of the cards, by `huggingface_hub`'s own classes. What the Hub would not know is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stages.core.hub import hub_dataset, is_hub
from stages.methods.document.cards.data_tables import languages
from stages.methods.document.cards.facts import Evidence
from stages.methods.document.cards.markdown import plain
from stages.methods.document.cards.model_tables import metrics, title
from stages.methods.document.tree import find
from stages.methods.document.wording import is_number

TASKS = {
    "classification": "text-classification",
    "multi_label": "text-classification",
    "token_labels": "token-classification",
    "question_answering": "question-answering",
    "causal_lm": "text-generation",
    "seq2seq": "text-generation",
}
"""The Hub's task that is nearest to each of ours."""
LICENSES = frozenset({
    "afl-3.0", "agpl-3.0", "apache-2.0", "artistic-2.0", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear",
    "bsl-1.0", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0",
    "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0",
    "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0",
    "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1", "eupl-1.2", "gpl-2.0", "gpl-3.0", "isc", "lgpl-2.1",
    "lgpl-3.0", "mit", "mpl-2.0", "ms-pl", "ncsa", "ofl-1.1", "osl-3.0", "postgresql", "unlicense", "wtfpl", "zlib",
})  # fmt: skip
"""Licences that the Hub knows and that have an SPDX identifier, in the Hub's spelling (huggingface.co/docs/hub)."""
_AVERAGE = re.compile(r"(macro|micro|weighted)_(.+)")
_HUB_METRICS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "rouge_1": ("rouge", {"rouge_types": ["rouge1"]}),
    "rouge_2": ("rouge", {"rouge_types": ["rouge2"]}),
    "rouge_l": ("rouge", {"rouge_types": ["rougeL"]}),
    "bleu": ("sacrebleu", None),
    "seqeval_f1": ("seqeval", None),
}
"""Where the Hub calls a metric otherwise (huggingface.co/metrics)."""
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+|[\w.-]+")
_LEAST_SHARE = 0.01


def model_header(given: Evidence) -> str:
    """The model card's header, with the results on the test split as a model index."""
    from huggingface_hub import ModelCardData

    results = _results(given)
    data = ModelCardData(
        language=_languages(given),
        **_license(given),
        library_name="transformers",
        pipeline_tag=TASKS.get(given.facts.task),
        base_model=_base_model(given),
        datasets=_hub_datasets(given) or None,
        metrics=list(dict.fromkeys(result.metric_type for result in results)) or None,
        tags=["rowtrail"],
        model_name=_name(given),
        eval_results=results or None,
    )
    return data.to_yaml(line_break="\n")


def dataset_header(given: Evidence) -> str:
    """The dataset card's header."""
    from huggingface_hub import DatasetCardData

    known = _languages(given) or []
    data = DatasetCardData(
        language=known or None,
        multilinguality=("multilingual" if len(known) > 1 else "monolingual") if known else None,
        **_license(given),
        task_categories=[TASKS[given.facts.task]] if given.facts.task in TASKS else None,
        size_categories=_size(given),
        source_datasets=[f"extended|{name}" for name in _hub_datasets(given)] or None,
        pretty_name=_name(given),
        tags=["rowtrail"],
    )
    return data.to_yaml(line_break="\n")


def _name(given: Evidence) -> str:
    return plain(given.facts.title).strip() or "untitled"


def _languages(given: Evidence) -> list[str] | None:
    """Languages of at least one record in a hundred: the identifier is not always right about a single one."""
    found = languages(given)
    total = sum(found.values())
    return [name for name, n in found.items() if n >= _LEAST_SHARE * total and re.fullmatch("[a-z]{2,3}", name)] or None


def _license(given: Evidence) -> dict[str, Any]:
    """The Hub's identifier, or `other` with a name; nothing where nobody has written one."""
    text = plain(given.facts.statements.get("license") or "").strip()
    if not text:
        return {}
    known = text.lower().removesuffix("-only")
    if known in LICENSES:
        return {"license": known}
    return {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-") or "other"}


def _base_model(given: Evidence) -> str | None:
    """The base model's name on the Hub: only then is its identity a commit, and not digests of files."""
    name, base = given.facts.plan.get("model"), given.facts.plan.get("base") or {}
    return name if set(base) == {"commit"} and _HUB_NAME.fullmatch(str(name)) else None


def _hub_datasets(given: Evidence) -> list[str]:
    uris = [str(source["uri"]) for source in given.figures["sources"]]
    return list(dict.fromkeys(hub_dataset(uri).name for uri in uris if is_hub(uri)))


def _size(given: Evidence) -> str | None:
    """The Hub's size class of the records that the splits hold."""
    rows = find(given.recorded, "split", "manifest", "counts", "kept")
    if not is_number(rows):
        return None
    edges = {10**3: "1K", 10**4: "10K", 10**5: "100K", 10**6: "1M", 10**7: "10M", 10**8: "100M", 10**9: "1B"}
    above = [name for edge, name in edges.items() if rows >= edge]
    below = [name for edge, name in edges.items() if rows < edge]
    if not above:
        return f"n<{below[0]}"
    return f"{above[-1]}<n<{below[0]}" if below else f"n>{above[-1]}"


def _results(given: Evidence) -> list[Any]:
    """One result a metric. Its interval stands in its name: the model index has no other place for it."""
    from huggingface_hub import EvalResult

    report = find(given.recorded, "evaluate", "report") or {}
    digest = find(given.recorded, "split", "digest")
    sources = [str(source["name"]) for source in given.figures["sources"]]
    return [
        EvalResult(
            task_type=TASKS.get(given.facts.task, given.facts.task),
            dataset_type="+".join(sources) or "unknown",
            dataset_name=f"{_name(given)} ({', '.join(sources) or 'sources not recorded'})",
            dataset_split="test",
            dataset_args={"split_manifest_sha256": digest} if digest else None,
            metric_type=_kind(name)[0],
            metric_value=values["value"],
            metric_name=f"{title(name)}{_span(values)}",
            metric_args=_kind(name)[1],
        )
        for name, values in metrics(report).items()
    ]


def _kind(name: str) -> tuple[str, dict[str, Any] | None]:
    """The Hub's name of a metric, and its arguments: `macro_f1` is `f1` with `average: macro`."""
    if name in _HUB_METRICS:
        return _HUB_METRICS[name]
    found = _AVERAGE.fullmatch(name)
    return (found[2], {"average": found[1]}) if found else (name, None)


def _span(values: Mapping[str, float]) -> str:
    return (
        f" (95 % interval {values['low']:.3f} to {values['high']:.3f})" if "low" in values and "high" in values else ""
    )
