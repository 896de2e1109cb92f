"""What stands in a text instead of personal data: a surrogate, a tag, a mask, or nothing.

Surrogates keep the form that a model learns from, and belong to nobody: domains, addresses and phone numbers come from
ranges that are reserved for examples, social security numbers from those that are never issued, and the checksums of
cards and IBANs do not hold. They follow from a keyed number, so that a value has the same surrogate everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import count
from typing import Any

from stages.core.errors import Fault
from stages.methods.scrub_pii.check import iban_holds, luhn_holds
from stages.methods.scrub_pii.resolve import normalised

MASK = "*****"
"""Always five signs: the number of signs would tell something about the value."""


def operator_faults(operators: Mapping[str, str]) -> list[Fault]:
    """What is wrong with the operators by entity: those that are to get a surrogate and have none."""
    lacking = sorted(e for e, operator in operators.items() if operator == "surrogate" and e not in SURROGATES)
    step = f"use tag, mask, delete or keep; there are surrogates for {', '.join(sorted(SURROGATES))}"
    return [Fault("scrub_pii.entities", f"no surrogates for {', '.join(lacking)}", step)] if lacking else []


def replacement(operator: str, entity: str, value: str, number: int) -> str:
    """The text instead of a value; `number`, keyed by the value, chooses the surrogate. With `keep`, the value."""
    if operator == "surrogate":
        return surrogate(entity, value, number)
    return {"tag": f"<{entity}>", "mask": MASK, "delete": "", "keep": value}[operator]


def surrogate(entity: str, value: str, number: int) -> str:
    """An invented value of the same kind, never the same one; the same number always gives the same."""
    fake = _faker()
    for attempt in count():
        fake.seed_instance(number + attempt)
        new = SURROGATES[entity](fake, value)
        if normalised(new) != normalised(value):
            break
    return new


@lru_cache(maxsize=1)
def _faker() -> Any:
    from faker import Faker

    return Faker("en_US", use_weighting=False)  # all names as likely: fewer values share one


def _digits(fake: Any, how_many: int) -> str:
    return "".join(str(fake.random.randrange(10)) for _ in range(how_many))


def _laid_out(value: str, signs: str) -> str:
    """The signs in place of the letters and digits of the value, whose spaces and dashes stay."""
    rest = iter(signs)
    return "".join(next(rest) if sign.isalnum() else sign for sign in value)


def _cased(value: str, new: str) -> str:
    """In capitals or small letters where the value is."""
    return new.upper() if value.isupper() else new.lower() if value.islower() else new


def _person(fake: Any, value: str) -> str:
    if len(value.split()) > 1:
        return _cased(value, f"{fake.first_name()} {fake.last_name()}")
    return _cased(value, fake.random.choice((fake.first_name, fake.last_name))())


def _city(fake: Any, value: str) -> str:
    return _cased(value, fake.city())


def _street(fake: Any, value: str) -> str:
    return _cased(value, fake.street_address())


def _company(fake: Any, value: str) -> str:
    return _cased(value, fake.company())


def _email(fake: Any, value: str) -> str:
    """At the domains of RFC 2606, which nobody can own."""
    name = f"{fake.first_name()}.{fake.last_name()}{fake.random.randrange(1000)}".lower()
    return _cased(value, f"{name}@example.{fake.random.choice(('com', 'net', 'org'))}")


def _phone(fake: Any, value: str) -> str:
    """555-0100 to 555-0199 of an area code, set aside for fiction by the North American Numbering Plan."""
    number = f"{fake.random.randrange(2, 10)}{fake.random.randrange(9)}{_digits(fake, 1)}55501{_digits(fake, 2)}"
    given = re.sub(r"\D", "", value)
    if len(given) == 11 and given.startswith("1"):
        return _laid_out(value, f"1{number}")
    if len(given) == 10 and sum(map(str.isalnum, value)) == 10:
        return _laid_out(value, number)
    return f"{number[:3]}-{number[3:6]}-{number[6:]}"


def _card(fake: Any, value: str) -> str:
    """As many digits, and a check digit that is wrong (ISO/IEC 7812-1)."""
    number = str(fake.random.randrange(4, 7)) + _digits(fake, sum(map(str.isdigit, value)) - 1)
    while luhn_holds(number):
        number = number[:-1] + _digits(fake, 1)
    return _laid_out(value, number)


def _iban(fake: Any, value: str) -> str:
    """Same country and length, digits only, and check digits that are wrong (ISO 13616)."""
    signs = "".join(filter(str.isalnum, value)).upper()
    number = signs[:2] + _digits(fake, len(signs) - 2)
    while iban_holds(number):
        number = number[:-1] + _digits(fake, 1)
    return _laid_out(value, number)


def _ssn(fake: Any, value: str) -> str:
    """Area 900 to 999 was never issued, and with a group up to 49 it is no taxpayer number (ITIN) either."""
    number = f"9{_digits(fake, 2)}{fake.random.randrange(1, 50):02}{_digits(fake, 4)}"
    return _laid_out(value, number) if sum(map(str.isalnum, value)) == 9 else number


def _ip(fake: Any, value: str) -> str:
    """From the ranges for documentation: RFC 5737 (three times 256 addresses, so these are often shared), RFC 3849."""
    if ":" in value:
        return f"2001:db8::{fake.random.randrange(1, 2**16):x}:{fake.random.randrange(1, 2**16):x}"
    return f"{fake.random.choice(('192.0.2', '198.51.100', '203.0.113'))}.{fake.random.randrange(256)}"


def _url(fake: Any, value: str) -> str:
    scheme = re.match(r"(?i)https?://", value)
    return f"{scheme[0] if scheme else ''}example.org/{fake.random.randrange(2**32):08x}"


def _handle(fake: Any, value: str) -> str:
    return f"{value[0]}user_{fake.random.randrange(2**24):06x}"


SURROGATES: Mapping[str, Callable[[Any, str], str]] = {
    "CREDIT_CARD": _card,
    "EMAIL_ADDRESS": _email,
    "IBAN_CODE": _iban,
    "IP_ADDRESS": _ip,
    "LOCATION": _city,
    "ORGANIZATION": _company,
    "PERSON": _person,
    "PHONE_NUMBER": _phone,
    "SOCIAL_HANDLE": _handle,
    "STREET_ADDRESS": _street,
    "URL": _url,
    "US_SSN": _ssn,
}
"""Makers of surrogates by entity: from a seeded Faker and the value, whose form may stay, never its content."""
