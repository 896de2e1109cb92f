import pytest

from stages.methods.scrub_pii.detection.checksums import CHECKSUMS, iban_holds


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("luhn", "4111 1111-1111 1111"),
        ("luhn", "79927398713"),
        ("mod97", "529900T8BM49AURSDO55"),
        ("mod97", "5299 00t8 bm49 aurs do55"),
        ("verhoeff", "2363"),
        ("verhoeff", "123451"),
        ("mod11", "0-306-40615-2"),
        ("mod11", "080442957X"),
        ("mod11", "943 476 5919"),
    ],
)
def test_a_right_check_digit_holds_and_every_other_one_fails(name, value):
    assert CHECKSUMS[name](value)
    last = value[-1]
    others = [digit for digit in "0123456789" if digit != last]
    assert not any(CHECKSUMS[name](value[:-1] + digit) for digit in others)


@pytest.mark.parametrize("name", sorted(CHECKSUMS))
@pytest.mark.parametrize("value", ["", "-", "é", "X"])
def test_what_holds_no_digits_has_no_check_digit(name, value):
    assert not CHECKSUMS[name](value)


def test_letters_before_the_digits_do_not_matter():
    assert CHECKSUMS["luhn"]("L-79927398713")
    assert not CHECKSUMS["luhn"]("L-79927398714")


def test_two_neighbours_that_changed_places_are_noticed_by_verhoeff():
    assert CHECKSUMS["verhoeff"]("123451")
    assert not CHECKSUMS["verhoeff"]("124351")


def test_an_iban_is_checked_with_its_first_four_signs_last():
    assert iban_holds("GB82WEST12345698765432")
    assert not iban_holds("GB83WEST12345698765432")
