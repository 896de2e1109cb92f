"""`rowtrail new DIR`: start a project of your own, with nothing of this one's data, reports or history in it."""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from stages.commands.use_presets import USUAL, preset_file
from stages.commands.use_rows import add_written, look_at, written_as
from stages.core.decisions import PII_DECISIONS, PiiDecisions, write_pii_decisions
from stages.core.errors import DataError, Fault, UsageError
from stages.core.keys import make_key
from stages.core.label_decisions import LABEL_DECISIONS, LabelDecisions, write_label_decisions
from stages.core.params import Params, Source
from stages.core.params.data import BESIDE_FIELDS
from stages.core.params_file import read_params
from stages.methods.skeleton import SourceChoice, read_me, source_name, starting_params
from stages.tasks import load_task

_ROOT = Path(__file__).resolve().parents[2]
_COPIED = (
    "Makefile", "dvc.yaml", "pyproject.toml", "LICENSE", "CONTRIBUTING.md", ".gitignore", ".dvcignore", ".dvc/config",
    ".dvc/.gitignore", "benchmarks", "data/raw/.gitkeep", "data/samples", "docs", "presets", "requirements", "stages",
    "tests",
)  # fmt: skip
_HOW = "with --map COLUMN=NAME"
_BESIDE = {"confidence": "set `confidence` of the source in params.yaml afterwards"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to, what kind of project, and what the data looks like."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="a folder that does not exist, or is empty")
    parser.add_argument("--preset", default=USUAL, metavar="NAME",
                        help="what kind of project: `rowtrail use` lists them (default: %(default)s)")  # fmt: skip
    parser.add_argument("--file", "--csv", type=Path, metavar="FILE", help="your data; it is copied to DIR/data/raw")
    add_written(parser)
    parser.add_argument("--map", action="append", default=[], metavar="COLUMN=NAME",
                        help="what your file calls a column of the task, e.g. question=frage; docs/tasks.md lists the "
                        "columns; once for each")  # fmt: skip
    parser.add_argument("--text", metavar="NAME", help="the same as --map text=NAME")
    parser.add_argument("--label", metavar="NAME", help="the same as --map label=NAME")
    parser.add_argument("--id", metavar="NAME", help="your file's column with the row's own key, if it has one")
    parser.add_argument(
        "--subject", metavar="NAME", help="your file's column naming the person a row is about, if it has one"
    )
    parser.add_argument("--sample", action="store_true", help="start with a few invented rows, to try things out")


def run(args: argparse.Namespace) -> int:
    """Make the project. Raises UsageError or DataError before anything is written when it cannot be made."""
    preset = preset_file(args.preset)
    params = read_params(preset)
    data = _sample(args.preset, params.task) if args.sample else args.file
    faults = [*_place_faults(args.dir), *_data_faults(args, data)]
    choice = SourceChoice("mine", None, {**params.ingest.sources[0].fields, **_mapping(args)})
    if data and data.is_file():
        choice, more = _looked(args, data, params)
        faults += more
    if faults:
        raise UsageError(*faults)
    _copy(args.dir, data)
    (args.dir / "params.yaml").write_text(starting_params(choice, preset.read_text(encoding="utf-8")), encoding="utf-8")
    (args.dir / "README.md").write_text(read_me(choice, args.preset), encoding="utf-8")
    read_params(args.dir / "params.yaml")
    make_key(args.dir / ".rowtrail" / "key")
    for line in _git(args.dir):
        print(line)
    print(f"made {args.dir}; its key is {args.dir / '.rowtrail' / 'key'}: keep a copy in a safe place")
    step = "make setup; make repro" if data else "fill in ingest.sources in params.yaml"
    print(f"next: cd {shlex.quote(str(args.dir))}; {step}")
    return 0


def _sample(preset: str, task: str) -> Path | None:
    """Invented rows for this preset, or for its task."""
    return next((file for name in (preset, task) for file in (_ROOT / "data/samples").glob(f"{name}.*")), None)


def _place_faults(target: Path) -> list[Fault]:
    faults = []
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        faults.append(Fault(str(target), "exists and is not an empty folder", "choose another place"))
    missing = [name for name in ("dvc.yaml", "pyproject.toml", "presets", "stages") if not (_ROOT / name).exists()]
    if missing:
        step = "run it from a clone of the repository: a project is a copy of it"
        faults.append(Fault(str(_ROOT), f"lacks {', '.join(missing)}", step))
    return faults


def _data_faults(args: argparse.Namespace, data: Path | None) -> list[Fault]:
    """What is wrong with how the data was named."""
    faults = [
        Fault(f"--map {pair}", "is not of the form COLUMN=NAME", "write e.g. --map text=body")
        for pair in args.map
        if not all(pair.partition("="))
    ]
    faults += [
        Fault(f"--map {pair}", f"no task has a column {column}", _BESIDE.get(column, f"say --{column} {name}"))
        for pair, (column, _, name) in zip(args.map, (pair.partition("=") for pair in args.map), strict=True)
        if name and column in BESIDE_FIELDS
    ]
    if args.sample and args.file:
        faults.append(Fault("--sample", "cannot go with --file", "leave one of them out"))
    if data and not data.is_file():
        faults.append(Fault(str(data), "no such file", "check the path"))
    return faults


def _mapping(args: argparse.Namespace) -> dict[str, str]:
    """The file's names for the task's columns, as far as they were said."""
    pairs = (pair.partition("=") for pair in args.map)
    said = {"text": args.text, "label": args.label, **{column: name for column, _, name in pairs}}
    return {column: name for column, name in said.items() if name and column not in BESIDE_FIELDS}


def _named(args: argparse.Namespace) -> dict[str, str]:
    """The columns of the file that were named, by the option as it was given."""
    options = {name: getattr(args, name) for name in ("text", "label", "id", "subject")}
    said = {f"--{name} {column}": column for name, column in options.items() if column}
    return {**said, **{f"--map {pair}": pair.partition("=")[2] for pair in args.map}}


def _looked(args: argparse.Namespace, data: Path, params: Params) -> tuple[SourceChoice, list[Fault]]:
    """The source, and why the task could not learn from it."""
    task, name, said, written = load_task(params.task), source_name(data.stem), _mapping(args), written_as(args)
    source = Source(name=name, uri=str(data), license="-", fields=said, **written)
    try:
        look = look_at(data, source, task)
        usual = {c: n for c, n in params.ingest.sources[0].fields.items() if n in look.columns}
        fields = {**usual, **said}
        if fields != said:
            look = look_at(data, source.model_copy(update={"fields": fields}), task)
    except DataError as error:
        return SourceChoice(name, data.name), list(error.faults)
    faults = look.missing(data.name, _named(args)) or look.problems(data.name, fields, task, _HOW)
    if faults:
        faults = look.not_apart(data.name) or faults
    labels = look.labels <= {*(params.ingest.labels or look.labels)}
    if look.format in ("squad", "conll"):
        written["format"] = look.format
    return SourceChoice(name, data.name, fields, written, args.id, args.subject, args.sample, labels), faults


def _copy(target: Path, data: Path | None) -> None:
    """The code and the wiring, and the data file; what is not there in this checkout is left out."""
    for name in _COPIED:
        source, place = _ROOT / name, target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        elif source.exists():
            shutil.copyfile(source, place)
    for folder in ("data/raw", "reports"):
        (target / folder).mkdir(parents=True, exist_ok=True)
    (target / "data" / "erasure.csv").write_text("kind,value\n", encoding="utf-8")
    write_pii_decisions(PiiDecisions(), target / PII_DECISIONS)
    write_label_decisions(LabelDecisions(), target / LABEL_DECISIONS)
    if data:
        shutil.copyfile(data, target / "data" / "raw" / data.name)


def _git(target: Path) -> Sequence[str]:
    """Make it a git repository, which DVC needs, with a first commit where git knows who you are."""
    git = shutil.which("git")
    later = f"    cd {shlex.quote(str(target))} && git init && git add . && git commit -m 'Start'"
    if git is None:
        return ["git is not installed; DVC needs it. Later:", later]
    steps = (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "Start"])
    for step in steps:
        done = subprocess.run([git, "-C", str(target), *step], capture_output=True, check=False)  # noqa: S603
        if done.returncode:
            return [f"git {step[0]} did not work (git may not know your name and e-mail yet). Later:", later]
    return []
