"""How to reach somebody: e-mail, telephone, handles, and addresses of the web."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, ClassVar

import phonenumbers
import presidio_analyzer.predefined_recognizers as predefined
import tldextract

from stages.methods.scrub_pii.detection.recognizers.identifiers import IBAN_COUNTRIES
from stages.methods.scrub_pii.detection.recognizers.lexicon import OTHER_PHONE, PHONE, words
from stages.methods.scrub_pii.detection.recognizers.rules import ASCII, Rule, RuleRecognizer, any_of, rule, split

# The public-suffix list that comes with the library: no fetch, and no cache whose content depends on the day.
_SUFFIXES = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
_NAMED_HOST = re.compile(r"\.[^\W\d_]{2,}\Z")
_SIX_DIGITS = re.compile(r"\d(?:[^\w\n]{0,4}\d){5}")


class EmailRecognizer(RuleRecognizer):
    """E-mail addresses (RFC 5321's lengths), written out or with `(at)` and `(dot)`."""

    cue = re.compile(r"@|(?i:\bat ?[)\]}])")
    cues: ClassVar = dict.fromkeys(("address", "other script", "quoted", "host"), re.compile("@")) | {
        "spelled": re.compile(r"[Aa][Tt] ?[)\]}]")
    }
    _SIGN = r"\p{Latin}\d_"  # a word of another script may stand before and after it without a space
    _HOST = (
        rf"(?:(?:[{_SIGN}-]{{1,63}}\.){{1,8}}[{_SIGN}-]{{2,63}}|(?:[\w-]{{1,63}}\.){{1,8}}(?!\p{{Latin}})[\w-]{{2,63}})"
    )
    _LOCAL = rf"(?<![{_SIGN}.+-])[{_SIGN}+][{_SIGN}.!#$%'*+^~-]{{0,63}}(?<![.'])@"
    _RULES: tuple[Rule, ...] = (
        rule("address", 0.5, rf"{_LOCAL}{_HOST}(?<![-_])"),
        rule(
            "other script",
            0.5,
            r"(?<![\w.+-])(?:(?!\p{Latin})[\w.+-]){0,62}(?!\p{Latin})[^\W\d_](?:(?<!\p{Han})\d{1,8})?@",
            rf"{_HOST}(?<![-_])",
        ),
        rule("quoted", 0.5, rf'(?<!\w)"[^"\n]{{1,62}}"@{_HOST}(?<![-_])'),
        rule("host", 0.5, rf"{_LOCAL}(?:localhost(?![\w.-])|\[[\dA-Fa-f:.IPv]{{3,46}}\])"),
        rule(
            "spelled",
            0.5,
            r"(?i)(?<![\w.])[\w+.-]{1,64}[ ]?[(\[{][ ]?at[ ]?[)\]}][ ]?(?:[\w-]{1,63}[ ]?",
            r"(?:\.|[(\[{][ ]?dot[ ]?[)\]}])[ ]?){1,4}[a-z]{2,24}\b",
        ),
    )

    def __init__(self, language: str) -> None:
        super().__init__("EMAIL_ADDRESS", language, self._RULES, ("email", "e-mail", "mail"))

    def validate_result(self, pattern_text: str) -> bool | None:
        """True where the domain ends in a public suffix; undecided, not refused, for a host of a private network."""
        host = pattern_text.rpartition("@")[2]
        if host in (pattern_text, "localhost") or host.startswith("["):
            return None
        return bool(_SUFFIXES(host).suffix) or (None if _NAMED_HOST.search(host) else False)


class FastPhoneRecognizer(predefined.PhoneRecognizer):  # type: ignore[misc]
    """Presidio's phone recognizer, for one region of each country code; it refuses dates and parts of other numbers."""

    def __init__(self, language: str, regions: Collection[str]) -> None:
        settings: dict[str, Any] = {"supported_language": language, "supported_regions": _one_a_plan(regions)}
        super().__init__(context=_phone_words(language), name="PhoneRecognizer", **settings)

    def accepts(self, text: str, start: int, end: int) -> bool:
        """Whether it is no date, nor another number that a country's plan happens to have room for."""
        return not _NO_PHONE.fullmatch(text[start:end]) and _free(text, start, end) and not in_iban(text, start)


_IBAN_HEAD = re.compile(r"(?:(?<![A-Za-z\d])|(?<=[Ii][Bb][Aa][Nn]))([A-Za-z]{2})\d\d(?:[ -]?[A-Z\d]{1,4}){1,8}[ -]?\Z")


def _one_a_plan(regions: Collection[str]) -> tuple[str, ...]:
    codes: dict[int, str] = {}
    for region in regions:
        codes.setdefault(phonenumbers.country_code_for_region(region), region)
    return tuple(codes.values())


_NO_PHONE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[ T]\d{1,2})?|\d{1,2}([-/.])\d{1,2}\1\d{4}|"
    r"(?:1[89]|20)\d\d ?[-–/ ] ?(?:1[89]|20)\d\d|"
    r"\d{3}-\d{2}-\d{4}|\d{1,2}/\d{1,2}/\d{2}|\d{1,3}(?:\.\d{1,3}){3}|\d+/\d{2}"
)


def _free(text: str, start: int, end: int) -> bool:
    """Whether no letter, and no further digits, touch a number."""
    before, after = text[max(start - 2, 0) : start], text[end : end + 2]
    return not re.search(r"[A-Za-z\d]\Z|\d[ /-]\Z|[.$€£#/]\Z", before) and not re.match(r"[A-Za-wyz]|[-/]?\d|%", after)


def in_iban(text: str, start: int) -> bool:
    """Whether a number that starts there is only the end of what begins like an IBAN."""
    head = _IBAN_HEAD.search(text, max(start - 40, 0), start)
    return head is not None and head[1].upper() in IBAN_COUNTRIES


def _phone_words(language: str) -> list[str]:
    """Context words are compared one by one: the patterns among them are spelled out."""
    return sorted({word.rstrip("?").lower() for word in split(words(PHONE, language))} | {"phone", "telephone", "text"})


class LoosePhoneRecognizer(RuleRecognizer):
    """Numbers laid out like a telephone number of no configured region.

    Seven to fifteen digits (ITU-T E.164), six after a word that names one. Layouts that nothing else has (a plus, an
    area code in brackets or with its zero, an extension) count alone, others beside a word such as `call` or `fax`.
    """

    cue = _SIX_DIGITS
    _EXTENSION = r"(?:[ ]?(?:x|ext\.?|extension|Durchwahl|DW|poste)[ ]?\d{1,6})?"
    _FREE = r"(?<![\w.,$€£#/+-])(?<!\d[ ])"
    _END = r"(?![\w%]|[.,/:]\d|[ -]\d)"

    def __init__(self, language: str) -> None:
        word = any_of(split(words(PHONE, language)))
        extension, free, end = self._EXTENSION, self._FREE, self._END
        anyhow = r"\+?\(?\d(?:[ ./()-]{0,2}\d){5,14}"
        rules: list[Rule] = [
            rule(
                "area code in brackets",
                0.4,
                rf"(?<![{ASCII}(])",
                r"(?:\+?\d{1,3}[ -]?)?\(0?\d{1,5}\)(?:[ ./-]{0,2}\d{2,8}){1,4}",
                rf"{extension}(?!\w)",
            ),
            rule(
                "plus",
                0.5,
                rf"(?<![{ASCII}+])",
                r"(?:\(?\+|00(?=[1-9])|001-)[1-9]\d{0,3}\)?[ .-]?(?:\(0?\d{0,4}\)[ ]?)?\d",
                rf"(?:[ ./-]{{0,2}}\d){{5,13}}{extension}{end}",
            ),
            rule("trunk zero", 0.4, rf"{free}0\d{{1,4}}(?:[ /.-]\d{{2,5}}){{2,4}}{extension}{end}"),
            rule("trunk zero, two groups", 0.4, rf"{free}0[1-9]\d{{1,3}}[ /-]\d{{5,8}}{extension}{end}"),
            rule("trunk zero, one piece", 0.35, rf"{free}0[1-9]\d{{8,9}}{extension}{end}"),
            rule("two, four, four", 0.4, rf"{free}\d{{2}}[ ]9?\d{{4}}-\d{{4}}{end}"),
            rule("three, two, three", 0.4, rf"{free}[4-9]\d{{2}}[ ]\d{{2}}[ ]\d{{3}}{end}"),
            rule("slash", 0.4, rf"{free}(?:06-)?\d{{1,2}}/\d{{3}}[ -]\d{{4}}{end}"),
            rule("pairs", 0.4, rf"{free}\d{{2}}([ .-])\d{{2}}\1\d{{2}}\1\d{{2}}(?:\1\d{{2}})?{end}"),
            rule("three groups", 0.4, rf"{free}[1-9]\d{{2}}([ .-])\d{{3}}\1\d{{3,4}}{extension}{end}"),
            rule("extension", 0.5, rf"{free}\d(?:[ .-]?\d){{6,11}}[ ]?(?:x|ext\.?[ ]?)\d{{1,6}}(?!\w)"),
            rule(
                "after a word",
                0.5,
                rf"(?i:(?<!\w){word}(?!\w)(?:[^\n\d]|\n(?!\n)){{0,24}}?)(?<![\w$€£#/.,-])\K{anyhow}",
                rf"{extension}(?![{ASCII}%]|[.,/]\d)",
            ),
            rule(
                "after a word of another script",
                0.5,
                rf"(?i:{OTHER_PHONE})[ ]?(?:号码|號碼|番号|是|为|は)?[ ]?[.:]?[ ]?\K{anyhow}(?![{ASCII}%]|[.,/]\d)",
            ),
            rule("mobile number in China", 0.4, r"(?<=\p{Han})1[3-9]\d{9}(?!\d)"),
            rule(
                "before a word",
                0.5,
                rf"(?<![\w.$€£#/-])(?<!\d,){anyhow}(?=[ ]*[-–(,/]?[ ]*(?i:office|fax",
                r"|mobile|cell|home|work|direct|main|desk|mobil|privat|bureau|casa)\b)",
            ),
            rule("digits", 0.3, rf"{free}\d(?:[ ./-]{{0,2}}\d){{6,14}}{extension}(?![\w%])"),
        ]
        super().__init__("PHONE_NUMBER", language, rules, _phone_words(language))

    def accepts(self, text: str, start: int, end: int) -> bool:  # noqa: ARG002
        """Whether it is no part of an IBAN."""
        return not in_iban(text, start)

    def invalidate_result(self, pattern_text: str) -> bool:
        """Whether it cannot be a telephone number: too few or many digits, or a date, years, an IP address."""
        number = re.split("[^\\W\\d_]", pattern_text)[0].strip()
        digits = re.sub(r"\D", "", number)
        return not 6 <= len(digits) <= 15 or len(set(digits)) == 1 or bool(_NO_PHONE.fullmatch(number))


class SocialHandleRecognizer(RuleRecognizer):
    """`@name` as on X, Instagram or GitHub, and `@name@server` as on Mastodon; at least one letter, at most 30 signs.

    A dot inside belongs to the name, as Instagram has it: with a dot for a full stop it takes a word too many, without
    one it would leave half a name. `u/name` is Reddit's; a bare name counts after its service's.
    """

    cue = re.compile(r"[@/:]|(?i:handle|user|insta|snap|twitter|telegram|discord|skype|tiktok)")
    _HANDLE = r"(?<![\w@]|\w\.)@(?=[\d_.]{0,29}[^\W\d_])\w(?:[\w.]{0,28}\w)?(?:@[\w-]+(?:\.[\w-]+)+)?"
    _SERVICE = any_of(
        split(
            "instagram|insta|ig|snap|snapchat|twitter|telegram|discord|skype|tiktok|kik|github|steam|psn|xbox|facebook|fb"
        )
    )
    _RULES: tuple[Rule, ...] = (
        ("handle", _HANDLE, 0.6),
        rule("Reddit", 0.6, r"(?<![\w/])/?u/[A-Za-z][\w-]{2,19}(?!\w)"),
        rule(
            "after its service",
            0.4,
            rf"(?i:\b{_SERVICE}(?:[ ](?:name|handle|user(?:name)?|id|account))?[ ]?",
            r"(?:[:=]|is)[ ]?|\buser[ ]?name[ ]?(?:[:=]|is)[ ]?)",
            r"\K(?!https?:)[A-Za-z](?=[\w.]*[\d_.]?)[\w.]{1,28}\w(?:\#\d{4})?(?![\w/@])",
        ),
        rule("Discord", 0.5, r"(?<![\w#])[A-Za-z][\w.]{1,30}\#\d{4}(?!\w)"),
    )

    def __init__(self, language: str) -> None:
        super().__init__("SOCIAL_HANDLE", language, self._RULES)


class UrlRecognizer(RuleRecognizer):
    """Addresses of the web: with a scheme, beginning with `www`, with a path, or a bare domain with a public suffix.

    A bare domain whose suffix is an English word (`home.in`) is more often a missing space; one with a path is not.
    """

    cue = re.compile(r"[.:][^\W_]")
    _HOST = r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_][\w-]{0,30}[^\W_]"
    _SIGNS = r"[^\s<>\"'’”»|\\^`{}()]"
    _PATH = rf"(?:/(?:{_SIGNS}|\({_SIGNS}*+\)|\()*(?<![.,;:!?\](]))"
    _RULES: tuple[Rule, ...] = (
        rule(
            "scheme",
            0.6,
            r"(?i:(?<![a-z])(?:https?|ftps?|sftp|wss?|ssh|git)://)(?:[\w.%+-]{1,64}",
            rf"(?::[^\s@/]{{0,64}})?@)?(?:{_HOST}|localhost|\d{{1,3}}(?:\.\d{{1,3}}){{3}}",
            rf"|\[[0-9A-Fa-f:.]+\])(?::\d{{2,5}})?(?:{_PATH}|[?#]{_SIGNS}*(?<![.,;:!?]))?",
        ),
        rule("www", 0.6, rf"(?i:(?<![\w.@-])www\d?\.){_HOST}(?::\d{{2,5}})?{_PATH}?"),
        rule("path", 0.5, rf"(?<![\w.@/-]){_HOST}(?::\d{{2,5}})?{_PATH}"),
        rule("domain", 0.5, rf"(?<![\w.@/+-]){_HOST}(?![\w@-]|\.\w|[(])"),
    )
    _COMMON = frozenset(split("com|net|org|edu|gov|mil|int|info|biz|name|pro|io|app|dev|cloud|online|site|shop|xyz"))
    # country codes that are words or abbreviations, or end the names of files
    _WORDS = frozenset(
        split("am|as|at|be|by|cc|do|id|in|is|it|la|ma|md|me|my|no|pa|ph|pl|pm|pr|ps|py|re|rs|sh|so|st|to|tv|us")
    )

    def __init__(self, language: str) -> None:
        super().__init__("URL", language, self._RULES, ("url", "website", "link", "site", "homepage", "visit", "web"))

    def validate_result(self, pattern_text: str) -> bool | None:
        """True with a scheme: an e-mail address or an IP address inside is only a part of it."""
        return True if "://" in pattern_text else None

    def invalidate_result(self, pattern_text: str) -> bool:
        """Whether the host has an empty label, or no public suffix that could be meant."""
        scheme, _, rest = pattern_text.rpartition("://")
        host = re.split(r"[/?#:]", rest)[0]
        if scheme or (host.lower().startswith("www") and host.count(".") > 1):
            return ".." in host
        return not _SUFFIXES(host).suffix or ("/" not in rest and self._is_prose(host))

    def _is_prose(self, host: str) -> bool:
        """Whether a bare host is rather two sentences without a space, initials, or the name of a file."""
        *labels, last = host.split(".")
        if last != last.lower() and not host.isupper():
            return True
        if last.lower() in self._COMMON:
            return False
        if max(map(len, labels)) < 3:
            return True
        return len(last) > 2 or (
            last.lower() in self._WORDS and not any(sign.isdigit() or sign == "-" for sign in host)
        )
