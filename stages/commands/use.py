"""`rowtrail use PRESET`: make this project one of another kind, and say what that changes."""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.commands.use_presets import USUAL, about_presets, preset_file
from stages.commands.use_rows import look_at
from stages.core.errors import RowtrailError
from stages.core.hub import is_hub
from stages.core.params import Params
from stages.core.params_file import read_params, read_yaml
from stages.core.remote import is_remote
from stages.core.sources import find_files
from stages.core.terminal import printable
from stages.methods.diff.settings import differences, flat
from stages.methods.switching import switched
from stages.methods.text_table import text_table
from stages.tasks import load_task

_PARAMS = Path("params.yaml")
_WIDEST = 44  # characters of a value in the table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which preset; without one they are listed."""
    parser.description = (
        "Rewrite params.yaml from a preset. What is the project's own stays: its sources, labels, identifiers, "
        "evaluation sets, seed, privacy, document and engine. All else is the preset's, and every change is shown."
    )
    parser.add_argument("preset", nargs="?", metavar="PRESET", help="its name; without one, all are listed")
    parser.add_argument("--keep-data", action="store_true",
                        help="keep all that decides about rows (ingest to split), so that only model, training and "
                        "evaluation change")  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and write nothing")


def run(args: argparse.Namespace) -> int:
    """Switch, or list the presets. Raises UsageError for an unknown preset, or params that would not be valid."""
    if args.preset is None:
        print("\n".join(text_table(("preset", "for"), [*about_presets().items()], _width())))
        return 0
    preset = preset_file(args.preset).read_text(encoding="utf-8")
    before = read_params(_PARAMS)
    usual, own = (path.read_text(encoding="utf-8") for path in (preset_file(USUAL), _PARAMS))
    text = switched(preset, usual, own, keep_data=args.keep_data)
    after = _checked(text)
    rows = differences(*(flat(params.model_dump(mode="json")) for params in (before, after)))
    for line in [*_changes(rows), *_reruns([str(row["name"]) for row in rows]), *_by_hand(before, after)]:
        print(line)
    if args.dry_run:
        print("\nnothing was written")
    else:
        _PARAMS.write_text(text, encoding="utf-8")
        print(f"\nwrote {_PARAMS}; `git diff {_PARAMS}` shows it in place, `git checkout {_PARAMS}` takes it back")
    return 0


def _checked(text: str) -> Params:
    """The params in a text. Raises UsageError with all that is wrong, before the project's own file is touched."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / _PARAMS
        file.write_text(text, encoding="utf-8")
        return read_params(file)


def _changes(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What changes, as a table in the order of the file."""
    if not rows:
        yield "params.yaml already says all that the preset does"
        return
    order = list(Params.model_fields)
    told = [(str(row["name"]), *(_shown(row[side]) if side in row else "" for side in "ab")) for row in rows]
    told.sort(key=lambda row: order.index(row[0].partition(".")[0]))
    yield from text_table(("key", "before", "after"), told, _width())


def _reruns(changed: Sequence[str]) -> Iterator[str]:
    """The stages that `dvc repro` runs again, by what dvc.yaml says they are given and read."""
    stages = read_yaml(Path("dvc.yaml")).get("stages", {}) if Path("dvc.yaml").is_file() else {}
    sections = {name.partition(".")[0].partition("[")[0] for name in changed}
    direct = [name for name, stage in stages.items() if sections & {*stage.get("params", ())}]
    behind: list[str] = []
    for name, stage in stages.items():
        reads = {str(dep).removeprefix("data/") for dep in stage.get("deps", ())}
        if name not in direct and reads & {*direct, *behind}:
            behind.append(name)
    if direct:
        yield from ("", f"`dvc repro` runs again: {', '.join(direct)}")
    if behind:
        yield f"and, where what they read comes out differently: {', '.join(behind)}"


def _by_hand(before: Params, after: Params) -> Iterator[str]:
    """What a person must look at."""
    found = [*_looser(before, after), *_columns(after)]
    if "/" in after.model and "://" not in after.model and not Path(after.model).exists():
        found.append(f"model: {after.model} is fetched from a hub when it is first used")
    if found:
        yield from ("", "to look at by hand:", *(f"  {line}" for line in found))


def _looser(before: Params, after: Params) -> Iterator[str]:
    """Personal data that was replaced before, and is not any more."""
    old, new = before.scrub_pii.entities, after.scrub_pii.entities
    kept = [name for name, operator in old.items() if operator != "keep" and new.get(name, "keep") == "keep"]
    if kept:
        yield f"scrub_pii.entities: {', '.join(kept)} will stay in the texts; before, that was replaced"
    if lost := sorted({*before.scrub_pii.ner} - {*after.scrub_pii.ner}):
        yield f"scrub_pii.ner: names in {', '.join(lost)} were looked for before, and are not any more"


def _columns(params: Params) -> Iterator[str]:
    """Sources whose first rows the task cannot read, or cannot learn from."""
    task = load_task(params.task)
    for source in params.ingest.sources:
        if is_hub(source.uri) or is_remote(source.uri):
            yield f"ingest.sources[{source.name}]: not looked at, for it is not here; see docs/tasks.md for its columns"
            continue
        try:
            file = find_files([source])[0]
            look = look_at(file.path, source, task)
            faults = look.problems(file.name, source.fields, task, "with its `fields`")
        except RowtrailError as error:
            faults = list(error.faults)
        for fault in faults:
            yield f"ingest.sources[{source.name}]: {fault.place}: {fault.problem} ({fault.next_step})"


def _shown(value: Any) -> str:
    text = printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 2]}.."


def _width() -> int:
    return shutil.get_terminal_size().columns
