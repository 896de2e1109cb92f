"""Stories as a page: one self-contained HTML document, a time line from the source's bytes to the model's answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from stages.methods.document.wording import number, plural, words
from stages.methods.story import Chapter, Made, Story, Told, facets, short
from stages.methods.story_text import evidence


def page(stories: Sequence[Story], made: Mapping[str, Made], *, asked: str, how: Mapping[str, str], whole: bool) -> str:
    """The HTML document. Of several records it is a list, and with `whole` their stories, too. All is escaped."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("stages"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "number": number, "words": words, "short": short, "kinds": _kinds, "about": _about, "sentence": _sentence,
        "evidence": lambda event, stage: evidence(stage, event),
    }  # fmt: skip
    count = plural(len(stories), "record")
    return environment.get_template("trace.html.j2").render(
        stories=stories, made=made, asked=asked, how=how, whole=whole, single=len(stories) == 1, count=count,
        title=f"Record {stories[0].id}" if len(stories) == 1 else f"{count}: {asked}",
    )  # fmt: skip


def _kinds(part: Chapter) -> Iterator[list[Told]]:
    """Neighbouring events of the same action and reason, together."""
    for _, some in groupby(part.events, key=lambda event: (event.action, event.reason)):
        yield [*some]


def _about(story: Story) -> Iterator[tuple[str, Any]]:
    """What is known of the record beside where its bytes are."""
    for name, value in facets(story):
        yield "Its own key" if name == "source_row" else name.capitalize(), value


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
