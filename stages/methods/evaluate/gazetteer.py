"""The baseline for entities, after that of the CoNLL shared tasks: look up what was marked in the training texts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stages.core.records import Span
from stages.methods.finetune.alignment import words

_Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """Word sequences that were marked at least half the times they occur, each with its most frequent type."""

    types: dict[_Words, str]

    @classmethod
    def of(cls, rows: Sequence[tuple[str, Sequence[Span]]]) -> Gazetteer:
        """From texts with their spans. Case counts: it tells names from words."""
        marked: dict[_Words, Counter[str]] = defaultdict(Counter)
        for text, spans in rows:
            for span in spans:
                marked[_surface(text[span.start : span.end])][span.label] += 1
        lengths = sorted({len(surface) for surface in marked})
        seen = Counter(
            surface for text, _ in rows for surface in _sequences(_surface(text), lengths) if surface in marked
        )
        return cls(
            {
                surface: min(types, key=lambda label: (-types[label], label))
                for surface, types in marked.items()
                if 2 * types.total() >= seen[surface]
            }
        )

    def find(self, text: str) -> tuple[Span, ...]:
        """The known sequences in a text, from left to right, of several at one place the longest."""
        bounds, surface = words(text), _surface(text)
        lengths = sorted({len(known) for known in self.types}, reverse=True)
        found: list[Span] = []
        place = 0
        while place < len(bounds):
            runs = (surface[place : place + size] for size in lengths)
            known = next((run for run in runs if run in self.types), None)
            if known:
                found.append(Span(bounds[place][0], bounds[place + len(known) - 1][1], self.types[known]))
            place += len(known) if known else 1
        return tuple(found)


def _surface(text: str) -> _Words:
    return tuple(text[start:end] for start, end in words(text))


def _sequences(surface: _Words, lengths: Sequence[int]) -> Iterator[_Words]:
    """All runs of words of these lengths."""
    for size in lengths:
        for place in range(len(surface) - size + 1):
            yield surface[place : place + size]
