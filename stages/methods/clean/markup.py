"""HTML taken out of a text: tags and comments removed, entities decoded, all as edits.

A list of tag names and not a parser: most texts are not HTML, and `<3`, `a < b`, `<name>` or `<me@example.org>` must
stay as they are. Every pattern stops at the next `<`, so that none takes longer than the text is long.
"""

from __future__ import annotations

import html
import html.entities
import re

from stages.core.spans import TextEdit
from stages.methods.clean.small_edits import trimmed

_BLOCKS = (
    "address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li main menu nav noframes "
    "noscript ol optgroup option p pre section select summary table tbody textarea tfoot thead title tr ul"
)
_CELLS = "td th"
_INLINE = (
    "a abbr acronym applet area audio b base basefont bdi bdo big button canvas cite code col colgroup data datalist "
    "del dfn em embed font i iframe img input ins kbd label link map mark meta meter object output param picture "
    "progress q rp rt ruby s samp script slot small source span strike strong style sub sup svg template time track tt "
    "u var video wbr"
)
_NEW = {**dict.fromkeys(_BLOCKS.split(), "\n"), **dict.fromkeys(_CELLS.split(), " ")}
_HIDDEN = re.compile(
    r"<!--(?:(?!<!--).)*?-->|<(script|style)(?=[\s>])[^<>]*>(?:(?!<\1[\s>]).)*?</\1\s*>|<!doctype[^<>]*>",
    re.IGNORECASE | re.DOTALL,
)
_TAG = re.compile(
    rf"</?({'|'.join(sorted([*_NEW, *_INLINE.split()], key=len, reverse=True))})(?=[\s/>])[^<>]*>", re.IGNORECASE
)
# `&amp;amp;lt;` was escaped three times; taking all of it off at once keeps the number of rounds small.
_AMPERSANDS = re.compile(r"&(?:(?:amp|AMP|#0*38|#[xX]0*26);)+")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def markup_edits(text: str) -> list[TextEdit]:
    """Comments, scripts and styles go with what is in them; of a tag, a line break (block) or space (cell) remains."""
    if "<" not in text:
        return []
    hidden = [TextEdit(*match.span(), "") for match in _HIDDEN.finditer(text)]
    if hidden:
        return hidden  # tags inside comments are not tags; the next round sees the rest
    return [TextEdit(*match.span(), _NEW.get(match[1].lower(), "")) for match in _TAG.finditer(text)]


def entity_edits(text: str) -> list[TextEdit]:
    """Decode `&name;` and `&#number;`. Without the semicolon it is left alone: `?a=1&copy=2` is no copyright sign."""
    if "&" not in text:
        return []
    pattern = _AMPERSANDS if _AMPERSANDS.search(text) else _ENTITY
    return [
        edit
        for match in pattern.finditer(text)
        for edit in trimmed(text, *match.span(), "&" if pattern is _AMPERSANDS else _decoded(match[0]))
    ]


def _decoded(entity: str) -> str:
    """The character, or the entity itself where there is none of that name; what is no character goes with U+FFFD."""
    if entity[1] != "#":
        return html.entities.html5.get(entity[1:], entity)
    return html.unescape(entity)
