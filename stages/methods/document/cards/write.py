"""Documents in Markdown from templates: nothing in them is written by hand but the words between the figures.

A template says `{{ say("purpose") }}` for what only a person knows: the statement as a quotation, or a mark that
somebody must still write it and under which key. Each value that a template shows is escaped.
"""

from __future__ import annotations

from typing import Any

from stages.methods.document.cards.data_tables import STREAM, data_tables
from stages.methods.document.cards.facts import Evidence
from stages.methods.document.cards.findings import sentences
from stages.methods.document.cards.hub import dataset_header, model_header
from stages.methods.document.cards.markdown import Markdown, code, escaped, join, plain
from stages.methods.document.cards.model_tables import model_tables
from stages.methods.document.documents import CARDS
from stages.methods.document.facts import Facts
from stages.methods.document.figures import Figures, Recorded, chain
from stages.methods.document.wording import plural

_AFTER = ("plan", "finetune", "evaluate", "audit")


def cards(recorded: Recorded, figures: Figures, facts: Facts) -> dict[str, str]:
    """Markdown by file name. What was not recorded is said to be not recorded; the same values give the same bytes."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(  # noqa: S701  # nosec B701 # not HTML: `finalize` escapes for Markdown
        loader=PackageLoader("stages", "templates/cards"),
        finalize=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    values = _values(Evidence(recorded, figures, facts))
    return {
        document.file: environment.get_template(f"{document.file}.j2").render(document=document, **values)
        for document in CARDS
    }


def _values(given: Evidence) -> dict[str, Any]:
    """All that templates may use."""
    return {
        **{name: Markdown(text) for name, text in _headers(given).items()},
        "title": plain(given.facts.title).strip() or "untitled",
        "task": code(given.facts.task),
        "missing": _missing(given),
        "made_from": _made_from(given),
        "broken": _broken(given),
        "tables": {**data_tables(given), **model_tables(given)},
        "told": sentences(given),
        "say": lambda key: _block(given.facts, key),
        "said": lambda key: _inline(given.facts, key),
        "owed": _owed,
        "owed_apart": lambda: Markdown(f"> {_owed()}"),
    }


def _headers(given: Evidence) -> dict[str, str]:
    return {"model_header": model_header(given), "dataset_header": dataset_header(given)}


def _made_from(given: Evidence) -> Markdown:
    """The manifests that no other stage was made from: through the chain, they fix all others."""
    links = chain(given.recorded)
    used = {name for row in links for name in row["inputs"]}
    ends = [Markdown(f"{code(row['stage'])} {code(row['sha256'])}") for row in links if row["stage"] not in used]
    if not ends:
        return Markdown("No stage was recorded")
    which = "manifest that fixes" if len(ends) == 1 else "manifests that fix"
    return Markdown(f"{plural(len(links), 'stage')} recorded; the {which} them all: {join(ends)}")


def _missing(given: Evidence) -> Markdown:
    """Stages that left nothing: what they would show is not in the documents."""
    names = [code(stage) for stage in (*STREAM, *_AFTER) if stage not in given.recorded]
    return join(names) if names else Markdown("")


def _broken(given: Evidence) -> Markdown:
    """Stages that were not made from what is here, which must be said on top."""
    names = [code(row["stage"]) for row in chain(given.recorded) if row["broken"]]
    return join(names) if names else Markdown("")


def _block(facts: Facts, key: str) -> Markdown:
    """A statement as a paragraph of its own."""
    return Markdown(f"> {_inline(facts, key)}")


def _inline(facts: Facts, key: str) -> Markdown:
    """A statement as a quotation, also within a sentence or a cell."""
    if text := plain(facts.statements.get(key) or "").strip():
        return Markdown(f"\u201c{escaped(text)}\u201d (written by a person, `document.{key}`)")
    return Markdown(f"**To be written by a person** (set `document.{key}` in `params.yaml`)")


def _owed(what: str = "") -> Markdown:
    """What only a person can say, and for which there is no key."""
    return Markdown(f"**To be written by a person**{f': {what}' if what else ''}")
