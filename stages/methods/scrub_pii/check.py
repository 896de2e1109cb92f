"""Count what was scrubbed, and look again for what a simple rule can prove to be personal data.

The rules share nothing with the recognizers that did the work, so they can see what those overlook.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from stages.methods.scrub_pii.resolve import normalised

CHECKED = ("CREDIT_CARD", "EMAIL_ADDRESS", "IBAN_CODE")
"""The entities that can be proven by their form alone."""
_EMAIL = re.compile(r"[\w.+-]+@(?:[\w-]+\.)+[^\W\d_]{2,}")
_NOBODYS = re.compile(r"@example\.(?:com|net|org)\Z", re.IGNORECASE)  # RFC 2606: where the surrogates live
# 3 to 6: travel, banking, merchants (ISO/IEC 7812-1); in one piece or as on a card, and no part of a longer row
_CARD = re.compile(
    r"(?<!\w)(?<!\d[ -])(?:[3-6]\d{12,18}|[3-6]\d{3}([ -])\d{4}\1\d{4}\1\d{4}|3\d{3}([ -])\d{6}\2\d{4,5})(?!\w|[ -]\d)"
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}\b")
_BY_LENGTH = {
    15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
}  # fmt: skip
_LENGTH = {country: length for length, countries in _BY_LENGTH.items() for country in countries.split()}
"""Signs in an IBAN by country (SWIFT's IBAN registry, ISO 13616-2)."""


def survivors(text: str, entities: Collection[str], allowed: Collection[str] = ()) -> Counter[str]:
    """How many e-mail addresses, and cards and IBANs with right check digits, a text holds; surrogates do not count.

    Only those in `entities` are looked for, and values in `allowed`, which are `normalised`, are left out.
    """
    found = {
        "EMAIL_ADDRESS": (m[0] for m in _EMAIL.finditer(text) if not _NOBODYS.search(m[0])),
        "CREDIT_CARD": (m[0] for m in _CARD.finditer(text) if luhn_holds(_compact(m[0]))),
        "IBAN_CODE": (m[0] for m in _IBAN.finditer(text.upper()) if _starts_with_iban(m[0])),
    }
    return Counter(
        entity for entity, values in found.items() if entity in entities for v in values if normalised(v) not in allowed
    )


def count_spans(spans: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Spans by entity and operator, distinct values by entity, and records changed, from (record id, evidence)."""
    counts: Counter[tuple[str, str]] = Counter()
    values: dict[str, set[str]] = {}
    touched = set()
    for id, evidence in spans:
        counts[evidence["entity"], evidence["operator"]] += 1
        values.setdefault(evidence["entity"], set()).add(evidence["value"])
        if evidence["operator"] != "keep":
            touched.add(id)
    by_entity: dict[str, dict[str, int]] = {}
    for (entity, operator), count in sorted(counts.items()):
        by_entity.setdefault(entity, {})[operator] = count
    distinct = {entity: len(some) for entity, some in sorted(values.items())}
    return {"spans": by_entity, "distinct_values": distinct, "records_touched": len(touched)}


def luhn_holds(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (Luhn, ISO/IEC 7812-1 annex B)."""
    numbers = [int(digit) for digit in reversed(digits)]
    return (sum(numbers[::2]) + sum(sum(divmod(2 * number, 10)) for number in numbers[1::2])) % 10 == 0


def iban_holds(signs: str) -> bool:
    """Whether the check digits of an IBAN (capitals and digits only) hold: ISO 7064, MOD 97-10."""
    return int("".join(str(int(sign, 36)) for sign in signs[4:] + signs[:4])) % 97 == 1


def _starts_with_iban(value: str) -> bool:
    """Whether an IBAN of its country's length stands there, with or without the capitals of a following word."""
    signs, length = _compact(value), _LENGTH.get(value[:2], 0)
    return 0 < length <= len(signs) and iban_holds(signs[:length])


def _compact(value: str) -> str:
    return re.sub(r"[ -]", "", value)
