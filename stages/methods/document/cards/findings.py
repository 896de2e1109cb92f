"""Sentences that the evidence bears out: limits of the model and the data, and what was found out about privacy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stages.methods.document.cards.data_tables import LEAKS, STREAM, languages
from stages.methods.document.cards.facts import Evidence
from stages.methods.document.cards.markdown import Markdown, bullets, code, escaped, join, prose
from stages.methods.document.cards.model_tables import estimates, metrics, shown, title
from stages.methods.document.cards.people_tables import people_tables
from stages.methods.document.cards.promise import promise
from stages.methods.document.score_words import decided_sentence, tuning_sentence
from stages.methods.document.tree import find, metric
from stages.methods.document.wording import is_number, number, percent, plural

_WEAK_RECALL = 0.9
_POLICIES = {
    "flag": "they were only marked",
    "drop": "outside the test split they were dropped",
    "relabel": "outside the test split they were given another label",
}


def sentences(given: Evidence) -> dict[str, Markdown]:
    """Sentences and lists, by the names the templates know them by."""
    audit = find(given.recorded, "audit", "report") or {}
    return {
        "rows": _rows(given),
        "passed": join([code(stage) for stage in STREAM if stage in given.recorded]) or Markdown("no stage"),
        "scrubbed": _scrubbed(given),
        "written": escaped(tuning_sentence(given.figures["written"]) or "The loss before tuning: not recorded."),
        "compared": _compared(given),
        "fit": prose(find(given.recorded, "evaluate", "report", "fit", "sentence") or "Not recorded."),
        "membership": prose(audit.get("membership_sentence") or "Membership inference: not recorded."),
        "model_leaks": prose(audit.get("leaks_sentence") or "A search of the files beside the weights: not recorded."),
        "valid": _valid(audit),
        "limits": bullets(list(_limits(given)), "The stages recorded nothing from which a limit follows."),
        "data_limits": bullets(list(_data_limits(given)), "The stages recorded nothing from which a limit follows."),
        "recall_note": prose(find(given.recorded, "scrub_pii", "report", "probe", "note") or ""),
        "planted": _planted(given),
        "crossing": _crossing(given),
        "doubt": _doubt(given) or Markdown("How many labels are in doubt: not recorded."),
        "policy": _policy(given),
        "subjects": _subjects(given),
        "erased": _erased(given),
        "languages": _languages(given),
        **promise(given),
        "compute": escaped(estimates(given)),
    }


def _compared(given: Evidence) -> Markdown:
    """Groups, identities and earlier data, in a sentence each, and the figures behind what concerns people."""
    said = bullets([prose(f"{one['what']}: {one['sentence']}") for one in given.figures["compared"]], "")
    parts = [said, *people_tables(find(given.recorded, "evaluate", "report") or {})]
    return join([part for part in parts if part], "\n\n")


def _rows(given: Evidence) -> Markdown:
    rows = given.figures["rows"]
    if not (is_number(rows["in"]) and is_number(rows["train"])):
        return Markdown("How many rows went in, and how many trained the model: not recorded.")
    said = _PARTS | (_PRIVATE if given.figures["privacy"]["certificate"] else {})
    parts = ", ".join(f"{number(rows[name])} {word}" for name, word in said.items() if is_number(rows[name]))
    return Markdown(f"{number(rows['in'])} rows of the sources went in; of them {parts}.")


_PARTS = {
    "train": "trained the model",
    "validation": "chose among its weights",
    "test": "were kept for the final score",
}
_PRIVATE = {"validation": "chose nothing, and were only measured on"}


def _scrubbed(given: Evidence) -> Markdown:
    if "scrub_pii" not in given.recorded:
        return Markdown("Whether personal data was looked for: not recorded.")
    return Markdown("Personal data was looked for in the texts, and treated as `scrub_pii.entities` says.")


def _valid(audit: Mapping[str, Any]) -> Markdown:
    """Controls attack without the model: above chance, the two groups differ of themselves."""
    if "valid" not in audit:
        return Markdown("Whether the comparison behind the attack was fair: not recorded.")
    if audit["valid"]:
        return Markdown("Attacks that do not see the model do no better than chance, so the comparison is fair.")
    return Markdown("**A control failed or there were too few rows: the comparison says nothing either way.**")


def _limits(given: Evidence) -> Iterator[Markdown]:
    """Limits of the model."""
    report = find(given.recorded, "evaluate", "report") or {}
    slices = report.get("slices") or {}
    weaker = [Markdown(f"{escaped(name)} ({_score(entry)})") for name, entry in slices.items() if entry.get("weaker")]
    if weaker:
        yield Markdown(f"It is weaker on {join(weaker, '; ')} (`data/evaluate/report.json`).")
    if (least := find(given.recorded, "evaluate", "manifest", "params", "evaluate", "min_slice")) is not None:
        yield Markdown(f"Nothing is known of parts with fewer than {number(least)} test rows: they were not scored.")
    cut = find(given.facts.plan, "tokens", "truncated")
    if is_number(cut) and cut > 0:
        yield Markdown(f"Of the texts, {percent(cut)} are longer than it sees, and were cut (`data/plan/plan.json`).")
    if left := find(given.facts.plan, "tokens", "nothing_left"):
        yield Markdown(f"Of {plural(left, 'training record')} it learned nothing: the cut left no token of the answer.")
    if given.figures["written"]:
        yield Markdown("ROUGE, chrF and BLEU count shared words; whether an answer is true, they do not see.")
    yield from (prose(f"Warned before training: {text}") for text in given.figures["model"]["warnings"])
    if without := report.get("without_suspects"):
        yield Markdown(
            f"Without the test rows whose label is in doubt it scores {_score(without)}: an upper bound, "
            "since rows that are hard are doubted more often."
        )
    if decided := decided_sentence(given.figures["as_given"]):
        yield prose(decided)
    yield from _data_limits(given)
    yield Markdown("Not measured: texts of other sources, later texts, attempts to mislead it, and harm to people.")


def _score(entry: Mapping[str, Any]) -> str:
    found = metrics(entry)
    parts = [f"{title(name)} {shown(values)}" for name, values in found.items()]
    return ", ".join([*parts, f"{number(entry['rows'])} rows"] if is_number(entry.get("rows")) else parts)


def _data_limits(given: Evidence) -> Iterator[Markdown]:
    """Limits of the data."""
    counts = find(given.recorded, "ingest", "manifest", "counts") or {}
    if counts.get("quarantined") and counts.get("in"):
        share = percent(counts["quarantined"] / counts["in"])
        set_aside = find(given.recorded, "ingest", "manifest", "reasons", "quarantine") or {}
        yield Markdown(
            f"{number(counts['quarantined'])} source rows ({share}) could not be used "
            f"({join(list(map(code, set_aside)))}); what they say is not in the data."
        )
    if conflicts := find(given.recorded, "deduplicate", "report", "label_conflicts"):
        yield Markdown(f"{plural(conflicts, 'dropped duplicate')} carried another label than the record that was kept.")
    if doubt := _doubt(given):
        yield doubt
    yield from _missed(given)


def _missed(given: Evidence) -> Iterator[Markdown]:
    """What personal data is likely still there."""
    weak = [
        Markdown(f"{code(entity)} {seen['recall']:.2f} ({seen['low']:.2f} to {seen['high']:.2f})")
        for entity, seen in (find(given.recorded, "scrub_pii", "report", "probe", "entities") or {}).items()
        if is_number(seen.get("recall")) and seen["low"] < _WEAK_RECALL
    ]
    if weak:
        yield Markdown(f"Personal data is missed. Less than 90 % of planted values are surely found of {join(weak)}.")
    leaks = find(given.recorded, "scrub_pii", "report", "leaks") or {}
    left = {text: find(leaks, kind, "found") for kind, text in LEAKS.items()}
    if seen := [f"{text}: {number(count)}" for text, count in left.items() if count]:
        yield Markdown(f"A second search of the scrubbed texts still sees findings. By kind: {join(seen, '; ')}.")
    if missing := find(given.recorded, "scrub_pii", "report", "without_model"):
        rows = join([Markdown(f"{escaped(language)} {number(count)}") for language, count in missing.items()])
        yield Markdown(f"In these languages, only patterns and lists looked for names (records): {rows}.")
    kept = find(given.recorded, "scrub_pii", "manifest", "params", "scrub_pii", "entities") or {}
    if names := [code(entity) for entity, operator in kept.items() if operator == "keep"]:
        yield Markdown(f"By `scrub_pii.entities`, these kinds stay as they are: {join(names)}.")


def _doubt(given: Evidence) -> Markdown | None:
    found = given.figures["suspects"]
    if not (is_number(found["count"]) and found["checked"]):
        return None
    share = percent(found["count"] / found["checked"])
    return Markdown(f"{number(found['count'])} of {number(found['checked'])} labels checked ({share}) are in doubt.")


def _policy(given: Evidence) -> Markdown:
    policy = find(given.recorded, "check_labels", "report", "policy")
    if policy not in _POLICIES:
        return Markdown("What was done with labels in doubt: not recorded.")
    return Markdown(f"By `check_labels.policy: {policy}`, {_POLICIES[policy]}.")


def _planted(given: Evidence) -> Markdown:
    probe = find(given.recorded, "deduplicate", "report", "probe") or {}
    found = metric(probe, "recall")
    if not found:
        return Markdown("How many near-duplicates are found: not measured.")
    return Markdown(
        f"Of {number(probe['pairs'])} near-duplicates that were made up and planted, {number(probe['found'])} were "
        f"found: {shown(found)}."
    )


def _crossing(given: Evidence) -> Markdown:
    leakage = find(given.recorded, "split", "report", "leakage")
    if not leakage:
        return Markdown("Whether duplicates or people cross the splits: not recorded.")
    counts = join([Markdown(f"{escaped(kind)} {number(count)}") for kind, count in sorted(leakage.items())])
    return Markdown(f"Held by more than one split: {counts}.")


def _subjects(given: Evidence) -> Markdown:
    measured = find(given.recorded, "ingest", "report", "sources") or {}
    rows = [
        Markdown(f"{code(name)} {percent(source['with_subject'])} of its rows")
        for name, source in measured.items()
        if is_number(source.get("with_subject"))
    ]
    return join(rows) if rows else Markdown("not recorded")


def _erased(given: Evidence) -> Markdown:
    listed = find(given.recorded, "ingest", "report", "erasures_listed")
    rows = find(given.recorded, "ingest", "manifest", "reasons", "drop", "erased") or 0
    if not is_number(listed):
        return Markdown("How many erasures are listed: not recorded.")
    return Markdown(f"{plural(listed, 'erasure')} listed; {plural(rows, 'source row')} left out for it.")


def _languages(given: Evidence) -> Markdown:
    found = languages(given)
    return join([Markdown(f"{escaped(name)} {number(count)}") for name, count in found.items()]) or escaped(None)
