"""Forms of address, occupations where a text says that they are one, and ages."""

from __future__ import annotations

import re
from typing import ClassVar

from stages.methods.scrub_pii.detection.recognizers.lexicon import HONORIFICS, words
from stages.methods.scrub_pii.detection.recognizers.rules import Rule, RuleRecognizer, any_of, letters, rule, split

_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_ONES = "one|two|three|four|five|six|seven|eight|nine"
_TEENS = "ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
_FIGURE = r"(?:1[01]\d|[1-9]?\d)"
_AGE = rf"(?:{_FIGURE}|(?i:(?:{_TENS})(?:[ -](?:{_ONES}))?|{_TEENS}|{_ONES}))"
# "age 50 and older", "aged 18 to 65" and "5 % of 60" are said of groups
_ALONE = (
    r"(?![\w%]|[.,:/]\d|[ ]?(?:to|-|–|or|and|through)[ ]?(?:\d|older|over|above|under|up|younger)|\+|[ ]?(?:%|percent))"
)
_END = r"(?=[.,;:!?)]|[ ]*$|[ ](?:and|but|now|today|when|years?|y/?o|yrs?)\b)"
_NO_GROUP = (
    r"(?<!\b(?:over|under|above|below|before|after|by|than|beyond|until|between|least|around|about)[ ](?:the[ ])?)"
)
_IN_GROUP = r"(?<!\b(?:to|and|between|before|after|over|under|until|than|least)[ ])(?<!(?:to|and|or)[ ]\d{1,3}-)"

_AGES: dict[str, tuple[Rule, ...]] = {
    "en": (
        rule(
            "years old",
            0.6,
            rf"(?<![\w.,%–-]){_IN_GROUP}{_AGE}(?=[ -]?(?i:(?:years?|yrs?",
            r"|months?)[ -]?(?:old\b|of[ -]age\b)(?![ ](?:or|and[ ](?:older|over",
            r"|above|under|up))\b)|y[./]?o\b))",
        ),
        rule("aged", 0.5, rf"(?i:{_NO_GROUP}\b(?:aged?|age[ ]of|age[ ]is|age[ ]was|age\s*[:=]))[ ]*\K{_AGE}{_ALONE}"),
        rule("turned", 0.5, rf"(?i:\b(?:turn(?:s|ed|ing)?))[ ](?i:just[ ])?\K{_AGE}(?![\w%:]|[.,]\d){_END}"),
        rule(
            "is",
            0.45,
            r"(?i:\b(?:I[ ]?[ ]?am|I['’]?m|(?:s?he|who)[ ](?:is|was)|s?he['’]s",
            "|were[ ]only))[ ](?i:just[ ]|only[ ]|now[ ])?",
            rf"\K{_FIGURE}{_END}",
        ),
        rule(
            "sex and age",
            0.5,
            rf"(?<![\w])(?:\K{_FIGURE}(?=[ ]?[MFmf]\b[)\]/])|(?<=[(\[])[MFmf][ ]?\K{_FIGURE}(?=[)\]]))",
        ),
        rule(
            "after a name",
            0.4,
            r"(?<=\p{Lu}\p{Ll}{1,20},[ ])(?:[2-9]\d|1[0-9])(?=,[ ](?:of|from",
            r"|who|was|is|a|an|and|has|had|said)\b)",
        ),
    ),
    "de": (
        rule("Jahre alt", 0.6, rf"(?<![\w.,]){_FIGURE}(?=[ -]?(?i:Jahre?[ ]alt|-?jährig|J\.[ ]?alt))"),
        rule("im Alter von", 0.5, rf"(?i:\b(?:Alter(?:[ ]von|\s*:)))[ ]*\K{_FIGURE}{_ALONE}"),
    ),
    "fr": (
        rule(
            "âgé de",
            0.6,
            r"(?i:\b(?:âgée?s?[ ]de|l['’]âge[ ]de|âge\s*:|j['’]ai|il[ ]a|elle[ ]a",
            rf"|avait|ayant))[ ]*\K{_FIGURE}(?=[ ]?ans?\b)",
        ),
        rule("ans, after a name", 0.5, rf"(?<=\p{{L}},[ ]){_FIGURE}(?=[ ]ans?\b)"),
    ),
    "es": (
        rule(
            "años",
            0.45,
            r"(?i:\b(?:tengo|tiene|tenía|con|edad[ ]de|edad\s*:|los|de))[ ]*\K",
            rf"{_FIGURE}(?=[ ]?años\b(?:[ ]de[ ]edad)?)",
        ),
        rule("años de edad", 0.6, rf"(?<![\w.,]){_FIGURE}(?=[ ]años[ ]de[ ]edad\b)"),
    ),
    "it": (
        rule(
            "anni",
            0.45,
            r"(?i:\b(?:ho|ha|aveva|avevo|di|età[ ]di|età\s*:|all['’]età[ ]di))[ ]*\K",
            rf"{_FIGURE}(?=[ ]?anni\b)",
        ),
    ),
    "nl": (
        rule("jaar oud", 0.6, rf"(?<![\w.,]){_FIGURE}(?=[ -]?(?i:jaar[ ]oud|jarige?\b))"),
        rule("leeftijd", 0.5, rf"(?i:\b(?:leeftijd(?:[ ]van|\s*:)))[ ]*\K{_FIGURE}{_ALONE}"),
    ),
    "pt": (
        rule("anos", 0.45, rf"(?i:\b(?:tenho|tem|tinha|com|idade[ ]de|idade\s*:|aos|de))[ ]*\K{_FIGURE}(?=[ ]?anos\b)"),
    ),
}

_OCCUPATION = (
    "accountant|administrator|adviser|advisor|agent|analyst|architect|artist|assistant|associate|attendant|attorney|"
    "auditor|baker|barber|broker|builder|buyer|carpenter|cashier|chef|chemist|cleaner|clerk|coach|consultant|"
    "controller|cook|coordinator|counsell?or|dentist|designer|developer|director|doctor|driver|economist|editor|"
    "educator|electrician|engineer|estimator|examiner|executive|farmer|firefighter|geologist|guard|hairdresser|"
    "inspector|installer|instructor|interpreter|investigator|janitor|journalist|judge|laborer|labourer|lawyer|"
    "lecturer|librarian|machinist|manager|mechanic|midwife|miner|musician|nurse|officer|operator|optician|painter|"
    "paralegal|paramedic|pharmacist|photographer|physician|physicist|pilot|planner|plumber|porter|producer|"
    "programmer|psychologist|receptionist|representative|researcher|sailor|salesman|salesperson|saleswoman|scientist|"
    "secretary|seller|singer|soldier|solicitor|specialist|stylist|superintendent|supervisor|surgeon|surveyor|tailor|"
    "teacher|technician|technologist|teller|therapist|trader|trainer|translator|tutor|typist|veterinarian|waiter|"
    "waitress|welder|worker|writer"
)

_FUNCTION = "You|Your|My|The|This|That|About|And|Or|If|In|On|At|To|It|Is|See|For|Who|What|Most|Not"


class TitleRecognizer(RuleRecognizer):
    """Honorifics and ranks before a name, and occupations where a text says what somebody works as."""

    def __init__(self, language: str) -> None:
        title = any_of(split(words(HONORIFICS, language)))
        end = r"(?:at|for|in|with|but|and|who|which|until|since|from|when|where|on|of)\b"
        job = rf"[^\W\d_][\w'’/&-]*(?:[ ](?!{end})[^\W\d_][\w'’/&-]*){{0,4}}"
        rules = [
            rule(
                "before a name",
                0.5,
                rf"(?<![\w.-]){letters(split(words(HONORIFICS, language)))}{title}\b\.?",
                rf"(?=[  ]{{1,2}}(?:(?:et|and|und|y|e|&)[ ]\p{{Lu}}|(?!(?:{_FUNCTION})\b)\p{{Lu}}",
                r"[\p{L}'’.-]))",
            ),
            rule(
                "in small letters",
                0.4,
                r"(?<![\w.-])(?:mrs?|ms|dr|prof|sra?|srta|mme|mlle|dhr|mevr|sig)\.(?=[  ]{1,2}\p{L}{2})",
            ),
            rule(
                "field",
                0.6,
                r"(?i)(?<!\w)(?:title|salutation|prefix|anrede|titel|civilité|tratamiento)[ ]*:[ \t]*\K",
                rf"{title}\b\.?(?!\w)",
            ),
            rule(
                "occupation field",
                0.5,
                r"(?i)(?:^|(?<=[,;]\s))[ \t>*-]*(?:occupation|profession|job(?:[ ]title)?",
                "|beruf|profesión|professione|beroep|",
                r"profissão)[ ]*:[ \t]*\K[^\W\d_][^\n,;.:]{2,50}(?=[\n,;.]|$)",
            ),
            rule(
                "works as",
                0.4,
                r"(?i)\b(?:works?|worked|working|employed|job|career|hired|trained",
                r"|qualified|retired)[ ](?:[^\s.;]+[ ]){0,5}?as[ ]",
                r"(?:an?[ ]|the[ ])?\K(?!(?:if|it|well|part|soon|long|far|many|much",
                "|he|she|they|we|you|i|an|a|the|being|such|part|usual|before|above",
                rf"|follows|expected|\p{{L}}+ly)\b){job}",
                rf"(?=[.,;!?)\n]|$|[ ]{end})",
            ),
            rule(
                "apposition",
                0.4,
                r"(?<=\p{Ll},[ ])(?:the|an?)[ ]\K\p{L}[\w-]*(?:[ ][\w-]+){0,4}",
                r"(?=,[ ](?:said|says|told|added|explained)\b)",
            ),
            rule(
                "line of a letterhead",
                0.4,
                r"(?im)^[ >]*[\w.'’-]+(?:[ ]{1,2}[\w.'’-]+){1,3}\n[ \n>]{0,6}\K",
                rf"(?!\d)(?:[\w'’/&-]+,?[ ]){{0,5}}(?:[\w'’-]*(?:{_OCCUPATION}))(?=[ ]?$)",
            ),
        ]
        super().__init__("TITLE", language, rules)


class AgeRecognizer(RuleRecognizer):
    """The number of years of somebody's age; ages of groups ("50 and older") are none."""

    cue = re.compile(r"\d|[ -](?:old|OLD|of age)\b|[Aa][Gg][Ee]|[Tt][Uu][Rr][Nn]")
    cues: ClassVar = {
        "years old": re.compile(r"[Oo][Ll][Dd]\b|[Oo][Ff][ -][Aa][Gg][Ee]\b|[Yy][./]?[Oo]\b"),
        "sex and age": re.compile(r"\d ?[MFmf]\b|[(\[][MFmf] ?\d"),
        "after a name": re.compile(r", \d\d,"),
    }

    def __init__(self, language: str) -> None:
        rules = [one for code in dict.fromkeys((language, "en")) for one in _AGES.get(code, ())]
        super().__init__("AGE", language, rules)
