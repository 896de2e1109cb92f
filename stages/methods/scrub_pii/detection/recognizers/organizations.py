"""Organizations that their legal form, or the kind of the institution, gives away."""

from __future__ import annotations

import re
from typing import ClassVar

from stages.methods.scrub_pii.detection.recognizers.rules import RuleRecognizer, rule

_FORMS = (
    r"Ltd|Limited|Inc|Incorporated|LLC|L\.L\.C\.|LLP|L\.L\.P\.|PLC|plc|Plc|Corp|Corporation|Pty|GmbH|gGmbH|KGaA|"
    r"OHG|e\.V\.|e\.K\.|S\.A\.S?\.?|SARL|S\.A\.R\.L\.|S\.à[ ]r\.l\.|SNC|S\.L\.U?\.?|S\.p\.A\.|SpA|S\.r\.l\.|Srl|"
    r"B\.V\.|N\.V\.|A/S|ApS|Oy|Oyj|OÜ|S\.A\.|Ltda|Lda|S[ ]?/[ ]?A|d\.o\.o\.|s\.r\.o\.|a\.s\.|Kft|Zrt|Nyrt|"
    r"Sp\.[ ]z[ ]o\.o\.|OOO|OAO|ZAO|Pvt|Bhd|K\.K\.|L\.P\.|AŞ|A\.Ş\.|Tbk"
)
_SHORT = (
    "AG|KG|SE|SAS|BV|NV|AB|ASA|AS|SA|Co|KK|LP|UG|mbH"  # after a word in small letters; among capitals they are words
)
_KINDS = (
    "University|College|Hospital|Clinic|Bank|Institute|School|Academy|Foundation|Society|Association|Orchestra|Museum|"
    "Airlines|Airways|Railways|Newspapers?|Universität|Klinik|Klinikum|Krankenhaus|Sparkasse|Volksbank"
)
_OPENERS = (
    "The|A|An|In|On|At|By|For|From|With|And|But|As|I|He|She|They|We|It|Its|His|Her|Their|Our|My|This|That|Although|When|"
    "While|If|Since|After|Before|However|Moreover"
)
_CAP = r"\p{Lu}[\w'’&-]*"


class OrganizationRecognizer(RuleRecognizer):
    """Names before a legal form (`Ltd`, `GmbH`, `S.p.A.`), partners, universities, hospitals, banks and the like."""

    cue = re.compile(rf"(?<!\w)(?:{_FORMS}|{_SHORT})(?!\w)|{_KINDS}|&| and Sons?| of ")

    cues: ClassVar = {
        "partners": re.compile("(?:and|&) [SBPACD]"),
        "institution": re.compile(_KINDS),
        "institution of": re.compile(" (?:of|de|di|del|zu) "),
    }

    def __init__(self, language: str) -> None:
        link = (
            r"(?:[ ](?:&|and|und|et|y|e|of|de|del|der|für|for)[ ]|"
            r",[ ](?=\p{Lu}[\w'’-]*(?:,|[ ](?:and|&|Ltd|Inc|LLC|GmbH))[ ])|[ ]|-)"
        )
        no_start = rf"(?!(?:{_OPENERS})[ ])"
        rules = [
            rule(
                "legal form",
                0.5,
                rf"(?<![\w&]){no_start}{_CAP}(?:{link}{_CAP}){{0,5}},?[ ](?:(?:(?:{_FORMS})",
                rf"|(?<=\p{{Ll}},?[ ])(?:{_SHORT}))(?![\w-])(?:(?<=Inc|Ltd|Co|Corp|Pty|Pvt)\.)?",
                r"[ ]?(?:&[ ]Co\.?[ ]?(?:KG|OHG)?)?){1,2}(?<![ ])",
            ),
            rule(
                "partners",
                0.5,
                rf"(?<![\w&]){no_start}{_CAP}(?:(?:,?[ ]{_CAP}){{1,2}},?)?[ ](?:and",
                r"|&)[ ](?:Sons?|Bros\.?|Brothers|Partners|Associates|Co\.?|Company",
                r"|Daughters)(?!\w)(?:\.[ ]KG)?",
            ),
            rule(
                "institution",
                0.4,
                rf"(?<![\w&]){no_start}(?:{_CAP}[ ](?:(?:of|de|for|and|the)[ ])?){{1,4}}",
                rf"(?:{_KINDS})(?!\w)(?:[ ]of[ ]{_CAP}(?:[ ]{_CAP}){{0,2}})?",
            ),
            rule(
                "institution of",
                0.45,
                r"(?<!\w)(?:University|Bank|College|Hospital|Institute|Museum|Universität",
                "|Université|Universidad|Università)[ ](?:of|de|di|del|zu)[ ](?:the",
                f"[ ])?{_CAP}(?:[ ](?:(?:and|of)[ ])?{_CAP}){{0,3}}",
            ),
        ]
        super().__init__("ORGANIZATION", language, rules)
