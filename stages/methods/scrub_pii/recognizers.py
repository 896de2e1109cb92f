"""The recognizers of personal data: Presidio's own, three of them adapted, and three that it lacks.

Importing this file imports Presidio and, through it, torch (some 6 s of CPU); only `pii_detect` does, when it is used.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection
from typing import Any

import phonenumbers
import presidio_analyzer.predefined_recognizers as predefined
import tldextract
from presidio_analyzer import Pattern, PatternRecognizer

from stages.methods.scrub_pii.check import luhn_holds

# The public-suffix list that comes with the library: no fetch, and no cache whose content depends on the day.
_SUFFIXES = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
_NAMED_HOST = re.compile(r"\.[^\W\d_]{2,}\Z")
_SEVEN_DIGITS = re.compile(r"\d(?:[\Wx]{0,8}\d){6}")


class OfflineEmailRecognizer(predefined.EmailRecognizer):  # type: ignore[misc]
    """Presidio's e-mail recognizer without the network: its own fetches the public-suffix list at first use."""

    def validate_result(self, pattern_text: str) -> bool | None:
        """True where the domain ends in a public suffix; undecided, not refused, for a host of a private network."""
        return bool(_SUFFIXES(pattern_text).fqdn) or (None if _NAMED_HOST.search(pattern_text) else False)


class FastPhoneRecognizer(predefined.PhoneRecognizer):  # type: ignore[misc]
    """Presidio's phone recognizer, asked only about texts with seven digits that no letter separates.

    Going through a text once for each region is most of the time that all recognizers take together, and few texts
    hold so many digits. Fewer than seven are no number one can call from elsewhere.
    """

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[Any]:
        """As Presidio's."""
        found: list[Any] = super().analyze(text, entities, nlp_artifacts) if _SEVEN_DIGITS.search(text) else []
        return found


class StrictUrlRecognizer(predefined.UrlRecognizer):  # type: ignore[misc]
    """Presidio's URL recognizer without quotation marks around its findings, and without `so...in` for a host."""

    def __init__(self, supported_language: str) -> None:
        # The other two patterns are these in quotation marks, and would replace the marks as well.
        patterns = [Pattern(one.name, one.regex, one.score) for one in predefined.UrlRecognizer.PATTERNS[:2]]
        super().__init__(patterns, supported_language=supported_language, name="UrlRecognizer")

    def invalidate_result(self, pattern_text: str) -> bool:
        """Whether the host has an empty label."""
        return ".." in pattern_text.partition("://")[2 if "://" in pattern_text else 0].partition("/")[0]


class LoosePhoneRecognizer(PatternRecognizer):  # type: ignore[misc]
    """Numbers laid out like a telephone number of no configured region: an area code in brackets, or telling words.

    Seven to fifteen digits (ITU-T E.164). Without brackets the score stays below the usual threshold unless one of the
    context words comes before.
    """

    _PATTERNS = (
        ("area code in brackets", r"(?<![\w(])(?:\+?\d{1,3}[ -]?)?\(0?\d{1,5}\)(?:[ ./-]{0,2}\d{2,8}){1,4}(?!\w)", 0.4),
        ("digits", r"(?<![\w.,$€£])\+?\d(?:[ ./-]{0,2}\d){6,14}(?:[ ]?(?:x|ext\.?)[ ]?\d{1,6})?(?![\w%])", 0.3),
    )
    _CONTEXT = ("phone", "telephone", "tel", "fax", "cell", "mobile", "call", "dial", "text", "whatsapp")

    def __init__(self, supported_language: str) -> None:
        patterns = [Pattern(name, regex, score) for name, regex, score in self._PATTERNS]
        context = list(self._CONTEXT)
        super().__init__("PHONE_NUMBER", patterns=patterns, context=context, supported_language=supported_language)

    def invalidate_result(self, pattern_text: str) -> bool:
        """Whether there are too few or too many digits for a telephone number, an extension aside."""
        return not 7 <= sum(map(str.isdigit, re.split("x|e", pattern_text)[0])) <= 15


class CardRecognizer(predefined.CreditCardRecognizer):  # type: ignore[misc]
    """Presidio's card recognizer for all issuers (12 to 19 digits, ISO/IEC 7812-1), not the largest alone.

    A number with a wrong check digit, mistyped as numbers in free text are, counts after a word such as `card`.
    """

    _PATTERN = Pattern("ISO/IEC 7812", r"(?<![\w.])[2-6](?:[ -]?\d){11,18}(?!\w)", 0.3)

    def __init__(self, supported_language: str) -> None:
        patterns = [*predefined.CreditCardRecognizer.PATTERNS, self._PATTERN]
        context = [*predefined.CreditCardRecognizer.CONTEXT, "cards", "cc"]
        super().__init__(patterns, context, supported_language, name="CreditCardRecognizer")

    def validate_result(self, pattern_text: str) -> bool | None:
        """True with a right check digit, else undecided."""
        return luhn_holds(re.sub("[ -]", "", pattern_text)) or None


class StreetAddressRecognizer(PatternRecognizer):  # type: ignore[misc]
    """House number, name, kind of street, as English-speaking countries write it; and post-office boxes."""

    _KINDS = (
        "Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl|Square|Sq|Terrace|Ter|"
        "Circle|Cir|Highway|Hwy|Parkway|Pkwy|Close|Crescent|Row|Alley|Trail|Loop|Mews|Gardens"
    )
    _UNIT = r"(?:,?\s(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|Room|#)\.?\s?[\w-]{1,6})?"
    _STREET = rf"(?<!\w)\d{{1,6}}[A-Za-z]?\s(?:[A-Z0-9][\w'’.-]*\s){{1,4}}(?:{_KINDS})\b\.?{_UNIT}"
    _BOX = r"(?i:\bP\.?\s?O\.?\s?Box\s\d{1,6}\b)"

    def __init__(self, supported_language: str) -> None:
        patterns = [Pattern("street", self._STREET, 0.6), Pattern("box", self._BOX, 0.6)]
        flags = re.MULTILINE  # and not IGNORECASE: capitals tell a street's name from the words before a "way"
        super().__init__(
            "STREET_ADDRESS", patterns=patterns, supported_language=supported_language, global_regex_flags=flags
        )


class SocialHandleRecognizer(PatternRecognizer):  # type: ignore[misc]
    """`@name` as on X, Instagram or GitHub, and `@name@server` as on Mastodon; at least one letter, at most 30 signs.

    A dot inside belongs to the name, as Instagram has it: with a dot for a full stop it takes a word too many, without
    one it would leave half a name.
    """

    _HANDLE = r"(?<![\w@＠.])[@＠](?=[\d_.]{0,29}[^\W\d_])\w(?:[\w.]{0,28}\w)?(?:@[\w-]+(?:\.[\w-]+)+)?"

    def __init__(self, supported_language: str) -> None:
        pattern = Pattern("handle", self._HANDLE, 0.6)
        super().__init__("SOCIAL_HANDLE", patterns=[pattern], supported_language=supported_language)


def all_recognizers(language: str, regions: Collection[str]) -> list[Any]:
    """One of each pattern recognizer, sorted by name.

    All of them claim `language`: an entity is looked for because it was asked for by name, a Spanish identity number
    in English text included. `regions` are the countries (ISO 3166) whose national phone formats count.
    """
    classes: list[Any] = [kind for kind in vars(predefined).values() if inspect.isclass(kind)]
    adapted = (predefined.EmailRecognizer, predefined.CreditCardRecognizer, predefined.UrlRecognizer)
    found = [
        kind(supported_language=language)
        for kind in classes
        if issubclass(kind, PatternRecognizer) and kind is not PatternRecognizer and kind not in adapted
    ]
    found += [
        OfflineEmailRecognizer(supported_language=language, name="EmailRecognizer"),
        FastPhoneRecognizer(supported_language=language, supported_regions=tuple(regions), name="PhoneRecognizer"),
        predefined.IbanRecognizer(supported_language=language, patterns=[_small_iban()]),
        StrictUrlRecognizer(language),
        *(
            kind(language)
            for kind in (CardRecognizer, LoosePhoneRecognizer, SocialHandleRecognizer, StreetAddressRecognizer)
        ),
    ]
    return sorted(found, key=lambda recognizer: str(recognizer.name))


def _small_iban() -> Pattern:
    """Presidio's IBAN pattern for small letters; one pattern for both would run on into the words that follow."""
    (capitals,) = predefined.IbanRecognizer.PATTERNS
    return Pattern("IBAN in small letters", capitals.regex.replace("A-Z", "a-z"), capitals.score)


def unknown_regions(regions: Collection[str]) -> list[str]:
    """Regions whose phone formats are not known; the library would ignore them without a word."""
    return sorted(set(regions) - set(phonenumbers.SUPPORTED_REGIONS))
