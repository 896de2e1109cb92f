"""The files that a new project starts with, as text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from stages.methods.params_text import with_values


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """What is known about the data of a new project; `file` is None while there is none.

    `written`: its format, delimiter and encoding, as far as they were said. `sample`: it is one of our invented ones.
    `labels`: the labels that the preset names are those of the data.
    """

    name: str
    file: str | None
    fields: Mapping[str, str] = field(default_factory=dict)
    written: Mapping[str, str | None] = field(default_factory=lambda: {"format": "auto"})
    id: str | None = None
    subject: str | None = None
    sample: bool = False
    labels: bool = True


def source_name(stem: str) -> str:
    """A source's name from a file's: lower case, digits, `-` and `_`, at most 40 characters."""
    name = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:40].rstrip("-")
    return name or "mine"


def starting_params(choice: SourceChoice, preset: str) -> str:
    """`params.yaml`: the preset's text with its source's values set to what is known. Comments stay."""
    fields = (f"{column}: {_quoted(name)}" for column, name in choice.fields.items())
    values = {
        "name": choice.name,
        "fields": f"{{{', '.join(fields)}}}",
        "id": _quoted(choice.id),
        "subject": _quoted(choice.subject),
        "license": "CC0-1.0" if choice.sample else "proprietary",
        "public": json.dumps(choice.sample),
    }
    if choice.file:
        values |= {"uri": _quoted(f"data/raw/{choice.file}"), **_said(choice.written)}
    changes = {f"ingest.sources.{key}": value for key, value in values.items()}
    if not choice.labels:
        changes["ingest.labels"] = "null"
    if choice.sample:
        changes["ingest.max_quarantine_share"] = "0.1"  # a few of the invented rows are broken on purpose
    return with_values(preset, changes)


def _said(written: Mapping[str, str | None]) -> dict[str, str]:
    """How the file is written, without what need not be said."""
    usual = {"delimiter": None, "encoding": "utf-8"}
    said = {key: value for key, value in written.items() if value and value != usual.get(key)}
    return {key: value if key == "format" else json.dumps(value) for key, value in said.items()}


def read_me(choice: SourceChoice, preset: str) -> str:
    """`README.md`: from the data to the report."""
    where = f"`data/raw/{choice.file}`" if choice.file else "put your file into `data/raw/`"
    return _READ_ME.format(where=where, preset=preset)


def _quoted(name: str | None) -> str:
    return "null" if name is None else json.dumps(name, ensure_ascii=False)


_READ_ME = """\
# Your project

Made with Rowtrail: a pipeline that tunes a language model on your own rows, and can say of every row what became of
it. This folder is yours: the code in `stages/`, the knobs in `params.yaml`, the order of the work in `dvc.yaml`.

1. `make setup` installs what is needed, once.
2. Your data: {where}. Which columns hold what stands in `params.yaml` under `ingest.sources`; look at it once.
   What rows this kind of model takes is in `docs/tasks.md`.
3. `make repro` runs everything and writes `reports/index.html`. Open it.
4. Look closer: `rowtrail show clean`, and `rowtrail trace ID` for the story of one record.
5. Ask the model: `rowtrail predict --help`.
6. Try another setting: `dvc exp run -S lr=2e-5`, then `dvc exp show`.

Good to know:

* `params.yaml` began as `presets/{preset}.yaml`. `rowtrail use` lists the others, and switches to one.
* `.rowtrail/key` makes the ids and the surrogates. Keep a copy in a safe place; it never goes into git.
* `data/raw` is not in git, whose history cannot be erased. `dvc add` each file there and commit the small `.dvc` file
  that it writes: then old versions of the data can be compared, and queued experiments (`dvc exp run --queue`) find it.
* If `reports/index.html` shows that many rows were set aside, `rowtrail show ingest` says why.
"""
