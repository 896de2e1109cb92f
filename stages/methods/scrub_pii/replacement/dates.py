"""Move dates by a number of days, and write them as they stood: order, separators, padding, month names, case.

Full dates move exactly, so that the intervals between a person's dates stay. What says less is moved as its middle: a
month as its 15th, a year as its 2nd of July, a decade as the start of its sixth year; it may stay where it is, and is
off by half its length at most. A day without a year moves as in 2001 (2000 for 29 February). Weekdays move along,
times of day stay. Two digits of a year mean 1969 to 2068, as in POSIX. `3/4/2020` is the third of April, but in English
texts the fourth of March; where only one reading is a date, that one counts.

Written months and weekdays are known in English, German, French, Spanish, Italian, Dutch and Portuguese.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

from stages.methods.scrub_pii.replacement.date_words import BETWEEN, MONTH, WEEKDAY, Named, month_named, weekday_named


def shifted(value: str, days: int, language: str) -> str | None:
    """The value with every date in it moved; None where not all of it is understood, or a date does not exist.

    `language` (ISO 639-1) decides where the same digits, or the same month's name, can be read in two ways.
    """
    found = _scan(value, days, language)
    return found.text if found else None


def years_in(value: str, language: str) -> list[str]:
    """The years of the dates in a value, `1990s` for a decade, in order; none where not all of it is understood."""
    found = _scan(value, 0, language)
    return found.years if found else []


@dataclass(slots=True)
class _Reading:
    """What was read so far, how far dates move, and what kinds of dates there were."""

    days: int
    language: str
    text: str = ""
    kinds: set[str] = field(default_factory=set)
    years: list[str] = field(default_factory=list)

    def moved(self, kind: str, year: int, month: int, day: int) -> date:
        """The day after the move. Raises ValueError or OverflowError where there is no such day."""
        self.kinds.add(kind)
        if kind == "decade":
            self.years.append(f"{year // 10}0s")
        elif kind in ("date", "year"):
            self.years.append(str(year))
        return date(year, month, day) + timedelta(days=self.days)

    def without_year(self, month: int, day: int) -> date:
        return self.moved("day", 2000 if (month, day) == (2, 29) else 2001, month, day)


_Match = re.Match[str]
_Rewrite = Callable[[_Match, _Reading], str]


def _scan(value: str, days: int, language: str) -> _Reading | None:
    reading, place = _Reading(days, language), 0
    while place < len(value):
        match, new = _read(value, place, reading)
        if match is None:
            return None
        reading.text += new
        place = match.end()
    torn = "year" in reading.kinds and reading.kinds & {"day", "month"}  # 'March, as in 2005': whose year is it?
    return reading if reading.kinds and not torn else None


def _read(value: str, place: int, reading: _Reading) -> tuple[_Match | None, str]:
    """The date or word that begins there, and what it becomes; no match where it is not known."""
    for pattern, rewrite in _forms():
        if match := pattern.match(value, place):
            try:
                return match, rewrite(match, reading)
            except (ValueError, OverflowError):  # no such day: 31 April, or past the year 9999
                return None, ""
    match = BETWEEN.match(value, place)
    return match, match[0] if match else ""


def _year(digits: str) -> int:
    number = int(digits.lstrip("'’"))
    return number if len(digits) == 4 else number + (2000 if number < 69 else 1900)


def _as_year(digits: str, year: int) -> str:
    if len(digits) == 4:
        return f"{year:04}"
    return f"{digits[:-2]}{year % 100:02}"  # an apostrophe stays


def _padded(parts: tuple[str, str], numbers: tuple[int, int]) -> tuple[str, str]:
    """Both with a leading zero, unless one of the old ones had a single digit."""
    width = 2 if all(len(part) == 2 for part in parts) else 1
    return f"{numbers[0]:0{width}}", f"{numbers[1]:0{width}}"


def _year_first(match: _Match, reading: _Reading) -> str:
    new = reading.moved("date", *(int(match[name]) for name in "ymd"))
    month, day = _padded((match["m"], match["d"]), (new.month, new.day))
    return f"{new.year:04}{match['s']}{month}{match['s']}{day}"


def _compact(match: _Match, reading: _Reading) -> str:
    new = reading.moved("date", *(int(match[name]) for name in "ymd"))
    return f"{new.year:04}{new.month:02}{new.day:02}"


def _day_first(first: int, second: int, separator: str, language: str) -> bool:
    """Whether the day stands before the month; American order is never written with dots."""
    return first > 12 or (second <= 12 and ("." in separator or language != "en"))


def _year_last(match: _Match, reading: _Reading) -> str:
    a, b, digits, separator = match["a"], match["b"], match["y"], match["s"]
    day_first = _day_first(int(a), int(b), separator, reading.language)
    day, month = (int(a), int(b)) if day_first else (int(b), int(a))
    new = reading.moved("date", _year(digits), month, day)
    first, second = _padded((a, b), (new.day, new.month) if day_first else (new.month, new.day))
    return f"{first}{separator}{second}{separator}{_as_year(digits, new.year)}"


def _day_and_month(match: _Match, reading: _Reading) -> str:
    a, b, separator = match["a"], match["b"], match["s"]
    day_first = _day_first(int(a), int(b), separator, reading.language)
    new = reading.without_year(*(int(b), int(a)) if day_first else (int(a), int(b)))
    first, second = _padded((a, b), (new.day, new.month) if day_first else (new.month, new.day))
    return f"{first}{separator}{second}"


def _month_of_year(match: _Match, reading: _Reading) -> str:
    """`03/2020` or `2020-03`."""
    new = reading.moved("date", int(match["y"]), int(match["m"]), 15)
    parts = {"y": f"{new.year:04}", "m": f"{new.month:0{len(match['m'])}}", "s": match["s"]}
    return "".join(parts[name] for name in sorted(parts, key=match.start))


def _day_of_month(match: _Match, reading: _Reading) -> str:
    """`3rd of March 2020`, `3. März`, `03-Mar-20`, `March 3rd, 2020`: whichever parts the match has."""
    name = month_named(match["m"], reading.language, match.string[match.end("m") :][:1] in (".", "-", "/"))
    day, digits = int(match["d"]), match["y"] or ""
    new = reading.moved("date", _year(digits), name.index, day) if digits else reading.without_year(name.index, day)
    two_digits = match["d"].startswith("0") or (len(match["d"]) == 2 and match.string[match.end("d") :][:1] == "-")
    written = f"{new.day:02}" if two_digits else str(new.day)
    parts = {"d": written, "o": _ordinal(match["o"] or "", new.day), "m": name.other(new.month)}
    parts["y"] = _as_year(digits, new.year) if digits else ""
    return _put(match, parts)


def _month_and_year(match: _Match, reading: _Reading) -> str:
    """`March 2020`, `Mar '20`, `marzo de 2020`."""
    name = month_named(match["m"], reading.language)
    new = reading.moved("date", _year(match["y"]), name.index, 15)
    return _put(match, {"m": name.other(new.month), "y": _as_year(match["y"], new.year)})


def _put(match: _Match, parts: dict[str, str]) -> str:
    """The match with its named groups replaced."""
    text, place = "", match.start()
    for start, end, new in sorted((*match.span(name), new) for name, new in parts.items() if match[name] is not None):
        text += match.string[place:start] + new
        place = end
    return text + match.string[place : match.end()]


def _ordinal(sign: str, day: int) -> str:
    """The ending of another day's number: English ones and the French `1er` depend on it, a dot or `º` does not."""
    if sign.casefold() == "er":
        return sign if day == 1 else ""
    if sign.casefold() not in ("st", "nd", "rd", "th"):
        return sign
    ending = "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return ending.upper() if sign.isupper() else ending


def _decade(match: _Match, reading: _Reading) -> str:
    new = reading.moved("decade", int(match["y"]) + 5, 1, 1)
    return f"{new.year // 10}0{match['s']}"


def _bare_year(match: _Match, reading: _Reading) -> str:
    return _as_year(match["y"], reading.moved("year", _year(match["y"]), 7, 2).year)


def _bare_month(match: _Match, reading: _Reading) -> str:
    name = month_named(match["m"], reading.language)
    return name.other(reading.moved("month", 2001, name.index, 15).month)


def _weekday(match: _Match, reading: _Reading) -> str:
    name: Named = weekday_named(match["w"], reading.language)
    reading.kinds.add("weekday")
    return name.other((name.index - 1 + reading.days) % 7 + 1)


def _time(match: _Match, reading: _Reading) -> str:
    reading.kinds.add("time")
    return match[0]


_OF = r"(?:\s+(?:day\s+)?(?:of|de|del|do|di)(?:\s+the)?\s+)"
_LONE = r"(?!\d|[.,:]\d|\s*(?:[ap]\.?m\b|uhr\b|h\b|o['’]clock))"  # no part of a longer number, and no hour
_CLOCK = (
    r"(?:(?:[01]?\d|2[0-4])\s?[:h]\s?[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?|(?:[01]?\d|2[0-4])(?:[.:][0-5]\d)?(?=\s*(?:[ap]\.?"
    r"m\b|uhr\b|h\b|o['’]clock)))(?:\s*(?:[ap]\.?m\b\.?|uhr\b|h\b|o['’]clock))?(?:\s*(?:Z\b|[+-]\d\d:?\d\d))?"
)


_DAY_MONTH = (
    rf"(?P<d>\d{{1,2}})(?P<o>st|nd|rd|th|er|[ºª°.])?(?:{_OF}|\s+(?:day|of)\s+|[\s/.,-]*)(?P<m>{MONTH})\.?"
    rf"(?:(?:,?{_OF}|[\s/.,-]*)(?P<y>\d{{4}}|['’]\d\d|(?<=[-/.\s])\d\d){_LONE})?"
)
_MONTH_DAY = (
    rf"(?P<m>{MONTH})\.?[\s-]*(?:the\s+)?(?P<d>\d{{1,2}})(?P<o>st|nd|rd|th)?{_LONE.replace('[.,:]', '[.:]')}"
    rf"(?:(?:\s*,\s*|\s+of\s+|\s+|-)(?P<y>\d{{4}}){_LONE})?"
)


@lru_cache(maxsize=1)
def _forms() -> list[tuple[re.Pattern[str], _Rewrite]]:
    """How dates are written, the longer forms first."""
    forms: list[tuple[str, _Rewrite]] = [
        (r"(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})(?!\d)", _year_first),
        (r"(?P<y>[12]\d{3})(?P<m>\d\d)(?P<d>\d\d)(?!\d)", _compact),
        (rf"(?P<a>\d{{1,2}})(?P<s>\s?[-/.]\s?)(?P<b>\d{{1,2}})(?P=s)(?P<y>\d{{4}}|['’]?\d\d){_LONE}", _year_last),
        (rf"{_CLOCK}", _time),
        (r"(?P<y>\d{4})(?P<s>[-/])(?P<m>0\d|1[0-2])(?![\d/-])", _month_of_year),
        (r"(?P<m>\d{1,2})(?P<s>[-/.])(?P<y>\d{4})(?!\d)", _month_of_year),
        (_DAY_MONTH, _day_of_month),
        (_MONTH_DAY, _day_of_month),
        (rf"(?P<m>{MONTH})\.?(?:,?{_OF}|[\s/,-]*)(?P<y>\d{{4}}|['’]\d\d)(?!\d)", _month_and_year),
        (r"(?P<y>\d{3}0)(?P<s>['’]?s\b|er\b)", _decade),
        (r"(?P<a>\d{1,2})(?P<s>[/.])(?P<b>\d{1,2})(?![\d/-]|\.\d)", _day_and_month),
        (r"(?P<y>[12]\d{3}|['’]\d\d)(?![\d/]|[-.]\d)", _bare_year),
        (rf"(?P<m>{MONTH})", _bare_month),
        (rf"(?P<w>{WEEKDAY})", _weekday),
    ]
    return [(re.compile(rf"(?<!\d)(?:{form})", re.IGNORECASE), rewrite) for form, rewrite in forms]
