"""The statement that is signed: what was made, and what it was made from.

An in-toto Statement v1 (https://in-toto.io/Statement/v1) with the SLSA provenance v1 predicate
(https://slsa.dev/provenance/v1). Field names and their meaning are those of the two specifications.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal, get_args

from stages.core.errors import Fault
from stages.core.remote import shown
from stages.methods.shareable import counted

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:rowtrail:dvc-pipeline:v1"
"""What the fields of the predicate mean here; docs/attest.md says it."""
BUILDER = "urn:rowtrail:local"
"""Whoever ran the pipeline by hand; a build service should be named by its own URI."""
KIND = "rowtrail_kind"
Kind = Literal["commit", "file", "source", "base_model", "code"]
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_COMMIT = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})\Z")
_MAKE = "make a new one with `rowtrail attest`"


@dataclass(frozen=True, slots=True)
class Material:
    """Something that the model was made from; `digest` is SHA-256, or a commit's hash for the kind `commit`."""

    name: str
    kind: Kind
    digest: str
    uri: str | None = None
    notes: Mapping[str, str] = field(default_factory=dict)

    def descriptor(self) -> dict[str, Any]:
        """As a ResourceDescriptor of in-toto."""
        said: dict[str, Any] = {
            "name": self.name,
            "digest": {_algorithm(self.kind): self.digest},
            "annotations": {KIND: self.kind, **{f"rowtrail_{name}": note for name, note in self.notes.items()}},
        }
        return {**said, "uri": self.uri} if self.uri else said


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a statement says. `subjects` are SHA-256 by path; `uncommitted` are paths that are not as in the commit."""

    subjects: Mapping[str, str]
    materials: Sequence[Material]
    params: Mapping[str, Any]
    uncommitted: Sequence[str]
    invocation: str
    finished: str | None = None


def make_statement(evidence: Evidence, builder: str = BUILDER) -> dict[str, Any]:
    """The statement; the same evidence always gives the same one."""
    metadata = {"invocationId": f"sha256:{evidence.invocation}"}
    if evidence.finished:
        metadata["finishedOn"] = evidence.finished
    definition = {
        "buildType": BUILD_TYPE,
        "externalParameters": shareable_params(evidence.params),
        "internalParameters": {"uncommitted": sorted(evidence.uncommitted)},
        "resolvedDependencies": [one.descriptor() for one in sorted(evidence.materials, key=_order)],
    }
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(evidence.subjects.items())],
        "predicateType": PROVENANCE,
        "predicate": {
            "buildDefinition": definition,
            "runDetails": {"builder": {"id": builder}, "metadata": metadata},
        },
    }


def statement_bytes(statement: Mapping[str, Any]) -> bytes:
    """The bytes to sign: UTF-8 JSON with sorted keys and no blanks; refuses NaN and infinity."""
    text = json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def shareable_params(value: Any, name: str = "") -> Any:
    """Params as a release may tell them: no user, password or query in a `uri` or `model`, no values naming people."""
    if name in ("uri", "model") and isinstance(value, str):
        return shown(value)
    if count := counted(name, value):
        return count
    if isinstance(value, Mapping):
        return {key: shareable_params(one, key) for key, one in value.items()}
    return [shareable_params(one) for one in value] if isinstance(value, list | tuple) else value


def statement_faults(statement: Any, place: str) -> list[Fault]:
    """What makes a statement none of ours; without such faults `subjects` and `materials` can be asked."""
    if not isinstance(statement, Mapping):
        return [Fault(place, "holds no in-toto statement", _MAKE)]
    wanted = (("_type", STATEMENT_TYPE), ("predicateType", PROVENANCE))
    faults = [
        Fault(f"{place}: {name}", f"is not {value}", "give a statement of SLSA provenance v1")
        for name, value in wanted
        if statement.get(name) != value
    ]
    if not faults and _definition(statement).get("buildType") != BUILD_TYPE:
        step = "it may be sound, but tells of another kind of build: check it with the tool that made it"
        faults.append(Fault(f"{place}: predicate.buildDefinition.buildType", f"is not {BUILD_TYPE}", step))
    return faults or [*_subject_faults(statement, place), *_material_faults(statement, place)]


def subjects(statement: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of each file that a statement is about, by path."""
    return {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}


def materials(statement: Mapping[str, Any]) -> list[Material]:
    """What a statement says the files were made from."""
    found = []
    for one in _definition(statement)["resolvedDependencies"]:
        notes = {name.removeprefix("rowtrail_"): str(said) for name, said in one["annotations"].items() if name != KIND}
        kind = one["annotations"][KIND]
        found.append(Material(one["name"], kind, one["digest"][_algorithm(kind)], one.get("uri"), notes))
    return found


def safe_name(name: Any) -> bool:
    """Whether a name is a plain path below the project: a statement must not make anyone read files elsewhere."""
    if not isinstance(name, str) or not name.isprintable() or "\\" in name:
        return False
    path = PurePosixPath(name)
    return str(path) == name and name != "." and not path.is_absolute() and ".." not in path.parts


def _subject_faults(statement: Mapping[str, Any], place: str) -> Iterator[Fault]:
    listed = statement.get("subject")
    if not isinstance(listed, list) or not listed:
        yield Fault(f"{place}: subject", "names no file", _MAKE)
        return
    names = [one.get("name") if isinstance(one, Mapping) else None for one in listed]
    for number, (one, name) in enumerate(zip(listed, names, strict=True)):
        if not safe_name(name):
            yield Fault(f"{place}: subject[{number}]", "its name is no path inside the project", _MAKE)
        elif not _is(_SHA256, _digest(one, "sha256")):
            yield Fault(f"{place}: subject[{number}] ({name})", "has no SHA-256", _MAKE)
    if len({name for name in names if isinstance(name, str)}) != len(names):
        yield Fault(f"{place}: subject", "names a file twice", _MAKE)


def _material_faults(statement: Mapping[str, Any], place: str) -> Iterator[Fault]:
    listed = _definition(statement).get("resolvedDependencies")
    where = f"{place}: resolvedDependencies"
    if not isinstance(listed, list):
        yield Fault(where, "is not a list", _MAKE)
        return
    for number, one in enumerate(listed):
        said = one if isinstance(one, Mapping) else {}
        notes = said.get("annotations")
        kind = notes.get(KIND) if isinstance(notes, Mapping) else None
        pattern = _COMMIT if kind == "commit" else _SHA256
        names = all(isinstance(said.get(name, ""), str) for name in ("name", "uri")) and "name" in said
        if kind not in get_args(Kind) or not names or not _is(pattern, _digest(said, _algorithm(kind))):
            yield Fault(f"{where}[{number}]", "lacks a name, a kind or a digest", _MAKE)


def _definition(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    predicate = statement.get("predicate")
    definition = predicate.get("buildDefinition") if isinstance(predicate, Mapping) else None
    return definition if isinstance(definition, Mapping) else {}


def _digest(one: Any, algorithm: str) -> Any:
    digest = one.get("digest")
    return digest.get(algorithm) if isinstance(digest, Mapping) else None


def _is(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.match(value) is not None


def _algorithm(kind: Any) -> str:
    return "gitCommit" if kind == "commit" else "sha256"


def _order(one: Material) -> tuple[str, str, str]:
    return one.kind, one.name, one.digest
