"""How much marked personal data is found, beside Presidio as it comes: precision, recall, and what is covered.

    python benchmarks/pii_quality.py GOLD.jsonl      one `{"text": ..., "spans": [[start, end, kind], ...]}` a line

Presidio is `AnalyzerEngine.analyze` in its default configuration (which leaves ORGANIZATION out) with the spaCy model
of our params. Rowtrail is what the stage replaces by default, names spread through
the text. What is found is merged first. A marked span is found when any of its characters is, and covered when 90 %
are; a merged stretch is right when it touches a marked span. Kinds are those of the marks, and not compared.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from scrub_pii import in_pieces, our_params, presidio

Stretch: TypeAlias = tuple[int, int]
_COVERED = 0.9


def systems() -> Iterator[tuple[str, Callable[[Sequence[str]], list[list[Stretch]]]]]:
    """What is compared, by the name it has in the table."""
    from stages.methods.scrub_pii.detection.detect import make_detector

    engine, detector = presidio(), make_detector(our_params())
    yield "Presidio, `analyze`", lambda texts: [_spans(engine.analyze(text, "en")) for text in texts]
    yield "Rowtrail", lambda texts: [_spread(*one) for one in zip(texts, in_pieces(detector.find, texts), strict=True)]


def _spread(text: str, found: Sequence[Any]) -> list[Stretch]:
    from stages.methods.scrub_pii.detection.spread import spread_names

    return _spans(spread_names({"text": text}, {"text": found})["text"])


def _spans(found: Iterable[Any]) -> list[Stretch]:
    """Stretches that do not overlap, left to right."""
    merged: list[Stretch] = []
    for start, end in sorted((one.start, one.end) for one in found):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def scored(
    rows: Sequence[dict[str, Any]], found: Sequence[Sequence[Stretch]]
) -> tuple[float, Counter[tuple[str, str]]]:
    """Precision, and by kind how many marks there are, how many were found and how many covered."""
    right, counts = 0, Counter[tuple[str, str]]()
    for row, stretches in zip(rows, found, strict=True):
        inside = {at for start, end in stretches for at in range(start, end)}
        right += sum(any(s < end and start < e for s, e, _ in row["spans"]) for start, end in stretches)
        for start, end, kind in row["spans"]:
            share = sum(at in inside for at in range(start, end)) / (end - start)
            for name in (kind, "all"):
                counts.update(
                    [(name, "marked")] + [(name, "found")] * (share > 0) + [(name, "covered")] * (share >= _COVERED)
                )
    return right / max(sum(map(len, found)), 1), counts


def main() -> None:
    """Print a table of the systems, and one of the kinds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gold", type=Path)
    rows = [
        json.loads(line) for line in parser.parse_args().gold.read_text(encoding="utf-8").splitlines() if line.strip()
    ]
    results = {name: scored(rows, find([row["text"] for row in rows])) for name, find in systems()}
    print("| system | precision | recall | covered |\n|---|---|---|---|")
    for name, (precision, counts) in results.items():
        print(f"| {name} | {precision:.3f} | {_cells(counts, 'all')} |")
    print("\n| kind | marked |", " | ".join(f"{name}: recall | covered" for name in results), "|")
    print("|---|---|" + "---|---|" * len(results))
    last = list(results.values())[-1][1]
    for kind in sorted({kind for kind, _ in last} - {"all"}, key=lambda kind: -last[kind, "marked"]):
        cells = " | ".join(_cells(counts, kind) for _, counts in results.values())
        print(f"| {kind} | {last[kind, 'marked']} | {cells} |")


def _cells(counts: Counter[tuple[str, str]], kind: str) -> str:
    return " | ".join(f"{counts[kind, name] / max(counts[kind, 'marked'], 1):.3f}" for name in ("found", "covered"))


if __name__ == "__main__":
    main()
