import pytest

from stages.methods.scrub_pii.check import CHECKED, count_spans, iban_holds, luhn_holds, survivors


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("x jo@mailbox.org y", "EMAIL_ADDRESS"),
        ("x 4111 1111 1111 1111 y", "CREDIT_CARD"),
        ("x GB82 WEST 1234 5698 7654 32 AND MORE", "IBAN_CODE"),
        ("x gb82west12345698765432 y", "IBAN_CODE"),
    ],
)
def test_what_its_form_proves_personal_is_seen_again(text, entity):
    assert survivors(text, CHECKED) == {entity: 1}
    assert not survivors(text, [other for other in CHECKED if other != entity])


@pytest.mark.parametrize(
    "text",
    ["jo.doe7@example.org", "4111 1111 1111 1112", "order 1234567890123", "GB82 WEST 1234 5698 7654 33", "a@b @c"],
)
def test_surrogates_and_numbers_without_right_check_digits_do_not_count(text):
    assert not survivors(text, CHECKED)


def test_an_allowed_address_is_no_leak():
    assert not survivors("write to Info@Acme.com", CHECKED, {"info@acme.com"})


def test_check_digits_are_those_of_the_standards():
    assert luhn_holds("79927398713")
    assert not luhn_holds("79927398710")
    assert iban_holds("DE89370400440532013000")
    assert not iban_holds("DE88370400440532013000")


def test_spans_are_counted_by_entity_and_operator_and_kept_ones_touch_nothing():
    spans = [
        ("r1", {"entity": "PERSON", "operator": "tag", "value": "v1"}),
        ("r1", {"entity": "PERSON", "operator": "tag", "value": "v1"}),
        ("r2", {"entity": "URL", "operator": "keep", "value": "v2"}),
    ]
    assert count_spans(spans) == {
        "spans": {"PERSON": {"tag": 2}, "URL": {"keep": 1}},
        "distinct_values": {"PERSON": 1, "URL": 1},
        "records_touched": 1,
    }
