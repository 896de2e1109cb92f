"""Calendar dates, years and times of day."""

from __future__ import annotations

import re
from typing import ClassVar

from stages.methods.scrub_pii.detection.recognizers.lexicon import IN_A_YEAR, MONTHS, WEEKDAYS, words
from stages.methods.scrub_pii.detection.recognizers.rules import Rule, RuleRecognizer, any_of, letters, rule, split

_YEAR = r"(?:19|20)\d{2}"
_DAY = r"(?:3[01]|[12]\d|0?[1-9])"
_CLOCK = r"(?:[01]?\d|2[0-3])[:.][0-5]\d(?:[:.][0-5]\d(?:[.,]\d{1,6})?)?(?:[ ]?[AaPp]\.?[Mm]\b\.?)?"
_ZONE = r"(?:[ ]?(?:Z\b|UTC|GMT|[+-]\d{2}:?\d{2}))?"
_ORDINAL = r"(?:st|nd|rd|th|\.|er|[ºª°])?"
# what is counted: four digits before it are a number, not a year
_COUNTED = (
    r"(?![\w%€$£]|[.,:/-]?\d|[ ](?:%|percent|per[ ]cent|euros?|dollars?|pounds?|people|persons|men|women|children|"
    r"patients|cases|times|units|words|calories|copies|km|kg|mg|ml|miles|metres|meters|feet|hours|days|weeks|months|"
    r"years|members|employees|EUR|USD|GBP|CHF|Euro|Menschen|personnes|personas|persone))"
)


class CalendarRecognizer(RuleRecognizer):
    """Dates in figures and words, month and year, years and decades in context, times of day."""

    cue = re.compile(r"\d")
    cues: ClassVar = {
        "from day to day": re.compile(r"[\d/.] ?[-–/] ?\d{1,2}[/.]"),
        "time of day": re.compile(r"\d[:.]\d\d(?!\d)|\d ?[AaPp](?:\. ?)?[Mm]|\d ?[oO]['’]|\d ?[hHUu]"),
        "decade": re.compile(r"0(?:['’]?[sS]|[eE][rR])"),
    }

    def __init__(self, language: str) -> None:
        rules = [*_NUMERIC, *_written(words(MONTHS, language), words(WEEKDAYS, language))]
        rules += _years(words(IN_A_YEAR, language))
        context = ("date", "birth", "born", "birthday", "dob", "dated", "geboren", "geburtsdatum", "nacimiento", "nato")
        super().__init__("DATE_TIME", language, rules, context, "DateRecognizer")

    def invalidate_result(self, pattern_text: str) -> bool:
        """Whether a date in figures alone has no month, or no day, that could be."""
        groups = re.fullmatch(r"(\d{1,4})[/.-](\d{1,2})[/.-](\d{1,4})", pattern_text)
        if not groups:
            return False
        first, second, third = (int(group) for group in groups.groups())
        day, month = (third, second) if len(groups[1]) == 4 else (max(first, second), min(first, second))
        return not (1 <= month <= 12 and 1 <= day <= 31)


_NUMERIC: tuple[Rule, ...] = (
    rule(
        "timestamp",
        0.7,
        rf"(?<![\w.-])\d{{4}}([-/.])(?:1[0-2]|0?[1-9])\1{_DAY}(?:(?:[T ]|,[ ])",
        rf"{_CLOCK}{_ZONE})?(?![\w-]|[.]\d)",
    ),
    rule(
        "day, month, year",
        0.6,
        rf"(?<![\w./,-])\d{{1,2}}([/-])\d{{1,2}}\1(?:{_YEAR}|1[5-8]\d\d|\d\d)",
        rf"(?:,?[ ](?:at[ ])?{_CLOCK}{_ZONE})?(?![\w/-]|[.]\d)",
    ),
    rule(
        "day, month, year with dots",
        0.6,
        rf"(?<![\w./-]){_DAY}\.[ ]?(?:1[0-2]|0?[1-9])\.[ ]?(?:{_YEAR}|1[5-8]\d\d",
        rf"|(?<=\d\d\.[ ]?\d\d\.[ ]?)\d\d(?=[\s,;)]|\.?$))(?:,?[ ]{_CLOCK})?(?![\w/-]|[.]\d)",
    ),
    rule(
        "from day to day",
        0.6,
        rf"(?<![\w./,-])(?:\d{{1,2}}([/.])\d{{1,2}}\1(?:{_YEAR}|\d\d)?[ ]?[-–][ ]?\d{{1,2}}\1\d{{1,2}}\1",
        rf"|{_DAY}\.[ ]?[-–/][ ]?{_DAY}\.[ ]?(?:1[0-2]|0?[1-9])\.[ ]?)(?:{_YEAR}|\d\d)(?![\w/-]|[.]\d)",
    ),
    rule(
        "eight digits",
        0.2,
        rf"(?<![\w.-]){_YEAR}(?:1[0-2]|0[1-9])(?:3[01]|[12]\d|0[1-9])(?:T\d{{4,6}}Z?)?(?![\w-]|[.]\d)",
    ),
    rule(
        "time of day",
        0.4,
        r"(?<![\w.:/-])(?:(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?![\w:/-]|[.]\d)|",
        r"(?:1[0-2]|0?[1-9])(?:[:.][0-5]\d)?[ ]?(?:[ap]\.[ ]?m\.|[ap]m\b|[AP]M\b|o['’]clock\b)|",
        r"(?:[01]?\d|2[0-3])(?:[:.][0-5]\d)?[ ](?:Uhr|uur)\b|(?:[01]?\d|2[0-3])[ ]?h[ ]?[0-5]\d\b)",
    ),
    rule(
        "birth in figures",
        0.5,
        r"(?i:\b(?:d\.?o\.?b\.?|date of birth|birth ?date|geb(?:oren)?|née? le)\W{1,4})\K\d{6}(?!\d)",
    ),
)


def _written(months: str, weekdays: str) -> list[Rule]:
    """Dates with the name of a month or a day of the week."""
    month, weekday = any_of(split(months)), any_of(split(weekdays))
    year = rf"(?:,?[ ](?:de[l]?[ ]|of[ ])?(?:{_YEAR}|1[5-8]\d\d)|[ ]?['’]\d\d|-\d{{2,4}})"
    days = rf"{_DAY}{_ORDINAL}"
    before = rf"(?:{weekday}|Mon|Tues?|Wed|Thu(?:rs)?|Fri|Sat|Sun)\.?,?[ ](?:the[ ]|den[ ]|dem[ ]|le[ ])?"
    several = rf"(?:{days}[ ]?(?:,|-|–|/|and|to|und|bis|et|au|y|al?|e|en|tot)[ ]?){{0,2}}{days}"
    stop = r"(?![\w]|[.,]\d)"
    month_letter, first_letter = letters(split(months)), letters(split(months) + split(weekdays))
    first = letters(split(weekdays)).replace("(?=[", r"(?=[\d")
    # "type 2 may": what is a month and a small word needs an ordinal number or a year
    small = r"(?:(?<=\d(?:st|nd|rd|th)[ ]?(?:of[ ])?)|(?!(?-i:may|march|mar|set)\b(?!,?[ ]\d{4})))"
    clock = rf"(?:,?[ ](?:at[ ])?{_CLOCK}{_ZONE})?"
    return [
        rule(
            "day and month",
            0.6,
            rf"(?i)(?<![\w.,/-]){first}(?:{before})?{several}[ -]?(?:day[ ])?(?:of",
            rf"[ ]|de[ ])?{small}{month}\b\.?(?:{year}{clock})?{stop}",
        ),
        rule(
            "month and day",
            0.6,
            rf"(?i)(?<!\w){first_letter}(?:{before})?{month}\.?[ -](?:the[ ])?{several}\b",
            f"(?:{year}{clock})?{stop}",
        ),
        rule(
            "month and year",
            0.6,
            rf"(?i)(?<!\w){month_letter}{month}\.?(?:,?[ ](?:of[ ]|de[l]?[ ])?{_YEAR}",
            rf"|[ ]?['’]\d\d|[-/]\d{{2,4}}){stop}",
        ),
    ]


class NamedDayRecognizer(RuleRecognizer):
    """Days of the week, and months beside a word such as `since`.

    Days of the week count, for with the year of a text they name a date; `yesterday` and `three weeks` do not.
    """

    def __init__(self, language: str) -> None:
        weekdays, month = split(words(WEEKDAYS, language)), any_of(split(words(MONTHS, language)))
        weekday = any_of(weekdays)
        rules = [
            rule(
                "month",
                0.4,
                rf"(?<!\w){month}\b(?!,?[ ][\p{{Lu}}\d])",
                r"(?<=(?<!\w)(?i:in|since|until|till|of|last|next|early|late|mid|during",
                rf"|by|from|through|en|im|seit|depuis|desde)[ -]{month})",
            ),
            rule("day of the week", 0.5, rf"(?i)(?<!\w){letters(weekdays)}{weekday}(?!\w)"),
        ]
        super().__init__("DATE_TIME", language, rules)


def _years(words_before: str) -> list[Rule]:
    """Years that stand where years stand, and decades."""
    before = any_of(split(words_before))  # looked for behind a year: there are fewer years than such words
    return [
        rule(
            "year", 0.5, rf"(?i){_YEAR}(?<=(?<![\w'’-]){before}[ -]\d{{4}})(?:[ ]?[-–/][ ]?(?:{_YEAR}|\d\d))?{_COUNTED}"
        ),
        rule("years", 0.4, rf"(?<![\w.,/–-]){_YEAR}[ ]?[–-][ ]?(?:{_YEAR}|present\b|\d\d){_COUNTED}"),
        rule("year after a year", 0.4, rf"(?<=(?<!\d)(?:19|20)\d\d(?:,|[ ]and|,[ ]and|[ ]or)[ ]){_YEAR}{_COUNTED}"),
        rule("year in brackets", 0.4, rf"[(\[](?:[\w.]+[ ])?\K{_YEAR}(?=[)\],;])"),
        rule("year after a comma", 0.35, rf"(?<=\p{{L}},[ ]){_YEAR}(?=[.;,)]|\s*$){_COUNTED}"),
        rule(
            "year of a thing",
            0.4,
            rf"(?!2000){_YEAR}(?=[ ]\p{{L}})(?<=(?i:(?<!\w)(?:an?|the|his|her|their))[ ]\d{{4}}){_COUNTED}",
        ),
        rule(
            "decade",
            0.5,
            r"(?i)(?<![\w.,])(?:(?:early|late|mid)[ -])?(?:1[5-9]|20)\d0(?:['’]?s",
            r"|er[ns]?)(?!\w)|(?<!\w)['’]\d0s(?!\w)",
        ),
    ]
