"""Time and peak memory of ingest, clean, deduplicate and split as the corpus grows, each in a process of its own.

    python benchmarks/scale.py                            10,000, 100,000 and 1,000,000 documents
    python benchmarks/scale.py 10000 -S engine.workers=1  other sizes, values changed, as in `dvc exp run`
    python benchmarks/scale.py --plot docs/scaling.svg    draw time and memory over documents, too

The documents are made from the texts of the project's own sources, and come out the same every time: the head of one
text and the tail of another with every fourth word replaced. Of every hundred about seven repeat an earlier one word by
word (in other case) and eight but for a word at the end. Outputs go to a folder that is removed at the end; `--keep
DIR` keeps it. Peak memory is that of the largest single process, CPU seconds are those of all of them.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from measuring import changed_params, conditions, measured
from scaling_plot import Curve, chart

from stages.core.params_file import read_params
from stages.core.sources import find_files
from stages.methods.ingest.source_rows import source_rows

STAGES = ("ingest", "clean", "deduplicate", "split")
SIZES = (10_000, 100_000, 1_000_000)
_SEED = 13
_EXACT, _NEAR, _REPLACED = 0.07, 0.15, 0.25


class Text(NamedTuple):
    """A text of the project's sources, in words, and its label."""

    words: list[str]
    label: str


def base_texts(params: Path) -> list[Text]:
    """The rows of the params' sources that can be read and have five words or more."""
    ingest = read_params(params).ingest
    files, found = find_files(ingest.sources), []
    for source in ingest.sources:
        text, label = source.fields.get("text", "text"), source.fields.get("label", "label")
        for row in source_rows(source, files, ingest.max_chars, [{text, label}]):
            words = str(row.columns.get(text) or "").split()
            if not row.fault and len(words) >= 5 and all(word.isprintable() for word in words):
                found.append(Text(words, str(row.columns[label])))
    return found


@dataclass(frozen=True)
class Mutations:
    """Any number of documents from a few texts; document `i` depends on nothing but `i`, so none is remembered."""

    texts: Sequence[Text]
    vocabulary: Sequence[str]

    def document(self, i: int) -> Text:
        """Document number `i`."""
        chance = random.Random(f"{_SEED}:{i}")
        kind = chance.random()
        if i == 0 or kind >= _NEAR:
            return self._made(chance)
        words, label = self.document(chance.randrange(i))
        if kind < _EXACT:
            return Text([word.upper() for word in words], label)
        return Text([*words, chance.choice(self.vocabulary)], label)

    def _made(self, chance: random.Random) -> Text:
        (head, label), (tail, _) = chance.choice(self.texts), chance.choice(self.texts)
        words = head[: chance.randint(1, len(head))] + tail[chance.randrange(len(tail)) :]
        return Text([chance.choice(self.vocabulary) if chance.random() < _REPLACED else word for word in words], label)


def write_corpus(texts: Sequence[Text], size: int, file: Path) -> None:
    """So many documents, one JSON object a line."""
    mutations = Mutations(texts, [word for text in texts for word in text.words])
    with file.open("w", encoding="utf-8") as out:
        for i in range(size):
            words, label = mutations.document(i)
            out.write(json.dumps({"text": " ".join(words), "label": label}, ensure_ascii=False) + "\n")


class Measure(NamedTuple):
    """What one stage took for one corpus; `records` are those that came out."""

    documents: int
    stage: str
    records: int
    seconds: float
    cpu: float
    peak: float


def measure(params: Path, size: int, folder: Path) -> Iterator[Measure]:
    """The stages one after the other, each on the output of the one before."""
    before: list[str] = []
    for stage in STAGES:
        out = folder / stage
        command = [sys.executable, "-m", "stages", stage, *before, "--out", str(out), "--params", str(params)]
        seconds, cpu, peak = measured(command)
        counts = json.loads((out / "manifest.json").read_bytes())["counts"]
        before = ["--in", str(out)]
        yield Measure(size, stage, counts["created"] + counts["kept"], seconds, cpu, peak)


def row(one: Measure, smaller: Measure | None) -> str:
    """A line of the table; growth is how many times the seconds and MiB of the next smaller corpus."""
    growth = f"{one.seconds / smaller.seconds:.1f} / {one.peak / smaller.peak:.1f}" if smaller else ""
    cells = (
        f"{one.documents:,}", one.stage, f"{one.records:,}", f"{one.seconds:.1f}", f"{one.cpu:.1f}",
        f"{one.documents / one.seconds:,.0f}", f"{one.peak:.0f}", growth,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def run_all(folder: Path, sizes: Sequence[int], changes: Sequence[str]) -> list[Measure]:
    """All sizes in order; prints the table as it grows."""
    print(f"{conditions(changes)}\n")
    print("| documents | stage | records out | wall s | CPU s | documents / s | peak MiB | growth of s / MiB |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    found: list[Measure] = []
    for size in sorted(sizes):
        place = folder / str(size)
        place.mkdir(parents=True, exist_ok=True)
        corpus = place / "corpus.jsonl"
        source = f"{{name: scale, uri: '{corpus.resolve()}', license: see docs/benchmarks.md, public: true}}"
        settings = [f"ingest.sources=[{source}]", "ingest.limit=null", *changes]
        measured([sys.executable, __file__, "--make", str(size), str(corpus)])
        smaller = {one.stage: one for one in found}
        for one in measure(changed_params(settings, place), size, place):
            print(row(one, smaller.get(one.stage)), flush=True)
            found.append(one)
    return found


def curves(found: Sequence[Measure]) -> list[Curve]:
    """Seconds and peak MiB over documents, a curve a stage."""
    return [
        Curve(stage, [(one.documents, one.seconds, one.peak) for one in found if one.stage == stage])
        for stage in STAGES
    ]


def main() -> None:
    """Measure, print a table, and draw it if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, metavar="DOCUMENTS")
    parser.add_argument("-S", dest="changes", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--keep", type=Path, metavar="DIR")
    parser.add_argument("--plot", type=Path, metavar="FILE")
    parser.add_argument("--make", nargs=2, metavar=("DOCUMENTS", "FILE"), help="only write the corpus")
    options = parser.parse_args()
    if options.make:
        # In a process of its own: what the corpus takes must not count as a stage's memory.
        write_corpus(base_texts(Path("params.yaml")), int(options.make[0]), Path(options.make[1]))
        return
    with tempfile.TemporaryDirectory() as scratch:
        found = run_all(options.keep or Path(scratch), options.sizes, options.changes)
    if options.plot:
        options.plot.write_text(chart(curves(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
