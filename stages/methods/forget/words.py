"""The plan and the proof of an erasure in words: ids, counts and hashes, never what a row says."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_SHOWN = 20
_KINDS = {
    "id": ("record id", "record ids"),
    "subject": ("hash of a subject", "hashes of a subject"),
    "content": ("hash of a whole row", "hashes of whole rows"),
    "value": ("hash of a value of personal data", "hashes of values of personal data"),
    "text": ("text", "texts"),
}
"""One of each kind, and several."""
_MODELS = (
    "models that learned from them",
    "models tuned from one that learned from them",
    "models of which nobody can tell: the list of their records is gone",
)
_WHY_MOVED = (
    "rows move where a split would lack a label, or where an erased record tied them to others: decision 3 in docs"
)


_UNREADABLE = "the budget ledger cannot be read, so that nobody knows what was spent: `rowtrail verify` says why"


def plan_lines(plan: Mapping[str, Any]) -> list[str]:
    """What is held, and what `--apply` would do about it."""
    listed = "; it is on the erasure list, and the pipeline has not run since" if plan["request"]["listed"] else ""
    return [
        f"to forget: {_n(plan['records'], 'record')} in all versions{listed}",
        *(f"  {one}" for one in plan["request"]["erasures"]),
        *_titled("workspace", _stages(plan)),
        *_titled("sources", _sources(plan["source_rows"])),
        *_titled("the same text in records of others", _duplicates(plan)),
        *_titled("DVC's cache", _cache(plan)),
        *_models("", plan["models"]),
        *_titled("the start of the workspace's model", _start(plan["models"])),
        *_titled("beside the data, in .rowtrail (deleted as a whole)", [*_own(plan["own"])]),
        *_titled("other files that name them", _files(plan["files"])),
        *_titled("private trainings on them (what these spent stays spent)", _private(plan["budget"])),
        *_titled("git's history, below data/ and reports/", _git(plan["git"]["found"])),
        *_titled("remotes of DVC (out of reach)", plan["remotes"]),
        "",
        "Nothing was changed. To erase them, which runs the pipeline again, training",
        "and all, on the rows that are left:",
        f"  rowtrail forget {plan['request']['words']} --apply",
    ]


def proof_lines(proof: Mapping[str, Any]) -> list[str]:
    """What was searched, what was found, what became of others, and what is left to do by hand."""
    searched = proof["searched"]
    looked_for = _kinds(proof["looked_for"])
    size = f"{_n(searched['files'], 'file')} ({_size(searched['bytes'])})"
    versions = _n(searched["versions_in_git"], "version")
    before = proof.get("before", {})
    return [
        f"{'clear: nothing of them was found' if proof['clear'] else 'NOT CLEAR: something of them is left'}",
        *(f"  {one}" for one in proof["request"]["erasures"]),
        *([f"held before: {_n(before['records'], 'record')}"] if before else []),
        *_first(proof),
        *_wrapped(f"searched: {size} and {versions} of files in git, for {looked_for}"),
        *_titled("FOUND, and must not be there", [_hit(one) for one in proof["found"]]),
        *_titled("not read", [f"{one['place']}: {one['why']}" for one in searched["not_read"]]),
        *_titled("said by others as well, and not looked for", _shared(proof.get("also_said_by_others", {}))),
        *_titled("deleted", _purged(proof.get("purged"))),
        *_titled("everybody else's records", _others(proof.get("others"))),
        *_models("still there: ", proof["remaining"]["models"]),
        *_titled("still named: versions made with them; their data is gone", _versions(proof["remaining"])),
        *_titled("out of reach", [*_out_of_reach(proof)]),
        *_titled("to do", [*_to_do(proof)]),
    ]


def _kinds(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {_KINDS[kind][count > 1]}" for kind, count in counts.items() if count)


def _first(proof: Mapping[str, Any]) -> list[str]:
    """What only the first search could look for, since nobody knows it any more."""
    first = proof.get("first_search")
    if not first or first["looked_for"] == proof["looked_for"]:
        return []
    return _wrapped(f"first searched on {first['date']}, for {_kinds(first['looked_for'])}")


def _stages(plan: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, one in plan["stages"].items():
        uses = ", ".join(f"{reason} {count}" for reason, count in sorted(one["uses"].items()))
        what = uses if uses or one["records"] else "names them"
        lines.append(f"{name:<14}{_n(one['records'], 'record') if one['records'] else '':<12}{what}".rstrip())
    splits = ", ".join(f"{count} {name}" for name, count in sorted(plan["splits"].items()))
    return [*lines, f"{'in splits':<14}{splits}"] if splits else lines


def _sources(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = _some([f"{one['id']}  {one['source']}: {one['file']}, row {one['row']}" for one in rows])
    more = "a row that was set aside unread has no person: look for the name there, too"
    return [*lines, "the erasure list keeps these out; delete them there yourself", more] if lines else []


def _files(names: Sequence[str]) -> list[str]:
    """The report's page is written anew by the run."""
    written = "reports/index.html"
    return [f"{name}: {'the run writes it anew' if name == written else 'yours to mend'}" for name in names]


def _duplicates(plan: Mapping[str, Any]) -> list[str]:
    like = [(one, f", similarity {one['similarity']:g}" if "similarity" in one else "") for one in plan["duplicates"]]
    lines = [f"{one['id']}  {one['kind']}{similarity}" for one, similarity in like]
    how = f"  rowtrail forget {plan['request']['words']} --with-duplicates --apply"
    return [*_some(lines), "they stay; to erase them, too:", how] if lines else []


def _cache(plan: Mapping[str, Any]) -> list[str]:
    cache = plan["cache"]
    if not cache["objects"]:
        return []
    names = [f"{one['kind']} {one['name']}" for one in plan["versions"]]
    lines = [
        f"{_n(cache['objects'], 'object')} ({_size(cache['bytes'])}), named by {_n(cache['runs'], 'run')} in its memory"
    ]
    if names:
        lines.append(f"in {', '.join(_some(names))}; {_n(plan['commits'], 'version')} of dvc.lock in all commits")
    return [*lines, "old versions lose the folders that hold the rows; their figures stay in git"]


def _models(still: str, models: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Models by what is known of them; who learned from the rows and was tuned from such a one as well stands once."""
    groups: dict[str, list[str]] = {title: [] for title in _MODELS}
    learned, tuned, unknown = groups.values()
    for one in models:
        where = ", ".join([*(["workspace"] if one["workspace"] else []), *one["in"]]) or "no branch, tag or experiment"
        uses = ", ".join(f"{name} {one[name]}" for name in ("trained_on", "validated_on") if one.get(name))
        behind = one.get("from") or one.get("perhaps_from")
        how = [*([uses] if uses else []), *([f"tuned from {', '.join(behind)}"] if behind else [])]
        how = how or ["its list of records is gone"]
        how += [f"exported to {name}" for name in one.get("exports", ())]
        group = learned if uses else tuned if one.get("from") else unknown
        group.append(f"{one['folder']}  {_size(one['bytes'])}, {', '.join(how)}; in {where}")
    for title, lines in groups.items():
        yield from _titled(f"{still}{title}", lines)


def _start(models: Sequence[Mapping[str, Any]]) -> list[str]:
    """What to know before a model is trained again from one that learned from the rows."""
    names = sorted({name for one in models if one["workspace"] for name in one.get("from", ())})
    known = f"{', '.join(names)} learned from them, and the run would start from there again"
    return [f"{known}: first name a model that did not, in params.yaml (`model`)"] if names else []


def _own(own: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    for name, one in own.items():
        yield f"{name:<14}{_n(one['files'], 'file')}, {_size(one['bytes'])}"


def _private(budget: Mapping[str, Any]) -> list[str]:
    """The ledger's runs over the rows, and what each cost by itself."""
    lines = []
    for run in budget["runs"]:
        costs = [f"epsilon {value:.2f} for a {name}" for name, value in run["epsilon"].items() if value is not None]
        cost = (
            f"{', '.join(costs) or 'no bound'} at delta {run['delta']:g}"
            if run["private"]
            else "test seed, not private"
        )
        lines.append(f"{run['run']}  {_n(run['records'], 'record')}, {cost}")
    return [*_some(lines), *([] if budget["readable"] else [_UNREADABLE])]


def _git(hits: Sequence[Mapping[str, Any]]) -> list[str]:
    return _some([f"{one['file']}, in {_n(len(one['commits']), 'commit')}" for one in hits])


def _hit(one: Mapping[str, Any]) -> str:
    place = f"object {one['place']} of DVC's cache" if one["area"] == "cache" else one["place"]
    return f"{place}: {_kinds(one['kinds'])}"


def _shared(counts: Mapping[str, int]) -> list[str]:
    return [_kinds(counts)] if any(counts.values()) else []


def _purged(purged: Mapping[str, Any] | None) -> list[str]:
    if purged is None:
        return []
    objects = f"{_n(len(purged['objects']), 'object')} ({_size(purged['bytes'])})"
    cache = f"{objects} and {_n(purged['runs'], 'run')} of DVC's cache"
    return [cache, *(f".rowtrail/{line}" for line in _own(purged["own"]))]


def _others(others: Mapping[str, Any] | None) -> list[str]:
    if others is None:
        return []
    lines = [f"{others['in_place']} of {others['rows']} are in the split where they were"]
    moved = _some([f"{one['id']}  moved from {one['from']} to {one['to']}" for one in others["moved"]])
    lines += [*moved, _WHY_MOVED] if moved else []
    lines += _some([f"{one['id']}  left out now by {one['stage']}: {one['reason']}" for one in others["gone"]])
    came = [
        f"{one['id']}  came in; was left out before by {one['stage']}: {one['reason']}" for one in others["came_in"]
    ]
    return [*lines, *_some(came)]


def _versions(remaining: Mapping[str, Any]) -> list[str]:
    return _some([*remaining["versions"], *(f"experiment {name}" for name in remaining["experiments"])])


def _out_of_reach(proof: Mapping[str, Any]) -> Iterator[str]:
    out = proof["out_of_reach"]
    yield from _some(
        [f"{one['source']}: {one['file']}, row {one['row']}: delete the row there" for one in out["sources"]]
    )
    for md5 in out["copies_of_sources"]:
        file = f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"
        yield f"{file}: a copy of a source; delete the row there, `dvc add` it again, then delete this file"
    for name in out["remotes"]:
        yield f"DVC's remote {name}: delete the objects there that this proof names (files/md5/<2 digits>/<rest>), or"
        yield f"  dvc gc --workspace --cloud --remote {name}   (keeps only what the workspace uses, here and there)"
    for one in out["git"]:
        yield f"git's history: git filter-repo --invert-paths --path {one['file']}   (then force-push; clones keep it)"
    if out.get("older_commits"):
        yield "git's older commits, which this clone lacks: `git fetch --unshallow`, then the same command with --prove"
    yield "clones, backups and snapshots of disks: whoever has one must do the same, or delete it"
    if proof["remaining"]["privacy_was_spent"]:
        yield "the privacy budget that trainings have spent on them stays spent: what is out is out"
    yield from _ledger(proof["remaining"].get("budget"))


def _ledger(budget: Mapping[str, Any] | None) -> Iterator[str]:
    """What the budget ledger keeps of the rows; proofs of an earlier version do not tell."""
    if budget and budget["runs"]:
        ids = f"{_n(budget['records'], 'id')} of their records, in {_n(len(budget['runs']), 'run')}"
        yield f"the budget ledger keeps {ids}, and their holders' hashes: without these it would forget what was spent"
    elif budget and not budget["readable"]:
        yield _UNREADABLE


def _to_do(proof: Mapping[str, Any]) -> Iterator[str]:
    for name in proof["remaining"]["experiments"]:
        yield f"dvc exp remove {name}   (its data is gone)"
    left = proof["remaining"]["models"]
    if any(one["workspace"] for one in left):
        yield (
            "the workspace's model was tuned from one of these, and may remember what that one learned: tune that one "
            "again on what is left, name it in params.yaml (`model`), and run `dvc repro`"
        )
    if any(one["bytes"] and not one["workspace"] for one in left):
        yield "the same command with --apply --purge-models deletes the old models"
    for name in sorted({name for one in left for name in one.get("exports", ())}):
        yield f"delete {name}, and have copies of it deleted: it was exported from one of these"
    areas = {one["area"] for one in proof["found"]}
    if "cache" in areas:
        yield "the same command with --apply deletes what was found in DVC's cache"
    if areas - {"cache"}:
        yield "delete or mend the files that were found, then the same command with --prove"
    yield "git add data/erasure.csv dvc.lock params.yaml reports; git commit"


def _titled(title: str, lines: Sequence[str]) -> list[str]:
    return ["", title, *(part for line in lines for part in _wrapped(f"  {line}"))] if lines else []


def _wrapped(line: str) -> list[str]:
    """A long line in lines of 80 characters; one with a command's option stays whole, so that it can be copied."""
    if "--" in line:
        return [line]
    return textwrap.wrap(line, 80, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _some(lines: Sequence[str]) -> list[str]:
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return [*lines[:_SHOWN], *more]


def _n(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
