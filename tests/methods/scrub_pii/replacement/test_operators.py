import hashlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.params.pii import PiiPattern
from stages.methods.scrub_pii.detection.checksums import CHECKSUMS
from stages.methods.scrub_pii.replacement.operators import MASK, Writer, operator_faults

ALL = ("surrogate", "tag", "numbered", "mask", "delete", "keep")


def number(purpose, name):
    return int(hashlib.sha256(f"{purpose}|{name}".encode()).hexdigest()[:16], 16)


def writer(operator, entity="PERSON", owner="me", shift_days=365, language="en", patterns=()):
    return Writer({entity: operator}, number, owner, shift_days, language, patterns)


def test_operators_that_show_nothing_of_the_value():
    made = {operator: writer(operator).write("PERSON", "Ann Lee") for operator in ("tag", "mask", "delete", "keep")}
    assert made == {"tag": "<PERSON>", "mask": MASK, "delete": "", "keep": "Ann Lee"}


def test_a_surrogate_is_the_same_in_every_record():
    assert writer("surrogate", owner="a").write("PERSON", "Ann Lee") == writer("surrogate", owner="b").write(
        "PERSON", "Ann Lee"
    )


def test_numbers_count_values_of_a_record_from_their_first_mention():
    one = Writer({"PERSON": "numbered", "LOCATION": "numbered"}, number, "me", 365, "en")
    written = [one.write("PERSON", name) for name in ("Ann", "Bob", "ANN", "bob ", "Cy")]
    assert written == ["<PERSON_1>", "<PERSON_2>", "<PERSON_1>", "<PERSON_2>", "<PERSON_3>"]
    assert one.write("LOCATION", "Rome") == "<LOCATION_1>"
    assert writer("numbered").write("PERSON", "Cy") == "<PERSON_1>"


@given(owner=st.text(min_size=1), shift_days=st.integers(1, 36_500), first=st.dates(date(1200, 1, 1), date(2800, 1, 1)))
def test_all_dates_of_an_owner_move_by_one_number_of_days_that_is_never_0(owner, shift_days, first):
    one = writer("shift", "DATE_TIME", owner, shift_days)
    second = date(1999, 12, 31)
    moved = [date.fromisoformat(one.write("DATE_TIME", day.isoformat())) for day in (first, second)]
    assert 0 < abs((moved[0] - first).days) <= shift_days
    assert moved[0] - first == moved[1] - second


def test_owners_move_by_different_numbers_of_days():
    moved = {writer("shift", "DATE_TIME", str(owner)).write("DATE_TIME", "2001-02-03") for owner in range(200)}
    assert len(moved) > 140


@pytest.mark.parametrize("operator", ["shift", "generalise", "surrogate"])
def test_a_date_that_is_not_understood_never_stays(operator):
    assert writer(operator, "DATE_TIME").write("DATE_TIME", "Saint Swithin's day") == "<DATE_TIME>"


def test_an_invented_date_is_the_shifted_one():
    assert writer("surrogate", "DATE_TIME").write("DATE_TIME", "3 May 2001") == writer("shift", "DATE_TIME").write(
        "DATE_TIME", "3 May 2001"
    )


@pytest.mark.parametrize(
    ("entity", "value", "less"),
    [
        ("DATE_TIME", "3 March 2020", "2020"),
        ("DATE_TIME", "from 2010 to 2012", "<DATE_TIME>"),
        ("AGE", "45 years old", "40-49 years old"),
        ("AGE", "90", "90+"),
        ("AGE", "18 months", "<AGE>"),
        ("LOCATION", "Munich", "Germany"),
        ("LOCATION", "Paris, Texas", "United States"),
        ("LOCATION", "the Netherlands", "Netherlands"),
        ("LOCATION", "Middle-earth", "<LOCATION>"),
        ("POSTAL_CODE", "90210", "902**"),
        ("POSTAL_CODE", "90210-1234", "902**-****"),
        ("POSTAL_CODE", "03601", "*****"),
        ("POSTAL_CODE", "SW1A 1AA", "SW1A ***"),
        ("POSTAL_CODE", "1021", "10**"),
        ("IP_ADDRESS", "10.20.30.40", "10.20.30.0/24"),
        ("IP_ADDRESS", "2001:db8:1:2::3", "2001:db8:1::/48"),
        ("IP_ADDRESS", "10.20.30", "<IP_ADDRESS>"),
        ("STREET_ADDRESS", "1 Main Street", "<STREET_ADDRESS>"),
    ],
)
def test_what_is_left_when_less_is_said(entity, value, less):
    assert writer("generalise", entity).write(entity, value) == less


def test_a_pattern_of_ones_own_gets_a_surrogate_that_fails_its_check():
    pattern = PiiPattern(entity="CASE", regex=r"\d{3}", checksum="luhn")
    made = {writer("surrogate", "CASE", patterns=[pattern]).write("CASE", f"{n:03}") for n in range(300)}
    assert not any(map(CHECKSUMS["luhn"], made))


def test_a_value_without_a_surrogate_gets_its_tag():
    assert writer("surrogate", "ID_NUMBER").write("ID_NUMBER", "...") == "<ID_NUMBER>"


def test_only_dates_are_shifted_and_only_what_has_less_to_say_is_generalised():
    faults = operator_faults({"PERSON": "shift", "EMAIL_ADDRESS": "generalise", "AGE": "generalise"}, [])
    assert [("PERSON" in fault.problem, "EMAIL_ADDRESS" in fault.problem) for fault in faults] == [
        (True, False),
        (False, True),
    ]
    assert all("AGE" not in fault.problem for fault in faults)


def test_dates_by_patterns_of_ones_own_may_be_shifted():
    pattern = PiiPattern(entity="ADMISSION", regex=r"\d{8}")
    assert operator_faults({"ADMISSION": "shift", "DATE_TIME": "shift"}, [pattern]) == []
    assert len(operator_faults({"ADMISSION": "shift"}, [])) == 1


@pytest.mark.parametrize("operator", ALL)
def test_other_operators_are_possible_for_any_entity(operator):
    assert operator_faults({"PERSON": operator, "MY_OWN": operator}, []) == []
