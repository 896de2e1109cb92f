"""`rowtrail lineage`: tell a lineage backend what ran, as OpenLineage events; on screen, into a file, or by HTTP."""

from __future__ import annotations

import argparse
import os
import re
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.core.dvc_files import LOCK, LockedStage, read_lock
from stages.core.errors import DataError, Fault, UsageError
from stages.core.git import Git
from stages.core.storage import StageFolder, files_below

if TYPE_CHECKING:
    from stages.methods.document.standards.runs import Finished, Project

_BLANK = re.compile(r"\s")
_DAY = 86_400  # seconds
_TABLES = ("records.parquet", "predictions.parquet")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the events go, and under which name."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--out", type=Path, metavar="FILE", help="write the events into a file, one a line, and not here"
    )
    where.add_argument(
        "--url", metavar="URL",
        help="send them to a backend (Marquez, say); without a path in it, to api/v1/lineage there",
    )  # fmt: skip
    parser.add_argument("--api-key-env", metavar="NAME", help="environment variable that holds the backend's API key")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS", help="for each event (default 10)")
    parser.add_argument(
        "--namespace", metavar="NAME", help="of jobs and data sets (default: the project folder's name)"
    )
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="where the stage folders are")
    parser.epilog = (
        "Each finished stage folder is one run, START and COMPLETE, at the time its manifest was written here: a "
        "folder brought back by `dvc checkout` or `dvc pull` has a later time. The run's id comes from its content, so "
        "that a second telling is no second run. No text of a record is sent; params are, without `allow` and `deny`."
    )


def run(args: argparse.Namespace) -> int:
    """Tell of all finished stages. Raises UsageError, DataError where no stage has finished, or CheckFailed (exit code
    1) when the backend does not take an event.
    """
    _check(args)
    from openlineage.client.serde import Serde

    from stages.commands.lineage_send import send
    from stages.methods.document.standards.openlineage import run_events

    runs = _finished(args.data)
    events = run_events(runs, _project(args, runs))
    if args.url:
        send(events, args.url, _api_key(args.api_key_env), args.timeout)
        return 0
    lines = "".join(Serde.to_json(event) + "\n" for event in events)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(lines, encoding="utf-8")
        print(f"{len(events)} events of {len(runs)} runs: {args.out}")
    else:
        print(lines, end="")
    return 0


def _check(args: argparse.Namespace) -> None:
    faults = []
    if args.api_key_env and not args.url:
        faults.append(Fault("--api-key-env", "there is no backend to give the key to", "name one with --url"))
    if args.url and not _is_web(args.url):
        faults.append(Fault("--url", "is not an http or https URL", "e.g. --url http://localhost:5000"))
    elif args.url and args.api_key_env and "@" in urlsplit(args.url).netloc:
        faults.append(Fault("--url", "holds a user, who would take the API key's place", "give one of the two"))
    if not 0 < args.timeout <= _DAY:
        faults.append(Fault("--timeout", f"{args.timeout:g} is not above 0 and at most {_DAY}", "give seconds"))
    if args.namespace is not None and not args.namespace.strip():
        faults.append(Fault("--namespace", "is blank", "give a name, or leave it out"))
    if faults:
        raise UsageError(*faults)


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not _BLANK.search(url)
    except ValueError:  # brackets that do not close, a port that is no number
        return False


def _api_key(name: str | None) -> str | None:
    if name is None:
        return None
    key, place = os.environ.get(name, "").strip(), f"--api-key-env {name}"
    if not key:
        raise UsageError(Fault(place, "there is no such environment variable, or it is blank", "set it"))
    if not (key.isascii() and key.isprintable()):
        raise UsageError(Fault(place, "holds what no HTTP header can carry", "set it to the key alone, in ASCII"))
    return key


def _finished(data: Path) -> list[Finished]:
    folders = [StageFolder(manifest.parent) for manifest in sorted(data.glob("[!.]*/manifest.json"))]
    if not folders:
        raise DataError(
            Fault(str(data), "no stage has finished here", "run `make repro`, or name the folder with --data")
        )
    locked, committed, commit = _locked(data.resolve().parent)
    return [_run(folder, locked, commit if _same(folder, locked, committed) else "") for folder in folders]


def _same(folder: StageFolder, locked: dict[str, LockedStage], committed: dict[str, LockedStage]) -> bool:
    """Whether the last commit's lock file tells of the same run: same code, inputs, params and outputs."""
    return folder.stage in locked and locked[folder.stage] == committed.get(folder.stage)


def _locked(root: Path) -> tuple[dict[str, LockedStage], dict[str, LockedStage], str]:
    """What DVC's lock file says now and in the last commit, and that commit; empty without DVC or git."""
    try:
        content = (root / LOCK).read_bytes()
    except OSError:
        return {}, {}, ""
    try:
        git = Git(root)
        commit = git.commit("HEAD")
        return read_lock(content), read_lock(git.read(commit, LOCK) or b"", f"{LOCK} of HEAD"), commit
    except UsageError:
        return read_lock(content), {}, ""


def _run(folder: StageFolder, locked: dict[str, LockedStage], commit: str) -> Finished:
    from stages.methods.document.standards.runs import Finished

    fields, rows = _table(folder)
    written = (folder.path / "manifest.json").stat().st_mtime
    has_report = (folder.path / "report.json").exists()
    return Finished(
        manifest=folder.manifest,
        digest=folder.digest,
        time=datetime.fromtimestamp(written, UTC).isoformat(timespec="milliseconds"),
        report=folder.json("report.json") if has_report else {},
        fields=fields,
        rows=rows,
        size=sum((folder.path / name).stat().st_size for name in files_below(folder.path)),
        code=locked[folder.stage].code if folder.stage in locked else "",
        commit=commit,
    )


def _table(folder: StageFolder) -> tuple[list[tuple[str, str]], int | None]:
    """Columns and rows of the folder's table, from its footer alone."""
    for path in (folder.path / name for name in _TABLES):
        if path.exists():
            try:
                footer = pq.read_metadata(path)
            except (OSError, pa.ArrowException):
                step = "`dvc checkout` brings back the last good one, or run `dvc repro`"
                raise DataError(Fault(str(path), "is not a readable parquet file", step)) from None
            return [(field.name, str(field.type)) for field in footer.schema.to_arrow_schema()], footer.num_rows
    return [], None


def _project(args: argparse.Namespace, runs: list[Finished]) -> Project:
    from openlineage.client.git import get_git_repo_url

    from stages.methods.document.standards.runs import Project
    from stages.tasks import load_task

    root = args.data.resolve().parent
    params: dict[str, Any] = {}
    for one in runs:
        params |= one.manifest.get("params") or {}
    return Project(
        namespace=args.namespace or root.name,
        schema=load_task(str(params.get("task"))).schema,
        version=_version(),
        folder=args.data.name,
        repository=_web(get_git_repo_url(git_dir=root / ".git") or ""),
        controller=(params.get("document") or {}).get("controller"),
        descriptions=_descriptions(root / "dvc.yaml"),
    )


def _version() -> str:
    try:
        return version("rowtrail")
    except PackageNotFoundError:
        return "unknown"


def _web(remote: str) -> str:
    """A git remote as the address of its page, without user and password; empty for one that has none."""
    if match := re.fullmatch(r"(?:ssh://)?(?:[^@/]+@)([^:/]+)(?::\d+/|[:/])(.+?)(?:\.git)?/?", remote):
        return f"https://{match[1]}/{match[2]}"
    parts = urlsplit(remote)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path.removesuffix('/').removesuffix('.git')}"


def _descriptions(file: Path) -> dict[str, str]:
    """What `dvc.yaml` says that each stage does."""
    try:
        stages = YAML(typ="safe").load(file.read_text(encoding="utf-8"))["stages"]
        return {name: str(stage["desc"]) for name, stage in stages.items() if "desc" in stage}
    except (OSError, UnicodeDecodeError, YAMLError, TypeError, KeyError, AttributeError):
        return {}
