"""Names of months and weekdays in seven languages, and the words that may stand between the parts of a date."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

# Full names, then the usual short ones; a name that a language has twice is its full one.
_MONTHS = {
    "en": "January February March April May June July August September October November December"
    " Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
    " Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
    " janv févr mars avr mai juin juil août sept oct nov déc",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
    " ene feb mar abr may jun jul ago sep oct nov dic",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre"
    " gen feb mar apr mag giu lug ago set ott nov dic",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december"
    " jan feb mrt apr mei jun jul aug sep okt nov dec",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"
    " jan fev mar abr mai jun jul ago set out nov dez",
}
_OTHER_SPELLINGS = {
    "en": {"sept": 21},
    "de": {"jänner": 1, "maerz": 3, "mrz": 15, "sept": 21},
    "fr": {"fév": 14},
    "es": {"setiembre": 9, "sept": 21},
}
_WEEKDAYS = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday Mon Tue Wed Thu Fri Sat Sun",
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
    "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "nl": "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
    "pt": "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo",
}
_OTHER_WEEKDAYS = {"en": {"tues": 9, "thur": 11, "thurs": 11}, "de": {"sonnabend": 6}}
_BETWEEN = (
    "the of on at in by to and or until till from between since before after during about around circa ca approximately"
    " early late mid beginning end start middle this last next year month day date dated born on or t utc gmt est cet"
    " morning afternoon evening night noon midnight eve am um den der dem des vom bis und zum im seit ab le la les du"
    " au et en el los las del al y il dal nel van tot op het em do da dos a e o di de von as à às alle ore"
)


@dataclass(frozen=True, slots=True)
class Named:
    """A month or weekday as it was written: its number from 1, and the names it was chosen from."""

    index: int
    names: Sequence[str]
    written: str

    def other(self, index: int) -> str:
        """Another one in the same style and case; the same one as it was written."""
        if index == self.index:
            return self.written
        name = self.names[index - 1]
        if self.written.isupper():
            return name.upper()
        return name.lower() if self.written.islower() else name[0].upper() + name[1:]


def listed(words: str) -> tuple[str, ...]:
    """The words of a text, for lists that are easier to read so."""
    return tuple(words.split())


def plain(word: str) -> str:
    """A word as it is compared: small letters without accents."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(sign))


def _index(
    lists: dict[str, str], others: dict[str, dict[str, int]], size: int
) -> dict[str, dict[str, tuple[int, str]]]:
    """By language: for each name its number from 1, and which of the language's lists it is from."""
    found: dict[str, dict[str, tuple[int, str]]] = {}
    for language, names in lists.items():
        words = names.split()
        numbers = [*enumerate(words, 1), *((number, word) for word, number in others.get(language, {}).items())]
        found[language] = {}
        for number, word in numbers:
            kind = "full" if number <= size else "short"
            found[language].setdefault(plain(word), ((number - 1) % size + 1, kind))
    return found


_MONTH_INDEX = _index(_MONTHS, _OTHER_SPELLINGS, 12)
_WEEKDAY_INDEX = _index(_WEEKDAYS, _OTHER_WEEKDAYS, 7)


def _pattern(index: dict[str, dict[str, tuple[int, str]]], lists: dict[str, str]) -> str:
    words = {word for names in index.values() for word in names}
    words |= {unicodedata.normalize("NFC", word).lower() for names in lists.values() for word in names.split()}
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return rf"(?<![^\W\d_])(?:{'|'.join(map(re.escape, longest_first))})(?![^\W\d_])"


MONTH = _pattern(_MONTH_INDEX, _MONTHS)
"""A month's name in any of the languages, as a regular expression; case is up to the one who compiles it."""
WEEKDAY = _pattern(_WEEKDAY_INDEX, _WEEKDAYS)
_WORDS = "|".join(sorted(set(_BETWEEN.split()), key=lambda word: (-len(word), word)))
BETWEEN = re.compile(rf"[\s,;.()–—-]+|(?<![^\W\d_])(?:{_WORDS})(?![^\W\d_])", re.IGNORECASE)
"""White space, signs, or a word that says nothing by itself."""


def month_named(word: str, language: str, short: bool = False) -> Named:
    """The month of that name, read in this language if it has it; `short` says what `May` is."""
    month = _named(word, language, _MONTH_INDEX, _MONTHS, 12)
    for names in _MONTHS.values():
        if short and month.names == names.split()[:12] and plain(names.split()[11 + month.index]) == plain(word):
            return Named(month.index, names.split()[12:], word)
    return month


def weekday_named(word: str, language: str) -> Named:
    """The weekday of that name, Monday being 1."""
    return _named(word, language, _WEEKDAY_INDEX, _WEEKDAYS, 7)


def _named(
    word: str, language: str, index: dict[str, dict[str, tuple[int, str]]], lists: dict[str, str], size: int
) -> Named:
    language = next(one for one in (language, *index) if plain(word) in index.get(one, {}))
    number, kind = index[language][plain(word)]
    names = lists[language].split()
    return Named(number, names[:size] if kind == "full" else names[size:], word)
