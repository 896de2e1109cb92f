"""Words by which questions ask for a number, a time, a person or a place, and by which answers are known to be one.

Lists are wide where a match clears an answer, and narrow where one brings it into doubt: a doubt that is wrong costs a
person's time. English, German, Spanish and French.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QuestionWords:
    """Patterns of one language. `asked`: what a question begins with, by what it asks for; the first that fits counts.

    `numbers` and `times` are how words begin or go on, `amounts` whole words: each says that an answer is of that kind.
    `plain`: the words that may stand beside digits in an answer that is nothing but a date or a number. `fillers`:
    words that two wordings of one question may differ in.
    """

    asked: dict[str, str]
    numbers: str
    times: str
    amounts: str
    plain: str
    fillers: str


_ENGLISH = QuestionWords(
    asked={
        "year": r"(?:(?:in|during|since|until|by|from|of|around) )?(?:what|which) (?:years?|century|decade)",
        "number": (
            r"(?:(?:about|approximately|roughly|in|of|for|to|by|at|with|from|over|on) )?"
            r"(?:how many|(?:what|which) (?:percentage|percent))"
        ),
        "amount": r"(?:for |by )?how much (?:money|did .+ cost|does .+ cost|is .+ worth|was .+ worth)",
        "time": r"(?:since |until )?when (?:did|was|were|will)",
        "person": r"(?:by |to |with |for |from )?who(?:m)?",
        "place": "where",
    },
    numbers=(
        r"zero|one|two|twice|thrice|three|thir[dt]|four|fif|five|six|seven|eight|nine|nint|ten|tenth|eleven|twel[fv]|twent"
        r"|hundred|thousand|[mbtr]+illion|dozen|score|quarter|half|halves|first|second"
    ),
    times=(
        r"century|centuries|decade|year|month|week|day|today|night|morning|noon|evening|era|age|ages|period|season|spring"
        r"|summer|autumn|fall|winter|when|while|after|before|during|until|since|once|upon|as|late|earl|recent|soon|now|never"
        r"|always|then|war|battle|siege|conquest|revolution|invasion|reign|rule|birth|death|childhood|renaissance|antiquity"
        r"|easter|christmas|ramadan|thanksgiving|holiday|january|february|march|april|may|june|july|august|september"
        r"|october|november|december|next|previous|last|beginning|end|mid|time|dynasty|prehistor"
    ),
    amounts=(
        r"none|no|single|sole|only|pair|couple|both|double|triple|several|some|few|fewer|many|most|much|more|less|all|every|each"
        r"|any|numerous|various|countless|majority|minority|multiple|plenty|lot|lots|large|small|little|tiny|huge"
        r"|significant|enough|nothing|unlimited|infinite|unknown|percent|percentage|free"
    ),
    plain=(
        r"january|february|march|april|may|june|july|august|september|october|november|december|monday|tuesday"
        r"|wednesday|thursday|friday|saturday|sunday|the|of|in|on|and|to|from|about|bc|ad|bce|ce|c|ca|circa|st|nd|rd|th"
        r"|percent|million|billion|thousand|hundred|years?|months?|weeks?|days?|hours?|minutes?|century"
    ),
    fillers=r"the|an?|is|are|was|were|do|does|did|has|have|had|been|be",
)
_GERMAN = QuestionWords(
    asked={
        "year": (
            r"(?:(?:in|aus|seit|bis|ab|von|zu|um) )?welche[mnrs]? (?:jahr|jahre|jahren|jahrhunderts?|jahrzehnts?)"
        ),
        "number": (
            r"(?:(?:etwa|ungefähr|rund|in|von|für|an|auf|aus|bei|mit|um|zu|über) )?"
            r"(?:wie ?viele[nrm]?|wie ?viel prozent|welcher prozentsatz|welchen prozentsatz)"
        ),
        "amount": r"wie ?viel (?:geld|kostete?n?|euro|dollar)",
        "time": r"(?:seit |bis |ab )?wann",
        "person": r"(?:(?:von|mit|für|an|durch|bei) )?(?:wer|wem|wen)",
        "place": r"wo|wohin|woher",
    },
    numbers=(
        r"null|eins|ein|zwei|zwo|drei|dritt|vier|fünf|sech|sieb|acht|neun|zehn|elf|zwölf|zwanzig|ßig|zig|hundert"
        r"|tausend|million|milliard|billion|dutzend|hälfte|halb|viertel|erst"
    ),
    times=(
        r"jahrhundert|jahrzehnt|jahr|monat|woche|tag|heute|nacht|morgen|mittag|abend|zeit|ära|epoche|frühling|frühjahr"
        r"|sommer|herbst|winter|als|wenn|während|nach|vor|bis|seit|sobald|ab|spät|früh|kürzlich|bald|jetzt|nie|immer|damals"
        r"|krieg|schlacht|belagerung|eroberung|revolution|invasion|regier|herrschaft|geburt|tod|kindheit|renaissance"
        r"|antike|mittelalter|ostern|weihnacht|ramadan|januar|februar|märz|april|mai|juni|juli|august|september|oktober"
        r"|november|dezember|nächst|vorig|letzt|anfang|beginn|ende|mitte|dynastie"
    ),
    amounts=(
        r"kein\w*|einzig\w*|paar|beide\w*|doppelt\w*|dreifach\w*|mehrere\w*|einige\w*|wenige?\w*|viele?\w*|meiste\w*|mehr\w*"
        r"|alle\w*|jede\w*|zahlreich\w*|verschieden\w*|unzählig\w*|groß\w*|klein\w*|genug|nichts|unbegrenzt\w*|unendlich\w*"
        r"|unbekannt\w*|prozent|kostenlos|umsonst|nur"
    ),
    plain=(
        r"januar|februar|märz|april|mai|juni|juli|august|september|oktober|november|dezember|montag|dienstag|mittwoch"
        r"|donnerstag|freitag|samstag|sonntag|der|die|das|den|dem|des|im|am|um|und|bis|von|etwa|ca|v|n|chr|uhr|prozent"
        r"|millionen?|milliarden?|tausend|hundert|jahre?n?s?|monate?n?|wochen?|tage?n?|stunden?|minuten?|jahrhunderts?"
    ),
    fillers=(r"der|die|das|den|dem|des|eine?[rsnm]?|ist|sind|war|waren|wird|wurden?|hat|haben|hatten?|worden"),
)
_SPANISH = QuestionWords(
    asked={
        "year": r"(?:(?:en|desde|hasta|de|durante|para|hacia) )?qué (?:años?|siglos?|décadas?)",
        "number": (
            r"(?:(?:aproximadamente|en|de|a|por|con|para|sobre|durante|desde|hasta|entre) )?"
            r"(?:cu[aá]nt[oa]s|qué porcentaje|cuál es el porcentaje)"
        ),
        "amount": r"cu[aá]nto (?:dinero|cuesta|costó|costaba|vale|valía)",
        "time": r"(?:desde |hasta )?cuándo",
        "person": r"(?:(?:a|de|por|con|para) )?qui[eé]n(?:es)?",
        "place": r"(?:(?:de|a|en|hacia|por|desde) )?(?:d[oó]nde|ad[oó]nde)",
    },
    numbers=(
        r"cero|un|uno|una|dos|tres|tercer|cuatr|cuart|quint|cinc|seis|sext|siete|sépt|sept|ocho|octav|nueve|noven"
        r"|diez|décim|once|doce|trece|catorce|quince|dieci|veint|treint|cuarent|cincuent|sesent|setent|ochent"
        r"|cien|mil|mill[oó]n|billon|docena|mitad|medi[oa]|primer|segund"
    ),
    times=(
        r"siglo|década|decenio|año|mes|semana|día|hoy|noche|mañana|mediodía|tarde|época|edad|era|período|periodo|primavera"
        r"|verano|otoño|invierno|cuando|mientras|tras|después|antes|durante|hasta|desde|al|finales|principios|mediados"
        r"|recient|pronto|ahora|nunca|siempre|entonces|guerra|batalla|asedio|conquista|revolución|invasión|reinado|gobierno"
        r"|nacimiento|muerte|infancia|renacimiento|antigüedad|pascua|navidad|ramadán|enero|febrero|marzo|abril|mayo|junio"
        r"|julio|agosto|septiembre|setiembre|octubre|noviembre|diciembre|próxim|anterior|últim|comienzo|fin|temprano|dinastía"
    ),
    amounts=(
        r"ning[uú]n\w*|sol[oa]|únic[oa]s?|par|amb[oa]s|doble|triple|vari[oa]s|algun[oa]s|poc[oa]s?|much[oa]s?|mayor\w*"
        r"|menor\w*|más|menos|tod[oa]s?|cada|numeros[oa]s|innumerables|minoría|múltiples|gran|grandes|pequeñ[oa]s?"
        r"|suficientes?|nada|ilimitad[oa]s?|infinit[oa]s?|desconocid[oa]s?|porcentaje|ciento|gratis|gratuit\w*"
    ),
    plain=(
        r"enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|setiembre|octubre|noviembre|diciembre|lunes"
        r"|martes|miércoles|jueves|viernes|sábado|domingo|el|la|los|las|de|del|en|y|a|al|hasta|desde|unos|unas|a|c|d"
        r"|por|ciento|mil|millones|millón|años?|mes|meses|semanas?|días?|horas?|minutos?|siglos?"
    ),
    fillers=(
        r"el|la|los|las|un|una|unos|unas|es|son|era|eran|fue|fueron|ha|han|había|habían|sido|está|están|estaba|estaban"
    ),
)
_FRENCH = QuestionWords(
    asked={
        "year": (
            r"(?:(?:en|de|depuis|à partir de|jusqu'en|pendant|vers|au cours de) )?"
            r"quel(?:le)?s? (?:est l'|était l'|fut l')?(?:année|années|siècle|siècles|décennie|décennies)"
        ),
        "number": (
            r"(?:(?:environ|en|à|de|par|avec|pour|dans|sur|depuis|pendant) )?"
            r"(?:combien (?:de|d')|quel(?:le)? (?:est le )?pourcentage)"
        ),
        "amount": r"combien (?:coûte|coûtait|coûtent|vaut|valait|a coûté|a-t-il coûté|a-t-elle coûté)",
        "time": r"(?:depuis |jusqu'à )?quand(?![^?]*,)",
        "person": r"(?:(?:à|de|par|avec|pour) )?qui(?! est-ce qui se passe)",
        "place": r"(?:d'|par )?où",
    },
    numbers=(
        r"zéro|un|une|deux|trois|troisième|tiers|quatr|quart|cinq|six|sept|huit|neuf|neuv|dix|diz|onz|douz|treiz"
        r"|quatorz|quinz|seiz|vingt|trent|quarant|cinquant|soixant|cent|mille|milli|moitié|demi|premi|second"
    ),
    times=(
        r"siècle|décennie|année|an|mois|semaine|jour|aujourd|nuit|matin|midi|soir|époque|ère|âge|période|printemps|été"
        r"|automne|hiver|quand|lorsqu|pendant|après|avant|durant|jusqu|depuis|dès|fin|début|milieu|tard|tôt|récemment|bientôt"
        r"|maintenant|jamais|toujours|alors|guerre|bataille|siège|conquête|révolution|invasion|règne|naissance|mort|enfance"
        r"|renaissance|antiquité|pâques|noël|ramadan|janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre"
        r"|novembre|décembre|prochain|précédent|dernier|dernière|dynastie|temps"
    ),
    amounts=(
        r"aucun\w*|seule?s?|unique\w*|paire|couple|double|triple|plusieurs|quelques|certaine?s|peu|beaucoup|plupart|plus"
        r"|moins|tous|tout|toutes?|chaque|nombreu\w*|divers\w*|innombrables?|majorité|minorité|multiples?|grande?s?|petite?s?"
        r"|assez|suffisamment|rien|illimitée?s?|infinie?s?|inconnue?s?|pourcentage|pour|gratuit\w*"
    ),
    plain=(
        r"janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre|lundi|mardi|mercredi"
        r"|jeudi|vendredi|samedi|dimanche|le|la|les|l|de|du|des|en|et|à|au|vers|environ|av|ap|j|c|er|e|pour|cent|mille"
        r"|millions?|milliards?|ans?|années?|mois|semaines?|jours?|heures?|minutes?|siècles?"
    ),
    fillers=r"les?|la|une?|des|est|sont|était|étaient|fut|furent|a|ont|avait|avaient|été",
)
QUESTION_WORDS = {"en": _ENGLISH, "de": _GERMAN, "es": _SPANISH, "fr": _FRENCH}
