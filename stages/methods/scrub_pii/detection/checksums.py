"""Check digits: tell a real identifier from a number that only looks like one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

_VERHOEFF_TURN = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def luhn_holds(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (Luhn, ISO/IEC 7812-1 annex B)."""
    numbers = [int(digit) for digit in reversed(digits)]
    return (sum(numbers[::2]) + sum(sum(divmod(2 * number, 10)) for number in numbers[1::2])) % 10 == 0


def mod97_holds(signs: str) -> bool:
    """Whether the last two digits are the check digits of the signs before them (ISO/IEC 7064, MOD 97-10; LEI)."""
    return int("".join(str(int(sign, 36)) for sign in signs)) % 97 == 1


def iban_holds(signs: str) -> bool:
    """Whether the check digits of an IBAN (letters and digits only) hold: MOD 97-10, its first four signs last."""
    return mod97_holds(signs[4:] + signs[:4])


def verhoeff_holds(digits: str) -> bool:
    """Whether the last digit is the check digit of the others by Verhoeff's dihedral scheme (1969)."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        turned = int(digit)
        for _ in range(place % 8):
            turned = _VERHOEFF_TURN[turned]
        check = _dihedral(check, turned)
    return check == 0


def mod11_holds(signs: str) -> bool:
    """Whether the sum of two or more digits, weighted 1 (the check digit), 2, 3.. from the right, is a multiple of 11.

    The check digit may be an X for ten. It is the rule of ISBN-10 and of the British NHS number.
    """
    if len(signs) < 2:
        return False
    numbers = [10 if sign == "X" else int(sign) for sign in reversed(signs)]
    return sum(weight * number for weight, number in enumerate(numbers, 1)) % 11 == 0


def _dihedral(left: int, right: int) -> int:
    """The product of two elements of the dihedral group of order ten."""
    if left < 5:
        return (left + right) % 5 + (0 if right < 5 else 5)
    return (left - right) % 5 + (5 if right < 5 else 0)


def _digits(value: str) -> str:
    return "".join(sign for sign in value if sign in "0123456789")


def _luhn(value: str) -> bool:
    return bool(_digits(value)) and luhn_holds(_digits(value))


def _verhoeff(value: str) -> bool:
    return bool(_digits(value)) and verhoeff_holds(_digits(value))


def _mod11(value: str) -> bool:
    return mod11_holds(_digits(value) + ("X" if value[-1:] in ("X", "x") else ""))


def _mod97(value: str) -> bool:
    signs = "".join(filter(str.isalnum, value))
    return signs.isascii() and len(signs) > 2 and mod97_holds(signs)


CHECKSUMS: Mapping[str, Callable[[str], bool]] = {
    "luhn": _luhn,
    "mod97": _mod97,
    "verhoeff": _verhoeff,
    "mod11": _mod11,
}
"""The test by name, as `scrub_pii.patterns` has it: whether a value's check digit holds, whatever stands between its
digits. Letters count for `mod97` alone (A is 10, B 11, as ISO/IEC 7064 has it), and a last X for `mod11`."""
