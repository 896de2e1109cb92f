"""Stories for a screen: plain lines, at most 80 characters wide unless a digest or a name is longer."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from stages.methods.document.wording import NBSP, NOT_RECORDED, number, plural, words
from stages.methods.story import QUIET, Chapter, Made, Story, Told, facets, short
from stages.methods.text_table import text_table

WIDTH = 80
_DIGEST = 12
_SHOWN = 5


def story_lines(story: Story, made: Mapping[str, Made], *, params: bool = False) -> Iterator[str]:
    """The story. With `params`, what every stage that did something was set to."""
    yield from _head(story)
    yield ""
    width = max((len(part.stage) for part in story.chapters), default=0)
    for part in story.chapters:
        yield from _chapter(part, made[part.stage], width, params)


def records_lines(found: Sequence[tuple[Story, str]]) -> list[str]:
    """A line for each of several records: id, how it was found, and its fate."""
    return text_table(("id", "found", "fate"), [(story.id, how, _short_fate(story)) for story, how in found], WIDTH)


def _short_fate(story: Story) -> str:
    return f"{story.fate} ({story.onward['fate']})" if story.onward else story.fate


def _head(story: Story) -> Iterator[str]:
    origin = story.origin
    yield f"record      {story.id}"
    yield from _wrapped("fate        ", story.fate)
    if story.onward:
        yield from _wrapped("kept        ", f"{story.onward['id']} in its place: {story.onward['fate']}")
    if origin.get("source"):
        yield f"source      {origin['source']}, row {origin['row']}"
    if origin.get("file"):
        digest = origin["sha256"]
        yield f"file        {origin['file']}"
        yield f"            sha256 {digest[:_DIGEST] if digest else NOT_RECORDED}"
    if origin.get("content"):
        yield f"content     {origin['content']} (keyed hash of the row)"
    yield from (f"{name:<11} {value}" for name, value in facets(story))


def _chapter(part: Chapter, made: Made, width: int, params: bool) -> Iterator[str]:
    code = f"code {made.code[:_DIGEST]}" if made.code else f"code {NOT_RECORDED}"
    head = f"{part.stage:<{width}}  {part.outcome}"
    yield f"{head:<{WIDTH - 18}} {code}"
    for (action, reason), some in groupby(part.events, key=lambda event: (event.action, event.reason)):
        yield from _events(part.stage, action, reason, [*some])
    if part.folded:
        yield from _wrapped("  - ", f"stands for {len(part.folded)} dropped as its duplicates: {_folded(part.folded)}")
    yield from _facts(part.facts)
    own = made.own(part.stage)
    if own and (part.undecided or (params and part.outcome not in QUIET)):
        yield from _wrapped("  params ", _pairs(own))


def _events(stage: str, action: str, reason: str, events: Sequence[Told]) -> Iterator[str]:
    """Events of one kind: the reason once, then the evidence of each."""
    times = f", {len(events)} times" if len(events) > 1 else ""
    yield f"  - {action} {reason}{times}"
    yield from _wrapped("    ", events[0].meaning)
    if events[0].decided_by:
        yield from _wrapped("    with ", _pairs(events[0].decided_by))
    for event in events:
        yield from _wrapped("    * " if times else "    ", _pairs(evidence(stage, event)))


def evidence(stage: str, event: Told) -> Mapping[str, Any]:
    """Codes before numbers; what the head of the story says already is left out."""
    said = ("source", "file", "row", "content") if stage == "ingest" else ()
    names = [name for name in event.evidence if name not in said]
    return {name: event.evidence[name] for name in sorted(names, key=lambda n: not isinstance(event.evidence[n], str))}


def _folded(folded: Sequence[Mapping[str, Any]]) -> str:
    shown = [f"{one['id']} ({words(one['reason'])}, {number(one['similarity'])})" for one in folded[:_SHOWN]]
    return ", ".join(shown) + (f", and {len(folded) - _SHOWN} more" if len(folded) > _SHOWN else "")


def _facts(facts: Mapping[str, Any]) -> Iterator[str]:
    for name, digest in facts.get("model", {}).items():
        yield from _wrapped("  ", f"{name} sha256 {digest[:_DIGEST]}")
    said = facts.get("prediction")
    if said:
        yield from _wrapped("  the model ", answer(said), 4)
    if facts.get("metrics"):
        yield from _wrapped("  the model's scores: ", ", ".join(_measures(facts["metrics"])), 4)


def answer(said: Mapping[str, Any]) -> str:
    """What the model said of the record, in words."""
    parts = []
    if "answer" in said:
        parts.append(f"answered {said['answer']}" + (f" where {said['label']} is given" if "label" in said else ""))
    elif "words" in said:
        words_of = said["words"]
        parts.append(f"answered in {plural(words_of['answer'], 'word')} where {words_of['label']:,} are given")
    elif "correct" not in said:
        parts.append("was not asked for an answer")
    if "quality" in said:
        parts.append(f"quality {number(said['quality'])} of 1")
    elif "correct" in said:
        parts.append("was right" if said["correct"] else "was wrong")
    if "loss" in said:
        parts.append(f"loss {number(said['loss'])}")
    best = sorted(said.get("scores", {}).items(), key=lambda one: -one[1])
    more = [f"and {len(best) - _SHOWN} more"] if len(best) > _SHOWN else []
    return ", ".join([*parts, *(f"{name} {number(score)}" for name, score in best[:_SHOWN]), *more])


def _measures(found: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Metrics with their intervals; what belongs together stays on one line."""
    for name, metric in found.items():
        ends = [number(metric[end]) for end in ("low", "high") if end in metric]
        span = f" ({' to '.join(ends)})" if ends else ""
        yield f"{name} {number(metric['value'])}{span}".replace(" ", NBSP)


def _pairs(values: Mapping[str, Any]) -> str:
    """Names and values; a name and its value stay on one line."""
    return ", ".join(f"{name}{NBSP}{short(value)}" for name, value in values.items())


def _wrapped(start: str, text: str, indent: int = 0) -> Iterator[str]:
    """The text in lines; those after the first begin below its first word, or at the indent."""
    lines = textwrap.wrap(
        text, WIDTH, initial_indent=start, subsequent_indent=" " * (indent or len(start)), break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    yield from (line.replace(NBSP, " ") for line in lines)
