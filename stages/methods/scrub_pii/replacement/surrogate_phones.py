"""Phone numbers that nobody has: from ranges that regulators keep for fiction, elsewhere numbers that are not valid.

Ranges: 555-0100 to 555-0199 of the North American Numbering Plan (ATIS-0300115); Ofcom's numbers for drama; ARCEP's for
audiovisual works (France); ACMA's for radio and film (Australia); the Bundesnetzagentur's for media (Germany).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import lru_cache

from stages.methods.scrub_pii.replacement.draws import Draws

_EXTENSION = re.compile(r"(?is)(.*?)(\s*(?:x|ext\.?|extension|#|durchwahl|poste)\s*\d{1,6}\s*)")
_INTERNATIONAL = re.compile(r"\s*\(?\+\s*|\s*(?:00|011)(?=[\s.-]*[1-9])")
_TRIES = 40
_BRITISH = (
    "2079460", "1134960", "1144960", "1154960", "1164960", "1174960", "1184960", "1214960", "1314960", "1414960",
    "1514960", "1614960", "1914980", "2896496", "2920180", "1632960",
)  # fmt: skip
_FRENCH = ("19900", "26191", "35301", "46571", "53649")
_GERMAN = ("3023125", "6990009", "4066969", "2214710", "8999998")
_AUSTRALIAN = ("25550", "35550", "75550", "85550", "27010", "37010", "77010", "87010")
_EVERYWHERE = (49, 33, 61, 1, 44, 351, 34, 31, 41, 353, 46, 39)
"""Country codes by which a national number must not be valid, where nothing tells which one it is from."""


def phone_number(value: str, draws: Draws) -> str:
    """Another number in the same layout, with the same country code, trunk prefix and kind of extension."""
    chance = draws.random()
    with_extension = _EXTENSION.fullmatch(value)
    main, extension = (with_extension[1], with_extension[2]) if with_extension else (value, "")
    digits = re.sub(r"\D", "", main)
    if prefix := _INTERNATIONAL.match(main):
        new = _international(main, prefix, chance)
    else:
        new = _national(main, digits, chance)
    return _written(main, new) + re.sub(r"\d", lambda _: str(chance.randrange(10)), extension)


def _written(main: str, digits: str) -> str:
    """The digits in the layout of the old number."""
    rest = iter(digits)
    return "".join(next(rest) if sign.isdecimal() else sign for sign in main)


def _international(main: str, prefix: re.Match[str], chance: random.Random) -> str:
    """Prefix and country code stay, also a trunk zero in brackets."""
    kept = re.sub(r"\D", "", prefix[0])
    rest = re.sub(r"\D", "", main[prefix.end() :])
    code = _country_code(rest)
    trunk = "0" if re.search(r"\(0\)", main) and rest[len(code) :].startswith("0") else ""
    length = len(rest) - len(code) - len(trunk)
    return kept + code + trunk + _subscriber(code, rest[len(code) + len(trunk) :], length, chance)


def _country_code(digits: str) -> str:
    known = _valid_codes()
    return next((digits[:size] for size in (1, 2, 3) if digits[:size] in known), "")


@lru_cache(maxsize=1)
def _valid_codes() -> frozenset[str]:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    return frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))


def _subscriber(code: str, old: str, length: int, chance: random.Random) -> str:
    """The national part for a country code, as long as the old one."""
    starts: dict[tuple[str, int], tuple[str, ...]] = {
        ("44", 10): ("7700900",) if old.startswith("7") else _BRITISH,
        ("33", 9): ("63998",) if old[:1] in "67" else _FRENCH,
        ("61", 9): _AUSTRALIAN if old[:1] in "2378" else (),
        ("49", 10): _GERMAN,
    }
    if (code, length) == ("1", 10):
        return _american(chance)
    if fitting := starts.get((code, length)):
        near = [[start for start in fitting if start[:size] == old[:size]] for size in (2, 1)]
        return _filled(chance.choice(near[0] or near[1] or fitting), length, chance)
    return _invalid(length, chance, lambda digits: _is_valid(int(code or 0), digits))


def _national(main: str, digits: str, chance: random.Random) -> str:
    """Read by its layout; the trunk zero of many countries stays."""
    if re.fullmatch(r"\s*(?:1[\s.-]*)?\(?\d{3}\)?[\s./-]*\d{3}[\s.-]*\d{4}\s*", main) and digits[0] != "0":
        return digits[:-10] + _american(chance)
    if re.fullmatch(r"\s*\d{3}[\s.-]\d{4}\s*", main):
        return f"55501{_digits(2, chance)}"
    trunk = "0" if digits.startswith("0") else ""
    rest = digits[len(trunk) :]
    if trunk and len(rest) == 10 and rest[0] in "127":
        return trunk + _subscriber("44", rest, 10, chance)
    if trunk and len(rest) == 9 and re.fullmatch(r"\s*0\d(?:[\s.-]?\d\d){4}\s*", main):
        return trunk + _subscriber("33", rest, 9, chance)
    if trunk and len(rest) == 9 and re.fullmatch(r"\s*\(?0[2378]\)?[\s.-]*\d{4}[\s.-]*\d{4}\s*", main):
        return trunk + _subscriber("61", rest, 9, chance)
    return trunk + _invalid(len(rest), chance, _is_valid_anywhere)


def _american(chance: random.Random) -> str:
    """Area codes have no 9 in the middle, and the last two digits differ from 11 (N11 are services)."""
    return f"{chance.randrange(2, 10)}{chance.randrange(9)}{chance.choice('02345678')}55501{_digits(2, chance)}"


def _filled(start: str, length: int, chance: random.Random) -> str:
    return start + _digits(length - len(start), chance)


def _digits(count: int, chance: random.Random) -> str:
    return "".join(str(chance.randrange(10)) for _ in range(count))


def _invalid(length: int, chance: random.Random, valid: Callable[[str], bool]) -> str:
    """Digits that are no number; where tries fail, they begin with two zeros, which no subscriber's number does."""
    for _ in range(_TRIES):
        digits = _digits(length, chance)
        if not valid(digits):
            return digits
    return "00"[:length] + _digits(max(length - 2, 0), chance)


def _is_valid(code: int, digits: str) -> bool:
    import phonenumbers

    if not digits or len(digits) > 15:
        return False
    number = phonenumbers.PhoneNumber(country_code=code, national_number=int(digits))
    if code == 39 and digits.startswith("0"):
        number.italian_leading_zero = True
    return bool(phonenumbers.is_valid_number(number))


def _is_valid_anywhere(digits: str) -> bool:
    return any(_is_valid(code, digits) for code in _EVERYWHERE) or _is_valid(39, f"0{digits}")
