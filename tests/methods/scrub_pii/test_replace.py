import ipaddress
import re

import pytest

from stages.methods.scrub_pii.check import iban_holds, luhn_holds, survivors
from stages.methods.scrub_pii.replace import MASK, SURROGATES, operator_faults, replacement, surrogate
from stages.methods.scrub_pii.resolve import normalised

VALUES = {
    "CREDIT_CARD": "4111-1111-1111-1111",
    "EMAIL_ADDRESS": "jo@mailbox.org",
    "IBAN_CODE": "GB82 WEST 1234 5698 7654 32",
    "IP_ADDRESS": "10.20.30.40",
    "LOCATION": "Berlin",
    "ORGANIZATION": "Acme Ltd",
    "PERSON": "Ann Lee",
    "PHONE_NUMBER": "(212) 456-7890",
    "SOCIAL_HANDLE": "@jo",
    "STREET_ADDRESS": "12 Old Mill Road",
    "URL": "https://jo.name/me",
    "US_SSN": "219-09-9998",
}


def test_the_values_here_cover_every_surrogate():
    assert set(VALUES) == set(SURROGATES)


@pytest.mark.parametrize("entity", sorted(VALUES))
def test_a_surrogate_follows_from_its_number_and_is_never_the_value(entity):
    made = {number: surrogate(entity, VALUES[entity], number) for number in range(200)}
    assert made == {number: surrogate(entity, VALUES[entity], number) for number in reversed(range(200))}
    assert normalised(VALUES[entity]) not in map(normalised, made.values())
    assert len(set(made.values())) > 100


def test_a_value_that_its_own_number_would_give_gets_another_surrogate():
    value = surrogate("LOCATION", "Berlin", 7)
    assert normalised(surrogate("LOCATION", value, 7)) != normalised(value)


@pytest.mark.parametrize("number", range(50))
def test_surrogates_belong_to_nobody(number):
    made = {entity: surrogate(entity, value, number) for entity, value in VALUES.items()}
    assert re.search(r"@example\.(com|net|org)$", made["EMAIL_ADDRESS"])
    assert not luhn_holds(re.sub(r"\D", "", made["CREDIT_CARD"]))
    assert not iban_holds(made["IBAN_CODE"].replace(" ", ""))
    assert not ipaddress.ip_address(made["IP_ADDRESS"]).is_global
    assert re.fullmatch(r"\(\d{3}\) 555-01\d\d", made["PHONE_NUMBER"])
    assert re.fullmatch(r"9\d\d-[0-4]\d-\d{4}", made["US_SSN"])
    assert re.fullmatch(r"https://example\.org/[0-9a-f]{8}", made["URL"])
    assert re.fullmatch(r"@user_[0-9a-f]{6}", made["SOCIAL_HANDLE"])
    assert not survivors(" ".join(made.values()), VALUES)


@pytest.mark.parametrize(
    ("entity", "value", "form"),
    [
        ("PERSON", "ANN LEE", r"[A-Z'-]+ [A-Z'-]+"),
        ("PERSON", "ann", r"[a-z'-]+"),
        ("PHONE_NUMBER", "+1 212.456.7890", r"\+1 \d{3}\.555\.01\d\d"),
        ("PHONE_NUMBER", "+44 7700 900 1234", r"\d{3}-555-01\d\d"),
        ("CREDIT_CARD", "4111 1111 1111 1111", r"\d{4} \d{4} \d{4} \d{4}"),
        ("IBAN_CODE", "gb82west12345698765432", r"gb\d{20}"),
        ("IP_ADDRESS", "fe80::1", r"2001:db8::[0-9a-f]+:[0-9a-f]+"),
        ("US_SSN", "219099998", r"9\d{8}"),
    ],
)
def test_a_surrogate_keeps_the_form_of_its_value(entity, value, form):
    made = surrogate(entity, value, 5)
    assert re.fullmatch(form, made if entity != "IBAN_CODE" else made.lower())


def test_different_people_rarely_share_a_surrogate():
    made = {surrogate("PERSON", "Ann Lee", 977 * number) for number in range(1000)}
    assert len(made) > 990


def test_the_other_operators_show_nothing_of_the_value():
    made = [replacement(operator, "PERSON", "Ann Lee", 1) for operator in ("tag", "mask", "delete", "keep")]
    assert made == ["<PERSON>", MASK, "", "Ann Lee"]


def test_an_entity_without_surrogates_is_refused_with_those_that_have_them():
    (fault,) = operator_faults({"DATE_TIME": "surrogate", "NRP": "surrogate", "PERSON": "surrogate", "UUID": "tag"})
    assert "DATE_TIME, NRP" in fault.problem
    assert "PERSON" in fault.next_step
    assert operator_faults({"DATE_TIME": "tag", "PERSON": "surrogate"}) == []
