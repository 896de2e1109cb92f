"""`rowtrail docs`: write docs/params.md from the params models, so that the page and the code cannot disagree."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stages.core.params import SHARED, Params

PAGE = Path("docs/params.md")
_HEAD = """# Params

Every knob of `params.yaml`. This page is made from `stages/core/params/` by `make docs`; a test compares the two.

The whole file is checked whenever a stage starts: an unknown key, a value out of bounds or a number in quotes is
refused, and all faults are listed at once. Change a value in the file, or for one experiment: `dvc exp run -S lr=2e-5`,
`dvc exp run -S split.test=0.2`.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--out`: another place than docs/params.md."""
    parser.add_argument("--out", type=Path, default=PAGE, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Write the page."""
    args.out.write_text(params_page(), encoding="utf-8")
    return 0


def params_page() -> str:
    """The page as Markdown."""
    schema = Params.model_json_schema()
    definitions = schema["$defs"]
    parts = [_HEAD, "## Top level\n", _table({name: schema["properties"][name] for name in SHARED}, [], definitions)]
    for name, field in schema["properties"].items():
        if name not in SHARED:
            parts += _section(name, _resolved(field, definitions), definitions)
    return "\n".join(parts)


def _section(name: str, model: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    parts = [f"## `{name}`\n", model.get("description", "") + "\n"]
    parts.append(_table(model["properties"], model.get("required", []), definitions))
    for key, field in model["properties"].items():
        inner = _resolved(field.get("items", field), definitions)
        if "properties" in inner:
            parts += [f"### `{name}.{key}`\n", inner.get("description", "") + "\n"]
            parts.append(_table(inner["properties"], inner.get("required", []), definitions))
    return parts


def _table(fields: dict[str, Any], required: list[str], definitions: dict[str, Any]) -> str:
    rows = ["| key | type | default | what it does |", "|---|---|---|---|"]
    for key, field in fields.items():
        default = "required" if key in required else _default(field)
        text = " ".join(field.get("description", _resolved(field, definitions).get("description", "")).split())
        rows.append(f"| `{key}` | {_type(field, definitions)} | {default} | {_escaped(text)} |")
    return "\n".join(rows) + "\n"


def _default(field: dict[str, Any]) -> str:
    if "default" not in field:
        return "see text"
    value = field["default"]
    if isinstance(value, dict):
        return "see below"
    return "`null`" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _resolved(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = field.get("$ref", "").removeprefix("#/$defs/")
    return {**definitions.get(reference, {}), **{k: v for k, v in field.items() if k != "$ref"}}


def _type(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    field = _resolved(field, definitions)
    if "anyOf" in field:
        return " or ".join(_type(option, definitions) for option in field["anyOf"])
    if "enum" in field:
        return _escaped(" | ".join(f"`{value}`" for value in field["enum"]))
    if "const" in field:
        return f"`{field['const']}`"
    kind = str(field.get("type", "value"))
    if kind == "array":
        return f"list of {_type(field.get('items', {}), definitions)}"
    bounds = [
        f"{sign} {field[name]:g}"
        for name, sign in {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}.items()
        if name in field
    ]
    return " ".join([kind, ", ".join(bounds)]).strip()


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
