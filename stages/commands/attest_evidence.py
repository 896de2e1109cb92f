"""What an attestation is made of: the files it is about, what they were made from, and whether all of it fits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stages.commands.verify_bytes import byte_checks
from stages.commands.verify_chain import chain_checks
from stages.commands.verify_checks import run_group
from stages.commands.verify_project import Project
from stages.core.dvc_files import LOCK, LockedStage
from stages.core.errors import CheckFailed, Fault, RowtrailError, UsageError
from stages.core.git import Git
from stages.core.params_file import read_params
from stages.core.remote import shown
from stages.core.storage import StageFolder, files_below, sha256_of
from stages.methods.attest.statement import Evidence, Material

MODEL = Path("data/finetune/model")
ENVIRONMENT = "requirements/lock.txt"
_ABOUT = ("data/[!.]*/manifest.json", "reports/[!.]*.json", "reports/index.html")


def gather(*, times: bool = False) -> Evidence:
    """The evidence of the project in the current folder. Raises CheckFailed, with all faults, where it does not fit,
    and UsageError where there is no project.

    With `times`, the newest manifest's modification time is taken for the end of the run.
    """
    if not Path("dvc.yaml").is_file():
        raise UsageError(Fault("dvc.yaml", "is not in this folder", "run `rowtrail attest` in the project's root"))
    project = Project()
    faults = [*run_group("bytes", byte_checks(project)).faults, *run_group("chain", chain_checks(project)).faults]
    if not (MODEL.is_dir() and files_below(MODEL)):
        faults.append(Fault(str(MODEL), "there is no model to attest", "run `dvc repro`"))
    if faults:
        raise CheckFailed(*faults)
    git = _git()
    return Evidence(
        subjects={name: sha256_of(Path(name)) for name in subject_files(Path())},
        materials=[*_commit(git), *_files(project), *_sources(), *_base_model(), *_code(project.lock)],
        params=_params(),
        uncommitted=[] if git is None else _uncommitted(git, project.lock),
        invocation=sha256_of(Path(LOCK)),
        finished=_newest() if times else None,
    )


def subject_files(root: Path) -> list[str]:
    """The files that an attestation is about: the model, manifests, reports and documents, sorted."""
    found = {str(path.relative_to(root)) for pattern in _ABOUT for path in root.glob(pattern) if path.is_file()}
    for folder in (MODEL, Path("data/document")):
        found |= {str(folder / name) for name in files_below(root / folder)}
    return sorted(found)


def code_name(stage: str) -> str:
    """The name under which the code of a stage is listed."""
    return f"code of {stage}"


def public_url(url: str) -> str | None:
    """A git remote's URL as SPDX and SLSA write it (`git+https://...`), without user and password.

    None for a path: it says nothing elsewhere.
    """
    bare = shown(url)
    if "://" in bare:
        return None if bare.startswith("file:") else f"git+{bare}"
    found = re.match(r"(?:[^@/:]+@)?([^@/:]+):(?!\\)(.+)\Z", url)  # host:path, as scp has it
    return f"git+ssh://{found[1]}/{found[2].lstrip('/')}" if found else None


def _git() -> Git | None:
    try:
        return Git()
    except RowtrailError:
        return None


def _commit(git: Git | None) -> Iterator[Material]:
    if git is not None:
        yield Material(".", "commit", git.commit("HEAD"), public_url(git.remote() or ""))


def _files(project: Project) -> Iterator[Material]:
    """The lock file, the environment, and what stages read beside code and each other's folders."""
    deps = {dep.path for stage in project.lock.values() for dep in stage.deps if not dep.is_folder}
    written = {out.path for stage in project.lock.values() for out in stage.outs}
    names = {LOCK, ENVIRONMENT, *(name for name in deps - written if not name.endswith(".py"))}
    for name in sorted(names):
        if Path(name).is_file():
            yield Material(name, "file", sha256_of(Path(name)))


def _sources() -> Iterator[Material]:
    sources: Mapping[str, Any] = StageFolder(Path("data/ingest")).json("report.json").get("sources", {})
    for source, said in sources.items():
        notes = {"source": source, **({"license": said["license"]} if said.get("license") else {})}
        for file in said.get("files", ()):
            name = shown(file["name"])
            yield Material(name, "source", file["sha256"], name if "://" in name else None, notes)


def _base_model() -> Iterator[Material]:
    plan = Path("data/plan")
    said = StageFolder(plan).json("plan.json") if (plan / "plan.json").is_file() else {}
    model = shown(str(said.get("model", "")))
    for name, digest in said.get("base", {}).items():
        yield Material(f"{model}/{name}", "base_model", digest)


def _code(lock: Mapping[str, LockedStage]) -> Iterator[Material]:
    for stage in lock.values():
        yield Material(code_name(stage.name), "code", stage.code)


def _params() -> dict[str, Any]:
    """The params as the stages read them, with defaults; how a run is done (`engine`) is not what was made."""
    return read_params(Path("params.yaml")).model_dump(mode="json", exclude={"engine"})


def _uncommitted(git: Git, lock: Mapping[str, LockedStage]) -> list[str]:
    """Tracked files that differ from the commit, and files that the run stands on and the commit does not have."""
    committed = set(git.files("HEAD"))
    written = {out.path for stage in lock.values() for out in stage.outs}
    deps = {dep.path for stage in lock.values() for dep in stage.deps if not dep.is_folder} - written
    return sorted({*git.uncommitted(), *({LOCK, "dvc.yaml", "params.yaml", *deps} - committed)})


def _newest() -> str:
    newest = max(path.stat().st_mtime for path in Path("data").glob("[!.]*/manifest.json"))
    return datetime.fromtimestamp(int(newest), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
