"""Postal addresses: streets with house numbers as many countries lay them out, post boxes, units, postal codes."""

from __future__ import annotations

import re
from typing import ClassVar

import regex

from stages.methods.scrub_pii.detection.recognizers import places
from stages.methods.scrub_pii.detection.recognizers.postal import CODE, COUNTRY, DIGITS, NO_STREET, STATE
from stages.methods.scrub_pii.detection.recognizers.rules import (
    Rule,
    RuleRecognizer,
    WordCue,
    any_of,
    letters,
    rule,
    split,
)

# a house number: 12, 12B, 12 b, 12-14, 12/3, 12.
_NUMBER = r"(?:\d{1,5}(?:[ ]?[A-Za-z](?![\w'’]))?(?:[ ]?[/-][ ]?\d{1,4}[A-Za-z]?(?!\w))?\.?|[Ss]/[Nn]\b)"
_AHEAD = r"(?:\d{1,6}(?:[A-Za-z]|[ ]?(?:bis|ter))?(?:[-/]\d{1,5}[A-Za-z]?)?,?[ ])"  # one before the street
_START = r"(?<![\w.,$€£-])"
_SMALL = rf"(?:[dl]['’]|{any_of(split(places.PARTICLES))}[ ])"
_NAME = r"(?:\p{Lu}(?:\p{L}{0,3}\.|[\w'’-]*)|\d{1,3}(?:st|nd|rd|th|\.)?)"
_PROPER = rf"{NO_STREET}\p{{Lu}}(?:\p{{L}}{{0,3}}\.|[\p{{L}}'’-]*)"
_UNIT = (
    rf"(?:{letters(split(places.UNITS))}(?i:{any_of(split(places.UNITS))})\b\.?[ ]?(?:No\.?[ ]?|\#[ ]?)?"
    r"(?:\d{1,5}[A-Za-z]?|[A-Za-z]\d{0,4}|[IVX]{1,4})(?!\w)|\#[ ]?\d{1,5}[A-Z]?(?!\w)|"
    r"\d{1,2}\.?[ºª](?:[ ]?(?:[A-Z]|dcha|izda|izq|dto|esq)\b\.?)?)"
)
_GAP = r"(?:[ \t]*,?[ \t]*\n[ \t>|]*,?[ \t]*|[ \t]*,[ \t]*|[ \t]+)"  # from one part of an address to the next
_WORD = (
    r"(?:\p{Lu}\p{L}{0,2}\.|\p{Lu}\p{L}*(?:['’-]\p{L}+)*|\([^()\n]{1,20}\)|"
    r"(?:de|del|la|las|los|el|do|da|di|sur|en|am|an|der|und|upon|of|the|on|i|u|v|w|na|nad|pod|aan|im|in|ob|bei)\b)"
)
_TOWN = rf"(?:,[ ]\p{{Ll}}[\p{{L}}'’ -]{{1,25}}(?=,[ ])|(?:{_GAP}(?:{_WORD}|{DIGITS}(?=[ ]\p{{Lu}}))){{0,7}}?)"
_CITY = rf"(?:(?:,?[ ]|[ ]*\n[ \t>]*){_WORD}(?:[ ]{_WORD}){{0,2}}(?:[ ]\([A-Z]{{2}}\)|[ ]?/[ ]?[A-Z]{{2}}\b)?)"
_POSTAL = (
    rf"(?:(?:{STATE}{_GAP})?(?:(?P<country>{COUNTRY})(?:{_GAP}{CODE})?|"
    rf"{CODE}(?:{_CITY}(?![.]?\w|:))?(?:{_GAP}(?&country))?)|{STATE}|"
    r"\p{Lu}\p{L}+-\d{6}(?!\d))"
)
# what belongs to an address behind its street: units; a town, where something postal ends it, or stands behind a unit
_UNITS = rf"(?P<unit>{_GAP}{_UNIT}){{0,3}}"
_MORE = rf"{_UNITS}(?:{_TOWN}{_GAP}{_POSTAL}|(?(unit)(?:[ ]\p{{Lu}}[\p{{L}}'’-]+){{0,3}}|(?!)))"
_TAIL = regex.compile(_MORE)
_END = r"(?![\w%°€$£]|[.,:/-]\d)"
# who lives, meets or is found, and where mail goes
_VERBS = (
    "live|lives|lived|living|reside|resides|resided|residing|located|situated|lodged|domiciled|stay|stays|staying|stop|"
    "arrived|meet|off|are|is|was|house|home|office|offices|based|registered|work|works|worked|working"
)
_NAMED = "address|addresses|adresse|dirección|indirizzo|adres|endereço|anschrift|wohnhaft|wohnt|domicilié|habite|vive"
_SENT = (
    "delivered|deliver|delivery|ship|shipped|bill|send|sent|return|returned|forward|forwarded|moved|moving|taxi|come"
)
_AT = (
    rf"(?i:\b(?:{any_of(split(_VERBS))}(?:[ ](?:me|us|you))?[ ](?:at|in|on)|"
    rf"{any_of(split(_NAMED))}(?:[ ](?:is|in|to|at|with|au|à|en|of[ ]\w+[ ]is|ist|est|es|è))?[ ]*:?|"
    rf"{any_of(split(_SENT))}(?:[ ](?:it|them|a|the|one|new|parcel|package|mail)){{0,3}}[ ]to[ ]?:?)\s+)"
)


def _number_first() -> list[Rule]:
    """12 Baker Street; 12, rue de la Paix; and streets without a number."""
    kinds, more = any_of(split(places.KINDS)), any_of(split(places.MORE_KINDS))
    street = rf"{_START}{_AHEAD}{{1,2}}(?:{_NAME}[ ]){{1,5}}"
    beyond = rf"(?:[ ](?:{kinds}\b\.?|[NSEW]{{1,2}}\b\.?|(?:North|South|East|West)\b|\d{{1,4}}(?!\w))){{0,2}}"
    prose = r"(?:of|on|the|down|in|to|a|an|and|at|this|that|my|per|for|from|by|with|more|miles|km|is|it|i)\b"
    kind = rf"(?i:{any_of(split(places.BEFORE) + split(places.BEFORE_ENGLISH))})(?:(?<=[./])[ ]?|[ ])"
    first = rf"(?:{_SMALL}{{0,3}}\p{{Lu}}|{_SMALL}{{1,2}}\p{{Ll}}{{2}})[\w'’.-]*(?:[ ]{_SMALL}{{0,2}}{_NAME}){{0,4}}"
    return [
        rule("street", 0.6, rf"{street}{kinds}\b\.?{beyond}"),
        rule("street of a rarer kind", 0.6, rf"{street}{more}\b{_MORE}"),
        rule(
            "unit, street",
            0.6,
            rf"(?<![\w-])(?i:{any_of(split(places.BEFORE_STREET))})[ ]\d{{1,4}}[A-Za-z]?,?[ \n]",
            r"(?:\d{1,5}[A-Za-z]?(?:[-/]\d{1,5})?,?[ ])?",
            rf"(?:{_NAME}[ ]){{1,4}}(?:{kinds}|{more})\b",
        ),
        rule(
            "street in small letters",
            0.5,
            rf"(?i){_START}{_AHEAD}{{1,2}}(?:(?!{prose})[\p{{L}}'’-]+[ ]){{1,3}}",
            r"(?:street|avenue|road|boulevard|lane|drive)\b",
        ),
        rule("number, kind, name", 0.5, rf"{_START}{_AHEAD}{{1,2}}{kind}{first}(?![\w-])"),
    ]


def _without_number() -> list[Rule]:
    """Baker Street; rue de la Paix; the corner of one and another."""
    plain, alone = any_of(split(places.PLAIN_KINDS)), any_of(split(places.ALONE))
    opener = r"(?!(?:The|A|In|On|At|My|This|Our|And|From)[ ])"
    return [
        rule(
            "kind, name",
            0.4,
            rf"(?<![\w.-])(?:{letters(split(places.ALONE))}(?i:{alone})|(?=[SV])",
            rf"(?:Via|Strada))[ ](?:{_SMALL}){{0,3}}\p{{Lu}}\p{{Ll}}[\w'’-]*",
            rf"(?:[ ]{_SMALL}{{0,2}}\p{{Lu}}\p{{L}}[\w'’-]*){{0,3}}(?!\w)",
        ),
        rule("street without a number", 0.4, rf"(?<!\w)(?:{opener}\p{{Lu}}[\w'’-]+[ ]){{1,3}}{plain}\b"),
        rule(
            "corner",
            0.5,
            rf"(?i:\b(?:the[ ])?corner[ ]of[ ])(?:(?:{_NAME}[ ]|{_SMALL}|\p{{Ll}}{{1,4}}\.?",
            rf"[ ])){{1,5}}?(?:\d{{1,5}}\.?[ ])?and[ ](?:\d{{1,5}}[ ])?(?:{_NAME}",
            r"|\p{Ll}+\.?[ ]\p{Lu}[\w'’-]*)(?:[ ]\p{Lu}[\w'’-]*|[ ]\d{1,5}",
            r"(?!\w)){0,3}",
        ),
    ]


def _number_last() -> list[Rule]:
    """Hauptstraße 12; Via Roma 10; Kossuth Lajos utca 5; and 6750 Hauptstraße 12, whatever the first number is."""
    of_name = rf"{_SMALL}{{0,3}}{_PROPER}(?:[ ]{_SMALL}{{0,2}}{_NAME}){{0,4}}?"
    after = rf"(?i:{any_of(split(places.WORD_AFTER))})"
    before, english = split(places.BEFORE), split(places.BEFORE_ENGLISH.title())
    kind = rf"(?:(?i:{any_of(before)})|{any_of(english)})(?:(?<=[./])[ ]?|[ ])"
    return [
        rule(
            "kind, name, number",
            0.6,
            rf"(?<![\w.-])(?:(?=\d)|{letters(before + english)}){_AHEAD}{{0,2}}{kind}{of_name},?",
            rf"[ ](?:n[°º.][ ]?|[Nn]r?\.?[ ]|nº[ ]?|km[ ]|[Nn]o\.?[ ])?{_NUMBER}",
            rf"{_END}(?:[ ]\d{{1,4}}(?!\w))?",
        ),
        rule(
            "name with its kind, number",
            0.6,
            rf"(?<![\w-])(?=[\p{{Lu}}\d]){_AHEAD}?(?:(?:{_NAME}[ ]|{_SMALL})){{0,4}}?\p{{L}}",
            r"[\p{L}'’.-]*+(?=[ ]\d)",
            r"(?:(?<=(?:\p{Lu}|\p{Lu}\p{L}{1,20}[ ]\p{Ll})[\p{L}'’-]{0,30}",
            rf"(?i:{any_of(split(places.ENDING))}))|(?<=[\p{{L}}\d.][ ]{after}))",
            f"[ ]{_NUMBER}{_END}",
        ),
        rule(
            "sure ending",
            0.6,
            rf"(?<![\w-]){_AHEAD}?\p{{L}}[\p{{L}}-]++\.?(?=[ ]\d)(?<=(?i:{places.SURE_ENDING}))",
            f"[ ]{_NUMBER}{_END}",
        ),
        rule(
            "number, name, number",
            0.45,
            rf"(?<![\w.,$€£/-])(?<!\p{{L}}\.?[ ]){_AHEAD}{{1,2}}{NO_STREET}\p{{Lu}}[\p{{L}}'’-]*",
            rf"\p{{Ll}}(?:[ ]{_SMALL}?{_PROPER}){{0,4}}(?<=\p{{Ll}})[ ]{_NUMBER}{_END}",
        ),
    ]


def _in_context() -> list[Rule]:
    """A name and a number that a word, a unit or the lines of an address make a street."""
    prose = any_of(split("is|at|in|to|you|me|the|of|live|lives|from|for|and|was|on|a|an|it"))
    word = rf"(?:(?!(?i:{prose})\b){NO_STREET}\p{{L}}[\p{{L}}\d'’.-]*+[ ])"
    stop = r"(?!(?:of|minutes|miles|km|hours|days|weeks|months|years|am|pm|per|percent|times)\b)"
    line = rf"(?:{_PROPER}[ ]){{1,4}}{_NUMBER}"
    town = r"\p{Lu}[\p{L}'’ -]{1,40},?[ ]"
    return [
        rule(
            "name, number, unit",
            0.5,
            rf"(?<![\w-]){_AHEAD}{{0,2}}{word}{{1,4}}+(?:\d+\.?[ ])?{_NUMBER}(?={_GAP}{_UNIT})",
        ),
        rule(
            "after a word",
            0.5,
            rf"{_AT}\K(?:(?:{_AHEAD}{{1,2}}(?:{stop}{NO_STREET}{word}){{1,4}}+",
            f"{_NUMBER}|(?:{_PROPER}[ ]{_SMALL}?){{1,4}}{_NUMBER}){_END}|",
            rf"{_AHEAD}{{1,2}}{_PROPER}(?:[ ]{_SMALL}{{0,2}}{_PROPER}){{0,4}}(?!\w))",
        ),
        rule(
            "name, number, code, town",
            0.5,
            rf"(?<!\w)(?:{_PROPER}[ ]){{1,3}}{_NUMBER},[ ](?:[A-Z]{{1,2}}-)?(?:\d{{4,5}}",
            rf"|\d{{3}}[ ]\d{{2}})[ ]{_WORD}(?:[ ]{_WORD}){{0,2}}",
        ),
        rule(
            "field",
            0.5,
            r"(?i)^[ \t>*-]*(?:\w+[ ])?(?:address|anschrift|adresse|dirección|domicilio",
            r"|indirizzo|adres|endereço|morada)[ ]*:[ ]*\n?[ \t>]*\K(?=[^\n]*\d)",
            r"(?=[^\n]*\p{L}{3})[^\n@:]{5,100}$",
        ),
        rule(
            "line",
            0.6,
            rf"^[ \t>]*\K{line}[ ]*,?\n[ \t>]*(?:{CODE}[ ]\p{{Lu}}[^\n\d]{{2,40}}",
            f"|{town}{CODE})(?=[ ]*,?$)",
        ),
    ]


def _boxes() -> list[Rule]:
    """Post boxes."""
    box = (
        r"p\.?[ ]?o\.?[ ]?box|g\.?p\.?o\.?[ ]box|post(?:al)?[ ]?box|postfach|postbus|postboks|postlåda|private[ ]bag|"
        r"locked[ ]bag|apartado(?:[ ](?:postal|de[ ]correos))?|casella[ ]postale|caixa[ ]postal|skrytka[ ]pocztowa|"
        r"(?-i:BP|B\.P\.|CP|C\.P\.)"
    )
    return [
        rule(
            "post box",
            0.6,
            rf"(?i)(?<!\w)(?=[\dpglacsb]){_AHEAD}?(?:{box})[ ]?(?:nr?\.?[ ]?)?\d{{1,6}}",
            r"(?:[ ]\d{1,3}(?!\w)){0,2}(?-i:(?:[ ]\p{Lu}\p{L}+){0,2})",
        ),
    ]


_MILITARY = r"(?<!\w)(?:(?i:(?:PSC|Unit|CMR)[ ]\d{1,5},?[ ]Box[ ]\d{1,5})|US(?:NS|S|CGC|NV)[ ]\p{Lu}\p{L}+)"
# the word before a number whose street comes first: with a capital, and none that is counted or cited
_NUMBERED = regex.compile(
    rf"[ ](?=\d|[Ss]/[Nn]\b)(?<=(?:(?<!\w){_PROPER}|\d(?:st|nd|rd|th|\.)?|n[°º.]|[Nn][ro]?\.?|nº|km)[.,]?[ ])"
)
_ENDED = regex.compile(
    rf"[ ](?=\d)(?<=(?i:{any_of(split(places.ENDING) + split(places.WORD_AFTER))}|{places.SURE_ENDING})\.?[ ])"
)
_UNIT_AHEAD = regex.compile(rf"\d[A-Za-z]?\.?{_GAP}(?=\d{{1,2}}\.?[ºª]|(?i:{any_of(split(places.UNITS))})\b|\#)")
_KIND = WordCue(split(places.BEFORE) + split(places.BEFORE_ENGLISH))
_BOX = re.compile(
    "[Bb][Oo][Xx]|[Pp][Oo][Ss][Tt]|[Bb][Aa][Gg]|[Aa][Pp][Aa][Rr][Tt][Aa]|[Cc][Aa][Ss][Ee]|[Cc][Aa][Ii][Xx]|[Ss][Kk][Rr]|"
    r"[BC]\.?P"
)


class StreetAddressRecognizer(RuleRecognizer):
    """House number and street, post boxes and units, and what a context makes an address.

    A unit, town, state, postal code or country that follows directly, on the same line or the next, belongs to it.
    """

    cue = re.compile(r"\d|[Ss]/[Nn]\b")
    cues: ClassVar = {
        "name, number, unit": _UNIT_AHEAD,
        "name, number, code, town": re.compile(r"\w, (?:[A-Z]{1,2}-)?\d{3}"),
        "number, kind, name": _KIND,
        "post box": _BOX,
        "unit, street": WordCue(split(places.BEFORE_STREET)),
    }
    tail = _TAIL

    def __init__(self, language: str) -> None:
        super().__init__("STREET_ADDRESS", language, [*_number_first(), *_in_context(), *_boxes()])


class UnitRecognizer(RuleRecognizer):
    """Units, and military mail, without the street."""

    cue = re.compile(r"\d|USN?[SC]")

    def __init__(self, language: str) -> None:
        rules = [
            rule("military", 0.6, rf"{_MILITARY}(?:{_GAP}(?i:[AFD]PO[ ]A[AEP])(?:[ ]\d{{5}}(?:-\d{{4}})?)?)?"),
            rule("unit", 0.5, rf"(?i)(?<![\w-])(?=[as])(?:{places.SURE_UNITS})\b\.?[ ]?\#?\d{{1,5}}[A-Z]?(?!\w)"),
        ]
        super().__init__("STREET_ADDRESS", language, rules)


class HouseNumberRecognizer(RuleRecognizer):
    """Street and house number in the layouts of countries where the number comes last, with what follows."""

    cue = re.compile(r"[^\W\d_][.'’]?,? (?:[nN][\w.°º]{0,2} |km )?(?:\d{1,5}(?!\d)|[sS]/[nN]\b)")
    cues: ClassVar = {
        "kind, name, number": _KIND,
        "name with its kind, number": _ENDED,
        "sure ending": _ENDED,
        "number, name, number": _NUMBERED,
    }
    tail = _TAIL

    def __init__(self, language: str) -> None:
        super().__init__("STREET_ADDRESS", language, _number_last())


class NamedStreetRecognizer(RuleRecognizer):
    """Streets that are named without a house number, and corners of two."""

    cues: ClassVar = {
        "kind, name": WordCue([*split(places.ALONE), "via", "strada"]),
        "street without a number": WordCue(split(places.PLAIN_KINDS)),
        "corner": WordCue(["corner"]),
    }
    tail = _TAIL

    def __init__(self, language: str) -> None:
        super().__init__("STREET_ADDRESS", language, _without_number())
