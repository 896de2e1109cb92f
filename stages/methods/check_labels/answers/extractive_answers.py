"""The check of extractive answers: where they stand, whether they are of the kind asked for, and what others say.

Rules find the doubts, for a person can see at once whether they are right. How like the question the answer's sentence
is only ranks the queue: an answer often stands beside the sentence that sounds most like its question.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import regex

from stages.core.doubts import Doubt, Doubted, LabelCheck, Ranked
from stages.core.records import Answer, Record
from stages.methods.check_labels.answers.answer_sentences import Likeness
from stages.methods.check_labels.answers.answer_types import kind_asked, kind_missing, wording
from stages.methods.check_labels.answers.extractive_probe import measure
from stages.methods.deduplicate.shingles import digest
from stages.methods.evaluate.answers import answer_tokens

_LINE = re.compile(r"(?:\d{1,9}-\d{1,9}(?: \d{1,9}-\d{1,9})*)?", re.ASCII)
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(rf"(?V1)[[\p{{L}}\p{{M}}]--[{_UNSPACED}]]+|\p{{Nd}}+(?:[.,]\p{{Nd}}+)*")
_REACH = 50  # letters to both sides that are searched for the ends of a word
_SEVERITY = {"answer_not_in_context": 0.1, "answer_type_mismatch": 0.2, "conflicting_answers": 0.3}
"""What each doubt leaves of the margin: the surer the rule, the less."""
_HABIT, _ENOUGH = 0.1, 20
"""Where more than this share of the answers in a language end inside a word, it is how its words are built (Korean
ones carry their particles), and no fault. A language with fewer answers than that shows no habits."""
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was seen in one annotated record, without its text.

    `places` and `texts` (digests) are its answers', `wording` is a digest of context and question, `asked` is what the
    question asks for (a language and a kind), `better` the answers in whole words where they are cut.
    """

    id: str
    language: str
    margin: float
    wording: bytes
    places: tuple[tuple[int, int], ...]
    texts: frozenset[bytes]
    asked: tuple[str, str] | None
    doubts: tuple[Doubt, ...]
    better: str | None

    def contradicts(self, other: _Looked) -> bool:
        """Whether only one of them has an answer, or they share neither a place nor a text."""
        if not self.places or not other.places:
            return bool(self.places) != bool(other.places)
        overlap = any(a < d and c < b for a, b in self.places for c, d in other.places)
        return not overlap and not self.texts & other.texts


def extractive_doubts(check: LabelCheck) -> Doubted:
    """Doubts about the answers of all records that somebody has annotated."""
    likeness = Likeness.of(check.records())
    looked = _looks(check.records(), likeness)
    habits = _habits(looked)
    found = _doubted(looked, habits)
    probe = {}
    if check.params.probe:
        probe = measure(check, found, lambda records: _doubted(_looks(records, likeness), habits))
    return Doubted(found.doubts, found.ranked, {**found.facts, **({"probe": probe} if probe else {})})


# --- answers as a line ----------------------------------------------------------------------------------------------
def offsets_line(answers: Sequence[Answer] | None) -> str | None:
    """`12-20 40-44`: where the answers stand, end exclusive; empty where there is none, None where nobody looked."""
    if answers is None:
        return None
    return " ".join(f"{answer.start}-{answer.start + len(answer.text)}" for answer in answers)


def answers_at(line: str, context: str) -> tuple[Answer, ...]:
    """The answers that a line of `offsets_line` names. Raises ValueError for any other line, or one beyond the text."""
    bounds = [part.split("-") for part in line.split()] if _LINE.fullmatch(line) else []
    answers = tuple(Answer(int(start), context[int(start) : int(end)]) for start, end in bounds)
    if offsets_line(answers) != line or not all(one.text and one.text == one.text.strip() for one in answers):
        raise ValueError("not the offsets of answers in this context")
    return answers


# --- one record -----------------------------------------------------------------------------------------------------
def _look(record: Record, likeness: Likeness) -> _Looked:
    question, context, answers = (record.values[name] for name in ("question", "context", "answers"))
    asked = kind_asked(question, record.language)
    whole = [_whole(context, answer) for answer in answers]
    doubts = [*_misplaced(context, answers, whole)]
    if asked and answers and all(kind_missing(answer.text, *asked) for answer in answers):
        doubts.append(Doubt("answer_type_mismatch", {"language": asked[0], "asked": asked[1]}))
    line = " ".join(f"{start}-{end}" for start, end in whole)
    return _Looked(
        record.id,
        record.language or "",
        likeness.margin(question, context, answers),
        digest([context, " ".join(wording(question, record.language))]),
        tuple((answer.start, answer.start + len(answer.text)) for answer in answers),
        frozenset(digest([" ".join(answer_tokens(answer.text, record.language))]) for answer in answers),
        asked,
        tuple(doubts),
        line if doubts and line != offsets_line(answers) else None,
    )


def _misplaced(context: str, answers: Sequence[Answer], whole: Sequence[tuple[int, int]]) -> Iterator[Doubt]:
    """A doubt for the first answer that does not stand at its place, or is cut inside a word."""
    for number, (answer, (start, end)) in enumerate(zip(answers, whole, strict=True)):
        before, behind = answer.start - start, end - answer.start - len(answer.text)
        misplaced = not _stands(context, answer)
        if misplaced or before or behind:
            fault = "misplaced" if misplaced else "cut"
            yield Doubt("answer_not_in_context", {"fault": fault, "answer": number, "before": before, "behind": behind})
            return


def _stands(context: str, answer: Answer) -> bool:
    return answer.start >= 0 and bool(answer.text) and context.startswith(answer.text, answer.start)


def _whole(context: str, answer: Answer) -> tuple[int, int]:
    """Where the answer stands, up to whole words and numbers; one that is misplaced, where alone its text stands."""
    start, end = answer.start, answer.start + len(answer.text)
    if not _stands(context, answer):
        once = bool(answer.text) and context.count(answer.text) == 1
        return (found := context.find(answer.text), found + len(answer.text)) if once else (start, end)
    return _word_at(context, start)[0], _word_at(context, end)[1]


def _word_at(text: str, place: int) -> tuple[int, int]:
    """The word or number that a place is inside of; the place itself where it is at an end of one, or in none."""
    low = max(0, place - _REACH)
    for word in _WORD.finditer(text, low, place + _REACH):
        if word.start() < place < word.end():
            return word.start(), word.end()
    return place, place


# --- all records ----------------------------------------------------------------------------------------------------
def _looks(records: Iterable[Record], likeness: Likeness) -> list[_Looked]:
    return [_look(record, likeness) for record in records if record.values["answers"] is not None]


def _doubted(looked: Sequence[_Looked], habits: set[str]) -> Doubted:
    """Doubts, ranks, and counts by what is asked for and by language."""
    contradicted = _contradicted(looked)
    doubts: dict[str, list[Doubt]] = {}
    ranked: dict[str, Ranked] = {}
    for one in looked:
        some = [doubt for doubt in one.doubts if not (one.language in habits and doubt.evidence.get("fault") == "cut")]
        some += contradicted.get(one.id, [])
        if some:
            doubts[one.id] = some
        left = min((_SEVERITY[doubt.reason] for doubt in some), default=1.0)
        ranked[one.id] = Ranked(round(one.margin * left, _DIGITS), one.better if some else None)
    return Doubted(doubts, ranked, _counts(looked, doubts, habits))


def _habits(looked: Sequence[_Looked]) -> set[str]:
    """Languages whose answers often end inside a word."""
    answered = Counter(one.language for one in looked if one.places)
    cut = Counter(one.language for one in looked for doubt in one.doubts if doubt.evidence.get("fault") == "cut")
    return {language for language, n in answered.items() if n >= _ENOUGH and cut[language] > _HABIT * n}


def _contradicted(looked: Sequence[_Looked]) -> dict[str, list[Doubt]]:
    """A doubt for each record that at least half of the others with its question and context contradict."""
    alike: dict[bytes, list[_Looked]] = {}
    for one in looked:
        alike.setdefault(one.wording, []).append(one)
    found: dict[str, list[Doubt]] = {}
    for some in alike.values():
        found.update(_outvoted(some) if len(some) > 1 else ())
    return found


def _outvoted(some: Sequence[_Looked]) -> Iterator[tuple[str, list[Doubt]]]:
    """The same for one question and context. Equal answers are compared once: a thousand rows may give the same two."""
    sayings: dict[tuple[Any, ...], list[int]] = {}
    for number, one in enumerate(some):
        sayings.setdefault((one.places, one.texts), []).append(number)
    groups = [(some[numbers[0]], numbers) for numbers in sayings.values()]
    for one, numbers in groups:
        against = [(other, theirs) for other, theirs in groups if one.contradicts(other)]
        count = sum(len(theirs) for _, theirs in against)
        if count and 2 * count >= len(some) - 1:
            kind = "answerable" if any(bool(one.places) != bool(other.places) for other, _ in against) else "place"
            first = some[min(theirs[0] for _, theirs in against)].id
            evidence = {"with": first, "kind": kind, "against": count, "alike": len(some) - 1}
            yield from ((some[number].id, [Doubt("conflicting_answers", evidence)]) for number in numbers)


def _counts(looked: Sequence[_Looked], doubts: Mapping[str, Sequence[Doubt]], habits: set[str]) -> dict[str, Any]:
    """What questions ask for, and doubts by language."""
    asked = Counter(one.asked[1] for one in looked if one.asked)
    by_language: dict[str, Counter[str]] = {}
    for one in looked:
        counts = by_language.setdefault(one.language, Counter())
        counts["records"] += 1
        counts.update(doubt.reason for doubt in doubts.get(one.id, ()))
    found = {code or "unknown": dict(sorted(counts.items())) for code, counts in sorted(by_language.items())}
    warnings = [] if looked else ["No record is annotated: nothing was checked."]
    if habits:
        names = ", ".join(sorted(code or "unknown" for code in habits))
        warnings.append(f"Answers often end inside a word in: {names}. That was taken for how words are built.")
    return {"asked_for": dict(sorted(asked.items())), "languages": found, "warnings": warnings}
