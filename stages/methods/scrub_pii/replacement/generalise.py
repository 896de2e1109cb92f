"""Say less: a year for a date, a country for a place, ten years for an age, an area for a postal code, a network.

The steps follow the Safe Harbor method of HIPAA, 45 CFR 164.514(b)(2): years only, three digits of a ZIP code and none
where these hold 20,000 people or fewer, one group for all ages over 89.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping

from stages.methods.scrub_pii.replacement.date_words import listed, plain
from stages.methods.scrub_pii.replacement.dates import years_in
from stages.methods.scrub_pii.replacement.surrogate_words import countries, country_of_city

_SMALL_ZIP_AREAS = frozenset(
    listed("036 059 063 102 202 203 204 205 369 556 692 753 772 790 821 823 830 831 878 879 884 890 893")
)
"""Three-digit ZIP areas with at most 20,000 people in the census of 2000 or 2010."""


def generalised(entity: str, value: str, language: str) -> str | None:
    """What is left of a value; None where nothing can be said, or the value is not understood."""
    return _year(value, language) if entity == "DATE_TIME" else _GENERALISATIONS[entity](value)


def _year(value: str, language: str) -> str | None:
    years = sorted(set(years_in(value, language)))
    return years[0] if len(years) == 1 else None


def _country(value: str) -> str | None:
    """The last part that is known counts: `Paris, Texas` is in the United States. In English, but a
    country's own name.
    """
    for part in reversed(re.split(r"[,;()/\n]", value)):
        key = plain(re.sub(r"(?i)^\W*(?:the\s+)?|(?:['’]s)?\W*$", "", part)).replace(".", "")
        for name in (name for some in countries().values() for name in some if plain(name) == key):
            return name
        if country := country_of_city().get(key):
            return country
    return None


def _ten_years(value: str) -> str | None:
    """`40-49`, or `90+`; not for ages in months, weeks or days, which would say more than years do."""
    numbers = re.findall(r"\d+", value)
    if len(numbers) != 1 or re.search(
        r"(?i)\b(?:month|week|day|monat|woche|mois|mes|mese|maand|mês)|\d0['’]?s\b", value
    ):
        return None
    age = int(numbers[0])
    group = "90+" if age > 89 else f"{age // 10 * 10}-{age // 10 * 10 + 9}"
    return re.sub(r"\d+\+?", group, value)


def _area(value: str) -> str | None:
    """The first part of a code with letters, the first three of five and more digits, else half; stars for the rest."""
    first, _, _ = value.partition(" ")
    if re.search(r"[A-Za-z]", value):
        kept = len(first) if first != value and re.search(r"\d", first) else 3
    else:
        digits = sum(map(str.isdecimal, value))
        kept = 3 if digits >= 5 else digits // 2
    if value[:3] in _SMALL_ZIP_AREAS and re.match(r"\d{5}", value):
        kept = 0
    hidden = re.sub(r"\w", "*", value[kept:])
    return value[:kept] + hidden if "*" in hidden and kept <= len(value) / 2 + 1 else None


def _network(value: str) -> str | None:
    """The network of 256 addresses, or the /48 of IPv6, which is one customer's."""
    try:
        address = ipaddress.ip_address(value.strip())
    except ValueError:
        return None
    return str(ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 48}", strict=False))


_GENERALISATIONS: Mapping[str, Callable[[str], str | None]] = {
    "AGE": _ten_years,
    "IP_ADDRESS": _network,
    "LOCATION": _country,
    "POSTAL_CODE": _area,
    "STREET_ADDRESS": lambda _: None,
}
GENERALISED = frozenset({"DATE_TIME", *_GENERALISATIONS})
"""Entities of which less can be said; of a street address nothing is left but that it is one."""
