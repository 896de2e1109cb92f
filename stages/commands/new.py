"""`rowtrail new DIR`: start a project of your own, with nothing of this one's data, reports or history in it."""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from stages.core.decisions import PII_DECISIONS, PiiDecisions, write_pii_decisions
from stages.core.errors import Fault, UsageError
from stages.core.keys import make_key
from stages.core.params_file import read_params
from stages.methods.skeleton import SourceChoice, read_me, source_name, starting_params

_ROOT = Path(__file__).resolve().parents[2]
_COPIED = (
    "Makefile", "dvc.yaml", "pyproject.toml", "LICENSE", "CONTRIBUTING.md", ".gitignore", ".dvcignore", ".dvc/config",
    ".dvc/.gitignore", "benchmarks", "data/raw/.gitkeep", "data/samples", "docs", "presets", "requirements", "stages",
    "tests",
)  # fmt: skip
_SAMPLE = "data/samples/classification.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to, and what the data looks like."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="a folder that does not exist, or is empty")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="your data; it is copied to DIR/data/raw")
    parser.add_argument("--text", metavar="COL", help="its column with the text (default: text)")
    parser.add_argument("--label", metavar="COL", help="its column with the label (default: label)")
    parser.add_argument("--id", metavar="COL", help="its column with the row's own key, if it has one")
    parser.add_argument("--subject", metavar="COL", help="its column naming the person a row is about, if it has one")
    parser.add_argument("--sample", action="store_true", help="start with a few invented rows, to try things out")


def run(args: argparse.Namespace) -> int:
    """Make the project. Raises UsageError before anything is written when it cannot be made."""
    columns = {"--text": args.text, "--label": args.label, "--id": args.id, "--subject": args.subject}
    data = _checked(args.dir, args.csv, {option: name for option, name in columns.items() if name}, args.sample)
    choice = SourceChoice(
        name=source_name(data.stem) if data else "mine",
        file=data.name if data else None,
        text=args.text or "text",
        label=args.label or "label",
        id=args.id,
        subject=args.subject,
        public=args.sample,
    )
    preset = (_ROOT / "presets" / "classification.yaml").read_text(encoding="utf-8")
    _copy(args.dir, data)
    (args.dir / "params.yaml").write_text(starting_params(choice, preset), encoding="utf-8")
    (args.dir / "README.md").write_text(read_me(choice), encoding="utf-8")
    read_params(args.dir / "params.yaml")
    make_key(args.dir / ".rowtrail" / "key")
    for line in _git(args.dir):
        print(line)
    print(f"made {args.dir}; its key is {args.dir / '.rowtrail' / 'key'}: keep a copy in a safe place")
    step = "make setup; make repro" if data else "fill in ingest.sources in params.yaml"
    print(f"next: cd {shlex.quote(str(args.dir))}; {step}")
    return 0


def _checked(target: Path, csv: Path | None, columns: dict[str, str], sample: bool) -> Path | None:
    """The data file to copy, if any. Raises UsageError with everything that stands in the way."""
    faults = []
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        faults.append(Fault(str(target), "exists and is not an empty folder", "choose another place"))
    missing = [name for name in ("dvc.yaml", "pyproject.toml", "presets", "stages") if not (_ROOT / name).exists()]
    if missing:
        step = "run it from a clone of the repository: a project is a copy of it"
        faults.append(Fault(str(_ROOT), f"lacks {', '.join(missing)}", step))
    if sample and csv:
        faults.append(Fault("--sample", "cannot go with --csv", "leave one of them out"))
    data = _ROOT / _SAMPLE if sample else csv
    if data and not data.is_file():
        faults.append(Fault(str(data), "no such file", "check the path"))
    elif data:
        faults += _column_faults(data, columns)
    if faults:
        raise UsageError(*faults)
    return data


def _column_faults(data: Path, columns: dict[str, str]) -> list[Fault]:
    """Columns that were named but are not in the header. Column names are shown: they are no text of a record."""
    import csv

    if data.suffix.lower() not in (".csv", ".tsv"):
        return []
    with data.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = next(csv.reader(file, delimiter="\t" if data.suffix.lower() == ".tsv" else ","), [])
    wanted = {"--text": "text", "--label": "label", **columns}
    known = ", ".join(header[:30]) or "none"
    return [
        Fault(f"{option} {name}", f"{data.name} has no such column", f"its columns: {known}")
        for option, name in wanted.items()
        if name not in header
    ]


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
