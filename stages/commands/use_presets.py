"""The presets that come with the code: whole params files, one for each kind of project."""

from __future__ import annotations

import difflib
from pathlib import Path

from stages.core.errors import Fault, UsageError

PRESETS = Path(__file__).resolve().parents[2] / "presets"
USUAL = "classification"
"""The preset that the others follow where they have nothing of their own to say."""


def preset_file(name: str) -> Path:
    """The file of a preset. Raises UsageError, with the nearest name, where there is none."""
    names = [path.stem for path in _files()]
    if name in names:
        return PRESETS / f"{name}.yaml"
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    step = f"did you mean `{close[0]}`?" if close else f"there are: {', '.join(names)}"
    raise UsageError(Fault(name, "no such preset", step))


def about_presets() -> dict[str, str]:
    """What each preset is for, by name: the first sentence of its file."""
    return {path.stem: path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for path in _files()}


def _files() -> list[Path]:
    files = sorted(PRESETS.glob("*.yaml"))
    if not files:
        raise UsageError(Fault(str(PRESETS), "no presets there", "run it from a clone of the repository"))
    return files
