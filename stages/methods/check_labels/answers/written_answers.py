"""The check of answers that are written text: replies of chats, summaries, translations.

Rules find what is wrong with an answer by itself, and the habits of the set say where they hold. Embeddings find
answers that belong to other prompts, and rank the queue. No check can write a better answer, so none is suggested.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice
from typing import Any, TypeAlias

import numpy as np

from stages.core.doubts import Doubt, Doubted, LabelCheck, Ranked, Vectors
from stages.core.records import Record
from stages.methods.check_labels.answers.answer_fit import Fitting, centred
from stages.methods.check_labels.answers.answer_habits import Habits
from stages.methods.check_labels.answers.answer_traits import Exchange, Traits, traits_of
from stages.methods.check_labels.answers.written_probe import Judged, measure
from stages.methods.check_labels.views import Floats
from stages.methods.split.splitting import draw

Reader: TypeAlias = Callable[[Record], Sequence[Exchange]]
_SEVERITY = {
    "empty_answer": 0.0,
    "refused_answer": 0.1,
    "copied_answer": 0.2,
    "language_mismatch": 0.3,
    "truncated_answer": 0.5,
    "unusual_answer": 1.0,
    "conflicting_answers": 0.7,
}
"""What each doubt leaves of the margin: the surer the rule, the less. Where an answer belongs is in the margin."""
_STRANGE = 1.0
"""An answer that fits its prompt no better than this, in deviations from what strangers do, is unusual. Measured: 0.3 %
of medical answers, 0.6 % of instructions and 1.3 % of translations by an encoder that hardly knows their language, but
80 to 85 % of answers that were swapped."""
_BLIND = 0.1
"""Where more answers than that are unusual, the encoder cannot tell where they belong, and none is."""
_FEW = 50
"""With fewer exchanges than this nothing is known of strangers."""
_WARNING = "The encoder cannot tell which answer belongs to which prompt: unusual and conflicting ones were not sought."
_UNKNOWN = 0.5
_MOST = 20  # answers to one prompt that are compared
_BATCH = 64
_DIGITS = 3


@dataclass(frozen=True)
class _Judge:
    """What is known of all exchanges, in the records' order: how near prompts are, and what answers usually do.

    Nothing is held against a record that only the answer of a `silent` one says.
    """

    fitting: Fitting | None
    habits: Habits
    silent: Collection[str]
    blind: bool = False

    def __call__(self, traits: Sequence[Traits], answers: Vectors) -> Judged:
        """The doubts about each exchange, and its margin; the habits are those of the set as it is."""
        doubts = [self.habits.doubts(one) for one in traits]
        if self.fitting is None:
            return Judged(doubts, [_UNKNOWN * _left(some) for some in doubts])
        scores = self.fitting.score(answers)
        for one, some, score in zip(traits, doubts, scores, strict=True):
            if score < _STRANGE and one.few is None and not self.blind:
                some.append(Doubt("unusual_answer", {"turn": one.turn, "score": round(float(score), _DIGITS)}))
        for place, doubt in () if self.blind else self._conflicts(traits, answers):
            doubts[place].append(doubt)
        return Judged(doubts, [m * _left(some) for m, some in zip(_margins(scores), doubts, strict=True)])

    def _conflicts(self, traits: Sequence[Traits], answers: Vectors) -> Iterator[tuple[int, Doubt]]:
        """A doubt for each exchange that at least half of the others with its prompt answer in another way."""
        assert self.fitting is not None
        given = centred(answers)
        alike: dict[bytes, list[int]] = {}
        for place, one in enumerate(traits):
            alike.setdefault(one.asked, []).append(place)
        for some in alike.values():
            likeness = {pair: self.fitting.alike(given, *pair) for pair in combinations(some[:_MOST], 2)}
            for place in some[:_MOST] if likeness else ():
                others = {sum(pair) - place: score for pair, score in likeness.items() if place in pair}
                own = {at: score for at, score in others.items() if traits[at].id not in self.silent}
                against = {at: score for at, score in own.items() if _differ(traits[place], traits[at], score)}
                if against and 2 * len(against) >= len(own):
                    other, score = min(against.items(), key=lambda item: (item[1], item[0]))
                    evidence = {"turn": traits[place].turn, "with": traits[other].id, "score": round(score, _DIGITS)}
                    evidence |= {"against": len(against), "alike": len(own)}
                    yield place, Doubt("conflicting_answers", evidence)


def written_doubts(check: LabelCheck, read: Reader, *, instructed: bool) -> Doubted:
    """Doubts about the answers of all records; `read` gives the exchanges of one.

    `instructed`: a prompt says what is to be done, as in a chat; otherwise all answers are made in one way.
    """
    traits = [one for some in check.run(traits_of, _batches(check, read)) for one in some]
    if not traits:
        return Doubted(facts={"warnings": ["No record has an answer to a prompt: nothing was checked."]})
    answers, fitting = np.zeros((len(traits), 0), dtype=np.float32), None
    if len(traits) >= _FEW:
        answers = check.embed((record, one.answer) for record, one in _exchanges(check, read))
        prompts = check.embed((record, one.prompt) for record, one in _exchanges(check, read))
        silent = {one.id for one in traits if one.id in check.reserved}
        draws = [1.0 if one.id in silent else draw(check.seed, f"{one.id}:{one.turn}", "answer_fit") for one in traits]
        keys = [check.keys[one.id] for one in traits]
        fitting = Fitting.of(prompts, keys, draws, check.params.neighbours, check.run)
    known = _Judge(fitting, Habits.of(traits, instructed=instructed), check.reserved)
    judged = known(traits, answers)
    if blind := _share(judged, "unusual_answer") > _BLIND:
        known = replace(known, blind=True)
        judged = known(traits, answers)
    found, ranked = _by_record(traits, judged)
    probe = {}
    if check.params.probe and fitting:
        probe = measure(check, _exchanges(check, read), (traits, answers), judged, known)
    facts = {
        **_counts(traits, found),
        **known.habits.facts(),
        "warnings": [*known.habits.warnings(), *([_WARNING] if blind else [])],
    }
    return Doubted(found, ranked, {**facts, **({"probe": probe} if probe else {})})


def _exchanges(check: LabelCheck, read: Reader) -> Iterator[tuple[Record, Exchange]]:
    return ((record, one) for record in check.records() for one in read(record))


def _batches(check: LabelCheck, read: Reader) -> Iterator[list[Exchange]]:
    stream = (one for _, one in _exchanges(check, read))
    while batch := list(islice(stream, _BATCH)):
        yield batch


def _differ(one: Traits, other: Traits, score: float) -> bool:
    """Short answers by their words, others by likeness; a short one may say the same as a long one."""
    if one.few is None and other.few is None:
        return score < _STRANGE
    return one.few is not None and other.few is not None and not one.few & other.few


def _margins(scores: Floats) -> Floats:
    """Scores as margins in 0..1: one half at the bound of what is unusual."""
    found: Floats = 1 / (1 + np.exp(_STRANGE - scores))
    return found


def _share(judged: Judged, reason: str) -> float:
    """Of all exchanges, those with a doubt for this reason."""
    return sum(any(doubt.reason == reason for doubt in some) for some in judged.doubts) / len(judged.doubts)


def _left(doubts: Sequence[Doubt]) -> float:
    return min((_SEVERITY[doubt.reason] for doubt in doubts), default=1.0)


def _by_record(traits: Sequence[Traits], judged: Judged) -> tuple[dict[str, list[Doubt]], dict[str, Ranked]]:
    """All doubts of a record, and the least of its margins."""
    doubts: dict[str, list[Doubt]] = {}
    margins: dict[str, float] = {}
    for one, some, margin in zip(traits, judged.doubts, judged.margins, strict=True):
        if some:
            doubts.setdefault(one.id, []).extend(some)
        margins[one.id] = min(margin, margins.get(one.id, 1.0))
    return doubts, {id: Ranked(round(float(margin), _DIGITS)) for id, margin in margins.items()}


def _counts(traits: Iterable[Traits], doubts: Mapping[str, Sequence[Doubt]]) -> dict[str, Any]:
    """Exchanges, and records with each doubt, by the language of their first answer."""
    spoken: dict[str, str] = {}
    exchanges = 0
    for one in traits:
        spoken.setdefault(one.id, one.language or "unknown")
        exchanges += 1
    counts = {code: Counter({"records": n}) for code, n in sorted(Counter(spoken.values()).items())}
    for id, some in doubts.items():
        counts[spoken[id]].update({doubt.reason for doubt in some})
    return {"exchanges": exchanges, "languages": {code: dict(sorted(some.items())) for code, some in counts.items()}}
