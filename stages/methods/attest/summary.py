"""An attestation in a few lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stages.methods.attest.statement import Material, materials, subjects

_MODEL = "data/finetune/model/"
_KNOBS = ("task", "model", "seed", "lr", "epochs", "batch_size")


def summary(statement: Mapping[str, Any], key_ids: Sequence[str]) -> list[str]:
    """Lines that tell who signed what, made from what. The statement must be free of `statement_faults`."""
    return [
        "".join(c if c.isprintable() else "?" for c in f"{name:<13}{said}") for name, said in _lines(statement, key_ids)
    ]


def _lines(statement: Mapping[str, Any], key_ids: Sequence[str]) -> Iterator[tuple[str, str]]:
    files, made_from = subjects(statement), materials(statement)
    details = _mapping(statement["predicate"].get("runDetails"))
    definition = statement["predicate"]["buildDefinition"]
    signers = ", ".join(keyid[:16] or "a key without id" for keyid in key_ids)
    yield "signed by", f"{signers} (not checked here)" if key_ids else "nobody"
    yield "builder", str(_mapping(details.get("builder")).get("id", "not said"))
    yield "finished", str(_mapping(details.get("metadata")).get("finishedOn", "not said"))
    yield from _origin(made_from, _mapping(definition.get("internalParameters")).get("uncommitted"))
    yield from _data(made_from)
    params = _mapping(definition.get("externalParameters"))
    yield "params", ", ".join(f"{name} {params[name]}" for name in _KNOBS if name in params) or "not said"
    yield from _files(files)


def _origin(made_from: Sequence[Material], uncommitted: Any) -> Iterator[tuple[str, str]]:
    for commit in (one for one in made_from if one.kind == "commit"):
        yield "commit", f"{commit.digest}{f' of {commit.uri}' if commit.uri else ''}"
    if isinstance(uncommitted, list) and uncommitted:
        yield "", f"and {_files_of(uncommitted)} not as in the commit: {', '.join(map(str, uncommitted))}"
    yield "code", f"{sum(one.kind == 'code' for one in made_from)} stages"


def _data(made_from: Sequence[Material]) -> Iterator[tuple[str, str]]:
    for one in (one for one in made_from if one.kind == "source"):
        yield "source", f"{one.name}, {one.notes.get('license', 'licence not said')}, sha256 {one.digest}"
    base = [one for one in made_from if one.kind == "base_model"]
    if base:
        yield "base model", f"{base[0].name.rpartition('/')[0]}, {_files_of(base)}"


def _files(files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, digest in files.items():
        if name.startswith(_MODEL):
            yield "model", f"{name.removeprefix(_MODEL)}, sha256 {digest}"
    stages = [name.split("/")[1] for name in files if name.startswith("data/") and name.endswith("/manifest.json")]
    yield "stages", f"{len(stages)}: {', '.join(stages)}" if stages else "none"
    if "reports/evaluate.json" in files:
        yield "metrics", f"reports/evaluate.json, sha256 {files['reports/evaluate.json']}"
    yield "files", f"{len(files)} in all"


def _files_of(listed: Sequence[Any]) -> str:
    return f"{len(listed)} file{'' if len(listed) == 1 else 's'}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
