"""How the answers of a set usually are: what nearly all of them do is no fault of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from stages.core.doubts import Doubt
from stages.methods.check_labels.answers.answer_traits import Traits

_ENOUGH = 20
_ENDED = 0.8
"""Only where so many answers end as sentences do, one that does not is cut."""
_FORMULA = 3
"""Answers that end in the same words: a formula, not a cut."""
_COPIES = 0.1
"""Where more answers than that are copies, copying is what is to be learned (corrections, for one)."""
_USUAL = 0.9
"""Only where so many answers to prompts in a language are in one language, another one is a doubt."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What was counted over all exchanges. `ended`: shares by language, that of all under ""; `usual`: the language of
    answers by that of their prompts.
    """

    ended: dict[str, float]
    formulas: frozenset[bytes]
    copies: float
    usual: dict[str, str]
    instructed: bool

    @classmethod
    def of(cls, traits: Sequence[Traits], *, instructed: bool) -> Habits:
        """`instructed`: a prompt can ask for another language, and is answered in its own unless it does."""
        tails = Counter(one.tail for one in traits if one.ending in ("open", "hanging"))
        formulas = frozenset(tail for tail, n in tails.items() if n >= _FORMULA)
        copies = sum(one.copy is not None for one in traits) / max(1, len(traits))
        return cls(_ended(traits, formulas), formulas, copies, _usual(traits, instructed=instructed), instructed)

    def doubts(self, one: Traits) -> list[Doubt]:
        """The doubts about one exchange."""
        if one.empty:
            return [Doubt("empty_answer", {"turn": one.turn})]
        found = []
        if one.refusal:
            found.append(Doubt("refused_answer", {"turn": one.turn, "language": one.refusal}))
        if one.copy and self.copies <= _COPIES:
            found.append(Doubt("copied_answer", {"turn": one.turn, "kind": one.copy}))
        if cut := self._cut(one):
            found.append(Doubt("truncated_answer", {"turn": one.turn, "kind": cut}))
        if self._other_language(one):
            evidence = {"turn": one.turn, "prompt": one.prompt_language, "answer": one.language}
            found.append(Doubt("language_mismatch", evidence))
        return found

    def facts(self) -> dict[str, Any]:
        """The habits, for the report."""
        ended = {code or "all": round(share, 3) for code, share in sorted(self.ended.items())}
        return {"ended_share": ended, "copied_share": round(self.copies, 3), "usual_languages": self.usual}

    def warnings(self) -> list[str]:
        """What could not be checked because of them."""
        found = []
        if self.ended.get("", 1.0) < _ENDED:
            found.append("Many answers do not end as sentences do: cut ones cannot be told.")
        if self.copies > _COPIES:
            found.append("Many answers repeat their prompts: that was taken for what is to be learned.")
        return found

    def _cut(self, one: Traits) -> str | None:
        if one.fences % 2:
            return "fence"
        share = self.ended.get(one.language or "", self.ended.get("", 0.0))
        cut = one.ending in ("open", "hanging") and one.tail not in self.formulas and share >= _ENDED
        return one.ending if cut else None

    def _other_language(self, one: Traits) -> bool:
        if one.prompt_language is None or one.language is None or (self.instructed and one.names_language):
            return False
        return one.language != self.usual.get(one.prompt_language, one.language)


def _ended(traits: Iterable[Traits], formulas: frozenset[bytes]) -> dict[str, float]:
    """The share of answers that end as sentences do; for languages with enough of them, and for all."""
    counts: dict[str, Counter[bool]] = {}
    for one in traits:
        if one.ending is not None and one.tail not in formulas:
            for code in {one.language or "", ""}:
                counts.setdefault(code, Counter())[one.ending == "ended"] += 1
    return {code: some[True] / some.total() for code, some in sorted(counts.items()) if some.total() >= _ENOUGH}


def _usual(traits: Iterable[Traits], *, instructed: bool) -> dict[str, str]:
    """By the prompt's language that of its answers, where nearly all are in one.

    Languages with few prompts are answered in themselves where that is how the other prompts are.
    """
    pairs = Counter((one.prompt_language, one.language) for one in traits if one.prompt_language and one.language)
    same = sum(n for (asked, said), n in pairs.items() if asked == said)
    found = {}
    for asked in sorted({asked for asked, _ in pairs if asked}):
        answers = Counter({said: n for (prompt, said), n in pairs.items() if prompt == asked and said})
        said, most = min(answers.items(), key=lambda item: (-item[1], item[0]))
        if answers.total() >= _ENOUGH:
            if most >= _USUAL * answers.total():
                found[asked] = said
        elif instructed and pairs.total() >= _ENOUGH and same >= _USUAL * pairs.total():
            found[asked] = asked
    return found
