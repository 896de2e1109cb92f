"""What a private training promises, for the cards: the same words as on the page, with the file they are from."""

from __future__ import annotations

from stages.methods.document.cards.facts import Evidence
from stages.methods.document.cards.markdown import Markdown, bullets, join, prose, table
from stages.methods.document.privacy_words import bounds, mechanism, not_covered, not_private, promised
from stages.methods.document.tree import find

_FILE = "`data/finetune/privacy.json`"


def promise(given: Evidence) -> dict[str, Markdown]:
    """Sentences, lists and the table, by the names the templates know them by; empty where nothing is promised."""
    found, planted = given.figures["privacy"]["certificate"], given.figures["privacy"]["planted"]
    return {
        "private": _private(given),
        "promised": bullets([prose(sentence) for sentence in promised(found)], ""),
        "not_covered": bullets([prose(why) for why in not_covered(found)], ""),
        "mechanism": table(["", "Value"], [list(row) for row in mechanism(found)]) if found else Markdown(""),
        "planted_attacks": join([prose(one["sentence"]) for one in planted.values()], " "),
    }


def _private(given: Evidence) -> Markdown:
    """Whether the training was private: by its certificate, which is there only where that was tried."""
    found = given.figures["privacy"]["certificate"]
    if said := not_private(found):
        return Markdown(f"**{prose(said)}** ({_FILE})")
    if found:
        return Markdown(f"It was trained with differential privacy. {prose(' '.join(bounds(found)))} From {_FILE}.")
    enabled = find(given.recorded, "plan", "manifest", "params", "privacy", "enabled")
    if enabled is None:
        return Markdown("Whether it was trained with differential privacy: not recorded.")
    if enabled:
        return Markdown("It was to be trained with differential privacy; a certificate is not recorded.")
    return Markdown("It was trained without differential privacy (`privacy.enabled` in `params.yaml`).")
