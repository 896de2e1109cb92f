"""Words beside which a name is likely or unlikely, case folded, each with the code that `wordcodes` gives it."""

from __future__ import annotations

from functools import lru_cache

_HONORIFICS = """
mr mrs ms mx miss dr prof professor sir madam lady lord herr frau herrn fräulein monsieur madame mademoiselle mme mlle
señor señora señorita sr sra srta doña signor signora signore sig dott dottor dottoressa dhr mevr mevrouw meneer
senhor senhora
"""
_ROLES = """
judge justice president senator congressman congresswoman governor mayor minister chancellor king queen prince
princess pope father sister brother rabbi imam sheikh reverend rev captain capt colonel col general gen lieutenant lt
sergeant sgt major officer detective inspector doctor nurse uncle aunt auntie coach
"""
_PERSON_CUES = """
dear hi hello hey hallo hola bonjour ciao dag olá liebe lieber chère cher querida querido cara caro beste geachte
geehrte geehrter named called nicknamed surnamed i'm heiße heisse m'appelle llamo chiamo heet chamo namens sincerely
regards signed cheers applicant witness plaintiff defendant patient brother sister wife husband son daughter mother
father friend kid child colleague boss cousin uncle aunt neighbour neighbor girlfriend boyfriend partner teacher
doctor lawyer bruder schwester frau mann sohn tochter freund freundin kollege kollegin frère soeur sœur mari femme
fils fille ami amie collègue hermano hermana hijo hija marido amigo amiga fratello sorella marito moglie figlio figlia
amico amica broer zus zoon dochter vriend vriendin irmão irmã filho filha
"""
_SPEECH = """
says said told tells asked asks replied replies wrote writes explained explains added adds claimed claims insisted
commented announced thinks thought met meets married marries born sang sings directed starring stars played lives
lived works worked flew moved called texted emailed phoned wrote sagte sagt erklärte dit déclare dijo dice disse diz
zei zegt
"""
_IN = """
in near outside inside around throughout toward towards visiting visit visited across leaving aus nach dans près desde
hacia cerca naar uit nabij em perto vicino
"""
_FROM = "from to at via en à te bei"
_WITH = "with by for join joined joining support supports contact contacted versus vs through against"
_EPONYM_NOUNS = """
disease diseases syndrome syndromes disorder sign test tests method law theorem effect cell cells virus tumor tumour
lymphoma sarcoma carcinoma anemia anaemia palsy dystrophy ataxia neuropathy chorea dementia deficiency malformation
scale score index reflex procedure operation gland glands phenomenon contracture paralysis nephropathy type fever
equation constant distribution process algorithm model registry pounds dollars pound dollar rupees rupee pesos yen
euros currency language translation
"""
_LEGAL_FORMS = """
inc ltd limited llc llp plc corp corporation gmbh ag kg kgaa ug ohg se sa sas sarl spa srl bv nv oy oyj ab asa aps sp
pty pvt lda ltda cv group holding holdings
"""
_BODIES = """
company co industries partners associates technologies solutions consulting enterprises bank university college school
academy institute hospital clinic foundation association society ministry agency orchestra band airlines airways
museum church committee council federation club league records studios media press news times insurance capital
ventures labs laboratories pharma pharmaceuticals motors energy stores restaurant hotel cafe trust fund union bancorp
brothers bros sons universität universiteit université universidad università universidade banco banque banca klinik
krankenhaus hôpital ziekenhuis verein stiftung fondation fundación fondazione ministère ministerio ministero
ministerium orchestra
"""
_PLACE_NOUNS = """
county city river lake mountain mountains mount island islands valley bay beach village town township province
district region park hill hills coast peninsula ocean sea desert airport station heights springs falls creek harbor
harbour forest canyon parish borough mt fort port saint st san santa são cape los las ville villa north south east
west northern southern eastern western
"""
_PARTICLES = "van von der den de del della di da dos das du la le el al bin ibn ter ten af av zu zur dal dei degli"
_SUFFIXES = "jr sr ii iii iv md phd esq dds rn cpa"
_STOP = """
i a bot agent user customer she he it they we you this that these those there here what when where why how who which
while then than but or so if not no yes one all any some now just like even also only an as be been do does did has
have had was were are am at by on my your his her its our their please thank thanks ok okay sorry well oh ah lol omg
pls plz thx dont cant wont ive im id ill
"""
_CALENDAR = """
january february march april may june july august september october november december jan feb mar apr jun jul aug sep
sept oct nov dec monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
januar februar märz mai juni juli oktober dezember montag dienstag mittwoch donnerstag freitag samstag sonntag janvier
février mars avril juin juillet août septembre octobre novembre décembre lundi mardi mercredi jeudi vendredi samedi
dimanche enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre lunes martes
miércoles jueves viernes sábado domingo gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre lunedì
martedì mercoledì giovedì venerdì sabato domenica januari februari maart mei augustus maandag dinsdag woensdag
donderdag vrijdag zaterdag zondag janeiro fevereiro março maio junho julho setembro outubro dezembro easter christmas
ramadan hanukkah halloween thanksgiving
"""


@lru_cache(maxsize=1)
def cues() -> dict[str, str]:
    """Words to codes, whatever their case; see `wordcodes`."""
    return _coded(
        d=_PARTICLES, k=_IN, K=_FROM, j=_WITH, v=_SPEECH, e=_EPONYM_NOUNS, c=_PERSON_CUES, m="and und et y e en &",
        f="of", t="the", C="call calls", z="name naam nombre nome nom", y="is ist est es è é was",
    )  # fmt: skip


@lru_cache(maxsize=1)
def capital_cues() -> dict[str, str]:
    """Words to codes, where they have a capital."""
    return _coded(
        L=_PLACE_NOUNS, O=_BODIES, Q=_LEGAL_FORMS, x=_SUFFIXES, h=_HONORIFICS, H=_ROLES, W=f"{_CALENDAR} {_STOP}"
    )


def _coded(**lists: str) -> dict[str, str]:
    return {word: code for code, words in lists.items() for word in words.split()}
