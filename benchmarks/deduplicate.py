r"""Deduplication side by side: speed, memory and errors of Rowtrail, datasketch, rensa and text-dedup on one corpus.

    python -m venv build/rivals
    build/rivals/bin/pip install --no-deps -r requirements/benchmarks.txt
    python benchmarks/deduplicate.py                              20,000 documents made from tweets, three rounds
    python benchmarks/deduplicate.py --base FILE.jsonl --field answer --documents 5000 --repeat 5

All look for documents whose sets of word 5-grams (lower-cased runs of `\w`) have a Jaccard similarity of 0.8 or more.
Each runs in a process of its own, pinned to one core, from texts that were read beforehand to the removed documents;
imports are timed apart. Systems take turns, and what is printed are medians over the rounds. Rivals come twice: with
the bands and rows that they themselves choose for that threshold and 128 permutations, and with those that propose 98 %
of the pairs at the threshold, which is what `deduplicate.recall` asks of Rowtrail. datasketch and rensa then compare
sketches, as their documentation advises; text-dedup takes connected components.

"Rowtrail, survey" is the part that finds duplicates, on a folder of records; "Rowtrail, stage" is all of
`python -m stages deduplicate`: imports, the survey, records, events with evidence, manifest and report, once as it
comes (`probe: 500` plants made-up duplicates to measure recall) and once without the probe. text-dedup is its command
`text_dedup.minhash` on a saved dataset, with the saving of its result.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from near_duplicates import NGRAM, THRESHOLD, Removed, add_arguments, quality, read_texts, shingles, write_corpus

CORPUS = "corpus.jsonl"
PERMUTATIONS = 128
LIKE_OURS = (17, 7)
"""Bands and rows with which 98 % of the pairs of similarity 0.8 share a band: 1 - (1 - 0.8**7)**17."""

Work = Callable[[], Callable[[], Removed]]
"""What is timed; what it returns is called after the clock has stopped."""


@dataclass(frozen=True)
class InMemory:
    """Records as a stage folder gives them, but held in memory, as the rivals hold their texts."""

    records: Sequence[Any]
    stage = "ingest"

    def pieces(self) -> Iterator[Any]:
        """All records, some hundred at a time."""
        from stages.methods.deduplicate.look import HeldRecords

        for start in range(0, len(self.records), 512):
            yield HeldRecords(start, tuple(self.records[start : start + 512]))

    def table(self, columns: Sequence[str]) -> Any:
        """Columns of identity."""
        import pyarrow as pa

        return pa.table({name: [getattr(record, name) for record in self.records] for name in columns})


def survey(folder: Path) -> Work:
    """Our search, from texts in memory to verdicts, on one worker. The stage, which is scored, runs the same."""
    from stages.core.engine import make_engine
    from stages.core.keys import load_keys
    from stages.core.params_file import read_params
    from stages.core.stage import Context
    from stages.core.storage import StageFolder
    from stages.deduplicate import STAGE
    from stages.tasks import load_task

    params = read_params(folder / "without_probe" / "params.yaml")
    task = load_task(params.task)
    given: Any = (InMemory([*StageFolder(folder / "ingest").records(task.schema)]),)
    context = Context("deduplicate", params.deduplicate, {}, task, load_keys({}), given)
    assert STAGE.survey is not None
    find = partial(STAGE.survey, context, make_engine(params.engine))

    def work() -> Callable[[], Removed]:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            find(Path(scratch))
        return dict

    return work


def stage(folder: Path, params: str) -> Work:
    """Our whole stage, through the front door."""
    out = folder / params / "deduplicate"
    places = {"--in": folder / "ingest", "--out": out, "--params": folder / params / "params.yaml"}

    def work() -> Callable[[], Removed]:
        door = importlib.import_module("stages.__main__")
        if door.main(["deduplicate", *(str(part) for place in places.items() for part in place)]):
            sys.exit("the stage failed")
        return partial(_dropped, folder / "ingest", out)

    return work


def _dropped(before: Path, after: Path) -> Removed:
    from stages.core.storage import StageFolder

    records = StageFolder(before).table(columns=["id", "source_row"])
    name = dict(zip(records["id"].to_pylist(), records["source_row"].to_pylist(), strict=True))
    events = StageFolder(after).table("events.parquet", ["id", "action", "evidence"]).to_pylist()
    dropped = (event for event in events if event["action"] == "drop")
    return {name[event["id"]]: name[json.loads(event["evidence"])["of"]] for event in dropped}


def datasketch(folder: Path, params: tuple[int, int] | None) -> Work:
    """Each document is looked up among those kept so far; candidates count if their sketches reach the threshold."""
    library = importlib.import_module("datasketch")
    texts = read_texts(folder / CORPUS)

    def work() -> Callable[[], Removed]:
        lsh = library.MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS, params=params)
        sets = ([shingle.encode() for shingle in shingles(text)] for text in texts.values())
        removed, kept = dict[str, str | None](), dict[str, Any]()
        for id, sketch in zip(texts, library.MinHash.generator(sets, num_perm=PERMUTATIONS), strict=True):
            similar = ((sketch.jaccard(kept[other]), other) for other in lsh.query(sketch))
            similarity, nearest = max(similar, default=(0.0, None))
            if similarity >= THRESHOLD:
                removed[id] = nearest
            else:
                kept[id] = sketch
                lsh.insert(id, sketch)
        return lambda: removed

    return work


def rensa(folder: Path, bands: int | None) -> Work:
    """Its deduplicator as its README shows it; it does not tell which kept document a removed one is similar to."""
    library = importlib.import_module("rensa")
    texts = read_texts(folder / CORPUS)

    def work() -> Callable[[], Removed]:
        found = library.RMinHashDeduplicator(THRESHOLD, PERMUTATIONS, use_lsh=True, num_bands=bands)
        added = found.add_pairs((id, shingles(text)) for id, text in texts.items())
        return lambda: {id: None for id, new in zip(texts, added, strict=True) if not new}

    return work


def text_dedup(folder: Path, bands: tuple[int, int] | None) -> Work:
    r"""Its command; words are split at each `\W`, which leaves empty ones between two of them."""
    texts = read_texts(folder / CORPUS)
    given, out, cache = (str(folder / name) for name in ("text_dedup", "text_dedup_out", ".cache"))
    importlib.import_module("datasets").Dataset.from_dict({"text": [*texts.values()]}).save_to_disk(given)
    command = importlib.import_module("text_dedup.minhash").main
    arguments = ["--local", "--path", given, "--output", out, "--cache_dir", cache, "--column", "text", "--debug"]
    arguments += ["--ngram", str(NGRAM), "--num_perm", str(PERMUTATIONS), "--threshold", str(THRESHOLD)]
    arguments += ["--hash_func", "xxh3", "--num_proc", "1"]
    if bands:
        arguments += ["--b", str(bands[0]), "--r", str(bands[1])]

    def clusters() -> Removed:
        ids, sets = [*texts], importlib.import_module("pandas").read_pickle(f"{out}/uf.pkl")
        return {ids[place]: ids[sets.find(place)] for place in [*sets.parent] if sets.find(place) != place}

    def work() -> Callable[[], Removed]:
        command(arguments, standalone_mode=False)
        return clusters

    return work


@dataclass(frozen=True, slots=True)
class System:
    """A row of the tables: how to prepare its work, what it imports for that, and its bands and rows."""

    prepare: Callable[[Path], Work]
    imports: tuple[str, ...]
    setting: str
    rival: bool = True
    """Runs in the rivals' environment."""


OURS = "Rowtrail, search"
_SURVEY = (
    "stages.deduplicate",
    "stages.tasks",
    "stages.core.params_file",
    "pyarrow.parquet",
    "scipy.sparse.csgraph",
    "pandas",
)
SYSTEMS = {
    OURS: System(survey, _SURVEY, "recall 0.98", rival=False),
    "Rowtrail, stage without probe": System(partial(stage, params="without_probe"), (), "recall 0.98", rival=False),
    "Rowtrail, stage": System(partial(stage, params="with_probe"), (), "recall 0.98", rival=False),
    "datasketch": System(partial(datasketch, params=None), ("datasketch",), "9 x 13, its optimum"),
    "datasketch, 98 %": System(partial(datasketch, params=LIKE_OURS), ("datasketch",), "17 x 7"),
    "rensa": System(partial(rensa, bands=None), ("rensa",), "8 x 16, its default"),
    "rensa, 98 %": System(partial(rensa, bands=16), ("rensa",), "16 x 8: it takes divisors of 128"),
    "text-dedup": System(partial(text_dedup, bands=None), ("text_dedup.minhash",), "9 x 13, its optimum"),
    "text-dedup, 98 %": System(partial(text_dedup, bands=LIKE_OURS), ("text_dedup.minhash",), "17 x 7"),
}


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Run one system in this process, on one core: seconds, memory, and what it removed."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    started = time.process_time()
    for module in SYSTEMS[name].imports:
        importlib.import_module(module)
    imported = time.process_time() - started
    work = SYSTEMS[name].prepare(folder)
    cpu, wall = _cpu(), time.perf_counter()
    removed = work()
    seconds = {"import": imported, "cpu": _cpu() - cpu, "wall": time.perf_counter() - wall}
    rivals = ("datasketch", "rensa", "text-dedup")
    versions = [f"{rival} {version(rival)}" for rival in rivals if name.startswith(rival)]
    return {**seconds, "peak": _peak(), "versions": versions, "removed": removed()}


def _cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _peak() -> float:
    """MiB of the larger of this process and its largest child."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    # Not ru_maxrss: a process begins with the memory of the one that started it in that.
    own = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return max(int(own.split()[1]), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 2**10


def prepare_ours(folder: Path) -> None:
    """The corpus as records, and params with and without the probe."""
    from measuring import changed_params

    source = f"{{name: corpus, uri: {folder / CORPUS}, id: id, fields: {{label: kind}}, license: MIT, public: true}}"
    for name, probe in (("without_probe", 0), ("with_probe", 500)):
        (folder / name).mkdir()
        section = f"deduplicate={{threshold: {THRESHOLD}, ngram: {NGRAM}, recall: 0.98, probe: {probe}}}"
        changed_params([f"ingest={{sources: [{source}]}}", section, "engine={workers: 1}"], folder / name)
    params = str(folder / "with_probe" / "params.yaml")
    command = [sys.executable, "-m", "stages", "ingest", "--out", str(folder / "ingest"), "--params", params]
    subprocess.run(command, check=True, capture_output=True)


def run_all(names: Sequence[str], folder: Path, options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """The measurements of each system, one a round; in each round they run in another order."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(options.repeat):
        for name in random.Random(number).sample(names, len(names)):
            print(f"round {number + 1}: {name}", file=sys.stderr)
            python = options.rivals if SYSTEMS[name].rival else sys.executable
            command = [python, __file__, "--measure", name, "--folder", str(folder)]
            done = subprocess.run(command, env={**os.environ, **threads}, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{name} failed:\n{done.stderr}")
            found[name].append(json.loads((folder / "result.json").read_bytes()))
    return found


def cost_table(found: dict[str, list[dict[str, Any]]], size: int) -> None:
    """Time and memory. Ratios are taken within a round, where noise hits all alike."""
    print("| system | bands x rows | import s | CPU s | wall s | documents a CPU second | CPU, search = 1 | peak MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for name, runs in found.items():
        imports, cpu, wall, peak = (median(run[key] for run in runs) for key in ("import", "cpu", "wall", "peak"))
        ours = found.get(OURS, [])
        ratio = f"{median(run['cpu'] / own['cpu'] for run, own in zip(runs, ours, strict=True)):.2f}" if ours else ""
        first = f"{imports:.2f}" if SYSTEMS[name].imports else "in CPU s"
        shown = f"{first} | {cpu:.2f} | {wall:.2f} | {size / cpu:,.0f} | {ratio} | {peak:.0f}"
        print(f"| {name} | {SYSTEMS[name].setting} | {shown} |")


def report(found: dict[str, list[dict[str, Any]]], size: int, quality_table: str) -> None:
    """Print the tables, ready for `docs/benchmarks.md`."""
    from measuring import conditions

    versions = sorted({version for runs in found.values() for run in runs for version in run["versions"]})
    print(f"    {shlex.join(['python', *sys.argv])}\n\n{conditions(versions)}; each on one core.\n")
    cost_table(found, size)
    print(f"\n{quality_table}")


def main() -> None:
    """Measure all systems and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="rounds")
    parser.add_argument("--rivals", default="build/rivals/bin/python", metavar="PYTHON", help="of their environment")
    parser.add_argument("--only", nargs="+", default=[*SYSTEMS], choices=SYSTEMS, metavar="SYSTEM")
    parser.add_argument("--measure", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        (options.folder / "result.json").write_text(json.dumps(measure(options.measure, options.folder)))
        return
    if not Path(options.rivals).exists() and any(SYSTEMS[name].rival for name in options.only):
        step = "make it with the first two commands of `python benchmarks/deduplicate.py --help`"
        sys.exit(f"{options.rivals}: no such Python; {step}, or name it with --rivals")
    with tempfile.TemporaryDirectory() as scratch:
        corpus = write_corpus(Path(scratch) / CORPUS, options)
        prepare_ours(Path(scratch))
        found = run_all(options.only, Path(scratch), options)
    removals = {name: runs[-1]["removed"] for name, runs in found.items() if name != OURS}
    report(found, len(corpus), quality(corpus, removals))


if __name__ == "__main__":
    main()
