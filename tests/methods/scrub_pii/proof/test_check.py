import random

import pytest

from stages.methods.scrub_pii.proof.check import CHECKED, count_spans, iban_holds, luhn_holds, proven, survivors


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("x jo@mailbox.org y", "EMAIL_ADDRESS"),
        ("mail <jo.doe+list@mail.mailbox.co.uk>.", "EMAIL_ADDRESS"),
        ("jo\uff20mailbox.org", "EMAIL_ADDRESS"),
        ("x 4111 1111 1111 1111 y", "CREDIT_CARD"),
        ("card 4111‑1111‑1111‑1111.", "CREDIT_CARD"),
        ("4111\u00a01111\u00a01111\u00a01111", "CREDIT_CARD"),
        ("(378282246310005)", "CREDIT_CARD"),
        ("3782 822463 10005", "CREDIT_CARD"),
        ("2223003122003222", "CREDIT_CARD"),
        ("x GB82 WEST 1234 5698 7654 32 AND MORE", "IBAN_CODE"),
        ("x gb82west12345698765432 y", "IBAN_CODE"),
        ("DE00123 GB82WEST12345698765432", "IBAN_CODE"),
        ("SSN: 536-22-1234", "US_SSN"),
        ("from 84.143.200.17:", "IP_ADDRESS"),
        ("on 2a02:8109:9c40:1e2c:60bf:88ff:fe21:4b7d", "IP_ADDRESS"),
    ],
)
def test_what_its_form_proves_personal_is_seen_again(text, entity):
    assert survivors(text, CHECKED) == {entity: 1}
    assert not survivors(text, [other for other in CHECKED if other != entity])


@pytest.mark.parametrize(
    "text",
    [
        "jo.doe7@example.org",
        "jo@mail.example.com",
        "jo@site.test",
        "a@b @c",
        "4111 1111 1111 1112",
        "order 1234567890123",
        "post 412345678901234562",
        "0.4111111111111111",
        "GB82 WEST 1234 5698 7654 33",
        "GB82 WEST 1234 5698 7654 321",
        "SSN 900-12-3456, 666-12-3456, 123-00-4567, 123-45-0000, 123-45-6789",
        "part 1-536-22-1234",
        "see 192.0.2.17, 198.51.100.4, 203.0.113.255, 2001:db8:1:2:3:4:5:6",
        "10.0.0.12 and 192.168.178.40 and 127.0.0.1 and fe80:0:0:0:1:2:3:4",
        "version 4.18.2.31, section 12.3.1.44, 300.400.500.600",
        "at 12:30:45:10 std::vector a::b",
    ],
)
def test_surrogates_samples_and_other_numbers_prove_nothing(text):
    assert not survivors(text, CHECKED)


def test_places_are_those_of_the_text_as_it_is_written():
    text = "é\u00a0\u2013 jo\uff20mailbox.org"
    assert [text[start:end] for start, end, _ in proven(text, CHECKED)] == ["jo\uff20mailbox.org"]


def test_an_iban_is_not_hidden_by_one_that_does_not_hold_before_it():
    assert survivors("DE88370400440532013000 GB82WEST12345698765432", CHECKED) == {"IBAN_CODE": 1}


def test_an_allowed_address_is_no_leak():
    assert not survivors("write to Info@Acme.com", CHECKED, {"info@acme.com"})


def test_nearly_all_public_addresses_are_proven():
    draw = random.Random(1)
    addresses = [f"{draw.choice((31, 84, 91))}.{'.'.join(str(draw.randrange(256)) for _ in 'abc')}" for _ in range(500)]
    assert sum(len(survivors(address, CHECKED)) for address in addresses) > 0.95 * len(addresses)


def test_check_digits_are_those_of_the_standards():
    assert luhn_holds("79927398713")
    assert not luhn_holds("79927398710")
    assert iban_holds("DE89370400440532013000")
    assert not iban_holds("DE88370400440532013000")


def _span(entity, operator, value, recognizer="R"):
    return {"entity": entity, "operator": operator, "value": value * 32, "recognizer": recognizer}


SPANS = [
    ("r1", _span("PERSON", "tag", "1")),
    ("r1", _span("PERSON", "tag", "1")),
    ("r2", _span("URL", "keep", "2", "Q")),
    ("r3", _span("URL", "tag", "3", "Q")),
    ("r4", _span("URL", "allow", "4", "Q")),
]


def test_spans_are_counted_by_entity_operator_and_recognizer_and_kept_ones_touch_nothing():
    assert count_spans(SPANS) == {
        "spans": {"PERSON": {"tag": 2}, "URL": {"allow": 1, "keep": 1, "tag": 1}},
        "recognizers": {"Q": 3, "R": 2},
        "distinct_values": {"PERSON": 1, "URL": 3},
        "records_touched": 2,
    }


def test_spans_are_counted_by_language_where_it_is_known():
    found = count_spans(SPANS, {"r1": "en", "r2": "de", "r3": "de", "r4": "de"})
    assert found["by_language"] == {
        "de": {"spans": 3, "records_touched": 1},
        "en": {"spans": 2, "records_touched": 1},
    }
