"""The presets kept in step: whole files, so that one can be read alone, and yet one text for what they share.

`python -m tests.presets` rewrites them after `presets/classification.yaml` has changed: a knob that is new there comes
into all others, and a comment that was changed there is changed in them. What a preset says itself stays: the first
line, what people sweep, the sources, and every line with a value of its own. A line without a comment there may have
one here. `tests/test_presets.py` fails until that was done.
"""

from __future__ import annotations

from pathlib import Path

from stages.core.params import SHARED
from stages.methods.params_text import Knob, knobs_of

BASE = Path("presets/classification.yaml")
OWN = (*SHARED, "ingest.sources", "scrub_pii.ner")
"""What a preset always says itself, with all below."""


def presets() -> list[Path]:
    """All but the one that the others follow."""
    return sorted(set(BASE.parent.glob("*.yaml")) - {BASE})


def in_step(own: str, base: str) -> str:
    """The preset's text with the order, the knobs and the shared comments of the base."""
    mine = {knob.path: knob for knob in knobs_of(own)}
    lines, own_lines = base.split("\n"), own.split("\n")
    found = own_lines[:1]
    passed = 1
    for knob in knobs_of(base):
        if knob.start < passed:  # inside a part that was taken as a whole
            continue
        found += lines[passed : knob.start]
        if knob.path in OWN and knob.path in mine:
            found += own_lines[mine[knob.path].start : mine[knob.path].end]
            passed = knob.end
        else:
            found.append(own_lines[mine[knob.path].start] if _differs(knob, mine) else lines[knob.start])
            passed = knob.start + 1
    return "\n".join([*found, *lines[passed:]])


def _differs(knob: Knob, mine: dict[str, Knob]) -> bool:
    own = mine.get(knob.path)
    return own is not None and (own.value != knob.value or not knob.comment)


def main() -> None:
    """Rewrite the presets that are not in step."""
    base = BASE.read_text(encoding="utf-8")
    for file in presets():
        own = file.read_text(encoding="utf-8")
        if in_step(own, base) != own:
            file.write_text(in_step(own, base), encoding="utf-8")


if __name__ == "__main__":
    main()
