"""Invented personal data as people write it, in the forms of several countries, for the probe."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

Draw: TypeAlias = random.Random
_LOCALES = {
    "en": ("en_US", "en_GB", "en_CA", "en_AU"), "de": ("de_DE", "de_AT", "de_CH"), "fr": ("fr_FR", "fr_CH"),
    "es": ("es_ES", "es_MX"), "it": ("it_IT",), "nl": ("nl_NL", "nl_BE"), "pt": ("pt_BR", "pt_PT"),
}  # fmt: skip
_ANY = (
    "en_US", "en_GB", "en_IN", "de_DE", "fr_FR", "es_MX", "it_IT", "nl_NL", "pl_PL", "sv_SE", "tr_TR", "pt_BR", "id_ID",
)  # fmt: skip
_WITH_ADDRESSES = ("en_US", "en_GB", "en_CA", "en_AU", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "sv_SE", "pt_BR")
_WITH_REAL_TOWNS = frozenset({"en_IN", "de_DE", "de_AT", "es_ES", "pl_PL", "sv_SE", "id_ID", "nl_NL", "nl_BE", "pt_PT"})
_TOWNS = (
    "Leeds", "Austin", "Brisbane", "Cork", "Halifax", "Tucson", "Lagos", "Nairobi", "Osaka", "Porto", "Graz", "Lyon",
    "San Diego", "Cape Town", "New Orleans", "Belfast", "Winnipeg", "Lahore", "Manila", "Gdansk", "Bologna", "Seville",
    "Wellington", "Salt Lake City", "Aberdeen", "Memphis", "Kampala", "Lima", "Guadalajara", "Utrecht", "Izmir",
)  # fmt: skip
_STREETS = ("Street", "Road", "Avenue", "Lane", "Drive", "Court", "Way", "Close", "Boulevard", "St", "Rd", "Ave", "Ln.")
_WITH_IBAN = ("en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "pt_PT", "de_CH", "nl_BE")
_OF_REGION = {
    "US": "en_US", "CA": "en_CA", "GB": "en_GB", "AU": "en_AU", "NZ": "en_NZ", "IN": "en_IN", "DE": "de_DE",
    "AT": "de_AT", "CH": "de_CH", "FR": "fr_FR", "ES": "es_ES", "MX": "es_MX", "IT": "it_IT", "NL": "nl_NL",
    "BE": "nl_BE", "PT": "pt_PT", "BR": "pt_BR", "PL": "pl_PL", "SE": "sv_SE", "TR": "tr_TR", "ID": "id_ID",
}  # fmt: skip
"""Regions whose national phone layouts can be invented."""
_INTERNATIONAL = (
    "+49 30 %#######", "+44 20 7### ####", "+33 6 ## ## ## ##", "+34 6## ## ## ##", "+39 347 #######", "+31 6 %#######",
    "+48 601 ### ###", "+46 70 ### ## ##", "+61 4## ### ###", "+91 98### #####", "+55 11 9####-####", "+353 87 #######",
    "0049 30 %#######", "+1 212-%##-####", "+1 (415) %##-####", "+4420 7### ####",
)  # fmt: skip
_NUMBERS = ("?########", "??######?", "%#########", "###-######-#", "?##-###-####", "########-?", "??-####-######",
            "%########", "??#####", "%######")  # fmt: skip
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
}
_IN_NUMBERS = ("{y}-{m:02}-{d:02}", "{m:02}/{d:02}/{y}", "{d:02}/{m:02}/{y}", "{d:02}.{m:02}.{y}", "{d}.{m}.{s:02}",
               "{m}/{d}/{s:02}", "{d:02}-{m:02}-{y}")  # fmt: skip
_IN_WORDS = {
    "en": ("{n} {d}, {y}", "{d} {n} {y}", "{a} {d}, {y}", "{d} {a} {y}", "{n} {d}", "{n} {y}", "{d}-{a}-{y}"),
    "de": ("{d}. {n} {y}", "{d}. {n}"),
    "es": ("{d} de {n} de {y}", "{d} de {n}"),
    "pt": ("{d} de {n} de {y}", "{d} de {n}"),
}
_IN_WORDS_ELSEWHERE = ("{d} {n} {y}", "{d} {n}")
_TITLES = {
    "en": "Mr. Mrs. Ms. Dr. Prof. Mr Mrs Miss Sir", "de": "Herr Frau Dr. Prof. Herr Frau", "fr": "M. Mme Dr Mlle Pr",
    "es": "Sr. Sra. Dr. Dra. Don", "it": "Sig. Sig.ra Dott. Dott.ssa Prof.", "nl": "Dhr. Mevr. Dr. Drs. Prof.",
    "pt": "Sr. Sra. Dr. Dra. Eng.",
}  # fmt: skip
_GROUPS = {
    "en": "Norwegian Kenyan Bolivian Vietnamese Scottish Catholic Buddhist Muslim Lutheran Jewish Hindu Kurdish",
    "de": "norwegisch kenianisch vietnamesisch katholisch muslimisch jüdisch evangelisch kurdisch",
    "fr": "norvégien kényan vietnamien catholique musulman juif protestant kurde",
    "es": "noruego keniano vietnamita católico musulmán judío protestante kurdo",
    "it": "norvegese keniano vietnamita cattolico musulmano ebreo protestante curdo",
    "nl": "Noors Keniaans Vietnamees katholiek islamitisch joods protestant Koerdisch",
    "pt": "norueguês queniano vietnamita católico muçulmano judeu protestante curdo",
}


@lru_cache(maxsize=64)
def _faker(locale: str) -> Any:
    from faker import Faker

    return Faker(locale)


def _in(locales: Sequence[str], draw: Draw) -> Any:
    """A generator of one of the locales, seeded."""
    fake = _faker(draw.choice(locales))
    fake.seed_instance(draw.getrandbits(64))
    return fake


def _around(language: str, draw: Draw, elsewhere: Sequence[str]) -> Any:
    """A generator of a country where the language is spoken, or as often of any."""
    return _in(_LOCALES.get(language, elsewhere) if draw.random() < 0.5 else elsewhere, draw)


def _filled(mask: str, draw: Draw) -> str:
    """The mask with digits for #, digits from 2 on for %, capitals for ?."""
    signs = {"#": "0123456789", "%": "23456789", "?": "ABCDEFGHJKLMNPRSTUVWXYZ"}
    return "".join(draw.choice(signs[sign]) if sign in signs else sign for sign in mask)


def _person(language: str, draw: Draw) -> str:
    """Mostly first and last name; also one of them, initials, the last name first, and small letters."""
    fake = _around(language, draw, _ANY)
    first, last = fake.first_name(), fake.last_name()
    forms = (
        *6 * (f"{first} {last}",), first, last, f"{first[0]}. {last}", f"{first} {fake.first_name()[0]}. {last}",
        f"{last}, {first}", f"{first} {last}".lower(),
    )  # fmt: skip
    return str(draw.choice(forms))


def _town(fake: Any, draw: Draw) -> str:
    """A real one. In other locales the library makes towns up from names, or draws them from an unordered set."""
    return str(fake.city() if fake.locales[0] in _WITH_REAL_TOWNS else draw.choice(_TOWNS))


def _place(language: str, draw: Draw) -> str:
    """Mostly towns, also countries."""
    fake = _around(language, draw, _ANY)
    return str(draw.choice((_town, _town, _town, lambda *_: fake.country()))(fake, draw))


def _street(language: str, draw: Draw) -> str:
    """Number and street, now and then with the town. In English half of the streets are of the common kinds."""
    fake = _around(language, draw, _WITH_ADDRESSES)
    english = fake.locales[0].startswith("en")
    street = ", ".join(part.strip() for part in fake.street_address().replace("\n", ",").split(","))
    if english and draw.random() < 0.5:
        street = f"{draw.randrange(1, 2000)} {fake.last_name()} {draw.choice(_STREETS)}"
    if draw.random() < 0.7:
        return street
    town, code = _town(fake, draw), fake.postcode()
    return f"{street}, {town}, {code}" if english else f"{street}, {code} {town}"


def _date(language: str, draw: Draw) -> str:
    year, month, day = draw.randrange(1930, 2030), draw.randrange(1, 13), draw.randrange(1, 29)
    words = _IN_WORDS.get(language, _IN_WORDS_ELSEWHERE) if language in _MONTHS else ()
    form = draw.choice((*_IN_NUMBERS, *words, *words))
    name = _MONTHS.get(language, _MONTHS["en"]).split()[month - 1]
    return form.format(y=year, s=year % 100, m=month, d=day, n=name, a=name[:3])


def _email(language: str, draw: Draw) -> str:
    fake = _around(language, draw, _ANY)
    return str(draw.choice((fake.free_email, fake.company_email, fake.ascii_company_email))())


def _handle(language: str, draw: Draw) -> str:
    fake = _around(language, draw, ("en_US",))
    return f"@{draw.choice((fake.user_name, fake.user_name, fake.first_name))()}"


def _url(language: str, draw: Draw) -> str:
    fake = _around(language, draw, ("en_US",))
    return str(draw.choice((fake.url, fake.uri, lambda: f"www.{fake.domain_name()}", fake.uri))())


def _card(_: str, draw: Draw) -> str:
    """Visa, Mastercard, Discover, American Express; in one piece or in groups."""
    kind = draw.choice(("visa16", "mastercard", "discover", "amex"))
    number = _in(("en_US",), draw).credit_card_number(kind)
    cuts = (4, 10, 15) if kind == "amex" else (4, 8, 12, 16)
    groups = [number[start:end] for start, end in zip((0, *cuts), cuts, strict=False)]
    return draw.choice((" ", "-", "", "")).join(groups)


def _iban(language: str, draw: Draw) -> str:
    iban = _around(language if language in {"de", "es", "it"} else "", draw, _WITH_IBAN).iban()
    return " ".join(iban[i : i + 4] for i in range(0, len(iban), 4)) if draw.random() < 0.5 else str(iban)


def _ssn(_: str, draw: Draw) -> str:
    number = str(_in(("en_US",), draw).ssn())
    return number if draw.random() < 0.9 else number.replace("-", draw.choice((" ", "")))


def _ip(_: str, draw: Draw) -> str:
    fake = _in(("en_US",), draw)
    return str(fake.ipv4_public() if draw.random() < 0.8 else fake.ipv6())


_MAKERS: Mapping[str, Callable[[str, Draw], str]] = {
    "AGE": lambda _, draw: str(draw.randrange(18, 96)),
    "CREDIT_CARD": _card,
    "DATE_TIME": _date,
    "EMAIL_ADDRESS": _email,
    "IBAN_CODE": _iban,
    "ID_NUMBER": lambda _, draw: _filled(draw.choice(_NUMBERS), draw),
    "IP_ADDRESS": _ip,
    "LOCATION": _place,
    "NRP": lambda language, draw: draw.choice(_GROUPS.get(language, _GROUPS["en"]).split()),
    "ORGANIZATION": lambda language, draw: str(_around(language, draw, _ANY).company()),
    "PERSON": _person,
    "POSTAL_CODE": lambda language, draw: str(_around(language, draw, _WITH_ADDRESSES).postcode()),
    "SOCIAL_HANDLE": _handle,
    "STREET_ADDRESS": _street,
    "TITLE": lambda language, draw: draw.choice(_TITLES.get(language, _TITLES["en"]).split()),
    "URL": _url,
    "US_SSN": _ssn,
}
INVENTED = frozenset({*_MAKERS, "PHONE_NUMBER"})
"""Entities whose values can be invented."""


def invented(entity: str, language: str, regions: Collection[str], draw: Draw) -> str:
    """A value of an entity as it may stand in a text of the language; phones also in the regions' national layouts."""
    if entity != "PHONE_NUMBER":
        return " ".join(_MAKERS[entity](language, draw).split())
    national = sorted(_OF_REGION[region] for region in regions if region in _OF_REGION)
    if national and draw.random() < 0.7:
        return str(_in(national, draw).phone_number())
    return _filled(draw.choice(_INTERNATIONAL), draw)
