"""Tables about the model: how it was made, what it scored, what attacks found, and by which digests it is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stages.methods.document.cards.facts import Evidence
from stages.methods.document.cards.markdown import Markdown, code, join, table
from stages.methods.document.measures import measure
from stages.methods.document.score_words import traits
from stages.methods.document.scores import BASELINES
from stages.methods.document.tree import find, metric
from stages.methods.document.wording import is_number, number, words

_PLANNED = ("lr", "epochs", "batch_size", "seed")
_TRAINED = {
    "steps": "Steps made",
    "best_step": "Step whose weights were kept (lowest validation loss)",
    "stopped_early": "Stopped early",
    "train_loss": "Training loss",
    "validation_loss": "Validation loss",
    "trainable_parameters": "Parameters trained",
    "device": "Kind of device",
    "dtype": "Number format",
    "threads": "CPU threads",
    "processes": "Training processes",
}
_ROWS = (
    "Trained",
    "Training rows of each class, at most",
    "Synthetic rows",
    "Rows are weighed by",
    "Words added to the vocabulary",
)
"""Facts of the training that are told where there is something to tell."""
_ATTACKS = {"auc": "by loss", "calibrated_auc": "by loss, calibrated"}
_LABELS = 30


def model_tables(given: Evidence) -> dict[str, Markdown]:
    """All of them, by the names the templates know them by."""
    return {
        "model": _model(given),
        "knobs": _knobs(given),
        "training": _training(given),
        "metrics": _metrics(given),
        "gains": _gains(given),
        "per_label": _per_label(find(given.recorded, "evaluate", "report") or {}),
        "written": _written(given),
        "slices": _scored(find(given.recorded, "evaluate", "report", "slices"), "Slice"),
        "attacks": _attacks(given),
        "model_files": _model_files(given),
        "chain": _chain(given),
        "versions": table(["Software", "Version"], [[name, code(v)] for name, v in given.figures["versions"].items()]),
    }


def _model(given: Evidence) -> Markdown:
    plan, training = given.facts.plan, given.facts.training
    settings = find(given.recorded, "plan", "manifest", "params") or {}
    base = plan.get("model") or settings.get("model")
    labels = training.get("labels") or plan.get("labels")
    options = training.get("options") or plan.get("finetune") or {}
    rows: list[list[Any]] = [
        ["Task", code(given.facts.task)],
        ["Base model", None if base is None else code(base)],
        ["Identity of the base model", _identity(plan.get("base"))],
        *(["Earlier run behind it", _earlier(parent)] for parent in training.get("parents") or ()),
        *([["Labels", _some(labels) if labels else None]] if labels != [] else []),
        ["Parameters, all", find(plan, "parameters", "total")],
        ["Parameters, trained", find(plan, "parameters", "trainable")],
        ["Tokens of a text that it sees", options.get("max_length")],
    ]
    facts = given.figures["model"]["facts"]
    return table(["", "Value"], [*rows, *([name, facts[name]] for name in _ROWS if name in facts)])


def _earlier(parent: Mapping[str, Any]) -> Markdown:
    """A run that the base model was tuned in, by what its rows and weights can be found again."""
    name, commit, digest = (code(parent.get(key)) for key in ("name", "commit", "finetune"))
    task, model = code(parent.get("task")), code(parent.get("model"))
    return Markdown(f"{name}: {task} from {model}, commit {commit}, manifest of `finetune` {digest}")


def _some(labels: Sequence[str]) -> Markdown:
    """The labels, or the first of very many."""
    more = [f"and {number(len(labels) - _LABELS)} more"] if len(labels) > _LABELS else []
    return join([*labels[:_LABELS], *more])


def _identity(base: Any) -> Markdown | None:
    """The digests of the base model's weights, or the hub's commit."""
    names = [name for name in base or {} if name == "commit" or name.endswith(".safetensors")]
    return join([Markdown(f"{code(name)} {code(base[name])}") for name in names]) if names else None


def _knobs(given: Evidence) -> Markdown:
    plan = given.facts.plan
    names = {name: plan[name] for name in _PLANNED if name in plan}
    knobs = {**names, **dict(_leaves("finetune", plan.get("finetune") or {}))}
    return table(["Key in params.yaml", "Value"], [[code(name), _value(value)] for name, value in knobs.items()])


def _leaves(prefix: str, tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(f"{prefix}.{name}", value)
        else:
            yield f"{prefix}.{name}", value


def _value(value: Any) -> Any:
    """A setting as it stands in the file: `5e-05` and not `5.0 %`."""
    if value is None:
        return code("null")
    return join(value) if isinstance(value, list) else f"{value:g}" if is_number(value) else value


def _training(given: Evidence) -> Markdown:
    found = given.facts.training
    return table(["", "Value"], [[text, found[name]] for name, text in _TRAINED.items() if name in found])


def metrics(report: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Every number at the top of a report that is a score and no count, with its interval where it has one."""
    ends = ("_low", "_high")
    names = [name for name, value in report.items() if isinstance(value, float) and not name.endswith(ends)]
    return {name: found for name in names if (found := metric(report, name))}


def shown(values: Mapping[str, float] | None) -> str:
    """A score with its interval: `0.770 (0.741 to 0.796)`."""
    if not values:
        return "\u2013"
    span = f" ({values['low']:.3f} to {values['high']:.3f})" if "low" in values and "high" in values else ""
    return f"{values['value']:.3f}{span}"


def title(name: str) -> str:
    """A metric as people call it: `macro_f1` is `Macro F1`, `ece` is `ECE`."""
    return measure(name).title


def _metrics(given: Evidence) -> Markdown:
    report = find(given.recorded, "evaluate", "report") or {}
    others = find(report, "baselines") or {}
    scores = {name: metrics(other) for name, other in others.items()}
    rows = [
        [title(name), Markdown(f"**{shown(values)}**"), *(shown(scores[other].get(name)) for other in scores)]
        for name, values in metrics(report).items()
    ]
    return table(["Metric", "This model", *(BASELINES.get(name, words(name)) for name in scores)], rows)


def _gains(given: Evidence) -> Markdown:
    rows = [
        [BASELINES.get(other, words(other)), title(name), f"{values['value']:+.3f}", _span(values)]
        for other, found in given.figures["gain"].items()
        for name, values in metrics(found).items()
    ]
    return table(["Compared with", "Metric", ">Gain", "95 % interval of the gain"], rows)


def _span(values: Mapping[str, float]) -> str:
    return f"{values['low']:+.3f} to {values['high']:+.3f}" if "low" in values and "high" in values else ""


def _scored(entries: Any, what: str) -> Markdown:
    """Labels or slices: their metrics, the rows behind them, and which are weaker than the rest."""
    entries = entries or {}
    found = {name: metrics(entry) for name, entry in entries.items()}
    columns = list(dict.fromkeys(name for scores in found.values() for name in scores))
    marked = any("weaker" in entry for entry in entries.values())
    rows = [
        [name, entry.get("rows"), *(shown(found[name].get(column)) for column in columns)]
        + ([Markdown("**yes**") if entry.get("weaker") else "no"] if marked else [])
        for name, entry in sorted(entries.items(), key=lambda item: not item[1].get("weaker"))
    ]
    return table([what, ">Rows", *map(title, columns), *(["Weaker than the rest"] if marked else [])], rows)


def _per_label(report: Mapping[str, Any]) -> Markdown:
    """Nothing at all where the model was scored and knows no labels."""
    return Markdown("") if report and "per_class" not in report else _scored(report.get("per_class"), "Label")


def _written(given: Evidence) -> Markdown:
    """What written answers are like; nothing where the model writes none."""
    rows = list(traits(find(given.figures["written"], "texts") or {}))
    return table(["", "Answers", "References"], rows) if rows else Markdown("")


def _attacks(given: Evidence) -> Markdown:
    report = find(given.recorded, "audit", "report") or {}
    rows = [
        [f"membership, {text}", shown(found)]
        for name, text in _ATTACKS.items()
        if (found := metric(report.get("membership"), name))
    ]
    rate = metric(report.get("membership"), "tpr_at_1_percent_fpr")
    rows += [["training rows found while 1 in 100 others is accused", shown(rate)]] if rate else []
    controls = (find(report, "controls") or {}).items()
    return table(
        ["Attack", "Value (95 % interval)"],
        [
            *rows,
            *([f"control: AUC without the model, by {name}", shown(metric(entry, "auc"))] for name, entry in controls),
        ],
    )


def _model_files(given: Evidence) -> Markdown:
    files = find(given.recorded, "finetune", "manifest", "files") or {}
    found = [[code(name), code(digest)] for name, digest in files.items() if name.startswith("model/")]
    return table(["File below data/finetune", "SHA-256"], found)


def _chain(given: Evidence) -> Markdown:
    """Each manifest's digest, and whether the stages after it were made from just that one."""
    rows = [
        [code(f"data/{row['stage']}/manifest.json"), code(row["sha256"]), _links(row)] for row in given.figures["chain"]
    ]
    return table(["Manifest", "SHA-256", "Inputs"], rows)


def _links(row: Mapping[str, Any]) -> Markdown:
    if row["broken"]:
        return Markdown(f"**not made from this {join(list(map(code, row['broken'])))}**")
    return join([code(name) for name in row["inputs"]]) if row["inputs"] else Markdown("the sources")


def estimates(given: Evidence) -> str:
    """What the plan expected the training to take; the only figure there is for energy."""
    tflop = find(given.facts.plan, "estimated", "tflop")
    return f"{number(tflop)} TFLOP" if is_number(tflop) else "not recorded"
