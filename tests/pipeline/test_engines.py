"""The data stages write the same bytes on every engine, also when a worker is killed while they run."""

from __future__ import annotations

import csv
import importlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from stages.core.params import EngineParams
from stages.core.records import Decision, Record
from stages.core.runner import run
from stages.core.storage import PIECE, StageFolder, files_below
from tests.clusters import two_nodes  # noqa: F401 - a fixture
from tests.tiny import FILLERS, SOURCE, TASK, WORDS, params, save_base

pytestmark = pytest.mark.slow
CHAIN = ("clean", "deduplicate", "scrub_pii", "check_labels", "split")
ENGINES = [("local", 2), ("ray", 2)]


@dataclass(frozen=True)
class Mortal:
    """A stage's `decide` that has its process killed once, on one record."""

    decide: Callable[..., Decision]
    id: str
    mark: Path

    def __call__(self, record: Record, *more: Any) -> Decision:
        if record.id == self.id and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.decide(record, *more)


def rows():
    """Texts with a label, personal data, entities of HTML, exact and near duplicates; several rows a customer."""
    chance = random.Random(8)
    found = []
    for n in range(640):
        label = sorted(WORDS)[n % 3]
        words = [chance.choice(WORDS[label] * 3 + FILLERS) for _ in range(14)] + [f"n{n}", f"v{n % 7}"]
        words[3:3] = [f"anna{n}@mailbox.com"] if n % 9 == 0 else ["&amp;"] if n % 5 == 0 else []
        found.append([f"r{n}", " ".join(words), label, f"c{n // 3}"])
    copies = [[f"e{n}", found[n][1].upper(), *found[n][2:]] for n in range(0, 60, 4)]
    nearly = [[f"m{n}", found[n][1] + " again", *found[n][2:]] for n in range(1, 90, 5)]
    return [*found, *copies, *nearly]


@dataclass(frozen=True)
class Workplace:
    """A folder with raw rows, and stages run on them in this process."""

    path: Path
    model: str

    def run(self, name: str, source: str, out: str, engine: EngineParams, mortal: Path | None = None) -> StageFolder:
        """Run a stage on the folder `source`; with `mortal`, one of its workers dies on a record of its last piece."""
        sections = {"deduplicate": {"probe": 20}, "check_labels": {"folds": 3}}
        ingest = {"sources": [{**SOURCE, "uri": "rows.csv", "id": "id", "subject": "customer"}]}
        settings = params(self.model, ingest=ingest, engine=engine.model_dump(), **sections)
        stage = importlib.import_module(f"stages.{name}").STAGE
        if mortal is not None:
            last = StageFolder(self.path / source).table(columns=["id"])["id"][-7].as_py()
            stage = replace(stage, decide=Mortal(stage.decide, last, mortal))
        run(stage, [self.path / source] if source else [], self.path / out, settings, TASK)
        return StageFolder(self.path / out)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """The workplace after `ingest` and the chain of data stages, all in this process."""
    path = tmp_path_factory.mktemp("engines")
    with (path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["id", "text", "label", "customer"], *rows()])
    place = Workplace(path, save_base(path / "model"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.setenv("DVC_ROOT", str(path))
        one = EngineParams(workers=1)
        for name, source in zip(("ingest", *CHAIN), ("", "ingest", *CHAIN), strict=False):
            place.run(name, source, name, one)
    return place


@pytest.fixture(params=ENGINES, ids=lambda case: f"{case[0]}-{case[1]}")
def engine(request, workplace, monkeypatch, tmp_path):
    """How to run; with a cache of its own, so that nothing is taken from a run before."""
    kind, workers = request.param
    monkeypatch.chdir(workplace.path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    address = request.getfixturevalue("two_nodes") if kind == "ray" else "local"
    return EngineParams(kind=kind, workers=workers, address=address)


def bytes_of(folder):
    return {name: (folder.path / name).read_bytes() for name in files_below(folder.path)}


def test_all_stages_write_the_same_bytes_on_every_engine(workplace, engine, tmp_path):
    for name, source in zip(CHAIN, ("ingest", *CHAIN), strict=False):
        written = bytes_of(workplace.run(name, source, str(tmp_path / name), engine))
        right = bytes_of(StageFolder(workplace.path / name))
        assert {"records.parquet", "events.parquet", "manifest.json", "report.json"} <= set(right)
        assert [file for file in right if written.get(file) != right[file]] == [], name
        assert set(written) == set(right)


@pytest.mark.parametrize("name", ["clean", "deduplicate", "split"])
def test_a_worker_killed_in_the_middle_changes_no_byte(workplace, engine, tmp_path, name):
    source = ("ingest", *CHAIN)[CHAIN.index(name)]
    assert len(StageFolder(workplace.path / source)) > PIECE
    mark = tmp_path / "killed"
    written = workplace.run(name, source, str(tmp_path / name), engine, mortal=mark)
    assert mark.exists()
    assert bytes_of(written) == bytes_of(StageFolder(workplace.path / name))


def test_ray_started_for_one_stage_says_nothing_and_leaves_nothing_behind(workplace, tmp_path):
    text = f"model: {workplace.model}\nengine: {{kind: ray, workers: 2, address: local}}\n"
    text += "ingest: {sources: [{name: s, uri: rows.csv, license: MIT, public: true}]}\n"
    (tmp_path / "params.yaml").write_text(text)
    places = ("--in", "ingest", "--out", str(tmp_path / "clean"), "--params", str(tmp_path / "params.yaml"))
    before = set(Path("/tmp").glob("ray-*"))
    command = [sys.executable, "-m", "stages", "clean", *places]
    done = subprocess.run(command, cwd=workplace.path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == ["clean"], done.stderr
    assert (tmp_path / "clean/records.parquet").read_bytes() == (workplace.path / "clean/records.parquet").read_bytes()
    assert set(Path("/tmp").glob("ray-*")) <= before


def test_there_was_something_to_do_for_every_stage(workplace):
    counts = {name: StageFolder(workplace.path / name).manifest["reasons"] for name in CHAIN}
    assert counts["clean"]["edit"]["normalised"] > 50
    assert counts["deduplicate"]["drop"]["exact_duplicate"] >= 10
    assert counts["deduplicate"]["drop"]["near_duplicate"] >= 15
    assert counts["scrub_pii"]["edit"]["pii_replaced"] > 50
    assert set(counts["split"]["assign"]) == {"train", "validation", "test"}
