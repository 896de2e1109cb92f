"""Invented places and addresses: a country for a country, a state for a state, and towns that are not on the map."""

from __future__ import annotations

import re
from functools import lru_cache

from stages.methods.scrub_pii.replacement.date_words import listed, plain
from stages.methods.scrub_pii.replacement.draws import Draws, cased, like
from stages.methods.scrub_pii.replacement.surrogate_words import city_endings, countries, families, state_codes, states

_CONTINENTS = ("Africa", "Asia", "Europe", "Oceania", "North America", "South America")
_SPOKEN_COUNTRIES = (
    "us", "usa", "united states", "united states of america", "uk", "great britain", "britain", "england", "scotland",
    "wales", "uae", "holland", "russia", "south korea", "north korea", "korea", "vietnam", "iran", "syria",
    "czech republic", "ivory coast", "republic of ireland", "tanzania", "bolivia", "venezuela", "taiwan", "moldova",
)  # fmt: skip
_PREFIXES = ("North", "East", "West", "South", "New", "Lake", "Port")
_KINDS = frozenset(
    listed(
        "county city district province state region republic kingdom river lake sea ocean bay island islands mount"
        " mountain mountains valley desert forest park beach coast airport station bridge harbour harbor castle"
        " street road avenue square north south east west northern southern eastern western central upper lower"
        " greater old saint st the of de la le el den del di da am an der bei upon on in"
    )
)
_STREETS = frozenset(
    listed(
        "street st avenue ave av road rd drive dr lane ln boulevard blvd court ct place pl square sq terrace ter"
        " way parkway pkwy highway hwy circle cir crescent close row walk alley mews hill gardens green park loop"
        " trail trl suite ste apt apartment unit floor fl room rm building bldg block flat box po pmb psc unit apo"
        " fpo dpo aa ae ap corner n s e w ne nw se sw north south east west rue avenue boulevard bd chemin allee"
        " impasse quai cours calle c avenida avda plaza paseo camino carrera via viale piazza corso vicolo strada"
        " rua av travessa praca largo estrada strasse str weg platz gasse ring ufer damm hof postfach straat laan"
        " plein gracht kade dreef postbus vej gade gatan vagen katu tie utca ut ter ulica ul nr no the of and at on"
        " de la le les du des del della do da dos di der den am an im y und et ss uss po nv bis etage stock og lgh"
        " p.o attn c/o near opposite"
    )
)
_COMPOUND = re.compile(
    r"(?i)(strasse|straße|str|gasse|weg|platz|allee|ring|damm|ufer|steig|straat|laan|plein|gracht|kade|dreef|weg|hof|singel"
    r"|gatan|vägen|gata|vej|gade|katu|tie|kuja|polku|utca|vegur|veien|gate)\Z"
)
_WORD = re.compile(r"[^\W_][\u0300-\u036f]*(?:[^\W_]|[\u0300-\u036f]|['’](?=[^\W_]))*")
_PART = re.compile(r"[^,;()/\n]+")
_ORDINAL = re.compile(r"(?i)(\d+)(st|nd|rd|th)\Z")


def location(value: str, draws: Draws) -> str:
    """Each part between commas replaced by a place of its kind."""
    return _PART.sub(lambda part: _place(part[0], draws), value)


def _place(part: str, draws: Draws) -> str:
    """A place with the white space, the article and the possessive `'s` around it."""
    lead, body, tail = _split(part)
    if not body:
        return part
    if known := _known_place(body, draws):
        return re.sub(r"(?i)the\s+\Z", "", lead) + known + tail
    return lead + _town(body, draws) + tail


def _split(part: str) -> tuple[str, str, str]:
    match = re.fullmatch(r"(?is)(\W*(?:the\s+)?)(.*?)((?:['’]s)?\s*)", part)
    assert match is not None  # each of the groups may be empty
    return match[1], match[2], match[3]


def _known_place(name: str, draws: Draws) -> str | None:
    """Another country for a country and so on; None for what is no such place."""
    key = plain(name).replace(".", "")
    choices = _known_places().get(key)
    if choices is None:
        return None
    new = draws.pick(f"place|{key}", choices, name)
    return new if key in ("us", "usa", "uk", "uae") and name.isupper() else cased(name, new)


@lru_cache(maxsize=1)
def _known_places() -> dict[str, tuple[str, ...]]:
    """What a country, a state, its code or a continent can become, by its plain name."""
    plain_names = {
        language: tuple(sorted(name for name in some if re.fullmatch(r"[^\W\d_]+(?:[ -][^\W\d_]+)?", name)))
        for language, some in countries().items()
    }
    found = {
        plain(name): choices for choices in (_CONTINENTS, tuple(state_codes()), tuple(states())) for name in choices
    }
    for language, some in countries().items():
        for name in some:
            found.setdefault(plain(name).replace(".", ""), plain_names[language])
    return dict.fromkeys(_SPOKEN_COUNTRIES, plain_names["en"]) | found


def _town(body: str, draws: Draws) -> str:
    """A town's name in place of the words that are one; `County`, `River` and directions stay, numbers are drawn."""
    words = [match[0] for match in _WORD.finditer(body) if not any(map(str.isdecimal, match[0]))]
    proper = [word for word in words if plain(word) not in _KINDS] or words
    if not proper:
        return _new_numbers(body, draws)
    name = " ".join(proper)
    new = _known_place(name, draws) or cased(name, invented_town(name, draws))
    start, end = body.index(proper[0]), body.rindex(proper[-1]) + len(proper[-1])
    return _new_numbers(body[:start], draws) + new + _new_numbers(body[end:], draws)


def _new_numbers(text: str, draws: Draws) -> str:
    return re.sub(r"\w*\d\w*", lambda match: like(match[0], draws.random()), text)


def invented_town(name: str, draws: Draws) -> str:
    """One word for one, two for more: `Jasonfurt`, `Port Lisaton`."""
    key = plain(name)
    given = families()["en"].given
    stem = draws.pick(f"town|{key}", [*given["male"], *given["female"]])
    town = stem + draws.pick(f"town's ending|{key}", city_endings())
    return f"{draws.pick(f'town before|{key}', _PREFIXES)} {town}" if " " in key else town


def street_address(value: str, draws: Draws) -> str:
    """The same layout with other numbers and names, line by line; the words for street, suite and box stay."""
    chance = draws.random()
    new, seen = "", False
    for part in re.split(r"([,;()\n]+)", value):
        words = [plain(match[0]) for match in _WORD.finditer(part)]
        numbered = any(map(str.isdecimal, part))
        if any(map(_is_street_word, words)) or (numbered and not seen):
            seen = True
            new += _WORD.sub(lambda match: _address_word(match[0], draws, like(match[0], chance)), part)
        else:  # '10115 Berlin', 'London', 'IL 62704'
            new += _place(part, draws)
    return new


def _is_street_word(word: str) -> bool:
    return word in _STREETS or (len(word) > 6 and _COMPOUND.search(word) is not None)


def _address_word(word: str, draws: Draws, other: str) -> str:
    """`other` is what a number, or a code of letters and digits, becomes."""
    key = plain(word)
    if ordinal := _ORDINAL.fullmatch(word):
        return _as_ordinal(int(other[: len(ordinal[1])]))
    if any(map(str.isdecimal, word)):
        return other
    if key in _plain_codes() and word.isupper():
        return draws.pick(f"place|{key}", state_codes(), word)
    if key in _STREETS:
        return word
    ending = _COMPOUND.search(word) if len(word) > 6 else None
    name = draws.pick(f"street|{key}", families()["de" if ending else "en"].surnames, key)
    return cased(word, name + ending[0].lower()) if ending else cased(word, name)


@lru_cache(maxsize=1)
def _plain_codes() -> frozenset[str]:
    return frozenset(map(str.lower, state_codes()))


def _as_ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def postal_code(value: str, draws: Draws) -> str:
    """The same layout; where a country leaves codes unassigned, one of those.

    Numbers of five digits begin with 000 to 004: no place in the United States (USPS), Germany, Spain, France or Brazil
    has them. Dutch codes begin with 0. British ones begin with Q, V or X, Canadian ones with Z or W (Canada Post); no
    code there does. Elsewhere the digits are only drawn.
    """
    chance = draws.random()
    new = like(value, chance)
    if re.fullmatch(r"\s*\d{5}(?:[- ]\d{3,4})?\s*", value):
        return re.sub(r"\d{3}", f"00{chance.randrange(5)}", new, count=1)
    if re.fullmatch(r"\s*\d{4} ?[A-Za-z]{2}\s*", value):
        return re.sub(r"\d", "0", new, count=1)
    if re.fullmatch(r"\s*[A-Za-z]\d[A-Za-z][ -]?\d[A-Za-z]\d\s*", value):
        return re.sub(r"[A-Za-z]", lambda match: cased(match[0] + "a", chance.choice("WZ")), new, count=1)
    if re.fullmatch(r"\s*[A-Za-z]{1,2}\d[A-Za-z\d]?\s*\d[A-Za-z]{2}\s*", value):
        return re.sub(r"[A-Za-z]", lambda match: cased(match[0] + "a", chance.choice("QVX")), new, count=1)
    return new
