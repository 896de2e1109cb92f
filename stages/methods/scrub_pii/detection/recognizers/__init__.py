"""The recognizers of personal data: patterns of our own for what is met everywhere, Presidio's for the rest.

Importing this package imports Presidio and, through it, torch (some 6 s of CPU); only `detect` does, when it is used.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import phonenumbers
import presidio_analyzer.predefined_recognizers as predefined

from stages.core.params.pii import PiiPattern
from stages.methods.scrub_pii.detection.recognizers import (
    addresses,
    contacts,
    dates,
    identifiers,
    organizations,
    people,
    postal,
)
from stages.methods.scrub_pii.detection.recognizers.custom import custom_recognizers

_REPLACED = (
    predefined.CreditCardRecognizer,
    predefined.DateRecognizer,
    predefined.EmailRecognizer,
    predefined.IbanRecognizer,
    predefined.IpRecognizer,
    predefined.UrlRecognizer,
    predefined.UsLicenseRecognizer,
    predefined.UsSsnRecognizer,
)
_OWN = (
    addresses.HouseNumberRecognizer,
    addresses.NamedStreetRecognizer,
    postal.PostalCodeRecognizer,
    addresses.StreetAddressRecognizer,
    addresses.UnitRecognizer,
    contacts.EmailRecognizer,
    contacts.LoosePhoneRecognizer,
    contacts.SocialHandleRecognizer,
    contacts.UrlRecognizer,
    dates.CalendarRecognizer,
    dates.NamedDayRecognizer,
    identifiers.CardRecognizer,
    identifiers.IbanRecognizer,
    identifiers.IdNumberRecognizer,
    identifiers.IpRecognizer,
    identifiers.LicenseRecognizer,
    identifiers.SsnRecognizer,
    organizations.OrganizationRecognizer,
    people.AgeRecognizer,
    people.TitleRecognizer,
)


def all_recognizers(
    language: str,
    regions: Collection[str],
    patterns: Sequence[PiiPattern] = (),
    deny: Mapping[str, Sequence[str]] | None = None,
) -> list[Any]:
    """All recognizers that need no model, sorted by name.

    All of them claim `language`: an entity is looked for because it was asked for by name, a Spanish identity number
    in English text included. The words that tell what stands beside them are those of `language` and English ones.
    `regions` are the countries (ISO 3166) whose national phone formats count; `patterns` and `deny` are the user's.
    """
    found: list[Any] = [kind(language) for kind in _OWN]
    found += identifiers.other_recognizers(language, _REPLACED)
    found += [contacts.FastPhoneRecognizer(language, regions), *custom_recognizers(patterns, deny or {}, language)]
    return sorted(found, key=lambda recognizer: str(recognizer.name))


def unknown_regions(regions: Collection[str]) -> list[str]:
    """Regions whose phone formats are not known; the library would ignore them without a word."""
    return sorted(set(regions) - set(phonenumbers.SUPPORTED_REGIONS))
