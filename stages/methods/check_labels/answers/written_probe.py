"""How many wrong answers the check finds on this very data: some are made wrong in a shadow copy, and looked for.

`swapped`   the answer to another prompt
`cut`       cut in the middle of a sentence
`refused`   a refusal, in words that no rule was written after
`copied`    the prompt itself
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from stages.core.doubts import Doubt, LabelCheck, Vectors
from stages.core.records import Record
from stages.methods.audit.roc import auc, wilson
from stages.methods.check_labels.answers.answer_traits import Exchange, Traits, traits_of
from stages.methods.check_labels.labels.noise_probe import FEW
from stages.methods.split.splitting import draw

_MOST = 500
"""More planted errors than this would only make the interval smaller."""
_LONG = 12  # words from which on an answer can be cut in the middle of a sentence
_DIGITS = 3
_REFUSALS = {
    "en": (
        "That goes against my guidelines, so let us talk about something else.",
        "Sorry, but no. This is nothing for me to get into.",
        "I'm afraid that is beyond what I am able to do for you here.",
        "It would not be right for me to go along with what you ask.",
    ),
    "de": (
        "Das verstößt gegen meine Richtlinien, reden wir lieber über etwas anderes.",
        "Tut mir leid, aber dazu sage ich nichts.",
        "Dabei bin ich leider der Falsche, bitte wenden Sie sich an jemand anderen.",
    ),
    "es": (
        "Eso va en contra de mis normas; hablemos de otra cosa.",
        "Lo siento, pero sobre eso prefiero callar.",
        "Me temo que eso queda fuera de lo que soy capaz de hacer.",
    ),
    "fr": (
        "Cela va à l'encontre de mes règles ; parlons d'autre chose.",
        "Désolé, mais je préfère me taire à ce sujet.",
        "Je crains que cela dépasse ce dont je suis capable.",
    ),
    "it": (
        "Questo va contro le mie regole; parliamo d'altro.",
        "Mi dispiace, ma su questo preferisco tacere.",
        "Temo che questo vada oltre ciò di cui sono capace.",
    ),
    "pt": (
        "Isso vai contra as minhas regras; falemos de outra coisa.",
        "Lamento, mas sobre isso prefiro ficar calado.",
        "Receio que isso esteja além do que sou capaz de fazer.",
    ),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """The doubts about each exchange, and its margin."""

    doubts: Sequence[Sequence[Doubt]]
    margins: Sequence[float]


Seen: TypeAlias = tuple[Sequence[Traits], Vectors]
"""What is known of all exchanges: traits, and vectors of the answers."""
Judge: TypeAlias = Callable[[Sequence[Traits], Vectors], Judged]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """An exchange to be made wrong, and its place among all."""

    place: int
    record: Record
    exchange: Exchange
    language: str


def measure(
    check: LabelCheck, exchanges: Iterable[tuple[Record, Exchange]], seen: Seen, found: Judged, judge: Judge
) -> dict[str, Any]:
    """Recall by kind with its 95 % Wilson interval; `auroc`: how surely the queue puts a wrong one before the others.

    Answers in doubt are left as they are. Kinds of which fewer than 20 would be planted are left out.
    """
    chosen = _choose(check, exchanges, seen[0], found)
    kinds = {"swapped": _swapped, "cut": _cut, "refused": _refused, "copied": _copied}
    planted = {kind: plant(chosen, check) for kind, plant in kinds.items()}
    return {
        kind: _measured(check, seen, found, judge, [(one, wrong[one.place]) for one in chosen if one.place in wrong])
        for kind, wrong in planted.items()
        if len(wrong) >= FEW
    }


def _choose(
    check: LabelCheck, exchanges: Iterable[tuple[Record, Exchange]], traits: Sequence[Traits], found: Judged
) -> list[_Chosen]:
    """A sample of the exchanges without a doubt, at most 500 of them, in an order by chance."""
    some = []
    for place, (record, one) in enumerate(exchanges):
        drawn = draw(check.seed, f"{one.id}:{one.turn}", "answer_probe")
        if drawn < check.params.probe and not found.doubts[place]:
            language = traits[place].language or traits[place].prompt_language or record.language or "en"
            some.append((drawn, _Chosen(place, record, one, language)))
            some = sorted(some, key=lambda pair: pair[0])[:_MOST]
    return [one for _, one in some]


def _swapped(chosen: Sequence[_Chosen], check: LabelCheck) -> dict[int, str]:
    """The answer of the next one."""
    pairs = zip(chosen, [*chosen[1:], *chosen[:1]], strict=True)
    return {
        one.place: other.exchange.answer
        for one, other in pairs
        if check.keys[one.record.id] != check.keys[other.record.id] and one.exchange.answer != other.exchange.answer
    }


def _cut(chosen: Sequence[_Chosen], check: LabelCheck) -> dict[int, str]:
    """A long answer up to a word in its middle half that does not end a sentence."""
    found = {}
    for one in chosen:
        parts = one.exchange.answer.split(" ")
        at = int(len(parts) * (0.25 + draw(check.seed, one.record.id, "answer_cut") / 2))
        if at >= _LONG and parts[at - 1].isalpha():
            found[one.place] = " ".join(parts[:at])
    return found


def _refused(chosen: Sequence[_Chosen], check: LabelCheck) -> dict[int, str]:
    """One of the refusals in the answer's language."""
    found = {}
    for one in chosen:
        if some := _REFUSALS.get(one.language):
            found[one.place] = some[int(draw(check.seed, one.record.id, "answer_refused") * len(some))]
    return found


def _copied(chosen: Sequence[_Chosen], _: LabelCheck) -> dict[int, str]:
    return {one.place: one.exchange.prompt for one in chosen if one.exchange.prompt.strip()}


def _measured(
    check: LabelCheck, seen: Seen, found: Judged, judge: Judge, planted: Sequence[tuple[_Chosen, str]]
) -> Mapping[str, Any]:
    traits, answers = [*seen[0]], seen[1].copy()
    wrong = traits_of([replace(one.exchange, answer=text) for one, text in planted])
    vectors = check.embed((one.record, text) for one, text in planted)
    for (one, _), trait, vector in zip(planted, wrong, vectors, strict=True):
        traits[one.place], answers[one.place] = trait, vector
    again = judge(traits, answers)
    places = {one.place for one, _ in planted}
    others = [place for place in range(len(traits)) if place not in places and not found.doubts[place]]
    hits = sum(bool(again.doubts[place]) for place in places)
    low, high = wilson(hits, len(places))
    margins = [-again.margins[place] for place in sorted(places)], [-again.margins[place] for place in others]
    return {
        "planted": len(places),
        "found": hits,
        "recall": round(hits / len(places), _DIGITS),
        "recall_low": round(low, _DIGITS),
        "recall_high": round(high, _DIGITS),
        "auroc": round(auc(*margins), _DIGITS) if others else None,
        "others_suspected": sum(bool(again.doubts[place]) for place in others),
    }
