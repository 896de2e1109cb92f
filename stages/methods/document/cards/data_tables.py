"""Tables about the data: where it came from, what became of it, and what is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from stages.methods.document.cards.facts import Evidence
from stages.methods.document.cards.groups import GroupCount, Rate, rates
from stages.methods.document.cards.markdown import Markdown, code, escaped, join, prose, table
from stages.methods.document.scores import SPLITS
from stages.methods.document.tree import find
from stages.methods.document.wording import is_number, number, percent, plural, words

STREAM = ("ingest", "clean", "deduplicate", "scrub_pii", "check_labels", "split")
"""The stages through which records flow."""
_LEAVING = ("drop", "quarantine")
_COLUMNS = {
    "id": "keyed hash that names the record, the same in every version of the data",
    "source": "name of the source",
    "source_row": "the row's own key, or its place in the source",
    "subject": "keyed hash of the person the row is about, where the source names one",
    "group": "id of the record that stands for a group of duplicates",
    "split": "train, validation or test",
    "language": "identified by `clean`, ISO 639-1",
    "confidence": "the annotators' agreement, 0 to 1, where the source carries it",
    "attributes": "groups that the row belongs to, by name, where the source carries them",
}
_OWN = "column of the task"
LEAKS = {
    "proven": "identifiers that their form or check digits prove",
    "known": "values that were detected and replaced elsewhere",
    "patterns": "found by patterns in a second look",
    "names": "found by the model for names in a second look",
    "beside": "found beside a replacement, or reaching out of it",
    "surrogate_collisions": "invented values that equal a real one",
    "proven_surrogates": "invented values that pass the test of a real identifier",
}
"""Kinds of findings in the scrubbed texts, as people call them."""
_DONE = {"drop": "dropped", "edit": "changed", "keep": "flagged", "relabel": "relabelled"}
_FILES = 3
_GROUPS = 12
_TREATMENTS = 150


def data_tables(given: Evidence) -> dict[str, Markdown]:
    """All of them, by the names the templates know them by."""
    return {
        "sources": _sources(given),
        "licences": _licences(given),
        "stages": _stages(given),
        "reasons": _reasons(given),
        "splits": _splits(given),
        "labels": _labels(given),
        "columns": _columns(given),
        "languages": _languages(given),
        "personal_data": _personal_data(given),
        "leaks": _leaks(given),
        "duplicates": _duplicates(given),
        "doubts": _doubts(given),
        "groups": _groups(given),
    }


def _sources(given: Evidence) -> Markdown:
    rows = [
        [
            code(source["name"]),
            code(source["uri"]),
            source["license"],
            bool(source["public"]),
            source.get("rows"),
            _digests(source),
        ]
        for source in given.figures["sources"]
    ]
    return table(["Source", "Where", "Licence or legal basis", "Open to anyone", ">Rows", "SHA-256 of its files"], rows)


def _digests(source: Mapping[str, Any]) -> Markdown:
    files = [file["sha256"] for file in source.get("files") or []] or [source.get("sha256")]
    more = [f"and {plural(len(files) - _FILES, 'more file')}"] if len(files) > _FILES else []
    return join([None if digest is None else code(digest) for digest in files[:_FILES]] + more)


def _licences(given: Evidence) -> Markdown:
    """Each source with its terms, on one line."""
    found = [f"{code(source['name'])}: {escaped(source['license'])}" for source in given.figures["sources"]]
    return join(list(map(Markdown, found)), "; ") if found else escaped(None)


def _stages(given: Evidence) -> Markdown:
    rows = []
    for stage in STREAM:
        counts = find(given.recorded, stage, "manifest", "counts") or {}
        reasons = find(given.recorded, stage, "manifest", "reasons") or {}
        left = {reason: count for action in _LEAVING for reason, count in (reasons.get(action) or {}).items()}
        out = counts.get("created") or counts.get("kept")
        changed = find(given.recorded, stage, "rows_by_action") or {}
        rows.append([code(stage), counts.get("in"), out, _listed(left), _changed(changed)] if counts else [])
    return table(["Stage", ">In", ">Out", "Left out, by reason", "Records treated"], list(filter(None, rows)))


def _listed(counts: Mapping[str, int]) -> Markdown:
    largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return join([Markdown(f"{code(name)} {number(count)}") for name, count in largest]) if counts else Markdown("none")


def _changed(rows: Mapping[str, int]) -> Markdown:
    found = [
        f"{number(rows[action])} {word}" for action, word in _DONE.items() if action != "drop" and rows.get(action)
    ]
    return join(found) if found else Markdown("none")


def _reasons(given: Evidence) -> Markdown:
    rows = [
        [code(row["stage"]), row["action"], code(row["reason"]), row["count"], prose(row["explanation"])]
        for row in given.figures["reasons"]
        if row["stage"] in STREAM
    ]
    return table(["Stage", "Action", "Reason", ">Events", "What it means"], rows)


def _splits(given: Evidence) -> Markdown:
    parts = find(given.recorded, "split", "report", "parts") or {}
    rows = [
        [name, count, *(percent(find(parts, name, key)) for key in ("share", "asked"))]
        for name in SPLITS
        if is_number(count := given.figures["rows"][name])
    ]
    return table(["Split", ">Rows", ">Share", ">Share asked for"], rows)


def _labels(given: Evidence) -> Markdown:
    found = given.figures["splits"]
    names = [name for name in SPLITS if any(name in counts for counts in found.values())]
    rows = [[label, *(counts.get(name, 0) for name in names), sum(counts.values())] for label, counts in found.items()]
    return table(["Label", *(f">{name.capitalize()}" for name in names), ">All"], rows)


def _columns(given: Evidence) -> Markdown:
    rows = [[code(name), code(kind), prose(_COLUMNS.get(name, _OWN))] for name, kind in given.facts.columns.items()]
    return table(["Column", "Type", "What it holds"], rows)


def languages(given: Evidence) -> dict[str, int]:
    """Records by the language that `clean` identified, largest first; `unknown` where it was left open."""
    found = find(given.recorded, "clean", "report", "languages") or {}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _languages(given: Evidence) -> Markdown:
    found = languages(given)
    total = sum(found.values())
    return table(["Language", ">Records", ">Share"], [[name, n, percent(n / total)] for name, n in found.items()])


def _personal_data(given: Evidence) -> Markdown:
    """Each kind of personal data: what was found, what was done with it, and how much of what was planted is found."""
    spans = find(given.recorded, "scrub_pii", "report", "spans") or {}
    probe = find(given.recorded, "scrub_pii", "report", "probe", "entities") or {}
    chosen = find(given.recorded, "scrub_pii", "manifest", "params", "scrub_pii", "entities") or {}
    rows = []
    for entity in sorted({*spans, *probe, *chosen}):
        by = spans.get(entity) or {}
        kept = by.get("keep", 0)
        operator = join([code(name) for name in by] or [code(chosen[entity])] if entity in chosen else [None])
        rows.append([code(entity), operator, sum(by.values()), sum(by.values()) - kept, _recall(probe.get(entity))])
    return table(["Kind", "Operator", ">Found", ">Replaced", "Share of planted values found"], rows)


def _recall(seen: Mapping[str, Any] | None) -> str:
    if not seen or not is_number(seen.get("recall")):
        return "not measured"
    return f"{seen['recall']:.2f} ({seen['low']:.2f} to {seen['high']:.2f}; {seen['found']} of {seen['planted']})"


def _leaks(given: Evidence) -> Markdown:
    found = find(given.recorded, "scrub_pii", "report", "leaks") or {}
    rows = [
        [text, found[kind].get("found"), found[kind].get("records")]
        for kind, text in LEAKS.items()
        if isinstance(found.get(kind), Mapping)
    ]
    return table(["Left in the output", ">Findings", ">Records"], rows)


def _duplicates(given: Evidence) -> Markdown:
    found = find(given.recorded, "deduplicate", "manifest", "reasons", "drop") or {}
    texts = find(given.recorded, "deduplicate", "manifest", "reason_texts") or {}
    rows = [[code(kind), count, prose(texts.get(kind, ""))] for kind, count in found.items()]
    return table(["Reason", ">Dropped", "What it means"], rows)


def _doubts(given: Evidence) -> Markdown:
    found = given.figures["suspects"]["labels"]
    rows = [[label, row.get("rows"), row.get("suspects"), percent(row.get("share"))] for label, row in found.items()]
    return table(["Label", ">Checked", ">In doubt", ">Share"], rows)


def _groups(given: Evidence) -> Markdown:
    found = _shown(rates([*_quarantined(given), *given.facts.groups]))
    rows = [
        [
            code(rate.count.stage),
            _done(rate.count),
            f"{words(rate.count.column)}: {rate.count.group}",
            rate.count.given,
            rate.count.hit,
            *_share(rate),
        ]
        for rate in found
    ]
    header = ["Stage", "What it did", "Group", ">Given", ">Treated", ">Share", ">95 % interval", "Harder than the rest"]
    return table(header, rows, most=_TREATMENTS)


def _shown(found: Sequence[Rate]) -> list[Rate]:
    """Of each treatment by each column, the groups that were hit harder and the largest others."""
    by_size = sorted(found, key=lambda rate: -rate.count.given)
    place: Counter[tuple[str, str, str]] = Counter()
    chosen = set()
    for rate in by_size:
        key = (rate.count.stage, rate.count.action, rate.count.column)
        place[key] += 1
        if rate.harder or place[key] <= _GROUPS:
            chosen.add(rate)
    return [rate for rate in found if rate in chosen]


def _done(count: GroupCount) -> str:
    return "left out" if count.action == "quarantine" else _DONE[count.action]


def _share(rate: Rate) -> tuple[str, str, Markdown]:
    harder = Markdown("**yes**") if rate.harder else Markdown("no")
    return percent(rate.share), f"{percent(rate.low)} to {percent(rate.high)}", harder


def _quarantined(given: Evidence) -> list[GroupCount]:
    """Source rows that could not be read, by source."""
    measured = find(given.recorded, "ingest", "report", "sources") or {}
    return [
        GroupCount("ingest", "quarantine", "source", name, source["rows"], sum(set_aside.values()))
        for name, source in measured.items()
        if is_number(source.get("rows")) and isinstance(set_aside := source.get("quarantine"), Mapping)
    ]
