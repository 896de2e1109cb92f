"""The report's words about labels in doubt, made from the figures alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stages.methods.document.drift_words import drift_words
from stages.methods.document.label_check import SHOWN
from stages.methods.document.wording import NBSP, has_interval, interval, is_number, number, percent, plural

Figures = Mapping[str, Any]
_POLICIES = {
    "flag": "By check_labels.policy they are marked, and nothing was changed",
    "drop": "By check_labels.policy they are dropped",
    "relabel": "By check_labels.policy they are given the suggested label",
}


def label_texts(figures: Figures) -> dict[str, Any]:
    """All texts about labels, by the names the template knows them by."""
    found = figures["label_check"]
    return {
        "labels_lead": " ".join(_lead(figures["suspects"], found)),
        "review_sentences": list(_reviewed(found["reviewed"])),
        "confidence_sentence": _confidence(found["confidence"]),
        "balance_sentence": _balance(found["balance"]),
        "sources_apart": [_source(row) for row in found["sources"]],
        "agreement_sentence": _agreement(found["agreement"]),
        "compared_sentence": _compared(found["compared"]),
        "labels_caption": _labels_caption(figures["suspects"]["labels"]),
    }


def _lead(suspects: Figures, found: Figures) -> Iterator[str]:
    """How many are in doubt, and what became of them."""
    count, checked = suspects["count"], suspects["checked"]
    if not is_number(count):
        return
    of = f" of {number(checked)} that were checked" if is_number(checked) and checked else ""
    share = f" ({percent(count / checked)})" if of else ""
    yield f"{plural(count, 'record')}{of} {'carries' if count == 1 else 'carry'} a label in doubt{share}."
    if count and found["policy"] in _POLICIES:
        done = f": {number(found['changed'])}" if found["policy"] != "flag" and is_number(found["changed"]) else ""
        yield f"{_POLICIES[found['policy']]}{done}."
        if found["reserved"]:
            yield f"{number(found['reserved'])} of them will be in the test split, where no machine changes a label."


def _reviewed(found: Figures) -> Iterator[str]:
    """How often people found suspects wrong, and what is to be reviewed again."""
    if not is_number(found.get("decided")):
        return
    kinds = ", ".join(
        f"{name} {number(found[name])}" for name in ("keep", "relabel", "drop") if is_number(found.get(name))
    )
    yield f"People decided about {plural(found['decided'], 'record')} ({kinds})."
    judged, share = found.get("suspects", found["decided"]), found["share"]
    if share and found.get("enough"):
        span = f" (95{NBSP}% interval {interval(share)})" if has_interval(share) else ""
        yield f"Of {plural(judged, 'suspect')} that they looked at, {percent(share['value'])} were wrong{span}."
    elif share:
        yield f"Only {plural(judged, 'suspect')} among them: too few to say how often a suspicion is right."
    if stale := found.get("stale"):
        yield (
            f"{plural(stale, 'decision')} {'is' if stale == 1 else 'are'} stale, for text or label has changed since: "
            "to be made again."
        )


def _confidence(found: Figures) -> str:
    if not is_number(found.get("auroc")):
        return ""
    return (
        f"Of {plural(found['rows'], 'row')}, the agreement of annotators is known; {number(found['rows_low'])} have "
        "less than 0.6. The check, which knows nothing of it, doubts a row they disagreed on more than one they agreed "
        f"on in {100 * found['auroc']:.0f} of 100 pairs (AUROC {found['auroc']:.3f}; 0.5 is guessing)."
    )


def _balance(found: Figures) -> str:
    if not found:
        return ""
    rarest, commonest = (percent(found[f"{name}_share"]) for name in ("rarest", "commonest"))
    return (
        f"{number(found['classes'])} labels, as mixed as {found['effective_classes']:.1f} of one size would be. "
        f"The rarest, {found['rarest']}, is on {rarest} of the rows; the commonest, {found['commonest']}, on "
        f"{commonest}: {found['imbalance_ratio']:.1f} times as many."
    )


def _source(row: Figures) -> dict[str, str]:
    """A test of one source against another, or against all others, as cells of a table."""
    return {"pair": f"{row['source']} against {row.get('against') or 'the others'}", **drift_words(row)}


def _agreement(found: Figures) -> str:
    """What the votes say of one another, and of the labels."""
    if not found:
        return ""
    parts = [f"{plural(found['rows'], 'row')} {'has' if found['rows'] == 1 else 'have'} answers of several annotators."]
    if alpha := found["alpha"]:
        span = f" (95{NBSP}% interval {alpha['low']:.2f}\u2013{alpha['high']:.2f})" if has_interval(alpha) else ""
        parts.append(
            f"Krippendorff's alpha is {alpha['value']:.2f}{span}: 1 is perfect agreement, 0 what chance gives."
        )
    if is_number(found.get("not_majority")):
        share = percent(found["not_majority_share"])
        parts.append(
            f"The label is not what most said in {number(found['not_majority'])} of {number(found['with_majority'])} "
            f"rows ({share})."
        )
    return " ".join(parts)


def _compared(found: Figures) -> str:
    if not found:
        return ""
    return (
        f"Of {number(found['of'])} records, {number(found['rows'])}, chosen by hash, were compared with each other for "
        "outliers, twins, leakage and sources."
    )


def _labels_caption(labels: Figures) -> str:
    more = f" The {SHOWN} of {len(labels)} labels with the most." if len(labels) > SHOWN else ""
    return f"Suspects by the label they carry, and their share of its rows.{more}"
