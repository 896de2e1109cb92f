"""The report's words: key figures, captions, facts and limits, each made from the figures alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stages.methods.document.figures import LEAKS
from stages.methods.document.label_words import label_texts
from stages.methods.document.privacy_words import epsilon_key, privacy_texts
from stages.methods.document.score_words import key, score_keys, score_texts
from stages.methods.document.wording import NBSP, NOT_RECORDED, has_interval, is_number, number, percent

Figures = Mapping[str, Any]


def texts(figures: Figures) -> dict[str, Any]:
    """All texts of the page that depend on figures, by the names the template knows them by."""
    return {
        **score_texts(figures),
        **label_texts(figures),
        **privacy_texts(figures),
        "keys": keys(figures),
        "sources": [{"name": source["name"], "facts": list(_source_facts(source))} for source in figures["sources"]],
        "duplicates_caption": _duplicates_caption(figures["duplicates"]),
        "pii_caption": _pii_caption(figures["pii"]),
        "pii_recall_caption": figures["pii"]["recall_note"],
        "model_facts": _model_facts(figures["model"]["facts"]),
        "warnings": figures["model"]["warnings"],
        "audit": _audit_facts(figures["audit"]),
        "audit_sentences": figures["audit"]["sentences"],
        "settings": list(_settings(figures["params"])),
        "versions": list(figures["versions"].items()),
    }


def keys(figures: Figures) -> list[dict[str, str]]:
    """The figures on top: what each is called, its value, and a note with what it must be compared with."""
    rows, audit = figures["rows"], figures["audit"]
    parts = " / ".join(number(rows[name]) for name in ("train", "validation", "test"))
    return [
        *score_keys(figures),
        key("rows_in", "Source rows", number(rows["in"]), f"train / validation / test: {parts}"),
        _doubts(figures),
        key("pii", "Personal data replaced", number(figures["pii"]["spans"]), _pii_note(figures["pii"])),
        _privacy(figures["privacy"]["certificate"], audit),
    ]


def _privacy(certificate: Figures, audit: Figures) -> dict[str, str]:
    """What is promised of the model where anything is; else how far an attack came."""
    if certificate:
        return epsilon_key(certificate, f"membership attack, AUC: {_auc(audit)}")
    return key("membership", "Membership attack, AUC", _auc(audit), _membership_note(audit))


def _doubts(figures: Figures) -> dict[str, str]:
    """The labels in doubt; where rows have no single label to doubt, the duplicates that were left out."""
    suspects, left_out = figures["suspects"], figures["duplicates"]["left_out"]
    if suspects["checked"] == 0 and is_number(left_out):
        return key("duplicates", "Duplicates left out", number(left_out), "rows that say the same as one that was kept")
    return key("suspects", "Labels in doubt", number(suspects["count"]), _of_rows(figures))


def _of_rows(figures: Figures) -> str:
    count, checked = figures["suspects"]["count"], figures["suspects"]["checked"]
    if not (is_number(count) and is_number(checked) and checked):
        return ""
    return f"{percent(count / checked)} of {number(checked)} labels checked"


def _pii_note(pii: Figures) -> str:
    touched, share = pii["records"], pii["share"]
    return (
        f"pieces, in {number(touched)} rows ({percent(share)})" if is_number(touched) and is_number(share) else "pieces"
    )


def _auc(audit: Figures) -> str:
    """The stronger attack's; no number at all where the comparison itself was unfair."""
    if audit["valid"] is False:
        return "not valid" if audit["attacks"] else NOT_RECORDED
    return f"{audit['attacks'][0]['value']:.3f}" if audit["attacks"] else NOT_RECORDED


def _membership_note(audit: Figures) -> str:
    if audit["valid"] is False or not audit["attacks"]:
        return " ".join(audit["sentences"][:1])
    best = audit["attacks"][0]
    span = f"95{NBSP}% interval {best['low']:.3f}\u2013{best['high']:.3f}; " if has_interval(best) else ""
    which = "the stronger of two; " if len(audit["attacks"]) > 1 else ""
    return f"{span}{which}0.5 is guessing"


def _source_facts(source: Figures) -> Iterator[tuple[str, Any]]:
    yield "Where", source.get("uri") or NOT_RECORDED
    yield "Licence or legal basis", source.get("license") or NOT_RECORDED
    yield "Anyone may have it", "yes" if source.get("public") else "no; ids and hashes are keyed with a secret"
    for name, value in source.items():
        if name == "rows":
            yield "Rows", number(value)
        if name == "files":
            yield from ((f"SHA-256 of {file['name'].rpartition('/')[2]}", file["sha256"]) for file in value)


def _duplicates_caption(duplicates: Mapping[str, Any]) -> str:
    made = "The stage made near-duplicates up, planted them in a shadow copy of the data and looked for them. "
    missed = duplicates["expected_missed"]
    expected = f" Its bands are chosen to miss {percent(missed)} of the pairs just at the threshold." if missed else ""
    return f"{made}Shown is the share that it found, by similarity (1 is equal texts).{expected}"


def _pii_caption(pii: Figures) -> str:
    parts = []
    if pii["distinct"]:
        parts.append(f"{number(sum(pii['distinct'].values()))} different values.")
    if pii["leaks"]:
        counts = [f"{LEAKS[kind]}: {number(count) if count else 'none'}" for kind, count in pii["leaks"].items()]
        parts.append(f"The output was searched again. Left in it are {'; '.join(counts)}.")
    if missing := pii["without_model"]:
        rows = ", ".join(f"{number(count)} in {language}" for language, count in missing.items())
        parts.append(f"No model for names reads the language of some records ({rows}): patterns and lists saw them.")
    return " ".join([*parts, "Names that no rule and no model recognises stay in; that is not counted here."])


def _model_facts(facts: Figures) -> list[tuple[str, Any]]:
    return [(name, _model_fact(name, value)) for name, value in facts.items()]


def _model_fact(name: str, value: Any) -> Any:
    if name in ("Rows cut", "Tokens not in the vocabulary"):
        return percent(value) if value else "none"
    return (
        f"{value:g}" if name == "Learning rate" and is_number(value) else number(value) if is_number(value) else value
    )


def _audit_facts(audit: Figures) -> list[tuple[str, Any]]:
    rate = audit["found_at_1_percent"]
    facts = {
        "Training rows tried": number(audit["members"]) if audit["members"] else None,
        "Rows not trained on": number(audit["non_members"]) if audit["non_members"] else None,
        "Training rows found while 1 in 100 others is accused": percent(rate) if is_number(rate) else None,
    }
    return [(name, value) for name, value in facts.items() if value]


def _settings(params: Figures) -> Iterator[tuple[str, str]]:
    """Each stage's settings as dotted names; a value that several stages share stands once."""
    seen: set[tuple[str, str]] = set()
    for values in params.values():
        for pair in _leaves("", values):
            if pair not in seen:
                seen.add(pair)
                yield pair


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _leaves(f"{prefix}.{name}" if prefix else str(name), part)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for index, part in enumerate(value):
            yield from _leaves(f"{prefix}.{index}", part)
    else:
        yield prefix, ", ".join(map(str, value)) if isinstance(value, list) else str(value)
