"""From one preset to another: what of a project's params stays, and what the file says then."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML

from stages.methods.params_text import knobs_of, with_values

OWN = (
    "seed", "ingest.sources", "ingest.limit", "ingest.max_quarantine_share", "clean.boilerplate", "deduplicate.against",
    "scrub_pii.patterns", "scrub_pii.allow", "scrub_pii.deny", "finetune.source_weights", "finetune.attribute_weights",
    "finetune.new_tokens", "evaluate.forgetting", "privacy", "document", "engine",
)  # fmt: skip
"""What is about a project's data, its promises, its people and its machines, and not about its kind."""
OF_TASK = ("ingest.labels", "scrub_pii.quasi_identifiers")
"""What is also about the data, but in the terms of one task."""
OF_LANGUAGE = ("clean.languages", "clean.candidates", "scrub_pii.ner", "scrub_pii.language", "scrub_pii.regions")
"""What is about the data's language, on which most presets have no opinion."""
DATA = ("ingest", "clean", "deduplicate", "scrub_pii", "check_labels", "split")
"""The sections that decide about rows."""
_ENTITIES = "scrub_pii.entities"
_FREE = ("ingest.sources", _ENTITIES, "scrub_pii.ner")
"""What has keys of its own, and is taken as a whole."""
_ABSENT = object()


def switched(preset: str, usual: str, own: str, *, keep_data: bool = False) -> str:
    """The preset's text with the project's own values in it, which are given as the text of its params.

    That is `OWN`; with the same task `OF_TASK`; where the preset says the usual thing `OF_LANGUAGE`; with `keep_data`
    all of `DATA`. Entities that only the project knows are scrubbed on: its patterns find them.
    """
    plain, knobs = YAML(typ="safe"), {knob.path: knob for knob in knobs_of(preset)}
    said, usually, mine, commented = plain.load(preset), plain.load(usual), plain.load(own), YAML().load(own)
    kept = [*OWN, *(DATA if keep_data else ())]
    kept += [path for path in OF_LANGUAGE if _at(said, path) == _at(usually, path)]
    other_task = OF_TASK if _at(mine, "task") not in (_ABSENT, said["task"]) else ()
    kept += [] if other_task else OF_TASK
    values: dict[str, str] = {}
    for path in [path for path, knob in knobs.items() if (knob.value and not _within(path, _FREE)) or path in _FREE]:
        value = _at(mine, path)
        unsaid = value is _ABSENT or (value is None and path.startswith("document."))
        if not unsaid and _within(path, kept) and path not in other_task:
            block = path in _FREE or (isinstance(value, list) and any(isinstance(item, Mapping) for item in value))
            values[path] = _block(_at(commented, path), path) if block else in_a_line(value)
    entities = _at(mine, _ENTITIES)
    if _ENTITIES not in values and isinstance(entities, Mapping):
        own_names = {f"{_ENTITIES}.{name}": operator for name, operator in entities.items()}
        values |= {path: operator for path, operator in own_names.items() if path not in knobs}
    return with_values(preset, values)


def in_a_line(value: Any) -> str:
    """A value as YAML writes it in one line; as JSON, which is YAML too, where it could not read its own line again."""
    writer, out = YAML(typ="safe", pure=True), io.StringIO()
    writer.width, writer.default_flow_style = 10**6, True
    writer.dump({"_": value}, out)
    line = out.getvalue().strip().removeprefix("{_: ").removesuffix("}")
    return line if writer.load(f"_: {line}") == {"_": value} else json.dumps(value)  # `[?0]` is read as a mapping


def _block(value: Any, path: str) -> str:
    """A value on lines of its own, with its comments, to stand below its key; in one line if it did so before."""
    yaml, out = YAML(), io.StringIO()
    yaml.width = 10**6
    keys = path.split(".")
    for key in reversed(keys):
        value = {key: value}
    yaml.dump(value, out)
    lines = out.getvalue().rstrip("\n").split("\n")[len(keys) - 1 :]
    # The key's own line holds no more than the comment behind it where the value is below.
    return "\n".join(["", *lines[1:]]) if lines[1:] else lines[0].partition(": ")[2]


def _at(params: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, or `_ABSENT`."""
    found: Any = params
    for key in path.split("."):
        found = found.get(key, _ABSENT) if isinstance(found, Mapping) else _ABSENT
    return found


def _within(path: str, paths: Sequence[str]) -> bool:
    """Whether it is one of the paths or stands below one."""
    return any(path == one or path.startswith(f"{one}.") for one in paths)
