"""Numbers that stand for one person, account, machine or matter."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, ClassVar

import presidio_analyzer.predefined_recognizers as predefined

from stages.methods.scrub_pii.detection.checksums import iban_holds, luhn_holds
from stages.methods.scrub_pii.detection.recognizers.lexicon import IDENTIFIER, NUMBER, words
from stages.methods.scrub_pii.detection.recognizers.rules import (
    ASCII,
    Rule,
    RuleRecognizer,
    any_of,
    letters,
    rule,
    split,
)

_BY_LENGTH = {
    15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
}  # fmt: skip
"""Countries by the signs in their IBAN (SWIFT's IBAN registry, ISO 13616-2)."""
IBAN_COUNTRIES = frozenset(country for countries in _BY_LENGTH.values() for country in countries.split())

# Prefixes and lengths: American Express, Diners Club, JCB, Visa, Mastercard, Mir, Maestro and national schemes on its
# ranges, Discover, UnionPay, RuPay, Troy. One row of digits in ten has a right check digit.
_ISSUED = re.compile(
    r"3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11,16}|35\d{14,17}|4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|220[0-4]\d{12,15}|"
    r"2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|(?:50|5[6-8]|6\d)\d{10,17}|8[12]\d{14}|9792\d{12}"
)


class CardRecognizer(RuleRecognizer):
    """Payment cards of all issuers (12 to 19 digits, ISO/IEC 7812-1).

    A number of no issuer or with a wrong check digit, mistyped as numbers in free text are, counts after a word such as
    `card`, or laid out as on a card.
    """

    cue = re.compile(r"\d(?:[ .-]?\d){11}")
    _RULES: tuple[Rule, ...] = (
        rule("ISO/IEC 7812", 0.25, rf"(?<![{ASCII}.+])(?<!\d[ -])[1-689](?:[ -]?\d){{11,18}}(?![{ASCII}]|[ -]?\d)"),
        rule(
            "layout",
            0.4,
            rf"(?<![{ASCII}])(?<!\d[ .-])(?:[2-6]\d{{3}}([ .-])\d{{4}}\1\d{{4}}\1\d{{4}}|3\d{{3}}",
            rf"([ -])\d{{6}}\2\d{{4,5}})(?![{ASCII}]|[ .-]\d)",
        ),
        rule(
            "after a word",
            0.6,
            r"(?i:\b(?:cards?|cc|visa|mastercard|amex|american[ ]express|maestro",
            "|discover|diners|karte|kreditkarte|carte|",
            r"tarjeta|carta|cartão|kaart)\b(?:[ ](?:number|no|nr|num|#|is|ending",
            r"|nummer|de crédito|bancaire|di credito)\b[.:]?)*",
            r"\s*(?:[:#=]|is|ist|est|es)?\s*)\K\d(?:[ -]?\d){11,18}",
            rf"(?![{ASCII}]|[ -]?\d)",
        ),
    )
    _CONTEXT = (
        *("credit", "debit", "card", "cards", "visa", "mastercard", "cc", "amex", "discover", "jcb", "diners"),
        *("maestro", "karte", "kreditkarte", "carte", "tarjeta", "carta", "cartão", "kaart"),
    )

    def __init__(self, language: str) -> None:
        super().__init__("CREDIT_CARD", language, self._RULES, self._CONTEXT, "CreditCardRecognizer")

    def validate_result(self, pattern_text: str) -> bool | None:
        """True with a right check digit in a number that an issuer could have given out, else undecided."""
        digits = re.sub(r"\D", "", pattern_text)
        return True if _ISSUED.fullmatch(digits) and luhn_holds(digits) else None


class IbanRecognizer(RuleRecognizer):
    """IBANs of each country's length, in capitals or small letters, in one piece or in groups.

    One with wrong check digits counts after a word such as `IBAN`.
    """

    cue = re.compile(r"[A-Za-z]{2}\d{2}[ -]?[A-Za-z0-9]")
    _CONTEXT = ("iban", "account", "bank", "transfer", "transaction", "konto", "compte", "cuenta", "conto", "rekening")

    def __init__(self, language: str) -> None:
        of = "|".join(
            rf"(?:{countries.replace(' ', '|')})\d\d(?:[ -]?[A-Z0-9]){{{length - 4}}}"
            for length, countries in _BY_LENGTH.items()
        )
        # capitals, or all small: in mixed case the pattern would run on into the words that follow
        cases = (("IBAN", of), ("IBAN in small letters", of.lower()))
        before = rf"(?:(?<![{ASCII}])|(?<=(?<![A-Za-z])(?i:iban)))"
        rules = [(name, rf"{before}(?:{regex})(?![{ASCII}])", 0.3) for name, regex in cases]
        super().__init__("IBAN_CODE", language, rules, self._CONTEXT)

    def validate_result(self, pattern_text: str) -> bool | None:
        """True with right check digits, else undecided."""
        return True if iban_holds(re.sub("[ -]", "", pattern_text)) else None


class SsnRecognizer(RuleRecognizer):
    """United States social security numbers: in groups, or after words that name one."""

    cue = re.compile(r"\d{3}[ .–-]?\d{2}[ .–-]?\d{4}")
    _NAMED = (
        r"(?i:\b(?:ssn|social[ ]security|soc[ ]?sec|ss[ ]?#|itin|taxpayer[ ]id)\b(?:[ ](?:number|no|num|is|#)\b[.:]?)*"
        r"\s*(?:[:#=]|is)?\s*)\K\d{3}([ .–-]?)\d{2}\1\d{4}"
        rf"(?![{ASCII}-])"
    )
    _AFTER = r"(?=[ ](?:(?:is|was)[ ])?(?:(?:my|his|her|their|your|the)[ ])?(?i:ssn|social[ ]security)\b)"

    def __init__(self, language: str) -> None:
        rules = [
            rule(
                "groups",
                0.5,
                rf"(?<![{ASCII}-])(?<!\d[ .])(?!000|666)\d{{3}}([ .–-])(?!00)\d{{2}}\1(?!0000)\d{{4}}",
                rf"(?![{ASCII}-]|[ .]\d)",
            ),
            rule("before its name", 0.6, rf"(?<![{ASCII}.-])\d{{9}}{self._AFTER}"),
            ("named", self._NAMED, 0.7),
            rule(
                "digits", 0.05, rf"(?<![{ASCII}.-])(?!000|666)\d{{3}}(?!00)\d{{2}}(?!0000)\d{{4}}(?![{ASCII}-]|[.]\d)"
            ),
        ]
        super().__init__("US_SSN", language, rules, ("social", "security", "ssn", "ssns"), "UsSsnRecognizer")


class IpRecognizer(RuleRecognizer):
    """IP addresses of both versions, alone, with a port or as a range (RFC 4291, RFC 4632)."""

    cue = re.compile(r"\d\.\d{1,3}\.\d|[0-9A-Fa-f]:[0-9A-Fa-f:]")
    _OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d|0\d\d)"
    _RULES: tuple[Rule, ...] = (
        rule(
            "version 4", 0.6, rf"(?<![{ASCII}.])(?<!\d,)(?:{_OCTET}\.){{3}}{_OCTET}(?:/\d{{1,2}}\b)?(?![{ASCII}]|\.\d)"
        ),
        rule(
            "version 6",
            0.6,
            rf"(?<![{ASCII}:.])",
            r"(?=[0-9A-Fa-f:.]*\d)(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}",
            r"|[0-9A-Fa-f]{1,4})?(?:%\w+)?(?:/\d{1,3})?",
            rf"(?![{ASCII}:])",
        ),
    )

    def __init__(self, language: str) -> None:
        super().__init__("IP_ADDRESS", language, self._RULES, ("ip", "ipv4", "ipv6", "host", "server"))

    def invalidate_result(self, pattern_text: str) -> bool:
        """Whether it is no address; or `::` and the like, which are nobody's."""
        address = pattern_text.partition("/")[0].partition("%")[0]
        if ":" not in address:
            return False
        try:
            return int(ipaddress.IPv6Address(address)) < 2
        except ValueError:
            return True


class LicenseRecognizer(RuleRecognizer):
    """The number of a United States driver's license, where a text says so."""

    cue = re.compile(r"(?i)\bd\.?l\b|licen[cs]e|permit")
    _RULE: Rule = rule(
        "named",
        0.6,
        r"(?i:\b(?:driver['’]?s?['’]?|driving|operator['’]?s?)[ ]?(?:licen[cs]e",
        r"|permit)|\bDL\b)(?i:[ ](?:number|no|num|id|is)\b\.?|[ ]?[:#=])*",
        r"\s*\K(?=[\w-]*\d)[A-Z0-9](?:-?[A-Z0-9]){4,18}(?!\w)",
    )

    def __init__(self, language: str) -> None:
        super().__init__("US_DRIVER_LICENSE", language, [self._RULE], name="UsLicenseRecognizer")


class IdNumberRecognizer(RuleRecognizer):
    """Numbers of accounts, files, customers, passports and the like, after the words that name them."""

    _WORD = re.compile(r"\d{0,4}[A-Za-z][a-z]{4,}\d{0,4}")
    cue = re.compile(r"\d")
    cues: ClassVar = {
        "court file": re.compile(r"\d-[A-Za-z]{2}-\d"),
        "file of a German court": re.compile(r"[A-Za-z] \d{1,5}/\d\d"),
        "neutral citation": re.compile(r"ECLI:|[CT][-‑]\d"),
        "Indian or British tax number": re.compile(r"\d[A-D]\b|\d [A-D]\b|\d{4}[A-Z]"),
    }

    def __init__(self, language: str) -> None:
        what, number = any_of(split(words(IDENTIFIER, language))), any_of(split(words(NUMBER, language)))
        code = r"(?=[\w/.-]{0,20}\d)[A-Za-z0-9](?:[./–-]?[A-Za-z0-9]){2,30}(?![\w])"
        digits = r"\d{2,}(?:[ -]\d{2,}){1,5}(?![\w])"
        link = r"(?:[ ]*(?:[:#=]|is|was|ist|est|es|è)(?![\w]))?[ ]*[#:]?[ ]*"
        slashed = r"\d{1,6}/\d{2,4}(?![\w/])"
        rules: list[Rule] = [
            rule(
                "named",
                0.6,
                rf"(?<!\w){letters(split(words(IDENTIFIER, language)))}(?i:{what})(?:",
                rf"(?i:[ -]?(?:{number}\b\.?|#|:|№)\)?{link})\K(?:{digits}|{code})|",
                rf"(?i:{link})\K(?=(?:[A-Za-z./-]{{0,6}}\d){{5}}){code})",
            ),
            rule(
                "numbered",
                0.45,
                r"(?i:(?<![\w.])(?:nos?\.|no:|nº|n°|№|nr\.)[ ]?)\K(?:\d{1,6}/\d{2,4}",
                r"|\d{5,}|(?=[\w/-]*\d{3})[A-Z0-9]+[/-][A-Z0-9/-]+)(?![\w])",
            ),
            rule(
                "of several",
                0.45,
                rf"(?<=(?i:nos?\.|applications?|cases?)[ ](?:{slashed}[^\d\n]{{1,80}}){{1,20}}){slashed}",
            ),
            rule(
                "court file",
                0.6,
                r"(?<![\w-])(?:\d{1,2}:)?\d{2,4}-(?:cv|cr|md|mc|bk|mj|ap|CV|CR|MD|MC",
                r"|BK|MJ|AP)-\d{2,6}(?:-[A-Z]{2,4})*(?!\w)",
            ),
            rule(
                "file of a German court",
                0.5,
                r"(?<![\w/])(?:[IVX]{1,4}|\d{1,3})[ ][A-Z][A-Za-z]{0,3}[ ]\d{1,5}/\d{2}(?![\w/])",
            ),
            rule(
                "neutral citation",
                0.5,
                r"(?<!\w)(?:ECLI:[A-Z]{2}:[A-Z0-9]{1,7}:\d{4}:[A-Z0-9.]{1,25}|[CT][-‑]\d{1,4}/\d{2})(?!\w)",
            ),
            rule(
                "Indian or British tax number",
                0.4,
                r"(?<!\w)(?:[A-Z]{5}\d{4}[A-Z]|[A-CEGHJ-PR-TW-Z]{2}[ ]?\d{2}[ ]?\d{2}[ ]?\d{2}[ ]?[A-D])",
                r"(?!\w)",
            ),
        ]
        super().__init__("ID_NUMBER", language, rules)

    def invalidate_result(self, pattern_text: str) -> bool:
        """Whether it is a word with a number, such as an event and its year (`marathon2021`)."""
        return self._WORD.fullmatch(pattern_text) is not None


def other_recognizers(language: str, replaced: tuple[type, ...]) -> list[Any]:
    """Presidio's pattern recognizers, for entities that are asked for by name; all but the replaced."""
    kinds: list[Any] = [kind for kind in vars(predefined).values() if isinstance(kind, type)]
    base: Any = predefined.CreditCardRecognizer.__mro__[1]
    chosen = [kind for kind in kinds if issubclass(kind, base) and kind is not base and kind not in replaced]
    return [kind(supported_language=language) for kind in chosen]
