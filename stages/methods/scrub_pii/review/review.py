"""What a person is shown of the values that were found, and how sure their answers make one of the rest."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from stages.core.decisions import PiiDecision
from stages.core.task import Metric
from stages.methods.audit.roc import wilson
from stages.methods.scrub_pii.review.decisions import RECOGNIZER

COLUMNS = (
    "value_hash", "entity", "recognizer", "score", "operator", "times", "id", "field", "before", "value", "after",
    "decision", "to", "missed", "note",
)  # fmt: skip
"""Of the file that is filled in; the last four are for the person."""
ENOUGH = 30
"""Reviewed values of an entity from which on its precision means something: all 30 right is 0.89 or more."""

_BY_MEANING = ("LOCATION", "NRP", "ORGANIZATION", "PERSON", "TITLE")  # what no form proves: here models err most
_DOUBTFUL = 0.6
_CONFIRMED = ("right", "deny")
_LONGEST = 200  # characters of a place within which the value is looked for
_WORD_ENDS = re.compile(r"\w+|[^\w\s]")
_SPACE = re.compile(r"\s+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Mention:
    """One event of `scrub_pii`: the keyed hash of a value, and where the value stands in which text of a record."""

    value: str
    entity: str
    recognizer: str
    score: float
    operator: str
    id: str
    field: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Value:
    """A distinct value, its least sure mention, and how often it is mentioned."""

    mention: Mention
    times: int

    @property
    def stratum(self) -> tuple[str, str, bool]:
        """Values found alike: one entity, one recognizer, and whether the score is low."""
        return self.mention.entity, self.mention.recognizer, self.mention.score < _DOUBTFUL

    @property
    def weight(self) -> int:
        """How many are drawn of its stratum when one is drawn elsewhere."""
        return 1 + (self.mention.entity in _BY_MEANING) + (self.mention.score < _DOUBTFUL)


def distinct(mentions: Iterable[Mention]) -> list[Value]:
    """Each value once, in the order of the hashes."""
    least: dict[str, Mention] = {}
    times: dict[str, int] = defaultdict(int)
    for one in mentions:
        times[one.value] += 1
        if one.value not in least or _order(one) < _order(least[one.value]):
            least[one.value] = one
    return [Value(least[value], times[value]) for value in sorted(least)]


def _order(mention: Mention) -> tuple[float, str, str, int]:
    return mention.score, mention.id, mention.field, mention.start


def sampled(values: Iterable[Value], size: int) -> list[Value]:
    """At most `size` values, drawn evenly from the strata, more from those that err more; by entity and recognizer.

    Within a stratum the keyed hashes decide, which are as good as drawn at random: the same run gives the same sample,
    and a larger sample holds the smaller one.
    """
    strata: dict[tuple[str, str, bool], list[Value]] = defaultdict(list)
    for one in sorted(values, key=lambda one: one.mention.value):
        strata[one.stratum].append(one)
    turns = [(at / one.weight, one.mention.value, one) for some in strata.values() for at, one in enumerate(some)]
    drawn = [one for *_, one in sorted(turns, key=lambda turn: turn[:2])[:size]]
    return sorted(drawn, key=lambda one: (*one.stratum, one.mention.value))


def located(text: str, start: int, end: int, is_value: Callable[[str], bool]) -> tuple[int, int]:
    """Where the value itself stands in the place that was replaced, which can reach beyond it."""
    if is_value(text[start:end]) or end - start > _LONGEST:
        return start, end
    words = list(_WORD_ENDS.finditer(text, start, end))
    candidates = [(a.start(), b.end()) for i, a in enumerate(words) for b in words[i:]]
    longest_first = sorted(candidates, key=lambda span: (span[0] - span[1], span))
    return next((span for span in longest_first if is_value(text[slice(*span)])), (start, end))


def shown(value: Value, text: str, span: tuple[int, int], context: int, earlier: PiiDecision | None) -> dict[str, str]:
    """A row of the file: the value at `span` with up to `context` characters on both sides, in whole words."""
    one = value.mention
    before = text[_word_start(text, span[0], context) : span[0]]
    after = text[span[1] : _word_end(text, span[1], context)]
    decision, to = (earlier.decision, earlier.to) if earlier and earlier.decision != "deny" else ("", "")
    cells = (
        one.value, one.entity, one.recognizer, f"{one.score:.2f}", one.operator, str(value.times), one.id, one.field,
        _plain(before), _plain(text[slice(*span)]), _plain(after), decision, to, "", "",
    )  # fmt: skip
    return dict(zip(COLUMNS, cells, strict=True))


def _word_start(text: str, end: int, context: int) -> int:
    """Where the context before `end` begins: with a whole word, if it holds a space at all."""
    at = max(0, end - context)
    if at == 0 or text[at - 1].isspace():
        return at
    space = _SPACE.search(text, at, end)
    return space.end() if space else at


def _word_end(text: str, start: int, context: int) -> int:
    at = min(len(text), start + context)
    if at == len(text) or text[at].isspace():
        return at
    spaces = list(_SPACE.finditer(text, start, at))
    return spaces[-1].start() if spaces else at


def _plain(text: str) -> str:
    """Fit for a cell: a row stays a line, and nothing steers a terminal."""
    return _CONTROL.sub("\ufffd", _SPACE.sub(" ", text))


@dataclass(frozen=True, slots=True)
class Precision:
    """Share of an entity's distinct values that are right, by those that were reviewed."""

    share: Metric
    reviewed: int
    values: int
    enough: bool


def precisions(values: Iterable[Value], decisions: Mapping[str, PiiDecision]) -> dict[str, Precision]:
    """Precision by entity, for entities of which something was reviewed; what reviewers asked for does not count.

    Samples lean to doubtful values. So each stratum counts by its size, as far as it was reviewed, and the interval is
    Wilson's (1927) for as many answers as these are worth (Kish 1965, the effective sample size), rounded.
    """
    strata: dict[str, dict[tuple[str, str, bool], list[str]]] = defaultdict(lambda: defaultdict(list))
    for one in values:
        if one.mention.recognizer != RECOGNIZER:
            strata[one.mention.entity][one.stratum].append(one.mention.value)
    found: dict[str, Precision] = {}
    for entity, some in sorted(strata.items()):
        judged = [
            (len(hashes), [decisions[h].decision in _CONFIRMED for h in hashes if h in decisions])
            for hashes in some.values()
        ]
        if any(answers for _, answers in judged):
            found[entity] = _precision(judged)
    return found


def _precision(strata: Sequence[tuple[int, Sequence[bool]]]) -> Precision:
    """From the size of each stratum and the answers about it."""
    known = [(size, answers) for size, answers in strata if answers]
    total = sum(size for size, _ in known)
    share = sum(size * sum(answers) / len(answers) for size, answers in known) / total
    worth = max(1, round(total**2 / sum(size**2 / len(answers) for size, answers in known)))
    low, high = wilson(round(share * worth), worth)
    metric = Metric(round(share, 6), min(low, share), max(high, share))
    reviewed = sum(len(answers) for _, answers in known)
    return Precision(metric, reviewed, sum(size for size, _ in strata), worth >= ENOUGH)
