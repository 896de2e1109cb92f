"""Invented people and organizations, part by part, so that all mentions of somebody agree.

Each part of a name has its own surrogate wherever it stands: `John Smith`, `SMITH`, `Smith's` and `smith@..` share one.
Given names keep their gender. A given name's surrogate begins with the letter that stands for its initial, so that
`J. Smith` agrees, too; who knows one surrogate's origin therefore knows one initial of others. Initials of surnames are
replaced, but do not agree. Titles, `van`, `Jr.` and legal forms stay.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from stages.methods.scrub_pii.replacement.date_words import listed, plain
from stages.methods.scrub_pii.replacement.draws import Draws, ascii_only, cased, like, sounding_like
from stages.methods.scrub_pii.replacement.surrogate_words import families, family_of, known_names, latin_surnames

_LETTERS = r"(?:[^\W\d_][\u0300-\u036f]*)+"
_NAME = re.compile(rf"{_LETTERS}(?:['’]{_LETTERS})*")
_POSSESSIVE = re.compile(r"['’]s\Z", re.IGNORECASE)

_BEFORE = frozenset(
    listed(
        "mr mrs ms miss mx dr prof professor doctor sir dame lord lady rev reverend capt captain sgt sergeant lt"
        " lieutenant col colonel gen judge herr frau fraulein doktor monsieur madame mademoiselle mme mlle maitre me"
        " senor senora senorita sr sra srta signor signora signorina sig dott avv meneer mevrouw dhr mevr senhor"
        " senhora"
    )
)
_AFTER = frozenset(listed("jr sr jnr snr ii iii iv md phd esq mbe obe cbe dds rn cpa msc bsc mba qc kc"))
_ANYWHERE = frozenset(listed("van von der den de du di da del della la le zu zur vom vander"))
_WITHIN = frozenset(listed("al el bin ibn ben ter ten te dos das do degli af av y e i und and ul ur op het t la san"))

_LEGAL = frozenset(
    listed(
        "inc incorporated llc ltd limited plc llp lp corp corporation co company companies group holding holdings"
        " gmbh ag kg kgaa se ev ug ohg mbh sa sas sarl spa srl sl slu bv nv vof ab as oy oyj lda ltda pty kft zrt"
        " spzoo sro doo bros sons cie gruppe groupe gruppo grupo aps asa ansa kk pte bhd"
    )
)
_FUNCTION = frozenset(
    listed(
        "the of and for in on at de la le les du des der die das und et y e en of van di del della do da dos für a an"
    )
)
_KINDS = frozenset(
    listed(
        "university college school academy institute hospital clinic bank insurance court ministry department"
        " church club union association foundation society council committee commission agency police airlines"
        " airways party museum library services service systems solutions technologies technology software"
        " consulting partners trust fund media press news radio television times hotel restaurant cafe center centre"
        " international national federal supreme high european research development state city county industries"
        " enterprises capital financial energy pharma logistics universitat hochschule klinik krankenhaus verein"
        " versicherung ministerium gericht amt stadtwerke sparkasse universite banque societe compagnie hopital"
        " ecole ministere tribunal cour universidad banco compania ministerio universita banca societa ospedale"
        " ministero universiteit ziekenhuis gemeente rechtbank universidade"
    )
)
_ROLES = frozenset(
    listed("info support sales contact admin office help service noreply hello mail team billing jobs kontakt hr press")
)


def person(value: str, draws: Draws) -> str:
    """Another name of the same parts: as many, initials for initials, and what is no name stays."""
    words = [match[0] for match in _NAME.finditer(value)]
    stays = _stays([plain(_POSSESSIVE.sub("", word)) for word in words])
    parts = iter(
        word if stay and not all(stays) else name_part(word, draws) for word, stay in zip(words, stays, strict=True)
    )
    new = _NAME.sub(lambda _: next(parts), value)
    return like(new, draws.random()) if not words else re.sub(r"\d+", lambda m: like(m[0], draws.random()), new)


def _stays(words: Sequence[str]) -> list[bool]:
    """For each word whether it is no name: by its place among the others, for `Al` is one at the start, none within."""
    titles = next((at for at, word in enumerate(words) if word not in _BEFORE), 0)
    last = len(words) - 1
    return [
        (at < last and (at < titles or word in _BEFORE or word in _ANYWHERE or (word in _WITHIN and at > titles)))
        or (word in _AFTER and at > titles)
        for at, word in enumerate(words)
    ]


def name_part(word: str, draws: Draws) -> str:
    """The surrogate of one part of a name, in its case; a possessive `'s` stays."""
    body = _POSSESSIVE.sub("", word)
    key = plain(body)
    if len(key) < 2:
        new = _initial(key, draws)
    else:
        family, kind = known_names().get(key, (family_of(body), "unknown"))
        new = _other_name(key, family, kind, draws)
    return cased(body, new) + word[len(body) :]


def _other_name(key: str, family: str, kind: str, draws: Draws) -> str:
    """Different known names have different surrogates, as far as there are as many names to choose from."""
    names = families()[family]
    if kind == "unknown":
        return draws.pick(f"name|{key}", names.surnames if family != "en" else latin_surnames(), key)
    if kind == "surname":
        return draws.swap(family, names.surnames, names.surnames, key)
    initial = _initial(key[0], draws)
    given = names.by_initial(kind, initial)
    return draws.swap(f"{family}|{kind}|{initial}", given, names.by_initial(kind, key[0].upper()), key)


def _initial(letter: str, draws: Draws) -> str:
    """The letter that stands for an initial, wherever that is."""
    letters = families()[family_of(letter)].initials()
    return draws.swap("initials", letters, letters, letter)


def organization(value: str, draws: Draws) -> str:
    """Another name with the same legal form and kind (`Bank of ..`, `.. GmbH`), each other word replaced by itself."""
    words = [match[0] for match in _ORG_WORD.finditer(value)]
    keys = [plain(_POSSESSIVE.sub("", word)).replace(".", "") for word in words]
    kept = _LEGAL | _FUNCTION | _KINDS
    if all(key in kept for key in keys):  # 'Supreme Court': its first word must go, there is no other
        kept -= set([key for key in keys if key in _KINDS][:1] or keys)
    parts = iter(word if key in kept else _brand(word, key, draws) for word, key in zip(words, keys, strict=True))
    return _ORG_WORD.sub(lambda _: next(parts), value)


_ORG_WORD = re.compile(r"[^\W_]+(?:['’.][^\W_]+)*")


def _brand(word: str, key: str, draws: Draws) -> str:
    """Short names and those without a vowel are acronyms; the rest become surnames, the commonest of company names."""
    body = _POSSESSIVE.sub("", word)
    chance = random.Random(draws.number(f"organization|{key}"))
    if any(map(str.isdecimal, body)):
        new = like(body, chance)
    elif len(key) <= 3 or not set(key) & set("aeiouy"):
        new = sounding_like(body, chance)
    else:
        new = cased(body, draws.pick(f"organization|{key}", families()[family_of(body)].surnames, key))
    return new + word[len(body) :]


def email(value: str, draws: Draws) -> str:
    """The same surrogates of the names in it, and a number of its own, at a domain that nobody can own (RFC 2606)."""
    local, _, domain = value.partition("@")
    parts = [_mailbox(part, draws) for part in re.findall(r"[^\W\d_][^\W\d_A-Z]+|[^\W\d_]+|[._+-]", local)]
    ending = draws.pick(f"domain|{plain(domain)}", ("com", "net", "org"))
    name = "".join(parts).strip("._+-") or "user"
    return cased(value, f"{name}{draws.random().randrange(10, 1000)}@example.{ending}")


def _mailbox(part: str, draws: Draws) -> str:
    if not part[0].isalpha() or plain(part) in _ROLES:
        return part
    new = ascii_only(name_part(part, draws)) or "user"
    return cased(part, new)
