import hashlib
import ipaddress
import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.methods.scrub_pii.detection.checksums import CHECKSUMS, iban_holds, luhn_holds
from stages.methods.scrub_pii.detection.findings import normalised
from stages.methods.scrub_pii.replacement.date_words import plain
from stages.methods.scrub_pii.replacement.draws import Draws
from stages.methods.scrub_pii.replacement.surrogate_words import countries, families, jobs, known_names, state_codes
from stages.methods.scrub_pii.replacement.surrogates import SURROGATES, surrogate

VALUES = {
    "AGE": "45 years old",
    "CREDIT_CARD": "4111-1111-1111-1111",
    "EMAIL_ADDRESS": "jo@mailbox.org",
    "IBAN_CODE": "GB82 WEST 1234 5698 7654 32",
    "IP_ADDRESS": "10.20.30.40",
    "LOCATION": "Berlin",
    "NRP": "Dutch",
    "ORGANIZATION": "Acme Ltd",
    "PERSON": "Ann Lee",
    "PHONE_NUMBER": "(212) 456-7890",
    "POSTAL_CODE": "90210",
    "SOCIAL_HANDLE": "@jo",
    "STREET_ADDRESS": "12 Old Mill Road",
    "TITLE": "Plumber",
    "URL": "https://jo.name/me",
    "US_SSN": "219-09-9998",
}
FEW = {"AGE": 9, "NRP": 40}  # as many as there are


def made(entity, value, key=0, language="en", checks=()):
    def number(name):
        return int(hashlib.sha256(f"{key}|{name}".encode()).hexdigest()[:16], 16)

    return surrogate(entity, value, Draws(number, f"{entity}|{normalised(value)}", language), checks)


def test_the_values_here_cover_every_surrogate():
    assert set(VALUES) == set(SURROGATES)


@pytest.mark.parametrize("entity", [*sorted(VALUES), "CUSTOMER_ID"])
def test_a_surrogate_follows_from_the_key_and_is_never_the_value(entity):
    value = VALUES.get(entity, "AB-12345")
    some = {key: made(entity, value, key) for key in range(200)}
    assert some == {key: made(entity, value, key) for key in reversed(range(200))}
    assert normalised(value) not in map(normalised, some.values())
    assert len(set(some.values())) >= FEW.get(entity, 80)


@pytest.mark.parametrize("entity", sorted(set(VALUES) - {"URL", "SOCIAL_HANDLE"}))
def test_case_variants_agree_and_keep_their_case(entity):
    value = VALUES[entity]
    assert normalised(made(entity, value.upper())) == normalised(made(entity, value))
    assert made(entity, value.upper()).isupper() == value.upper().isupper()
    assert made(entity, value.lower()).islower() == value.lower().islower()


@given(entity=st.sampled_from([*sorted(VALUES), "CUSTOMER_ID"]), value=st.text(min_size=1, max_size=24))
def test_any_text_gets_another_one_or_none(entity, value):
    new = made(entity, value)
    assert new is None or normalised(new) != normalised(value)


@pytest.mark.parametrize("key", range(40))
def test_surrogates_belong_to_nobody(key):
    new = {entity: made(entity, value, key) for entity, value in VALUES.items()}
    assert re.search(r"@example\.(com|net|org)$", new["EMAIL_ADDRESS"])
    assert not luhn_holds(re.sub(r"\D", "", new["CREDIT_CARD"]))
    assert not iban_holds(new["IBAN_CODE"].replace(" ", ""))
    assert any(
        ipaddress.ip_address(new["IP_ADDRESS"]) in ipaddress.ip_network(reserved)
        for reserved in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
    )
    assert re.fullmatch(r"\([2-9]\d\d\) 555-01\d\d", new["PHONE_NUMBER"])
    assert re.fullmatch(r"00[0-4]\d\d", new["POSTAL_CODE"])
    assert re.fullmatch(r"9\d\d-[0-4]\d-\d{4}", new["US_SSN"])
    assert re.fullmatch(r"https://example\.org/[0-9a-f]{8}", new["URL"])
    assert re.fullmatch(r"@user\d{7}", new["SOCIAL_HANDLE"])


@pytest.mark.parametrize("check", sorted(CHECKSUMS))
@pytest.mark.parametrize("value", ["12", "A-1234", "123456789", "79927398713"])
def test_a_declared_check_digit_is_wrong_in_every_surrogate(check, value):
    assert not any(CHECKSUMS[check](made("CUSTOMER_ID", value, key, checks=[check])) for key in range(50))


@pytest.mark.parametrize("value", ["4111 1111 1111 1111", "943 476 5919", "DE89370400440532013000"])
def test_no_known_check_digit_holds_in_a_long_number_of_any_kind(value):
    for key in range(50):
        new = made("ID_NUMBER", value, key)
        assert not any(holds(new) for holds in CHECKSUMS.values())
        assert not iban_holds("".join(filter(str.isalnum, new)))


@pytest.mark.parametrize("key", range(20))
def test_all_mentions_of_somebody_agree(key):
    first, last = made("PERSON", "John Smith", key).split()
    assert made("PERSON", "JOHN SMITH", key) == f"{first} {last}".upper()
    assert made("PERSON", "smith", key) == last.lower()
    assert made("PERSON", "Smith, John", key) == f"{last}, {first}"
    assert made("PERSON", "Mr. J. Smith's", key) == f"Mr. {first[0]}. {last}'s"
    assert made("PERSON", "John  Q.\nSmith Jr.", key).split() == [
        first, made("PERSON", "Q.", key), last, "Jr."
    ]  # fmt: skip
    assert made("EMAIL_ADDRESS", "john.smith@acme.com", key).startswith(f"{first}.{last}".lower())
    assert made("EMAIL_ADDRESS", "JohnSmith@acme.com", key).startswith(first + last)


@pytest.mark.parametrize(("name", "kind"), [("Mary", "female"), ("John", "male"), ("Lopez", "surname")])
def test_given_names_keep_their_gender_and_surnames_are_surnames(name, kind):
    kinds = [known_names()[plain(made("PERSON", name, key))] for key in range(50)]
    assert sum(one == ("en", kind) for one in kinds) > 40  # a few names are more than one


def test_names_come_from_where_the_value_does():
    assert made("PERSON", "Günther") in families()["de"].given["male"]
    assert re.fullmatch(r"[А-Яа-яё]+ [А-Яа-яё]+", made("PERSON", "Иван Петров"))


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("Ludwig van Beethoven", r"\w+ van \w+"),
        ("Juan de la Cruz, MD", r"\w+ de la \w+, MD"),
        ("Anne-Marie O'Brien", r"\w+-\w+ \w+"),
        ("J.R.R. Tolkien", r"([A-Z])\.([A-Z])\.\2\. \w+"),
        ("Dr. Al Bundy", r"Dr\. (?!Al)\w+ \w+"),
        ("Mr", r"(?!Mr)\w+"),
        ("96 c", r"\d\d (?!c)[a-z]"),
    ],
)
def test_what_is_no_name_stays_in_a_name(value, pattern):
    for key in range(20):
        assert re.fullmatch(pattern, made("PERSON", value, key))


def test_different_people_rarely_share_a_surrogate():
    surnames = [name for name, kind in known_names().items() if kind == ("en", "surname")]
    assert len({made("PERSON", name) for name in surnames}) > 0.98 * len(surnames)
    given = [name for name, kind in known_names().items() if kind == ("en", "female")]
    assert len({made("PERSON", name) for name in given}) > 0.5 * len(given)


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("Acme GmbH", r"\w+ GmbH"),
        ("Acme, Inc.", r"\w+, Inc\."),
        ("University of Springfield", r"University of \w+"),
        ("Barnett, Melton and Garcia", r"\w+, \w+ and \w+"),
        ("IBM", r"[AEIOU][^AEIOU]{2}"),
        ("Supreme Court", r"(?!Supreme)\w+ Court"),
    ],
)
def test_an_organization_keeps_its_kind(value, pattern):
    for key in range(20):
        assert re.fullmatch(pattern, made("ORGANIZATION", value, key))
    assert made("ORGANIZATION", "ACME") == made("ORGANIZATION", "Acme GmbH").split()[0].upper()


def test_a_country_becomes_a_country_and_a_town_a_town():
    town, country = made("LOCATION", "Springfield, Germany").split(", ")
    assert country in countries()["en"]
    assert town == made("LOCATION", "SPRINGFIELD").capitalize()
    assert made("LOCATION", "the Netherlands") in countries()["en"]
    assert made("LOCATION", "Frankreich") in countries()["de"]
    assert made("LOCATION", "CA") in state_codes()
    assert re.fullmatch(r"[A-Z]\w+, [A-Z]{2} \d{5}", made("LOCATION", "Springfield, IL 62704"))
    assert re.fullmatch(r"[A-Z]\w+ County", made("LOCATION", "Travis County"))


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("31 Seneca Place", r"\d\d \w+ Place"),
        ("0538 15 Mill Drive\nMuel\n 16518", r"0\d{3} \d\d \w+ Drive\n\w+\n \d{5}"),
        ("Hauptstraße 5, 10115 Berlin", r"\w+straße \d, \d{5} \w+"),
        ("123 N Main St Apt. 4B, Springfield, IL 62704", r"\d{3} N \w+ St Apt\. \d[A-Z], \w+, [A-Z]{2} \d{5}"),
        ("221B Baker Street, London NW1 6XE", r"\d{3}[A-Z] \w+ Street, \w+ [A-Z]{2}\d \d[A-Z]{2}"),
        ("15th Avenue", r"\d\d(st|nd|rd|th) Avenue"),
        ("PSC 3117, Box 0609\nAPO AA 44332", r"PSC \d{4}, Box 0\d{3}\nAPO AA \d{5}"),
        ("12 rue de la Paix", r"\d\d rue de la \w+"),
    ],
)
def test_an_address_keeps_its_layout(value, pattern):
    for key in range(20):
        assert re.fullmatch(pattern, made("STREET_ADDRESS", value, key))


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("90210-1234", r"00[0-4]\d\d-\d{4}"),
        ("SW1A 1AA", r"[QVX][A-Z]\d[A-Z] \d[A-Z]{2}"),
        ("k1a 0b1", r"[wz]\d[a-z] \d[a-z]\d"),
        ("1012 AB", r"0\d{3} [A-Z]{2}"),
        ("53-320", r"\d\d-\d{3}"),
    ],
)
def test_a_postal_code_is_one_that_is_not_assigned(value, pattern):
    for key in range(20):
        assert re.fullmatch(pattern, made("POSTAL_CODE", value, key))


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("+1 212.456.7890", r"\+1 [2-9]\d\d\.555\.01\d\d"),
        ("001-518-640-0854", r"001-[2-9]\d\d-555-01\d\d"),
        ("450 0840", r"555 01\d\d"),
        ("541-714-1388 x123", r"[2-9]\d\d-555-01\d\d x\d{3}"),
        ("+44 7912 345678", r"\+44 7700 900\d{3}"),
        ("07912 345678", r"07700 900\d{3}"),
        ("020 7123 4567", r"020 7946 0\d{3}"),
        ("+44 (0)20 7123 4567", r"\+44 \(0\)20 7946 0\d{3}"),
        ("06 12 34 56 78", r"06 39 98 \d\d \d\d"),
        ("+33 1 42 34 56 78", r"\+33 1 99 00 \d\d \d\d"),
        ("(03) 9123 4567", r"\(03\) (5550|7010) \d{4}"),
        ("+49 30 1234 5678", r"\+49 30 2312 5\d{3}"),
    ],
)
def test_a_phone_number_is_from_a_range_for_fiction(value, pattern):
    for key in range(20):
        assert re.fullmatch(pattern, made("PHONE_NUMBER", value, key))


@pytest.mark.parametrize("value", ["+41 (0)62 585 51 90", "+46 8 123 456 78", "+91 98765 43210", "+39 06 1234 5678"])
def test_a_phone_number_of_another_country_is_not_valid_there(value):
    for key in range(20):
        new = made("PHONE_NUMBER", value, key)
        assert re.sub(r"\d", "0", new) == re.sub(r"\d", "0", value)
        assert new[:3] == value[:3]
        assert not phonenumbers.is_valid_number(phonenumbers.parse(new))


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("45", r"4[0-46-9]"),
        ("in her 30s", r"in her [24-8]0s"),
        ("18-month-old", r"1[0-79]-month-old"),
        ("forty-five", r"forty-(?!five)\w+"),
        ("Sixty", r"Sixty-\w+"),
        ("nine", r"(?!nine)(one|two|three|four|five|six|seven|eight)"),
    ],
)
def test_an_age_stays_in_its_ten_years(value, pattern):
    for key in range(20):
        assert re.fullmatch(pattern, made("AGE", value, key))


def test_what_cannot_be_invented_is_none():
    assert made("AGE", "quite old") is None
    assert made("NRP", "deutsch", language="de") is None
    assert made("TITLE", "Infermiera", language="it") is None
    assert made("ID_NUMBER", "--") is None


def test_titles_and_groups_keep_their_class():
    assert made("TITLE", "Mrs.") in ("Ms.", "Dr.", "Prof.")
    assert made("TITLE", "mr") in ("dr", "prof")
    assert made("TITLE", "Nurse").lower() in {job.lower() for job in jobs("en")}
    assert made("NRP", "Germans").endswith("s")
    assert made("NRP", "republican") in ("democrat", "conservative", "liberal", "socialist", "communist")


@pytest.mark.parametrize(
    ("entity", "value", "pattern"),
    [
        ("CREDIT_CARD", "4111 1111 1111 1111", r"[4-6]\d{3} \d{4} \d{4} \d{4}"),
        ("IBAN_CODE", "gb82west12345698765432", r"gb\d\d[a-z]{4}\d{14}"),
        ("IP_ADDRESS", "fe80::1", r"2001:db8::[0-9a-f]+:[0-9a-f]+"),
        ("IP_ADDRESS", "10.0.0.1:8080", r"[\d.]+:8080"),
        ("US_SSN", "219099998", r"9\d{8}"),
        ("ID_NUMBER", "AB-0123/x", r"[A-Z]{2}-0\d{3}/[a-z]"),
        ("EMAIL_ADDRESS", "info@acme.com", r"info\d+@example\.(com|net|org)"),
        ("SOCIAL_HANDLE", "u/jo", r"u/user\d{7}"),
        ("URL", "www.jo.name", r"example\.org/[0-9a-f]{8}"),
    ],
)
def test_a_surrogate_keeps_the_form_of_its_value(entity, value, pattern):
    for key in range(20):
        assert re.fullmatch(pattern, made(entity, value, key))


@pytest.mark.parametrize("title", ["Mr", "Mr.", "Mrs", "Ms.", "Miss", "Dr", "Prof.", "Sir", "Herr", "Mme", "Sra."])
def test_every_form_of_address_has_another_under_any_key(title):
    assert all(made("TITLE", title, key) not in (None, title) for key in range(40))
