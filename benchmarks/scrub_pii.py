"""Finding personal data, side by side with Presidio: CPU seconds, documents a second, and how far the findings agree.

    python benchmarks/scrub_pii.py                                        invented texts, about 85 and 4000 characters
    python benchmarks/scrub_pii.py --short A.jsonl --long B.jsonl         your own: one `{"text": ...}` a line
    python benchmarks/scrub_pii.py --documents 500 --long-documents 24 --repeat 5

Presidio is as it comes: its default configuration with the model that `params.yaml` names, `AnalyzerEngine.analyze` in
a loop, and `BatchAnalyzerEngine` with its default batch and with 64. Rowtrail comes twice: "Presidio's recognizers" is
our code with exactly the recognizers and the entities of that Presidio, so that the same work is compared; "default" is
what the stage runs: other recognizers, more entities, and names refined. All run in one process on one core with one
thread, after a warm-up, and take turns; printed is the least CPU time of all rounds. Agreement is the share of
Presidio's findings (start, end, entity, after its own removal of duplicates) that ours has, how many more it has, and
the share of characters found by both among those found by either.

Then: what starting costs, in a process of its own; how much faster two workers of the engine are than one, by the
clock, so leave the machine alone meanwhile; and a run with the cache when nothing or every 20th text has changed.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from measuring import conditions

Span = tuple[int, int, str]
Find = Callable[[Sequence[str]], Iterable[Iterable[Any]]]
_SEED, _PIECE = 13, 512  # texts in a batch, as the stage has them
VANILLA = "Presidio, `analyze`"


def invented(count: int, size: int) -> list[str]:
    """Texts of about so many characters, the same every time: what people write to a shop, a clinic or a bank."""
    from faker import Faker

    fake, draw = Faker(["en_US", "en_GB", "de_DE", "fr_FR"], use_weighting=False), random.Random(_SEED)
    fake.seed_instance(_SEED)
    forms = (
        lambda: f"My name is {fake.name()} and I have moved to {fake.city()}.",
        lambda: f"Please call {fake.first_name()} at {fake.phone_number()} before {fake.date()}.",
        lambda: f"The order has still not arrived, and nobody at {fake.company()} answers my letters.",
        lambda: f"Write to {fake.email()} or see {fake.uri()} for what was agreed.",
        lambda: f"I paid with card {fake.credit_card_number()}, and now it is charged twice.",
        lambda: f"Transfer it to {fake.iban()}, please, and tell {fake.name()} about it.",
        lambda: f"{fake.name()} was seen at the clinic on {fake.date(pattern='%d %B %Y')} with a light fever.",
        lambda: "Nothing else was found in the file, and the matter was closed in the same week.",
        lambda: f"We live at {fake.street_address()} in {fake.city()} since my husband retired.",
        lambda: f"The server at {fake.ipv4()} was down again, which is why the report came late.",
        lambda: "How do I change the delivery date, and does it cost anything to do so twice?",
    )
    texts = []
    for _ in range(count):
        parts: list[str] = []
        while sum(map(len, parts)) < size * 0.85:
            parts.append(draw.choice(forms)())
        texts.append("".join(part + draw.choice((" ", " ", " ", "\n")) for part in parts).strip())
    return texts


def read(file: Path | None, count: int, size: int) -> list[str]:
    """The first texts of a file, or invented ones."""
    if file is None:
        return invented(count, size)
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line, _ in zip(lines, range(count), strict=False)]


def presidio() -> Any:
    """An `AnalyzerEngine` in its default configuration but for the model, which is that of our params."""
    import presidio_analyzer
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider
    from ruamel.yaml import YAML

    logging.disable(logging.CRITICAL)  # it warns of each label it does not map
    file = Path(presidio_analyzer.__file__).parent / "conf" / "default.yaml"
    settings = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    settings["models"] = [{"lang_code": "en", "model_name": our_params().ner["en"]}]
    return AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=settings).create_engine())


def our_params(**changes: Any) -> Any:
    """The stage's default params, with some of them changed."""
    from stages.core.params import ScrubPiiParams

    return ScrubPiiParams(**changes)


def systems() -> dict[str, Find]:
    """What is compared, by the name it has in the table."""
    from presidio_analyzer import BatchAnalyzerEngine

    from stages.methods.scrub_pii.detection.detect import Detector, make_detector

    engine = presidio()
    batches = BatchAnalyzerEngine(engine)
    own = [one for one in engine.registry.get_recognizers("en", all_fields=True) if "Spacy" not in one.name]
    same = our_params(entities=dict.fromkeys(engine.get_supported_entities("en"), "tag"), min_score=0)
    alike, default = Detector(same, lambda _: own, refine=False), make_detector(our_params())

    return {
        VANILLA: lambda texts: [engine.analyze(text, "en") for text in texts],
        "Presidio, `BatchAnalyzerEngine`": lambda texts: batches.analyze_iterator(texts, "en"),
        "Presidio, `BatchAnalyzerEngine`, batch 64": lambda texts: batches.analyze_iterator(texts, "en", batch_size=64),
        "Rowtrail, Presidio's recognizers": partial(in_pieces, alike.find),
        "Rowtrail, default": partial(in_pieces, default.find),
    }


def spans_of(found: Iterable[Any]) -> set[Span]:
    """Findings of either kind as spans, without what Presidio takes for duplicates."""
    from presidio_analyzer import EntityRecognizer, RecognizerResult

    kinds = ((getattr(one, "entity", None) or one.entity_type, one) for one in found)
    results = [RecognizerResult(kind, one.start, one.end, one.score) for kind, one in kinds]
    return {(one.start, one.end, one.entity_type) for one in EntityRecognizer.remove_duplicates(results)}


def in_pieces(find: Callable[[Sequence[str]], list[Any]], texts: Sequence[str]) -> list[Any]:
    """As the stage asks."""
    return [one for start in range(0, len(texts), _PIECE) for one in find(texts[start : start + _PIECE])]


def compared(found: dict[str, Find], texts: Sequence[str], repeat: int) -> None:
    """Print a table of the systems on some texts."""
    seconds: dict[str, float] = {}
    spans: dict[str, list[set[Span]]] = {}
    for find in found.values():
        find(texts[:64])
    for number in range(repeat):
        for name in random.Random(number).sample([*found], len(found)):
            started = time.process_time()
            results = found[name](texts)
            seconds[name] = min(seconds.get(name, 1e9), time.process_time() - started)
            spans[name] = [*map(spans_of, results)]
    print(f"{len(texts)} texts of {sum(map(len, texts)) / len(texts):.0f} characters on average:\n")
    print(
        "| system | CPU ms a text | texts a CPU second | times `analyze` | its spans | more spans | characters alike |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, cpu in seconds.items():
        ratio = seconds[VANILLA] / cpu
        shown = f"{cpu / len(texts) * 1e3:.3f} | {len(texts) / cpu:,.0f} | {ratio:.2f} | {agreement(spans, name)}"
        print(f"| {name} | {shown} |")
    print()


def agreement(spans: dict[str, list[set[Span]]], name: str) -> str:
    """Share of Presidio's spans, number of others, and share of characters, as cells."""
    pairs = [*zip(spans[VANILLA], spans[name], strict=True)]
    total, both = sum(len(a) for a, _ in pairs), sum(len(a & b) for a, b in pairs)
    signs = [[{at for start, end, _ in some for at in range(start, end)} for some in pair] for pair in pairs]
    shared, either = sum(len(a & b) for a, b in signs), sum(len(a | b) for a, b in signs)
    return f"{both / max(total, 1):.2%} | {sum(len(b - a) for a, b in pairs)} | {shared / max(either, 1):.2%}"


def starting() -> None:
    """Print what it costs to be ready: imports, models, the first text."""
    code = "import sys; sys.path.insert(0, {folder!r}); import scrub_pii as b; "
    code = code.format(folder=str(Path(__file__).parent))
    ends = {
        VANILLA: "b.presidio().analyze('Ann Lee', 'en')",
        "Rowtrail, default": "from stages.methods.scrub_pii.detection.detect import make_detector as m; "
        "m(b.our_params()).find(['Ann Lee'])",
    }
    print("| ready for the first text | CPU s |\n|---|---|")
    for name, end in ends.items():
        print(f"| {name} | {min(child([sys.executable, '-c', code + end])[1] for _ in range(2)):.2f} |")
    print()


def child(command: Sequence[str]) -> tuple[Any, float]:
    """What a command prints last, as JSON if it is, and its CPU seconds."""
    before = os.times()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None, cpu


def find_ours(texts: Sequence[str]) -> int:
    """What a worker does with a batch of texts."""
    from stages.methods.scrub_pii.detection.detect import make_detector

    return sum(map(len, make_detector(our_params()).find(texts)))


def workers(texts: Sequence[str], repeat: int) -> None:
    """Print how much faster two workers are."""
    from stages.core.engine.local import LocalEngine

    best: dict[int, float] = {}
    pieces = [texts[start : start + 64] for start in range(0, len(texts), 64)]
    engines = {count: LocalEngine(count) for count in (1, 2)}
    for count, engine in engines.items():
        list(engine.map(find_ours, [texts[:8]] * 2 * count))  # they start, and load what they need
    for _ in range(repeat):
        for count, engine in engines.items():
            started = time.perf_counter()
            list(engine.map(find_ours, pieces))
            best[count] = min(best.get(count, 1e9), time.perf_counter() - started)
    engines[2].__exit__()
    print(f"| workers, {len(texts)} texts | wall s | times one |\n|---|---|---|")
    for count, wall in best.items():
        print(f"| {count} | {wall:.2f} | {best[1] / wall:.2f} |")
    print()


def rerun(texts: Path, cache: Path, changed: bool) -> dict[str, float]:
    """CPU seconds of finding with a cache, in this process: to get ready if a text is new, and to find."""
    from stages.core.cache import Cache
    from stages.core.keys import Keys
    from stages.methods.scrub_pii.detection.cached import find_cached
    from stages.methods.scrub_pii.detection.detect import make_detector

    given = json.loads(texts.read_bytes())
    given = [text + " Ann Lee." if changed and not number % 20 else text for number, text in enumerate(given)]
    params, kept = our_params(), Cache("pii", cache)
    started = time.process_time()
    if changed or not kept.path.exists():
        make_detector(params).find(["Ann Lee"])
    ready = time.process_time()
    in_pieces(partial(find_cached, params=params, keys=Keys(b"benchmark" * 4, frozenset()), cache=kept), given)
    return {"ready": ready - started, "find": time.process_time() - ready}


def cached(texts: Sequence[str]) -> None:
    """Print what a run costs whose texts have been seen."""
    print(f"| run over {len(texts)} texts | to get ready, CPU s | to find, CPU s | times less | process, CPU s |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        file, cache, first = Path(scratch) / "texts.json", Path(scratch) / "cache", 0.0
        file.write_text(json.dumps(texts), encoding="utf-8")
        for name, arguments in {"first": [], "5 % changed": ["--changed"], "nothing changed": []}.items():
            command = [sys.executable, __file__, "--rerun", str(file), str(cache), *arguments]
            seconds, cpu = child(command)
            first = first or seconds["find"]
            ready, find = seconds["ready"], seconds["find"]
            print(f"| {name} | {ready:.2f} | {find:.2f} | {first / find:.1f} | {cpu:.2f} |")
    print()


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", type=Path, metavar="FILE", help="short texts, JSON lines with a field `text`")
    parser.add_argument("--long", type=Path, metavar="FILE", help="long texts, likewise")
    parser.add_argument("--documents", type=int, default=1000, metavar="N", help="short texts that are compared")
    parser.add_argument("--long-documents", type=int, default=40, metavar="N", help="long texts that are compared")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="rounds")
    parser.add_argument("--rerun", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--changed", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rerun:
        print(json.dumps(rerun(options.rerun[0], options.rerun[1], options.changed)))
        return
    packages = ("presidio-analyzer", "spacy", "thinc", "numpy")
    print(f"    {shlex.join(['python', *sys.argv])}\n")
    print(f"{conditions([f'{name} {version(name)}' for name in packages])}\n")
    short, long = read(options.short, 4000, 85), read(options.long, 400, 4000)
    found = systems()
    compared(found, short[: options.documents], options.repeat)
    compared(found, long[: options.long_documents], options.repeat)
    starting()
    workers([*short, *short][:3000], options.repeat)
    cached(short)
    cached(long)


if __name__ == "__main__":
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    main()
