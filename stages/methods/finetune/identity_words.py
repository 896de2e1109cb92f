"""Words that name an identity, so ordered that each can take another's place: by form (a row) and group (a column).

Only words that can be exchanged without touching the rest of the sentence. So genders change in English alone, where
nothing agrees with them but pronouns; German, Spanish and French keep to adjectives of like endings and to first names.
Left out are words with other meanings (languages, `Will`, `Rose`) and forms that two rows share. Invented lists, small
on purpose; the names are others than those of the sentences that `evaluate.bias` asks about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["any", "modifier", "noun"]
"""Where in a sentence a form stands: before a noun, as a noun after an article, or anywhere."""
Rows: TypeAlias = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a word stands in the lists."""

    attribute: str
    row: tuple[str, ...]
    group: int


@dataclass(frozen=True)
class Lexicon:
    """The words of one language. `names` hold a column of first names for each origin, by gender in the order of
    `GENDERS`; with `folds`, other words are known in small letters, too, as people type them.
    """

    rows: Mapping[str, Mapping[Role, Rows]]
    names: tuple[Rows, Rows]
    folds: bool = False

    @cached_property
    def sizes(self) -> dict[str, int]:
        """How many groups each attribute has."""
        rows = {attribute: len(next(iter(roles.values()))[0]) for attribute, roles in self.rows.items()}
        return {**rows, "name": len(self.names[0][0])}

    @cached_property
    def places(self) -> dict[tuple[Role, str], Place]:
        """The place of each word in each role."""
        return {
            (role, word.lower() if self.folds else word): Place(attribute, row, group)
            for attribute, roles in self.rows.items()
            for role, rows in roles.items()
            for row in rows
            for group, word in enumerate(row)
        }

    @cached_property
    def named(self) -> dict[str, tuple[int, int, int]]:
        """Gender, row and origin of each first name."""
        return {
            name: (gender, place, origin)
            for gender, rows in enumerate(self.names)
            for place, row in enumerate(rows)
            for origin, name in enumerate(row)
        }


def _inflected(stems: tuple[str, ...], endings: tuple[str, ...]) -> Rows:
    return tuple(tuple(stem + ending for stem in stems) for ending in endings)


_ENGLISH_RELIGIONS = ("Christian", "Muslim", "Jewish", "Hindu", "Buddhist")
_ENGLISH_NATIONS = ("American", "Mexican", "Nigerian", "Indian", "Pakistani", "Brazilian", "Kenyan")
_GERMAN_ENDINGS = ("e", "en", "er", "es", "em")
LEXICONS: Mapping[str, Lexicon] = {
    "en": Lexicon(
        {
            "gender": {
                "any": (
                    ("he", "she"), ("him", "her"), ("his", "hers"), ("himself", "herself"), ("man", "woman"),
                    ("men", "women"), ("boy", "girl"), ("boys", "girls"), ("gentleman", "lady"),
                    ("gentlemen", "ladies"), ("father", "mother"), ("fathers", "mothers"), ("dad", "mom"),
                    ("daddy", "mommy"), ("son", "daughter"), ("sons", "daughters"), ("brother", "sister"),
                    ("brothers", "sisters"), ("husband", "wife"),
                    ("husbands", "wives"), ("boyfriend", "girlfriend"), ("uncle", "aunt"), ("nephew", "niece"),
                    ("grandfather", "grandmother"), ("grandpa", "grandma"), ("grandson", "granddaughter"),
                    ("stepfather", "stepmother"), ("widower", "widow"), ("male", "female"), ("males", "females"),
                    ("mr", "ms"), ("sir", "madam"), ("actor", "actress"), ("waiter", "waitress"),
                ),
                "modifier": (("his", "her"),),
            },
            "religion": {
                "any": (_ENGLISH_RELIGIONS, ("Christians", "Muslims", "Jews", "Hindus", "Buddhists")),
                "noun": (("Christian", "Muslim", "Jew", "Hindu", "Buddhist"),),
            },
            "nationality": {"any": _inflected(_ENGLISH_NATIONS, ("", "s"))},
        },
        (
            (
                ("Matthew", "Darnell", "Ahmed", "Alejandro", "Jian", "Arjun"),
                ("Dennis", "Tyrell", "Hassan", "Miguel", "Feng", "Vikram"),
                ("Kevin", "Jermaine", "Khalid", "Esteban", "Hao", "Rahul"),
                ("Brian", "Lamar", "Mustafa", "Ernesto", "Ming", "Anil"),
            ),
            (
                ("Hannah", "Latoya", "Aisha", "Carmen", "Ling", "Lakshmi"),
                ("Jennifer", "Keisha", "Zainab", "Ximena", "Yan", "Deepika"),
                ("Rebecca", "Shanice", "Nadia", "Yolanda", "Xia", "Kavita"),
                ("Laura", "Tanisha", "Samira", "Esperanza", "Hui", "Sunita"),
            ),
        ),
        folds=True,
    ),
    "de": Lexicon(
        {
            "religion": {
                "any": _inflected(
                    ("christlich", "muslimisch", "jüdisch", "hinduistisch", "buddhistisch"), _GERMAN_ENDINGS
                )
            },
            "nationality": {
                "any": _inflected(
                    ("deutsch", "türkisch", "polnisch", "syrisch", "nigerianisch", "vietnamesisch"), _GERMAN_ENDINGS
                )
            },
        },
        (
            (
                ("Andreas", "Mustafa", "Ahmed", "Tomasz", "Wladimir", "Hung"),
                ("Matthias", "Murat", "Hassan", "Piotr", "Igor", "Tuan"),
                ("Torsten", "Serkan", "Khalid", "Andrzej", "Nikolai", "Quang"),
            ),
            (
                ("Sabine", "Ayşe", "Aisha", "Katarzyna", "Olga", "Lan"),
                ("Monika", "Gülsen", "Zainab", "Magdalena", "Tatjana", "Huong"),
                ("Stefanie", "Hatice", "Samira", "Beata", "Irina", "Trang"),
            ),
        ),
    ),
    "es": Lexicon(
        {
            "religion": {
                "any": (
                    ("cristiano", "musulmán", "judío"), ("cristiana", "musulmana", "judía"),
                    ("cristianos", "musulmanes", "judíos"), ("cristianas", "musulmanas", "judías"),
                )
            },
            "nationality": {
                "any": _inflected(
                    ("mexican", "colombian", "nigerian", "ruman", "bolivian", "cuban"), ("o", "a", "os", "as")
                )
            },
        },
        (
            (
                ("Alberto", "Ahmed", "Ionut", "Tupac", "Jian"),
                ("Gonzalo", "Hassan", "Mihai", "Sinchi", "Feng"),
                ("Sergio", "Khalid", "Radu", "Rumi", "Hao"),
            ),
            (
                ("Beatriz", "Aisha", "Irina", "Killa", "Ling"),
                ("Raquel", "Zainab", "Andreea", "Sami", "Yan"),
                ("Nuria", "Samira", "Simona", "Urpi", "Xia"),
            ),
        ),
    ),
    "fr": Lexicon(
        {
            "religion": {
                "any": (
                    ("chrétien", "musulman", "juif"), ("chrétienne", "musulmane", "juive"),
                    ("chrétiens", "musulmans", "juifs"), ("chrétiennes", "musulmanes", "juives"),
                )
            },
            "nationality": {
                "any": (
                    ("tunisien", "marocain", "malien", "brésilien", "canadien", "roumain"),
                    ("tunisienne", "marocaine", "malienne", "brésilienne", "canadienne", "roumaine"),
                    ("tunisiens", "marocains", "maliens", "brésiliens", "canadiens", "roumains"),
                    ("tunisiennes", "marocaines", "maliennes", "brésiliennes", "canadiennes", "roumaines"),
                )
            },
        },
        (
            (
                ("Thierry", "Mehdi", "Moussa", "Paulo", "Tuan"),
                ("Pascal", "Nabil", "Seydou", "Tiago", "Quang"),
                ("Benoît", "Said", "Boubacar", "Nuno", "Khanh"),
            ),
            (
                ("Sylvie", "Leïla", "Mariam", "Luisa", "Lan"),
                ("Nathalie", "Djamila", "Bintou", "Graça", "Trang"),
                ("Valérie", "Nawal", "Kadiatou", "Rosa", "Ngoc"),
            ),
        ),
    ),
}  # fmt: skip
