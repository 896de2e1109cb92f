"""`rowtrail forget --apply`: record the request, run the pipeline, purge, prove. A run that stops halfway can go on.

What is known from before is kept in `.rowtrail/erasures` until the proof is written: ids, counts and keyed hashes of
others, so that it can be shown that they have not moved; nothing of those who are erased but what the request says.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.commands.forget_gather import Said, gather, said_by_others, theirs_only
from stages.commands.forget_held import fates, manifests
from stages.commands.forget_proof import found_in, looked_for, now, proof_file, prove, write_proof
from stages.commands.forget_purge import purge
from stages.commands.forget_request import Request
from stages.commands.forget_search import parquet_places, places, search
from stages.commands.forget_versions import cached
from stages.core.child_processes import dvc_environment
from stages.core.dvc_files import DvcCache
from stages.core.erasure import ERASURE_LIST, add_erasures, memory_file
from stages.core.errors import CheckFailed, Fault, UsageError
from stages.core.label_decisions import LABEL_DECISIONS, forget_label_decisions
from stages.core.params import Params, Source
from stages.core.progress import say
from stages.core.storage import write_json
from stages.methods.forget.comparison import came_through, compared, reasons
from stages.methods.forget.needles import Needles


def apply(request: Request, needles: Needles, plan: Mapping[str, Any], params: Params, models: bool) -> dict[str, Any]:
    """Erase, and give the proof. Raises CheckFailed when the pipeline fails: the same command then goes on."""
    if not Path(".dvc").is_dir():
        raise UsageError(Fault(str(Path.cwd()), "is not a DVC project", "run this from the project's folder"))
    needles = replace(needles, ids=needles.ids | request.ids)
    known = _remember(request, plan)
    said = gather(needles, parquet_places(places()))
    shared = said_by_others(said, needles, parquet_places(places()))
    if added := add_erasures(request.erasures):
        say(f"forget: {added} lines added to {ERASURE_LIST}")
    if dropped := forget_label_decisions(needles.ids):
        say(f"forget: {dropped} lines taken out of {LABEL_DECISIONS}")
    _repro()
    needles = _after_the_run(request, needles, said, shared, known)
    searched = search(needles, [*places()], "searching the project")
    found = cached(DvcCache(), searched.of("cache"))
    known.setdefault("first_search", {"date": now(), "looked_for": looked_for(needles)})
    known["found"] = [*known.get("found", ()), *found_in(searched, found.hits.keys() - found.current | found.sources)]
    write_json(_state(request), known)
    learned = {*found.tainted(), *(one["folder"] for one in known.get("before", {}).get("models", ()))}
    known["purged"] = _merged(known.get("purged"), purge(DvcCache(), found, learned, models=models).facts())
    write_json(_state(request), known)
    proof = prove(request, needles, known, params.ingest.sources)
    write_proof(request, proof)
    for file in (_state(request), _fates_file(request)):
        file.unlink(missing_ok=True)
    return proof


def prove_again(request: Request, needles: Needles, sources: Sequence[Source], *, write: bool) -> dict[str, Any]:
    """The last part alone, for what is on the erasure list. Raises UsageError for what is not."""
    if not request.listed():
        step = f"erase it first: `rowtrail forget {request.words} --apply`"
        raise UsageError(Fault("forget", f"not all of it is on the erasure list {ERASURE_LIST}", step))
    needles = replace(needles, ids=needles.ids | _erased(request))
    proof = prove(request, needles, known_before(request), sources)
    if write:
        write_proof(request, proof)
    return proof


def known_before(request: Request) -> dict[str, Any]:
    """What an earlier run of the same request found out: unfinished, or in its proof; nothing where there is none."""
    for file in (_state(request), proof_file(request)):
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(file.read_bytes())
            return found if isinstance(found, dict) else {}
    return {}


def _remember(request: Request, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Write down what is there before anything is changed; what an earlier run of the request wrote stays."""
    known = known_before(request)
    if "before" in known:
        there = {one["folder"] for one in known["before"]["models"]}
        known["before"]["models"] += [one for one in plan["models"] if one["folder"] not in there]
        return known
    before = {name: value for name, value in plan.items() if name not in ("request", "remotes", "source_rows")}
    before |= {"manifests": manifests(), "with_duplicates": sorted(request.duplicates)}
    _state(request).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    others = fates(places())
    others = others.filter(pc.invert(pc.is_in(others["id"], pa.array(sorted(request.ids), pa.string()))))
    pq.write_table(others, _fates_file(request))
    write_json(_state(request), {"before": before})
    return {"before": before}


def _repro() -> None:
    """`dvc repro`, with the Python that runs this, and what it prints on standard error."""
    say("forget: running the pipeline without them")
    done = subprocess.run([sys.executable, "-m", "dvc", "repro"], env=dvc_environment(), stdout=2, check=False)
    if done.returncode:
        problem = f"ended with {done.returncode}; the request is on the erasure list, and nothing was deleted"
        raise CheckFailed(Fault("dvc repro", problem, "mend what it says above; the same command again then goes on"))


def _after_the_run(request: Request, needles: Needles, said: Said, shared: Said, known: dict[str, Any]) -> Needles:
    """What to look for now, and into `known` what became of all others."""
    before, after = None, fates(places())
    if _fates_file(request).is_file():
        before = pq.read_table(_fates_file(request))
    gone = _erased(request) - (set() if before is None else _left_out(before))
    needles = replace(needles, ids=needles.ids | gone)
    if before is not None:
        found = compared(before, after, needles.ids)
        known["others"] = found | {f"why_{name}": reasons(found[name]) for name in ("gone", "came_in")}
        here = [place for place in parquet_places(places()) if place.area == "stages"]
        came = said_by_others(said, needles, here, only=came_through(before, after))
        shared = Said(shared.texts | came.texts, shared.contents | came.contents, shared.values | came.values)
    if any(said.counts().values()):
        known["also_said_by_others"] = shared.counts()
    return theirs_only(needles, said, shared)


def _erased(request: Request) -> frozenset[str]:
    """Ids that `ingest` left out because their subject is on the list; it does not say whose they are."""
    file = Path("data/ingest/events.parquet")
    if not request.subjects or not file.is_file():
        return frozenset()
    rows = pq.read_table(file, columns=["id", "reason", "evidence"], filters=[("reason", "==", "erased")])
    subjects = pc.match_substring(rows["evidence"], '"kind": "subject"')
    return frozenset(rows.filter(subjects)["id"].to_pylist())


def _left_out(before: pa.Table) -> set[str]:
    """Ids that were erased before this request."""
    return set(before.filter(pc.equal(before["reason"], "erased"))["id"].to_pylist())


def _merged(earlier: Mapping[str, Any] | None, now: dict[str, Any]) -> dict[str, Any]:
    """What was deleted by an earlier run of the request, and by this one."""
    if earlier is None:
        return now
    added = {name: earlier[name] + now[name] for name in ("runs", "bytes")}
    return {"objects": sorted({*earlier["objects"], *now["objects"]}), "own": earlier["own"] or now["own"], **added}


def _state(request: Request) -> Path:
    return memory_file().with_name("erasures") / f"{request.digest[:12]}.json"


def _fates_file(request: Request) -> Path:
    return _state(request).with_suffix(".parquet")
