"""Postal codes, and the words they stand beside."""

from __future__ import annotations

import re

from stages.methods.scrub_pii.detection.recognizers import places
from stages.methods.scrub_pii.detection.recognizers.lexicon import POSTCODE, words
from stages.methods.scrub_pii.detection.recognizers.rules import Rule, RuleRecognizer, any_of, rule, split

COUNTRY = rf"(?i:{any_of(split(places.COUNTRIES))})(?!\w)(?:[ ]\(\p{{L}}+\))?"
STATE = rf"(?:{places.STATES})(?!\w)"
_CANADIAN = r"[A-CEGHJ-NPR-TVXY]\d[A-CEGHJ-NPR-TV-Z][ -]?\d[A-CEGHJ-NPR-TV-Z]\d"
_DUTCH = r"[1-9]\d{3}[ ]?(?!SA|SD|SS)[A-Z]{2}"
DIGITS = r"(?:\d{5}-\d{3,4}|\d{4}-\d{3}|\d{3}[ ]\d{2}|\d{2}-\d{3}|\d{4,6})"
_LETTERED = rf"[A-Z]{{1,2}}\d[A-Z\d]?[ ]?\d[A-Z]{{2}}|[A-Z]\d[\dW][ ]?[\dA-Z]{{4}}|{_CANADIAN}|{_DUTCH}"
CODE = rf"(?:{_LETTERED}|(?:[A-Z]{{1,3}}-)?{DIGITS})(?![\w-]|[.,]\d)"
NO_STREET = rf"(?!(?i:{any_of(split(places.NO_STREET))})\b)"
_TOWN = rf"{NO_STREET}(?!\p{{Lu}}{{3,4}}[ ]\d)\p{{Lu}}"  # `RFC 2606` and `ISO 8601` are no towns


class PostalCodeRecognizer(RuleRecognizer):
    """Postal codes: those with letters by themselves, those of digits alone beside a word, a state or a town."""

    cue = re.compile(r"\d")

    def __init__(self, language: str) -> None:
        word = any_of(split(words(POSTCODE, language)))
        rules: list[Rule] = [
            rule(
                "British",
                0.5,
                r"(?<![\w-])(?:GIR[ ]?0AA|(?!\w\d\w?[ ]?\d(?:[CIKMOV]|\w[CIKMOV]))",
                r"(?:[A-PR-UWYZ]\d{1,2}|[A-PR-UWYZ][A-HK-Y]\d{1,2}|[A-PR-UWYZ]\d[A-HJKPSTUW]",
                r"|[A-PR-UWYZ][A-HK-Y]\d[ABEHMNPRVWXY])[ ]\d[ABD-HJLNP-UW-Z]{2})",
                r"(?![\w-])",
            ),
            rule(
                "British without a space",
                0.2,
                r"(?<![\w-])[A-PR-UWYZ][A-HK-Y]?\d[A-Z\d]?\d[ABD-HJLNP-UW-Z]{2}(?![\w-])",
            ),
            rule("Canadian", 0.5, rf"(?<![\w-]){_CANADIAN}(?![\w-])"),
            rule("Irish", 0.2, r"(?<![\w-])(?:[AC-FHKNPRTV-Y]\d{2}|D6W)[ ]?[0-9AC-FHKNPRTV-Y]{4}(?![\w-])"),
            rule(
                "Dutch", 0.4, rf"(?<![\w.,-]){_DUTCH}(?![\w-])(?<!(?:AM|PM|KM|KG|CM|MM|GB|MB|TV|UK|US|EU|BC|AD|HP|CC))"
            ),
            rule("ZIP+4, Brazilian", 0.4, r"(?<![\w-])(?:\d{5}-\d{4}|\d{5}-\d{3})(?![\w-])"),
            rule("after a state", 0.5, rf"(?=\d)(?<=\b{STATE},?[ ]{{1,2}})\d{{5}}(?![\w-]|[.,]\d)"),
            rule(
                "after an Australian state",
                0.5,
                r"(?=\d)(?<=\b(?:NSW|VIC|QLD|TAS|ACT|SA|WA|NT),?[ ]{1,2})\d{4}(?![\w-]|[.,]\d)",
            ),
            rule(
                "after a word",
                0.6,
                rf"(?<!\w)(?i:{word}\b\.?)(?:[ ]?(?:is|are|ist|est|es|è|was|:|=|-|\#))*[ ]*\K",
                r"(?=[\w -]{0,7}\d)[A-Za-z\d]{1,8}(?:[ -][A-Za-z\d]{2,4}\b)?",
                r"(?<=\d|[A-Z])(?![\w-])",
            ),
            rule(
                "with the country's letters",
                0.5,
                r"(?<![\w-])(?:D|A|CH|F|B|L|NL|DK|FI|SE|S|N|I|E|PL|CZ|SK|H|SI|HR|LT",
                r"|LV|EE|RO|BG|GR|LI)-\d{4,5}(?=[ ]\p{Lu})",
            ),
            rule(
                "before a town",
                0.4,
                rf"(?:,[ ]|^[ \t>]*|\n[ \t>]*)\K(?!(?:19|20)\d\d\b){DIGITS}(?=[ ]{NO_STREET}\p{{Lu}}",
                r"\p{L}{2,}(?:[ -]\p{Lu}?[\p{L}'’-]+){0,3}[ ]*(?:,|$|\n|\.))",
            ),
            rule(
                "after a town",
                0.4,
                rf"(?i:\b(?:in|at|from|near|to|,)[ ])(?:{_TOWN}[\p{{L}}'’-]+",
                r"[ ](?:de[ ]|da[ ]|do[ ]|la[ ]|di[ ]|am[ ])?){1,4}\K(?!(?:19|20)\d\d\b)",
                rf"(?:{DIGITS})(?![\w%-]|[.,]\d|[ ]\d|[ ](?:{NO_STREET}\p{{Lu}})?",
                "(?:people|men|euros?|dollars?|years?))",
            ),
            rule("after a country", 0.4, rf"(?=\d)(?<={COUNTRY},?[ ]{{1,2}}){DIGITS}(?![\w-]|[.,]\d)"),
            rule(
                "end of a line",
                0.4,
                rf"\n[ \t>]*(?:{_TOWN}[\p{{L}}'’-]+,?[ ]){{1,3}}\K(?!(?:19",
                rf"|20)\d\d\b){DIGITS}(?=[ \t]*(?:\n|\Z))",
            ),
            rule("line of its own", 0.4, rf"(?:\p{{L}}[ \t,]*\n[ \t>]*)\K{DIGITS}(?=[ \t]*(?:\n|\Z))"),
        ]
        super().__init__("POSTAL_CODE", language, rules, tuple(_context(language)))


def _context(language: str) -> list[str]:
    return sorted(
        {"zip", "postcode", "postal", "plz", "cp", "code", "eircode", "address", *split(words(POSTCODE, language))}
    )
