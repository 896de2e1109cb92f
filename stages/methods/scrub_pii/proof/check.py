"""Count what was scrubbed, and look again for what a simple rule can prove to be personal data.

The rules share nothing with the recognizers that did the work, so they can see what those overlook.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stages.methods.scrub_pii.detection.checksums import iban_holds, luhn_holds
from stages.methods.scrub_pii.detection.findings import normalised


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """A record as it left the stage, for all that looks at the output: the proof reads nothing else.

    `texts` by field; `replaced` by field, the stretches (start, end) of these texts that hold a surrogate or a tag now;
    `spared` those that someone declared to be nobody's; `entities` that were found in the record, kept ones included;
    `columns` that could single a person out.
    """

    id: str
    texts: Mapping[str, str]
    replaced: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    spared: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    entities: Collection[str] = ()
    language: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)


# One sign for one sign, so that offsets stay: dashes and spaces that typesetting and spreadsheets put into numbers.
_PLAIN = dict.fromkeys((*range(8208, 8214), 8722, 65123, 65293), "-")
_PLAIN |= dict.fromkeys((160, *range(8192, 8203), 8239, 12288), " ") | {0xFF20: "@", 0xFE6B: "@"}
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@(?:[\w-]+\.)+[^\W\d_]{2,}")
# RFC 2606 and RFC 6761: nobody can own these, and the surrogates live there
_NOBODYS = re.compile(r"[@.](?:example\.(?:com|net|org)|example|invalid|test|localhost)\Z", re.IGNORECASE)
# In one piece or as on a card, and no part of a longer row
_CARD = re.compile(
    r"(?<![\w.])(?<!\d[ -])(?:\d{12,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{4}([ -])\d{6}\2\d{4,5})"
    r"(?!\w|[ -]\d)"
)
# Issuers' ranges and lengths: American Express, Diners, JCB, Visa, Mastercard, Maestro, Discover and UnionPay. Other
# rows of digits (time stamps, ids of posts) hold a right check digit one time in ten.
_ISSUED = re.compile(
    r"3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|35\d{14}|4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|"
    r"7[01]\d|720)\d{12}|(?:50|5[6-8]|63|67)\d{10,17}|6(?:011|[245]\d\d)\d{12,15}"
)
_IBAN = re.compile(r"(?<![^\W_])[A-Z]{2}\d{2}(?=((?:[ -]?[A-Z0-9]){11,30}))", re.IGNORECASE | re.ASCII)
_BY_LENGTH = {
    15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
}  # fmt: skip
_LENGTH = {country: length for length, countries in _BY_LENGTH.items() for country in countries.split()}
"""Signs in an IBAN by country (SWIFT's IBAN registry, ISO 13616-2)."""
# Areas, groups and serial numbers that are issued (SSA, since 2011); 9xx is never an area
_SSN = re.compile(r"(?<![\w-])(?<!\d[.])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
_SAMPLE_SSN = frozenset({"078-05-1120", "219-09-9999", "123-45-6789"})  # printed in wallets, leaflets and forms
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)", re.ASCII)
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{1,4}(?![\w:])", re.IGNORECASE | re.ASCII)


def proven(text: str, entities: Collection[str], allowed: Collection[str] = ()) -> Iterator[tuple[int, int, str]]:
    """Start, end and entity of what its form alone proves to be an identifier; surrogates and samples prove nothing.

    E-mail addresses outside the reserved domains, cards and IBANs with right check digits, social security numbers that
    could have been issued, and public IP addresses that cannot well be a version's number. Only those in `entities` are
    looked for, and values in `allowed`, which are `normalised`, are left out.
    """
    plain = text.translate(_PLAIN) if not text.isascii() else text
    for entity in CHECKED:
        if entity in entities:
            for start, end in _RULES[entity](plain):
                if normalised(text[start:end]) not in allowed:
                    yield start, end, entity


def survivors(text: str, entities: Collection[str], allowed: Collection[str] = ()) -> Counter[str]:
    """How many `proven` identifiers a text holds, by entity."""
    return Counter(entity for _, _, entity in proven(text, entities, allowed))


def _emails(text: str) -> Iterator[tuple[int, int]]:
    return (found.span() for found in _EMAIL.finditer(text) if not _NOBODYS.search(found[0]))


def _cards(text: str) -> Iterator[tuple[int, int]]:
    for found in _CARD.finditer(text):
        digits = _compact(found[0])
        if _ISSUED.fullmatch(digits) and len(set(digits)) > 1 and luhn_holds(digits):
            yield found.span()


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    """Whole IBANs, with or without a following word; one may begin within the signs after another's country."""
    for found in _IBAN.finditer(text):
        length, signs, end = _LENGTH.get(found[0][:2].upper(), 0), "", found.start()
        while len(signs) < length and end < found.end(1):
            signs += text[end].upper() if text[end].isalnum() else ""
            end += 1
        whole = len(signs) == length > 0 and not text[end : end + 1].isalnum()
        if whole and iban_holds(signs):
            yield found.start(), end


def _ssns(text: str) -> Iterator[tuple[int, int]]:
    return (found.span() for found in _SSN.finditer(text) if found[0] not in _SAMPLE_SSN and len(set(found[0])) > 2)


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    for pattern in (_IPV4, _IPV6):
        for found in pattern.finditer(text):
            if _is_public(found[0]):
                yield found.span()


def _is_public(value: str) -> bool:
    """Whether it is an address that someone may have: no private, reserved or documentation range.

    Numbers of versions and sections look like IPv4, but seldom have two parts of 32 or more; 0.7 % of all addresses
    have not either, and prove nothing. Of IPv6 only what is given out counts (2000::/3).
    """
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and sum(part >= 32 for part in address.packed) >= 2
    return address.is_global and address.packed[0] >> 5 == 1


_RULES: Mapping[str, Callable[[str], Iterator[tuple[int, int]]]] = {
    "CREDIT_CARD": _cards,
    "EMAIL_ADDRESS": _emails,
    "IBAN_CODE": _ibans,
    "IP_ADDRESS": _addresses,
    "US_SSN": _ssns,
}
CHECKED = tuple(_RULES)
"""The entities that can be proven by their form alone."""


_UNCHANGED = ("keep", "allow")


def count_spans(
    spans: Iterable[tuple[str, Mapping[str, Any]]], languages: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Sums of (record id, evidence) of each span: by entity and operator, by recognizer, and distinct values by entity.

    `records_touched` counts records that changed. With `languages` by record id, also spans and changed records by
    language. Memory grows with distinct values and changed records only.
    """
    counts: Counter[tuple[str, str]] = Counter()
    recognizers: Counter[str] = Counter()
    values: dict[str, set[int]] = defaultdict(set)
    touched: set[str] = set()
    by_language: dict[str, Counter[str]] = defaultdict(Counter)
    for id, evidence in spans:
        changed = evidence["operator"] not in _UNCHANGED and id not in touched
        counts[evidence["entity"], evidence["operator"]] += 1
        recognizers[evidence["recognizer"]] += 1
        values[evidence["entity"]].add(int(evidence["value"][:16], 16))
        if changed:
            touched.add(id)
        if languages is not None:
            by_language[languages[id]].update(spans=1, records_touched=int(changed))
    by_entity: dict[str, dict[str, int]] = {}
    for (entity, operator), count in sorted(counts.items()):
        by_entity.setdefault(entity, {})[operator] = count
    summed = {"spans": by_entity, "recognizers": dict(sorted(recognizers.items())), "records_touched": len(touched)}
    distinct = {entity: len(some) for entity, some in sorted(values.items())}
    apart = {language: dict(count) for language, count in sorted(by_language.items())}
    return {**summed, "distinct_values": distinct} | ({"by_language": apart} if languages is not None else {})


def _compact(value: str) -> str:
    return re.sub(r"[ -]", "", value)
