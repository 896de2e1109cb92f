"""Every file that the project writes, damaged in every way: found by `rowtrail verify`, and no command stumbles.

A command that meets a damaged file may go on, or end with a code of the table and a message that says where, what and
what next. It never ends with a trace, never with "unexpected", and never repeats text of a record.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest

from stages.__main__ import main
from tests import tiny
from tests.faults.damages import DAMAGES, damaged
from tests.faults.small_project import ATTESTATION, ERASED, KEPT, MARK, SIGNER, build, commands_of
from tests.pipeline.conftest import ROOT

pytestmark = pytest.mark.slow
KINDS = {
    "records": "data/*/records.parquet",
    "events": "data/*/events.parquet",
    "manifests": "data/*/manifest.json",
    "figures": "data/*/report.json",
    "published": "reports/*.*",
    "tables": "data/*/*.csv",
    "others": "data/[!ehr]*/*.parquet",
    "plan": "data/plan/*.json",
    "training": "data/finetune/*.json",
    "model": "data/finetune/model/*",
    "curves": "data/finetune/live/**/*.*",
    "certificates": "data/*/privacy.json",
    "documents": "data/document/*.*",
    "lock": "dvc.lock",
    "cache": ".dvc/cache/files/md5/??/*",
    "ledger": ".rowtrail/budget/[!l]*",
    "entries": ".rowtrail/budget/ledger.jsonl",
    "decisions": "data/decisions/labels.csv",
    "erasures": "data/erasure.csv",
    "proofs": "reports/erasures/*.json",
    "attestation": str(ATTESTATION),
    "key": ".rowtrail/key",
}
"""What `rowtrail verify` finds, by the kind of file."""
NOTED = {
    "cache": ("dvc.lock refers to", "are not in the cache here"),
    "key": ("", "is not here"),
    "lock": ("dvc.lock", "not committed"),
}
"""What is no fault but a note: a file that a fresh clone lacks, and bytes of the lock file that say nothing."""
UNVERIFIED = {
    "exported rows": "data/export/alpaca/*",
    "exported model": "data/export/model/**/*.*",
    "signer": ".rowtrail/signer.pem*",
    "own list": ".rowtrail/erasure.csv",
    "results": ".rowtrail/cache/*",
    "runs": ".dvc/cache/runs/*/*/*",
}
"""What lies outside the chain of evidence: copies that were handed over, keys, and what can be made again."""
CODES = {0, 1, 2, 3, 4}
VERIFY = ["verify", "--cache", "--json"]
ATTESTED = ["--attestation", str(ATTESTATION), "--public-key", f"{SIGNER}.pub"]


@dataclass(frozen=True)
class Desk:
    """The project that is damaged and mended again, a copy that stays true, and a place for what commands write."""

    true: Path
    scratch: Path
    id: str

    def questions(self, stage: str) -> dict[str, list[str]]:
        """Every command that reads what the project wrote, and every stage, by a name."""
        out = {name: str(self.scratch / name) for name in ("page.html", "a.jsonl", "l.jsonl", "l.csv", "p.csv", "rows")}
        asked = {
            "trace": ["trace", self.id, "--html", out["page.html"]],
            "trace subject": ["trace", "--subject", KEPT, "--all", "--json"],
            "trace row": ["trace", "--source-row", "r3", "--params"],
            "forget": ["forget", "--subject", KEPT],
            "forget erased": ["forget", "--subject", ERASED, "--json"],
            "verify": ["verify"],
            "verify rev": ["verify", "--rev", "v1"],
            "budget": ["budget", "--runs"],
            "diff": ["diff", "v1", "--ids"],
            "diff commits": ["diff", "v1", "v1", "--json"],
            "attest": ["attest", "--key", str(SIGNER), "--out", out["a.jsonl"]],
            "attest show": ["attest", "--show", str(ATTESTATION)],
            "lineage": ["lineage", "--out", out["l.jsonl"]],
            "show": ["show", stage],
            "review labels": ["review", "labels"],
            "export labels": ["review", "labels", "--export", out["l.csv"], "--force"],
            "review pii": ["review", "pii"],
            "export pii": ["review", "pii", "--export", out["p.csv"], "--force"],
            "compare": ["compare", "labels", "--seeds", "1"],
            "crossvalidate": ["crossvalidate"],
            "predict": ["predict", "good fine warm"],
            "predict exported": ["predict", "--model", "data/export/model/safetensors", "good fine warm"],
            "export data": ["export", "data", "--format", "openai", "--out", out["rows"]],
            "export again": ["export", "data", "--format", "alpaca"],
            "export model": ["export", "model", "--form", "safetensors", "--rows", "2"],
            "summary": ["summary"],
            "use": ["use", "--dry-run", "sentiment"],
        }
        for name, arguments in commands_of(self.true).items():
            place = arguments.index("--out") + 1
            asked[f"stage {name}"] = [*arguments[:place], str(self.scratch / "data" / name), *arguments[place + 1 :]]
        return asked

    def files(self, pattern: str) -> list[Path]:
        """The files of a kind, without those that tell nothing to anybody: `data/samples` is no source of this one."""
        found = [one.relative_to(self.true) for one in sorted(self.true.glob(pattern)) if one.is_file()]
        found = [one for one in found if one.parts[:2] != ("data", "samples")]
        return [one for one in found if one.name != "README.md" and (self.true / one).stat().st_size > 1]

    def in_reports(self, path: Path) -> bool:
        """Whether git has the bytes of an object of the cache: DVC keeps figures with its runs, too, and needs none."""
        content = (self.true / path).read_bytes()
        return any(content == one.read_bytes() for one in (self.true / "reports").glob("*.json"))


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """The project, built once; the tests work in its folder."""
    root = tmp_path_factory.mktemp("corruption")
    before = Path.cwd()
    (root / "project").mkdir()
    os.chdir(root / "project")
    try:
        build(root / "project", Path(tiny.save_base(root / "base")))
        shutil.copytree(root / "project", root / "true", symlinks=True)
        id = pq.read_table("data/split/records.parquet", columns=["id"])["id"][3].as_py()
        yield Desk(root / "true", root / "scratch", id)
    finally:
        os.chdir(before)


def ask(arguments):
    """A command by the front door: its code, what it printed, what it complained of."""
    out, complaint = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(complaint):
        code = main(arguments)
    return code, out.getvalue(), complaint.getvalue()


def misbehaviour(arguments):
    """What a command does that it must not; nothing is right."""
    code, out, complaint = ask(arguments)
    wrong = [word for word in ("Traceback", "unexpected ", MARK) if word in complaint]
    wrong += [f"code {code}"] if code not in CODES else []
    # Checks that did not hold are told where the answer is; all else needs a message with a next step.
    told = complaint if code > 1 else complaint + out
    wrong += ["no next step"] if code and "next:" not in told and "to do" not in told and '"clear"' not in told else []
    return [f"{' '.join(arguments)}: {', '.join(wrong)}\n{complaint}"] if wrong else []


def unfound(path, kind):
    """What is wrong with how `verify` tells of a damaged file; nothing is right."""
    code, out, complaint = ask([*VERIFY, *(ATTESTED if kind == "attestation" else ())])
    if code not in (0, 1):
        return [f"verify: code {code}\n{complaint}"]
    groups = json.loads(out)["groups"]
    faults = [fault for group in groups for fault in group["faults"]]
    notes = [note for group in groups for note in group["notes"] if kind in NOTED]
    named = any(str(path) in fault["place"] + fault["problem"] or fnmatch(path, fault["place"]) for fault in faults)
    noted = any(all(word in note for word in NOTED[kind]) for note in notes)
    return [] if named or noted else [f"verify: does not name it, but {[fault['place'] for fault in faults[:5]]}"]


def attacked(desk, kind, path, damage, seed, names):
    """Damage a file, ask, mend; what went wrong. The seed makes it the same again."""
    draw, label = Random(f"{seed} {path} {damage}"), f"seed {seed}, {path} {damage}"
    stage = path.parts[1] if path.parts[0] == "data" and len(path.parts) > 2 else "split"
    asked = desk.questions(stage)
    with damaged(path, DAMAGES[damage], draw, desk.true):
        wrong = [one for name in names for one in misbehaviour(asked[name])]
        spare = kind == "cache" and not path.exists() and desk.in_reports(path)
        wrong += unfound(path, kind) if kind in KINDS and not spare else []
    return [f"{label}: {one}" for one in wrong]


def sample(desk, kind, times):
    """Draw files of a kind, damages and questions, and give what went wrong."""
    wrong = []
    for seed in range(times):
        draw = Random(f"{kind} {seed}")
        path, damage = draw.choice(desk.files({**KINDS, **UNVERIFIED}[kind])), draw.choice([*DAMAGES])
        names = draw.sample([*desk.questions("split")], 3)
        wrong += attacked(desk, kind, path, damage, seed, names)
    return "\n".join(wrong)


def test_the_project_is_sound_and_every_command_answers_before_anything_is_damaged(desk):
    code, out, _ = ask([*VERIFY, *ATTESTED])
    assert (code, [one for group in json.loads(out)["groups"] for one in group["faults"]]) == (0, [])
    assert [kind for kind, pattern in {**KINDS, **UNVERIFIED}.items() if not desk.files(pattern)] == []
    wrong = [one for name, asked in desk.questions("split").items() for one in misbehaviour(asked)]
    assert "\n".join(wrong) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_found_by_verify_and_no_command_stumbles_over_it(desk, kind, request):
    assert sample(desk, kind, request.config.getoption("times")) == ""


@pytest.mark.parametrize("kind", UNVERIFIED)
def test_no_command_stumbles_over_a_damaged_file_outside_the_chain(desk, kind, request):
    assert sample(desk, kind, request.config.getoption("times")) == ""


def test_a_damaged_cache_of_results_changes_no_byte_of_what_comes_out(desk, request):
    wrong = []
    for seed in range(request.config.getoption("times")):
        draw = Random(f"rebuilt {seed}")
        path, damage = draw.choice(desk.files(UNVERIFIED["results"])), draw.choice([*DAMAGES])
        with damaged(path, DAMAGES[damage], draw, desk.true):
            for stage in ("scrub_pii", "check_labels"):
                assert main(desk.questions(stage)[f"stage {stage}"]) == 0
                names = ("records.parquet", "events.parquet", "report.json")
                made = [(desk.scratch / "data" / stage / name).read_bytes() for name in names]
                true = [(desk.true / "data" / stage / name).read_bytes() for name in names]
                wrong += [] if made == true else [f"seed {seed}, {path} {damage}: {stage} wrote other bytes"]
    assert wrong == []


def test_a_link_to_a_folder_in_a_stage_folder_is_found(desk):
    link = Path("data/clean/more")
    link.symlink_to(desk.true / "reports", target_is_directory=True)
    try:
        assert unfound(link, "links") == []
    finally:
        link.unlink()


FIRST = "data/ingest/events.parquet"


@pytest.mark.parametrize("stage", [*commands_of(ROOT)][1:])
def test_no_stage_takes_in_what_another_has_not_written(desk, stage):
    """Also where it could be read: the new manifest would say that the output was made from something else."""
    arguments = desk.questions("split")[f"stage {stage}"]
    path = Path(arguments[arguments.index("--in") + 1]) / "events.parquet"
    with damaged(path, lambda path, _: shutil.copyfile(desk.true / FIRST, path), Random(0), desk.true):
        if path.read_bytes() == (desk.true / path).read_bytes():
            path.write_bytes(path.read_bytes() + b"PAR1")
        code, _, complaint = ask(arguments)
        assert code == 3
        assert f"{path}: was altered" in complaint


@pytest.mark.soak
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", [*KINDS, *UNVERIFIED])
def test_every_file_with_every_damage(desk, kind, damage, request):
    """Each pair meets `verify` and two of the questions; over all of them every kind meets every question."""
    wrong, names, seed = [], [*desk.questions("split")], request.config.getoption("times")
    step = [*DAMAGES].index(damage)
    for number, path in enumerate(desk.files({**KINDS, **UNVERIFIED}[kind])):
        if kind != "cache" or number % len(DAMAGES) == step:  # the objects are many, and alike
            at = 2 * (number + 5 * step)
            some = {names[at % len(names)], names[(at + 1) % len(names)]}
            wrong += attacked(desk, kind, path, damage, seed, sorted(some))
    assert "\n".join(wrong) == ""
