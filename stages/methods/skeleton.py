"""The files that a new project starts with, as text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """What is known about the data of a new project; `file` is None while there is none."""

    name: str
    file: str | None
    text: str = "text"
    label: str = "label"
    id: str | None = None
    subject: str | None = None
    public: bool = False


def source_name(stem: str) -> str:
    """A source's name from a file's: lower case, digits, `-` and `_`, at most 40 characters."""
    name = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:40].rstrip("-")
    return name or "mine"


def starting_params(choice: SourceChoice, preset: str) -> str:
    """`params.yaml`: the preset's text with its source's values set to what is known. Comments stay."""
    values = {
        "name": choice.name,
        "uri": json.dumps(f"data/raw/{choice.file or '*.csv'}"),
        "fields": f"{{text: {_quoted(choice.text)}, label: {_quoted(choice.label)}}}",
        "id": _quoted(choice.id),
        "subject": _quoted(choice.subject),
        "license": "CC0-1.0" if choice.public else "proprietary",
        "public": json.dumps(choice.public),
    }
    head, sources, rest = preset.partition("  sources:\n")
    block, blank, rest = rest.partition("\n\n")
    for key, value in values.items():
        line = re.compile(rf"^(  [- ] {key}: )(\{{.*?\}}|\S+)", re.MULTILINE)
        block = line.sub(lambda found, value=value: found[1] + value, block, count=1)  # type: ignore[misc]
    return head + sources + block + blank + rest


def read_me(choice: SourceChoice) -> str:
    """`README.md`: from the data to the report."""
    where = f"`data/raw/{choice.file}`" if choice.file else "`data/raw/*.csv` (put your file there)"
    return _READ_ME.format(where=where)


def _quoted(name: str | None) -> str:
    return "null" if name is None else json.dumps(name, ensure_ascii=False)


_READ_ME = """\
# Your project

Made with Rowtrail: a pipeline that tunes a language model on your own rows, and can say of every row what became of
it. This folder is yours: the code in `stages/`, the knobs in `params.yaml`, the order of the work in `dvc.yaml`.

1. `make setup` installs what is needed, once.
2. Your data: {where}. Which columns hold what stands in `params.yaml` under `ingest.sources`; look at it once.
3. `make repro` runs everything and writes `reports/index.html`. Open it.
4. Look closer: `rowtrail show clean`, and `rowtrail trace ID` for the story of one record.
5. Try another setting: `dvc exp run -S lr=2e-5`, then `dvc exp show`.

Good to know:

* `.rowtrail/key` makes the ids and the surrogates. Keep a copy in a safe place; it never goes into git.
* `data/raw` is not in git, whose history cannot be erased. `dvc add` each file there and commit the small `.dvc` file
  that it writes: then old versions of the data can be compared, and queued experiments (`dvc exp run --queue`) find it.
* If `reports/index.html` shows that many rows were set aside, `rowtrail show ingest` says why.
"""
