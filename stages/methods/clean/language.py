"""Which language a text is in, among candidates (lingua, a naive Bayes classifier over character n-grams)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from stages.core.errors import Fault, UsageError

_DIGITS = 6
_ENOUGH = 20_000
"""Characters that are looked at: more say nothing new, and time grows with the square of a word's length."""


def identify_language(text: str, candidates: tuple[str, ...], min_confidence: float) -> str | None:
    """ISO 639-1 code of the likeliest candidate; None below the confidence, or for a text without letters.

    Confidences are relative to the candidates and sum to 1. They are compared after rounding: the library adds floats
    in an order that varies, which moves the last bits (by 3e-15, as measured). Ties go to the earlier candidate. Raises
    UsageError for a code the library does not know.
    """
    found = {value.language.iso_code_639_1.name.lower(): value.value for value in _values(text, candidates)}
    best = max(dict.fromkeys(candidates), key=lambda code: round(found.get(code, 0.0), _DIGITS))
    confidence = round(found.get(best, 0.0), _DIGITS)
    return best if confidence > 0 and confidence >= min_confidence else None


def _values(text: str, candidates: tuple[str, ...]) -> Any:
    return detector(candidates).compute_language_confidence_values(text[:_ENOUGH])


@lru_cache(maxsize=2)
def detector(candidates: tuple[str, ...]) -> Any:
    """The detector, one a process: its models take a second and about 25 MB a language to load."""
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    unknown = [code for code in candidates if not hasattr(IsoCode639_1, code.upper())]
    if unknown:
        place = "params.yaml: clean.candidates"
        step = "write ISO 639-1 codes of languages that lingua knows"
        raise UsageError(Fault(place, f"no models for {', '.join(unknown)}", step))
    codes = [getattr(IsoCode639_1, code.upper()) for code in candidates]
    return LanguageDetectorBuilder.from_iso_codes_639_1(*codes).build()
