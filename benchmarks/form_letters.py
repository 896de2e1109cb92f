"""Time to compare form letters: each is close to all others, so that nearly every pair is proposed and compared.

    python benchmarks/form_letters.py               1,000, 10,000 and 100,000 letters
    python benchmarks/form_letters.py 5000

A letter is a text of 121 words in which three are drawn anew, so that most pairs have a similarity of 0.78 to 0.82. The
search of `deduplicate` runs in this process, from texts in memory to verdicts.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from deduplicate import InMemory
from measuring import conditions

from stages.core.engine import make_engine
from stages.core.params import DeduplicateParams, EngineParams
from stages.core.records import Record
from stages.core.stage import Context
from stages.deduplicate import STAGE
from stages.tasks import load_task

SIZES = (1_000, 10_000, 100_000)
_WORDS, _PLACES, _FACTS = 121, (21, 60, 99), 20_000


def letters(count: int, schema: Any) -> list[Record]:
    """So many letters, as records."""
    chance = random.Random(13)
    template = [f"word{i}" for i in range(_WORDS)]
    made = []
    for number in range(count):
        words = [*template]
        for place in _PLACES:
            words[place] = f"fact{chance.randrange(_FACTS)}"
        values = {"text": " ".join(words), "label": "letter"}
        made.append(Record(f"{number:08x}", "letters", str(number), schema, values))
    return made


def main() -> None:
    """Run the search over each number of letters and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, metavar="LETTERS")
    print(f"{conditions([])}; one worker.\n\n| letters | removed | pairs compared | CPU s |\n|---|---|---|---|")
    task = load_task("classification")
    for size in parser.parse_args().sizes:
        given: Any = (InMemory(letters(size, task.schema)),)
        context = Context("deduplicate", DeduplicateParams(probe=0), {}, task, None, given)  # type: ignore[arg-type]
        assert STAGE.survey is not None
        with tempfile.TemporaryDirectory() as scratch:
            started = time.process_time()
            found = STAGE.survey(context, make_engine(EngineParams(workers=1)), Path(scratch))
            seconds = time.process_time() - started
        removed = sum(verdict.of is not None for verdict in found.values())
        compared = sum(verdict.compared for verdict in found.values())
        print(f"| {size:,} | {removed:,} | {compared:,} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
