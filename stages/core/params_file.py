"""Read `params.yaml`, and say everything that is wrong with it at once.

`dvc exp run -S lr=2e-5` writes `lr: 2e-05`, which YAML 1.1 readers (PyYAML) take for a string. ruamel.yaml reads YAML
1.2, where it is a number; the models then refuse strings where numbers are due.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from stages.core.errors import Fault, UsageError
from stages.core.params import Params

_SHOWN = 80
"""Characters of a value that a message shows."""
_FAULTS = 50
_LARGEST = 2**20
"""Bytes of the largest file that is read as params or wiring: YAML is slow, and nobody writes so much by hand."""
_MAPPING = ("model_type", "dict_type")
_KINDS: dict[type, str] = {dict: "a mapping", list: "a list", bytes: "bytes", set: "a set"}


def read_params(path: Path) -> Params:
    """The checked params. Raises UsageError with one fault for each wrong key or value."""
    return checked(read_yaml(path), path.name)


def checked(raw: Mapping[str, Any], name: str) -> Params:
    """The params in a mapping, which messages call by this name. Raises UsageError as `read_params` does."""
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        faults = [*_faults(name, error)]
    if len(faults) > _FAULTS:
        more = Fault(name, f"{len(faults) - _FAULTS} more faults", "mend these first")
        faults = [*faults[:_FAULTS], more]
    raise UsageError(*faults)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file whose root is a mapping. Raises UsageError when it is missing or is not that."""
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(Fault(str(path), f"is larger than {_LARGEST} bytes", "name another file with --params"))
        raw = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        step = "run from the project's root, or name the file with --params"
        raise UsageError(Fault(str(path), "no such file", step)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(Fault(str(path), f"cannot be read ({type(error).__name__})", "check the file")) from None
    except (MarkedYAMLError, YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = _cut(getattr(error, "problem", None) or "cannot be parsed")
        raise UsageError(Fault(place, f"not valid YAML: {problem}", "mend that line")) from None
    except (ValueError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        problem = "is nested too deep" if deep else f"holds a number or date that is none ({_cut(str(error))})"
        raise UsageError(Fault(str(path), problem, "write plain values, as docs/params.md shows them")) from None
    if not isinstance(raw, dict):
        raise UsageError(Fault(str(path), "not a mapping of keys to values", "see docs/params.md for the keys"))
    return raw


def _faults(name: str, error: ValidationError) -> Iterator[Fault]:
    for detail in error.errors(include_url=False):
        where = ".".join(_cut(str(part)) for part in detail["loc"]) or "(the file)"
        yield Fault(f"{name}: {where}", *_explain(detail))


def _explain(detail: Any) -> tuple[str, str]:
    """Problem and next step of one of pydantic's findings, in words of the file."""
    kind, value = detail["type"], detail.get("input")
    if kind == "extra_forbidden":
        known = _known_keys(detail["loc"][:-1])
        close = difflib.get_close_matches(str(detail["loc"][-1]), known, n=1, cutoff=0.6)
        hint = f"did you mean `{close[0]}`?" if close else f"known keys: {', '.join(known)}"
        return "unknown key", hint
    if kind == "missing":
        return "missing", "add it; docs/params.md says what it does"
    # pydantic names its classes and Python's; the file knows neither.
    problem = (
        "Input should be a mapping" if kind in _MAPPING else _cut(detail["msg"].removeprefix("Value error, "), 500)
    )
    if isinstance(value, str) and kind in ("float_type", "int_type", "bool_type"):
        step = "write true or false" if kind == "bool_type" else "write it without quotes"
        return f"{problem}, got the text {_cut(repr(value))}", step
    if isinstance(value, dict) and kind == "value_error":
        return problem, "docs/params.md gives the bounds of each key and what it does"
    return f"{problem}, got {_shown(value)}", "docs/params.md gives its bounds and what it does"


def _shown(value: Any) -> str:
    """A value as one would write it in the file, if it is short."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str | int | float):
        return _cut(repr(value))
    return next((name for kind, name in _KINDS.items() if isinstance(value, kind)), f"a {type(value).__name__}")


def _cut(text: str, longest: int = _SHOWN) -> str:
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)"


def _known_keys(location: tuple[str | int, ...]) -> list[str]:
    """Keys of the model that stands at a place of the file."""
    model: Any = Params
    for part in location:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            candidates = [annotation, *getattr(annotation, "__args__", ())]
            model = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), model)
    return list(model.model_fields)
