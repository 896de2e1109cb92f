"""Texts that no person would write and every pipeline gets: what makes a pattern run away, and what has no letters."""

from __future__ import annotations

MARK = "Zzyxmarked"
_PIECES = [
    # No letters at all, or not where one looks for them.
    "\u0301", "\u200b", "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\ufffd", "\0", "\x1b[31m",
    "\u202e\u05d0",
    "\n", "\r", "\t", "\u00a0", "\ue000", "\ufdd0", "\U000e0041",
    # One word that never ends; letters that become several.
    "a", "A", "1", "0", "_a", "\ufb03", "\uff21", "\u1112\u1161\u11ab", "\ufdfa", "\u00c3\u00a9",
    "\u00c3\u0192\u00c2\u00a9",
    # Signs that patterns begin with, wait for, or repeat.
    "1-", "12 ", "a ", ".", "a.", "a@", "a@a.", "-", "/", "\\", "\"'", "a'", "(", "[]", "a,", "a:", "+", "&", "<a ",
    "<<", "<!--",
    "&amp;", "&amp;amp;", "%41",
    # Beginnings of personal data, one after the other.
    "Mr. Anna Bell ", "+1 (202) 555-01", "DE89 3704 ", "http://a.b/", "1.2.3.", "::1:", "0f:", "1/2/", "May ",
    "12 Main St ",
]  # fmt: skip


def odd_texts(chars: int) -> list[str]:
    """Texts of so many characters, each of one piece over and over; no two are equal."""
    made = [(piece * (chars // len(piece) + 1))[:chars] for piece in _PIECES]
    return [*made, MARK + "\u0301" * (chars - len(MARK)), (f"{MARK} is a word like any other, " * chars)[:chars]]
