"""How written answers refuse, and how texts that are cut end, by language; and words that ask for another language.

English, German, Spanish, French, Italian and Portuguese. A refusal is the writer's own (`I`, not `we`: a company that
cannot refund has answered) and stands at the start; what only a language model says of itself counts anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RefusalWords:
    """Parts of refusals in one language, as patterns: `I cannot` and `help`, or `give`, and what would be given.

    `selves`: what a model calls itself. `declining`: refusing in one verb. Between the parts stand a few other words.
    """

    selves: str
    cannot: str
    helping: str
    giving: str
    things: str
    declining: str


REFUSALS = {
    "en": RefusalWords(
        selves=(
            r"(?:as|i am|i'm)(?: just| only| merely)? an?"
            r" (?:(?:large |ai )?language model|(?:ai(?: assistant| model)?|artificial intelligence)"
            r"(?=[,.]|$| i\b| and\b))"
        ),
        cannot=(
            r"i(?: am|'m)?(?: sorry,?)?(?: really| simply| just)?"
            r" (?:can ?not|can't|won't|will not|could not|couldn't|unable to|not (?:able|allowed|willing) to)"
        ),
        helping=r"(?:help|assist|comply|fulfil+)(?! but\b)|answer(?=[.,!]|$)",
        giving=r"provide|give|share|generate|create|write|discuss|offer|produce|disclose|engage|complete|answer|respond",
        things=(
            r"this|that|such|any|information|advice|medical|legal|financial|instructions|content|an answer|your \w+"
            r"|it|questions?"
        ),
        declining=r"i (?:must|have to|need to|will have to|would rather) (?:\w+ )?(?:decline|refuse|not answer)",
    ),
    "de": RefusalWords(
        selves=(
            r"(?:als|ich bin)(?: nur| lediglich| bloß)?(?: eine?)?"
            r" (?:ki|künstliche intelligenz|(?:großes |ki-)?sprachmodell|ki-assistent)"
        ),
        cannot=r"(?:ich (?:kann|darf|werde|möchte)|(?:kann|darf|werde|möchte) ich)(?: \w+){0,5}? (?:nicht|keine?n?)",
        helping=r"weiterhelfen|helfen|beantworten|unterstützen|nachkommen|erfüllen|bereitstellen",
        giving=r"auskunft|auskünfte|informationen|beratung|ratschläge|anleitung(?:en)?|inhalte",
        things=r"geben|erteilen|liefern|anbieten|erstellen|leisten|teilen",
        declining=r"(?:ich muss|muss ich)(?: \w+){0,5}? (?:ablehnen|verweigern)",
    ),
    "es": RefusalWords(
        selves=(
            r"(?:como|soy)(?: sólo| solo| simplemente)?(?: una?)?"
            r" (?:ia(?=[,.]|$| no\b)|inteligencia artificial|(?:gran )?modelo de (?:lenguaje|ia))"
        ),
        cannot=r"no (?:(?:te|le|les|os) )?(?:puedo|podré|podría|me es posible)",
        helping=r"(?:ayudar|asistir|responder|contestar|cumplir|atender)\w*",
        giving=r"(?:proporcionar|dar|ofrecer|facilitar|compartir|generar|crear|escribir)\w*",
        things=r"es[aeo]s?|est[aeo]s?|información|consejos?|instrucciones|contenidos?|asesoramiento|ning\w+",
        declining=r"(?:debo|tengo que|prefiero) (?:rechazar|negarme|declinar|no responder)",
    ),
    "fr": RefusalWords(
        selves=(
            r"(?:en tant qu(?:e |')|je (?:ne )?suis (?:qu')?)(?:une? )?"
            r"(?:ia|intelligence artificielle|(?:grand )?modèle de langage|assistant ia)"
        ),
        cannot=(
            r"je (?:ne )?(?:peux|puis|suis|pourrai|saurais|(?:vous|te) \w+)(?: malheureusement)?"
            r" pas(?: en mesure| capable| autorisée?)?(?: de| d'| à)?"
        ),
        helping=r"(?:[tl]'|vous |y |m')?(?:aider|assister|répondre|satisfaire|accéder)",
        giving=r"fournir|donner|partager|créer|générer|écrire|proposer",
        things=r"cet?|cette|ces|cela|d'informations?|de conseils?|d'instructions?|de contenus?|de réponse",
        declining=r"je (?:dois|préfère)(?: malheureusement)? (?:refuser|décliner|ne pas répondre)",
    ),
    "it": RefusalWords(
        selves=(
            r"(?:come|in quanto|essendo|sono)(?: solo| soltanto| semplicemente)?"
            r" (?:un[a'] ?(?:ia|ai)|(?:un'?a? ?)?(?:intelligenza artificiale|(?:grande )?modello linguistico))"
        ),
        cannot=r"non (?:(?:ti|vi|le) )?(?:posso|potrò|potrei|sono in grado di|mi è possibile)",
        helping=r"(?:aiutar|assister|risponder|soddisfar|esaudir)\w*",
        giving=r"(?:fornir|dar|offrir|condivider|crear|generar|scriver)\w*",
        things=r"quest\w*|tal[ei]|informazioni|consigli|istruzioni|contenuti|alcun\w*",
        declining=r"(?:devo|preferisco) (?:rifiutar\w*|declinar\w*|non rispondere)",
    ),
    "pt": RefusalWords(
        selves=(
            r"(?:como|sendo|sou)(?: só| somente| apenas)?"
            r" (?:uma ia|(?:uma? )?(?:inteligência artificial|(?:grande )?modelo de linguagem))"
        ),
        cannot=r"não (?:(?:te|lhe|o|a|vos) )?(?:posso|poderei|poderia|consigo|me é possível)",
        helping=r"(?:ajudar|auxiliar|responder|atender|cumprir)\S*",
        giving=r"(?:fornecer|dar|oferecer|compartilhar|partilhar|criar|gerar|escrever)\S*",
        things=r"ess[ae]s?|est[ae]s?|isso|isto|informações|conselhos?|instruções|conteúdos?|nenhum\w*",
        declining=r"(?:devo|tenho de|tenho que|prefiro) (?:recusar|negar|não responder)",
    ),
}

DANGLING = {
    "en": (
        "the a an and or but nor of to from with by at into than because if although while whereas is are was were be"
        " their its his your our my these those which who whose when where very such"
    ),
    "de": (
        "der die das den dem des ein eine einen einem einer eines und oder aber von mit für zum zur im in am auf bei"
        " durch weil dass wenn obwohl während als wie sehr seine ihre sein unser"
    ),
    "es": (
        "el la los las un una unos unas y e o u pero de del a al en con por para sin sobre entre que porque cuando"
        " aunque mientras si como su sus muy tan es son"
    ),
    "fr": (
        "le la les un une des et ou mais de du d à au aux en avec par pour sans sur dans entre que qui parce quand"
        " lorsque si comme son sa ses leur leurs très est sont"
    ),
    "it": (
        "il lo la i gli le un uno una e o ma di del della dei delle a al alla in nel nella con per su tra fra che"
        " perché quando se come mentre molto suo sua è sono"
    ),
    "pt": (
        "o a os as um uma uns umas e ou mas de do da dos das em no na nos nas com por para sem sobre entre que porque"
        " quando se como enquanto muito seu sua é são"
    ),
}
"""Words that hardly a sentence ends with."""

OTHER_LANGUAGE = (
    r"translat\w+|übersetz\w*|tradu\w+|languages?|sprachen?|lenguas?|idiomas?|langues?|lingu[ae]s?|línguas?"
    r"|english|german|spanish|french|italian|portuguese|dutch|latin|chinese|japanese|russian|arabic"
    r"|englisch\w*|deutsch\w*|spanisch\w*|französisch\w*|italienisch\w*|portugiesisch\w*|niederländisch\w*"
    r"|inglés|alemán|español|castellano|francés|italiano|portugués|anglais|allemand|espagnol|français|italien"
    r"|portugais|inglese|tedesco|spagnolo|francese|portoghese|inglês|alemão|espanhol|francês|português|holandês"
)
"""A prompt with one of these may ask for an answer in another language, or for words of one."""
