"""Repair and normalise the text of each record, and drop what cannot be learned from.

in:  data/ingest   one record a source row
out: data/clean    the same ids; normalised texts, and the language of each record
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stages.core.params import CleanParams
from stages.core.records import Decision, Record, drop, keep
from stages.core.spans import SpanCut
from stages.core.stage import Context, record_stage
from stages.core.storage import StageFolder
from stages.methods.clean.language import identify_language
from stages.methods.clean.normalise import Rules, Unsettled, normalise
from stages.methods.clean.quality import letter_share, quantiles, repetition

REASONS = {
    "normalised": "the text was repaired: evidence counts the edits of each step",
    "empty": "a text that had characters has none after cleaning",
    "too_short": "fewer characters than `clean.min_chars` after cleaning",
    "too_long": "more characters than `clean.max_chars` after cleaning",
    "few_letters": "a smaller share of letters and digits than `clean.min_letters`",
    "repetitive": "one word makes up more of the text than `clean.max_repetition`",
    "other_language": "in a language that `clean.languages` does not list",
    "span_cut": "cleaning would cut through a labelled span or an answer",
    "unsettled": "the text kept changing, as markup nested on purpose does",
}


def clean_record(record: Record, params: CleanParams) -> Decision:
    """The record with clean text and its language, or the reason why it is of no use."""
    rules = Rules(params.fix_encoding, params.strip_html, tuple(params.boilerplate))
    try:
        cleaned, fired = normalise(record, rules)
    except SpanCut as cut:
        return drop(record, "span_cut", start=cut.edit.start, end=cut.edit.end)
    except Unsettled:
        return drop(record, "unsettled", chars=record.length)
    chars = {"chars_before": record.length, "chars_after": cleaned.length}
    if fault := unusable(record, cleaned, params):
        reason, evidence = fault
        return drop(record, reason, **chars, **evidence)
    language = identify_language(cleaned.text, tuple(params.candidates), params.min_language_confidence)
    if params.languages is not None and language is not None and language not in params.languages:
        return drop(record, "other_language", **chars, language=language)
    return keep(replace(cleaned, language=language), "normalised", **chars, **fired)


def unusable(before: Record, after: Record, params: CleanParams) -> tuple[str, Mapping[str, Any]] | None:
    """The first reason against a cleaned record, with evidence; None for a good one."""
    emptied = any(text and not left for text, left in zip(before.texts().values(), after.texts().values(), strict=True))
    text, length = after.text, after.length
    letters, repeated = letter_share(text), repetition(text)
    checks = {
        "empty": (emptied, {}),
        "too_short": (length < params.min_chars, {}),
        "too_long": (length > params.max_chars, {}),
        "few_letters": (letters < params.min_letters, {"letters": letters}),
        "repetitive": (repeated > params.max_repetition, {"repetition": repeated}),
    }
    return next(((reason, evidence) for reason, (wrong, evidence) in checks.items() if wrong), None)


def report(context: Context, folder: StageFolder) -> dict[str, Any]:
    """Languages, the share that was dropped, and how long texts are before and after (characters)."""
    languages, before, after = Counter[str](), Counter[int](), Counter[int]()
    for batch in context.inputs[0].batches(context.task.schema):
        before.update(record.length for record in batch)
    for batch in folder.batches(context.task.schema):
        after.update(record.length for record in batch)
        languages.update(record.language or "unknown" for record in batch)
    return {
        "languages": dict(sorted(languages.items())),
        "dropped_share": round(1 - after.total() / before.total(), 6) if before else 0.0,
        "chars_before": quantiles(before),
        "chars_after": quantiles(after),
    }


HEADLINE = ("dropped_share",)
STAGE = record_stage("clean", clean_record, reasons=REASONS, report=report, headline=HEADLINE)
