from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.methods.scrub_pii.replacement.dates import shifted, years_in

NAMES = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
}
EN, DE, FR, ES, IT, NL, PT = (names.split() for names in NAMES.values())


def ordinal(day):
    return f"{day}{'th' if day in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


FORMS = {
    "ISO": ("en", lambda d: d.isoformat()),
    "compact": ("en", lambda d: d.isoformat().replace("-", "")),
    "timestamp": ("en", lambda d: f"{d.isoformat()}T23:59:59.5+02:00"),
    "year first with slashes": ("en", lambda d: f"{d.year:04}/{d.month:02}/{d.day:02} 10:30"),
    "American": ("en", lambda d: f"{d.month:02}/{d.day:02}/{d.year:04}"),
    "day first": ("fr", lambda d: f"{d.day:02}/{d.month:02}/{d.year:04}"),
    "dots": ("en", lambda d: f"{d.day:02}.{d.month:02}.{d.year:04}"),
    "English": ("en", lambda d: f"{d.day} {EN[d.month - 1]} {d.year:04}"),
    "with its weekday": ("en", lambda d: f"{d:%A}, {EN[d.month - 1]} {d.day}, {d.year:04}"),
    "spoken": ("en", lambda d: f"on the {ordinal(d.day)} of {EN[d.month - 1]} {d.year:04} at 3 p.m."),
    "capitals": ("en", lambda d: f"{EN[d.month - 1].upper()} {ordinal(d.day).upper()} {d.year:04}"),
    "short": ("en", lambda d: f"{d.day:02}-{EN[d.month - 1][:3]}-{d.year:04}"),
    "German": ("de", lambda d: f"am {d.day}. {DE[d.month - 1]} {d.year:04} um 14.30 Uhr"),
    "French": ("fr", lambda d: f"le {d.day}{'er' if d.day == 1 else ''} {FR[d.month - 1]} {d.year:04}"),
    "Spanish": ("es", lambda d: f"{d.day} de {ES[d.month - 1]} de {d.year:04}"),
    "Italian": ("it", lambda d: f"{d.day} {IT[d.month - 1]} {d.year:04}"),
    "Dutch": ("nl", lambda d: f"{d.day} {NL[d.month - 1]} {d.year:04}"),
    "Portuguese": ("pt", lambda d: f"{d.day} de {PT[d.month - 1]} de {d.year:04}"),
}
days = st.integers(-36_500, 36_500)
FIRST, LAST = date(1150, 1, 1), date(2850, 12, 31)  # a year of four digits before and after any shift


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"French"}))
@settings(max_examples=40)
@given(day=st.dates(FIRST, LAST), move=days)
def test_a_full_date_moves_by_exactly_so_many_days_and_keeps_its_form(form, day, move):
    language, written = FORMS[form]
    assert shifted(written(day), move, language) == written(day + timedelta(days=move))


@given(day=st.dates(FIRST, LAST), move=days)
def test_the_ending_of_the_french_first_of_a_month_goes_with_it(day, move):
    language, written = FORMS["French"]
    later = day + timedelta(days=move)
    expected = written(later) if day.day == 1 else written(later).replace("1er", "1")
    assert shifted(written(day), move, language) == expected


@given(day=st.dates(date(1970, 1, 1), date(2067, 12, 31)), move=st.integers(-365, 365))
def test_two_digits_of_a_year_are_read_as_1969_to_2068(day, move):
    def written(day):
        return f"{day.month:02}/{day.day:02}/{day.year % 100:02}"

    assert shifted(written(day), move, "en") == written(day + timedelta(days=move))


@given(one=st.dates(FIRST, LAST), other=st.dates(FIRST, LAST), move=days)
def test_intervals_between_two_dates_stay(one, other, move):
    moved = [date.fromisoformat(shifted(day.isoformat(), move, "en")) for day in (one, other)]
    assert moved[1] - moved[0] == other - one


@given(day=st.dates(), move=days)
def test_no_date_leaves_the_calendar(day, move):
    try:
        expected = (day + timedelta(days=move)).isoformat()
    except OverflowError:
        expected = None
    assert shifted(day.isoformat(), move, "en") == expected


@given(text=st.text("0123456789/-. aeMaryJund':,T", max_size=24), move=days)
def test_whatever_is_written_is_moved_or_refused(text, move):
    new = shifted(text, move, "en")
    assert new is None or isinstance(new, str)


@pytest.mark.parametrize(
    ("language", "value", "new"),
    [
        ("en", "1/14/1961", "12/5/1960"),
        ("en", "14/1/1961", "5/12/1960"),
        ("de", "3/4/2020", "23/2/2020"),
        ("en", "Mar. 3, 2020", "Jan. 23, 2020"),
        ("en", "3 March '92", "23 January '92"),
        ("en", "between 3 March and 5 April 2019", "between 22 January and 24 February 2019"),
        ("fr", "1er mars 2020", "21 janvier 2020"),
        ("fr", "le 3 avr. 2019", "le 22 févr. 2019"),
        ("es", "1º de enero de 2001", "22º de noviembre de 2000"),
        ("de", "12. Maerz 2001", "31. Januar 2001"),
        ("xx", "11 AVRIL 2001", "2 MARS 2001"),
    ],
)
def test_dates_stand_as_they_stood(language, value, new):
    assert shifted(value, -40, language) == new


@pytest.mark.parametrize(
    ("value", "move", "new"),
    [
        ("March 2020", 40, "April 2020"),
        ("03/2020", -40, "02/2020"),
        ("2020-12", 40, "2021-01"),
        ("2019", 182, "2019"),
        ("2019", 183, "2020"),
        ("from 2010 to 2012", -365, "from 2009 to 2011"),
        ("the 1990s", 3650, "the 2000s"),
        ("29 February", 1, "1 March"),
        ("12/24", 10, "01/03"),
        ("May", -31, "April"),
        ("Friday", 3, "Monday"),
        ("LAST FRIDAY AT 10:30", -1, "LAST THURSDAY AT 10:30"),
        ("10:30 am", 100, "10:30 am"),
    ],
)
def test_what_is_less_than_a_date_moves_as_its_middle(value, move, new):
    assert shifted(value, move, "en") == new


@pytest.mark.parametrize(
    "value",
    [
        "31/02/2020", "29 February 2019", "yesterday", "3-5 March 2020", "Christmas 2019", "two years", "12 days", "",
        "2015-16", "March 3-5, 2020", "9999999", "in 2005, on 3 March", "the third of March 2020", "44 BC",
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_as_a_whole(value):
    assert shifted(value, 10, "en") is None


@pytest.mark.parametrize(
    ("value", "years"),
    [
        ("3 March 2020", ["2020"]),
        ("3/3/98", ["1998"]),
        ("2010 to 2012", ["2010", "2012"]),
        ("the 1990s", ["1990s"]),
        ("Friday", []),
        ("summer 2019", []),
    ],
)
def test_the_years_of_a_value(value, years):
    assert years_in(value, "en") == years
