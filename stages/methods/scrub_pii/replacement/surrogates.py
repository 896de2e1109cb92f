"""Invented values that keep the form of those they stand for, and belong to nobody.

They follow from a keyed number, so that a value has the same surrogate everywhere, whatever its case. Domains, network
addresses and phone numbers come from ranges that are reserved for examples, social security numbers from those that
are never issued, and no check digit holds. What has no maker of its own keeps its layout: a letter for a letter, a
digit for a digit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from stages.methods.scrub_pii.detection.checksums import CHECKSUMS, iban_holds
from stages.methods.scrub_pii.detection.findings import normalised
from stages.methods.scrub_pii.replacement.date_words import listed, plain
from stages.methods.scrub_pii.replacement.draws import Draws, cased, laid_out, like
from stages.methods.scrub_pii.replacement.surrogate_names import email, organization, person
from stages.methods.scrub_pii.replacement.surrogate_phones import phone_number
from stages.methods.scrub_pii.replacement.surrogate_places import location, postal_code, street_address
from stages.methods.scrub_pii.replacement.surrogate_words import jobs

_TRIES = 50
_CHECKED = 7
"""Digits from which on a surrogate may pass no known check; shorter numbers have none."""

_TITLES = (
    ("mr", "Dr. Prof."), ("mister", "Dr. Prof."), ("mrs", "Ms. Dr. Prof."), ("ms", "Mrs. Dr. Prof."),
    ("miss", "Ms. Dr. Prof."), ("mx", "Dr. Prof."), ("dr", "Prof."), ("prof", "Dr."), ("sir", "Mr. Dr."),
    ("madam", "Ms. Dr."), ("rev", "Dr. Prof."), ("herr", "Dr. Prof."), ("frau", "Dr. Prof."), ("m", "Dr Prof"),
    ("monsieur", "Docteur"), ("mme", "Mlle Dr"), ("mlle", "Mme Dr"), ("madame", "Mademoiselle"),
    ("mademoiselle", "Madame"), ("sr", "Don Dr."), ("sra", "Srta. Dra."), ("srta", "Sra. Dra."), ("don", "Sr."),
    ("dona", "Sra."), ("senor", "Don"), ("senora", "Señorita"), ("sig", "Dott."), ("signor", "Dottor"),
    ("signora", "Dottoressa"), ("dott", "Prof."), ("dhr", "Dr."), ("mevr", "Dr."), ("meneer", "Dr."),
    ("mevrouw", "Dr."),
)  # fmt: skip
_PEOPLES = listed(
    "American Argentinian Australian Austrian Belgian Brazilian Bulgarian Canadian Chilean Colombian Croatian Cuban"
    " Egyptian Estonian German Greek Hungarian Indian Indonesian Iranian Israeli Italian Jamaican Jordanian Kenyan"
    " Korean Latvian Lithuanian Malaysian Mexican Moroccan Nigerian Norwegian Pakistani Peruvian Romanian Russian"
    " Serbian Slovenian Syrian Tunisian Ukrainian Venezuelan"
)
_CREEDS = listed("Catholic Protestant Lutheran Methodist Baptist Mormon Muslim Sunni Hindu Buddhist Sikh Christian")
_OTHER_CREEDS = listed("jewish jew islamic orthodox evangelical atheist")
_PARTIES = listed("Republican Democrat Conservative Liberal Socialist Communist")
_NUMBER_WORDS = listed("zero one two three four five six seven eight nine")
_TENS = listed("twenty thirty forty fifty sixty seventy eighty ninety")


def surrogate(entity: str, value: str, draws: Draws, checks: Iterable[str] = ()) -> str | None:
    """An invented value of the same kind, never the same one; None where none can be made.

    `checks` names the check digits (see CHECKSUMS) that this entity has, which must be wrong however short it is.
    """
    make = SURROGATES.get(entity, _layout)
    for attempt in range(_TRIES):
        new = make(value, Draws(draws.number, f"{draws.value}|{attempt}", draws.language))
        if new is None:
            return None
        if normalised(new) != normalised(value) and not _may_be_real(new, checks):
            return new
    return None


def _may_be_real(new: str, checks: Iterable[str]) -> bool:
    """Whether a check digit holds: one of the entity's own, or in a longer number any that is known."""
    if sum(map(str.isdecimal, new)) >= _CHECKED:
        signs = "".join(filter(str.isalnum, new))
        checks = CHECKSUMS
        if signs.isascii() and len(signs) > 4 and iban_holds(signs):
            return True
    return any(CHECKSUMS[check](new) for check in checks)


def _layout(value: str, draws: Draws) -> str:
    return like(value, draws.random())


def _card(value: str, draws: Draws) -> str:
    """As many digits; the first one, 4 to 6, as of a bank's card."""
    return re.sub(r"\d", lambda _: str(draws.random().randrange(4, 7)), _layout(value, draws), count=1)


def _iban(value: str, draws: Draws) -> str:
    """Same country and length, and check digits that are wrong (ISO 13616), which `surrogate` sees to."""
    country = re.match(r"\s*[A-Za-z]{2}", value)
    at = country.end() if country else 0
    return value[:at] + _layout(value[at:], draws)


def _ssn(value: str, draws: Draws) -> str:
    """Area 900 to 999 was never issued, and with a group up to 49 it is no taxpayer number (ITIN) either."""
    chance = draws.random()
    number = f"9{chance.randrange(100):02}{chance.randrange(1, 50):02}{chance.randrange(1, 10_000):04}"
    if sum(map(str.isalnum, value)) == 9:
        return laid_out(value, number)
    return f"{number[:3]}-{number[3:5]}-{number[5:]}"


def _ip(value: str, draws: Draws) -> str:
    """From the ranges for documentation: RFC 5737 (three times 256 addresses, so these are often shared), RFC 3849."""
    chance = draws.random()
    if value.count(":") > 1:
        return f"2001:db8::{chance.randrange(1, 2**16):x}:{chance.randrange(1, 2**16):x}"
    new = f"{chance.choice(('192.0.2', '198.51.100', '203.0.113'))}.{chance.randrange(256)}"
    rest = re.search(r"[:/]\d+\s*\Z", value)
    return new + (rest[0] if rest else "")


def _url(value: str, draws: Draws) -> str:
    scheme = re.match(r"(?i)[a-z]+://", value)
    return f"{scheme[0] if scheme else ''}example.org/{draws.random().randrange(2**32):08x}"


def _handle(value: str, draws: Draws) -> str:
    if "." in value:  # an address of somebody's page
        return _url(value, draws)
    lead = re.match(r"(?i)/?[ur]/|\W*", value)
    return f"{lead[0] if lead else ''}user{draws.random().randrange(10**7):07}"


def _title(value: str, draws: Draws) -> str | None:
    """Another form of address for such, else another job, in the language of the text; none where there is no list."""
    key = plain(value).strip(" .")
    for known, others in _TITLES:
        if key == known:
            new = draws.pick(f"title|{key}", others.split())
            return cased(value, new if "." in value or new[-1] != "." else new[:-1])
    some = jobs(draws.language)
    return cased(value, _begun_like(value, draws.pick(f"title|{key}", some, value))) if some else None


def _begun_like(value: str, new: str) -> str:
    return new[0].upper() + new[1:] if value[:1].isupper() else new[0].lower() + new[1:]


def _age(value: str, draws: Draws) -> str | None:
    """Another age of the same ten years, in digits or English words; another decade for `30s`."""
    if decade := re.fullmatch(r"(\D*)(\d)0(['’]?s\b\D*)", value):
        other = draws.pick(f"decade|{decade[2]}", [digit for digit in "2345678" if digit != decade[2]])
        return f"{decade[1]}{other}0{decade[3]}"
    if re.search(r"\d", value):
        return re.sub(r"\d+", lambda match: _other_of_ten(match[0], draws), value)
    return _other_age_in_words(value, draws)


def _other_of_ten(digits: str, draws: Draws) -> str:
    last = draws.pick(f"age|{digits}", [digit for digit in "0123456789" if digit != digits[-1]])
    return digits[:-1] + last


def _other_age_in_words(value: str, draws: Draws) -> str | None:
    pattern = rf"(?i)\b(?:({'|'.join(_TENS)})(?:([ -])({'|'.join(_NUMBER_WORDS[1:])}))?|({'|'.join(_NUMBER_WORDS)}))\b"

    def other(match: re.Match[str]) -> str:
        unit = plain(match[3] or match[4] or "zero")
        new = draws.pick(f"age|{plain(match[0])}", [word for word in _NUMBER_WORDS[1:] if word != unit])
        tens = f"{match[1]}{match[2] or '-'}" if match[1] else ""
        return cased(match[0], tens + (new if tens or match[0].islower() else new.capitalize()))

    new, count = re.subn(pattern, other, value)
    return new if count else None


def _group(value: str, draws: Draws) -> str | None:
    """Another nationality, creed or party in English texts, plural for plural; elsewhere none."""
    key = plain(value).strip()
    if draws.language != "en":
        return None
    singular = key.removesuffix("s")
    creeds = {*map(str.lower, _CREEDS), *_OTHER_CREEDS}
    pool = _CREEDS if singular in creeds else _PARTIES if singular in map(str.lower, _PARTIES) else _PEOPLES
    new = draws.pick(f"group|{singular}", pool, singular)
    return cased(value, new + ("s" if key.endswith("s") and len(key) > 3 else ""))


Maker = Callable[[str, Draws], str | None]
SURROGATES: Mapping[str, Maker] = {
    "AGE": _age,
    "CREDIT_CARD": _card,
    "EMAIL_ADDRESS": email,
    "IBAN_CODE": _iban,
    "IP_ADDRESS": _ip,
    "LOCATION": location,
    "NRP": _group,
    "ORGANIZATION": organization,
    "PERSON": person,
    "PHONE_NUMBER": phone_number,
    "POSTAL_CODE": postal_code,
    "SOCIAL_HANDLE": _handle,
    "STREET_ADDRESS": street_address,
    "TITLE": _title,
    "URL": _url,
    "US_SSN": _ssn,
}
"""Makers by entity, from the value, whose form may stay, never its content. All others keep the layout."""
