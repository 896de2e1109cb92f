"""Sentences around the invented values of the probe, by language and entity.

Some name what follows (`My e-mail is`), some do not: real texts are of both kinds, and the second is harder.
"""

from __future__ import annotations

from collections.abc import Mapping

_EN: Mapping[str, tuple[str, ...]] = {
    "PERSON": (
        "{} told me so last week.", "Please ask {} about it.", "I spoke with {}, who will take care of this.",
        "Regards, {}", "My name is {} and I need some help.", "{} and I have been waiting since Monday.",
        "It was signed by {}.", "Is {} still in charge there?",
    ),
    "TITLE": (
        "{} Alvarez will see you now.", "Ask {} Nakamura about it.", "The letter went to {} Okafor.",
        "Thank you, {} Lindqvist!", "Yesterday {} Brown called again.", "We met {} Kowalski there.",
    ),
    "AGE": (
        "I am {} years old.", "She turned {} last month.", "A {}-year-old patient came in.", "He died aged {}.",
        "My brother is {} and lives alone.", "At the age of {} she retired.",
    ),
    "NRP": (
        "Most of them were {}.", "She grew up in a {} family.", "He is {}, by the way.", "It was a {} neighbourhood.",
        "The {} community helped them.", "They wanted somebody who is {}.",
    ),
    "ORGANIZATION": (
        "I used to work for {}.", "{} has not answered yet.", "The invoice came from {}.", "She left {} in spring.",
        "Has anybody dealt with {} before?", "My contract with {} ends soon.",
    ),
    "LOCATION": (
        "I live in {}.", "We moved to {} two years ago.", "The parcel was sent to {}.", "{} was cold this year.",
        "Are there any shops near {}?", "He flew in from {} this morning.",
    ),
    "STREET_ADDRESS": (
        "I live at {}.", "Please send it to {}.", "My address is {}.", "{} is where it happened.",
        "The house at {} is for sale.", "Deliver to: {}",
    ),
    "POSTAL_CODE": (
        "My zip code is {}.", "Postcode: {}", "Which branch serves {}?", "The area code for parcels is {}.",
        "We only deliver to {}.", "ZIP {}",
    ),
    "DATE_TIME": (
        "It happened on {}.", "I was born on {}.", "The appointment is {}.", "Since {} nothing works.", "Dated {}",
        "They signed it on {} in court.",
    ),
    "EMAIL_ADDRESS": (
        "Write to {}.", "My e-mail is {}.", "{} bounced.", "You can reach me at {}.", "Send a copy to {}, please.",
        "Contact: {}",
    ),
    "PHONE_NUMBER": (
        "Call me at {}.", "My number is {}.", "You can reach me under {} after six.", "{} does not answer.",
        "Tel: {}", "Text {} if you are late.",
    ),
    "SOCIAL_HANDLE": (
        "Follow me, I am {}.", "{} wrote this.", "thanks {}!", "Ask {} about it.", "cc {}", "As {} said, it is late.",
    ),
    "URL": (
        "See {} for more.", "It is all on {}.", "My page is {}.", "{} is down.", "I found it at {} yesterday.",
        "Link: {}",
    ),
    "IP_ADDRESS": (
        "I log in from {}.", "{} was blocked.", "The server is {}.", "Requests from {} fail.", "IP: {}",
        "It used to answer as {} before.",
    ),
    "CREDIT_CARD": (
        "My card number is {}.", "I paid with {}.", "Card {} was charged twice.", "Please block {}.",
        "What is the limit of {}?", "{} expires in May.",
    ),
    "IBAN_CODE": (
        "My IBAN is {}.", "Transfer it to {}.", "The account is {}.", "{} is the account for it.",
        "Refund to {}, please.", "IBAN: {}",
    ),
    "US_SSN": (
        "My SSN is {}.", "Social security number {}.", "They asked for my social, it is {}.", "{} is on the form.",
        "SSN: {}", "The number {} is not mine.",
    ),
    "ID_NUMBER": (
        "My passport number is {}.", "Customer number {}.", "The policy {} is void.", "My driver's license is {}.",
        "Case no. {} is still open.", "Account {} was closed.", "Patient id: {}",
    ),
}  # fmt: skip
_DE: Mapping[str, tuple[str, ...]] = {
    "PERSON": ("{} hat mir das erzählt.", "Bitte fragen Sie {}.", "Mit freundlichen Grüßen, {}", "Ich heiße {}."),
    "TITLE": ("{} Lindner ruft zurück.", "Fragen Sie {} Okafor.", "Danke, {} Brandt!"),
    "AGE": ("Ich bin {} Jahre alt.", "Sie wurde im Mai {}.", "Der {}-jährige Patient ging."),
    "NRP": ("Er ist {}.", "Die Familie war {}.", "Sie wurde {} erzogen."),
    "ORGANIZATION": ("Ich arbeite bei {}.", "{} hat nicht geantwortet.", "Der Vertrag mit {} läuft aus."),
    "LOCATION": ("Ich wohne in {}.", "Wir sind nach {} gezogen.", "Das Paket ging nach {}."),
    "STREET_ADDRESS": ("Ich wohne {}.", "Bitte an {} senden.", "Adresse: {}"),
    "POSTAL_CODE": ("PLZ {}", "Meine Postleitzahl ist {}.", "Wir liefern nur nach {}."),
    "DATE_TIME": ("Das war am {}.", "Ich bin am {} geboren.", "Seit {} geht nichts."),
    "PHONE_NUMBER": ("Meine Nummer ist {}.", "Tel.: {}", "Rufen Sie {} an."),
    "ID_NUMBER": ("Meine Kundennummer ist {}.", "Ausweisnummer {}", "Das Aktenzeichen lautet {}."),
}
_FR: Mapping[str, tuple[str, ...]] = {
    "PERSON": ("{} me l'a dit hier.", "Demandez à {}.", "Cordialement, {}", "Je m'appelle {}."),
    "TITLE": ("{} Lambert vous attend.", "Demandez à {} Okafor.", "Merci, {} Petit !"),
    "AGE": ("J'ai {} ans.", "Elle est morte à {} ans.", "Un patient de {} ans est venu."),
    "NRP": ("Il est {}.", "Son mari est {}.", "Ce quartier est {}."),
    "ORGANIZATION": ("Je travaille chez {}.", "{} n'a pas répondu.", "La facture vient de {}."),
    "LOCATION": ("J'habite à {}.", "Le colis est parti pour {}.", "Il fait froid à {}."),
    "STREET_ADDRESS": ("J'habite {}.", "Envoyez-le au {}.", "Adresse : {}"),
    "POSTAL_CODE": ("Code postal {}", "Mon code postal est {}.", "Nous livrons le {} seulement."),
    "DATE_TIME": ("C'était le {}.", "Je suis né le {}.", "Rien ne marche depuis le {}."),
    "PHONE_NUMBER": ("Mon numéro est le {}.", "Tél. : {}", "Appelez le {}."),
    "ID_NUMBER": ("Mon numéro de client est {}.", "Passeport n° {}", "Le dossier {} est clos."),
}
_ES: Mapping[str, tuple[str, ...]] = {
    "PERSON": ("{} me lo dijo ayer.", "Pregunte a {}.", "Saludos, {}", "Me llamo {}."),
    "TITLE": ("{} Romero le espera.", "Pregunte a {} Okafor.", "¡Gracias, {} Vidal!"),
    "AGE": ("Tengo {} años.", "Murió a los {} años.", "Vino un paciente de {} años."),
    "NRP": ("Él es {}.", "Su marido es {}.", "El barrio es {}."),
    "ORGANIZATION": ("Trabajo en {}.", "{} no ha contestado.", "La factura es de {}."),
    "LOCATION": ("Vivo en {}.", "El paquete salió para {}.", "Hace frío en {}."),
    "STREET_ADDRESS": ("Vivo en {}.", "Envíelo a {}.", "Dirección: {}"),
    "POSTAL_CODE": ("Código postal {}", "Mi código postal es {}.", "Solo servimos a {}."),
    "DATE_TIME": ("Fue el {}.", "Nací el {}.", "No funciona desde el {}."),
    "PHONE_NUMBER": ("Mi número es el {}.", "Tel.: {}", "Llame al {}."),
    "ID_NUMBER": ("Mi número de cliente es {}.", "Pasaporte n.º {}", "El expediente {} está cerrado."),
}
_IT: Mapping[str, tuple[str, ...]] = {
    "PERSON": ("{} me l'ha detto ieri.", "Chieda a {}.", "Cordiali saluti, {}", "Mi chiamo {}."),
    "TITLE": ("{} Conti la aspetta.", "Chieda a {} Okafor.", "Grazie, {} Greco!"),
    "AGE": ("Ho {} anni.", "È morta a {} anni.", "È venuto un paziente di {} anni."),
    "NRP": ("Lui è {}.", "Suo marito è {}.", "Il quartiere è {}."),
    "ORGANIZATION": ("Lavoro per {}.", "{} non ha risposto.", "La fattura è di {}."),
    "LOCATION": ("Abito a {}.", "Il pacco è partito per {}.", "Fa freddo a {}."),
    "STREET_ADDRESS": ("Abito in {}.", "Lo spedisca in {}.", "Indirizzo: {}"),
    "POSTAL_CODE": ("CAP {}", "Il mio codice postale è {}.", "Consegniamo solo a {}."),
    "DATE_TIME": ("È successo il {}.", "Sono nato il {}.", "Non funziona dal {}."),
    "PHONE_NUMBER": ("Il mio numero è {}.", "Tel.: {}", "Chiami il {}."),
    "ID_NUMBER": ("Il mio codice cliente è {}.", "Passaporto n. {}", "La pratica {} è chiusa."),
}
_NL: Mapping[str, tuple[str, ...]] = {
    "PERSON": ("{} heeft het me verteld.", "Vraag het aan {}.", "Met vriendelijke groet, {}", "Ik heet {}."),
    "TITLE": ("{} Visser belt terug.", "Vraag het aan {} Okafor.", "Bedankt, {} Smit!"),
    "AGE": ("Ik ben {} jaar oud.", "Ze werd {} jaar.", "Een patiënt van {} jaar kwam langs."),
    "NRP": ("Hij is {}.", "Haar man is {}.", "De buurt is {}."),
    "ORGANIZATION": ("Ik werk bij {}.", "{} heeft niet geantwoord.", "De factuur kwam van {}."),
    "LOCATION": ("Ik woon in {}.", "Het pakket ging naar {}.", "Het is koud in {}."),
    "STREET_ADDRESS": ("Ik woon op {}.", "Stuur het naar {}.", "Adres: {}"),
    "POSTAL_CODE": ("Postcode {}", "Mijn postcode is {}.", "We leveren alleen in {}."),
    "DATE_TIME": ("Het was op {}.", "Ik ben geboren op {}.", "Sinds {} werkt het niet."),
    "PHONE_NUMBER": ("Mijn nummer is {}.", "Tel.: {}", "Bel {}."),
    "ID_NUMBER": ("Mijn klantnummer is {}.", "Paspoortnummer {}", "Dossier {} is gesloten."),
}
_PT: Mapping[str, tuple[str, ...]] = {
    "PERSON": ("{} disse-me isso ontem.", "Pergunte a {}.", "Atenciosamente, {}", "O meu nome é {}."),
    "TITLE": ("{} Moreira vai atendê-lo.", "Pergunte a {} Okafor.", "Obrigado, {} Pinto!"),
    "AGE": ("Tenho {} anos.", "Morreu aos {} anos.", "Veio um paciente de {} anos."),
    "NRP": ("Ele é {}.", "O marido dela é {}.", "O bairro é {}."),
    "ORGANIZATION": ("Trabalho na {}.", "{} não respondeu.", "A fatura é da {}."),
    "LOCATION": ("Moro em {}.", "A encomenda seguiu para {}.", "Faz frio em {}."),
    "STREET_ADDRESS": ("Moro na {}.", "Envie para {}.", "Endereço: {}"),
    "POSTAL_CODE": ("CEP {}", "O meu código postal é {}.", "Só entregamos em {}."),
    "DATE_TIME": ("Foi em {}.", "Nasci em {}.", "Não funciona desde {}."),
    "PHONE_NUMBER": ("O meu número é {}.", "Tel.: {}", "Ligue para {}."),
    "ID_NUMBER": ("O meu número de cliente é {}.", "Passaporte n.º {}", "O processo {} foi encerrado."),
}
SENTENCES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": _EN, "de": _DE, "fr": _FR, "es": _ES, "it": _IT, "nl": _NL, "pt": _PT,
}  # fmt: skip
"""By language (ISO 639-1) and entity; `{}` is the value."""
NEUTRAL = ("{}.", "{}", "* {}", "> {} <", "[{}]", "{}!")
"""For languages, and entities of a language, without sentences."""
INSIDE = (" ({})", ", {},", " - {} -", " / {} /", ": {},", ' "{}"')
"""Between two words of the text."""
STANDS_ALONE = frozenset({
    "PERSON", "ORGANIZATION", "LOCATION", "STREET_ADDRESS", "DATE_TIME", "EMAIL_ADDRESS", "PHONE_NUMBER",
    "SOCIAL_HANDLE", "URL", "IP_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "US_SSN",
})  # fmt: skip
"""Entities that one can tell without a sentence; a bare age or customer number is any number."""


def sentences(language: str | None, entity: str) -> tuple[str, ...]:
    """The sentences for an entity in a language; neutral ones where there are none."""
    own = SENTENCES.get(language or "", {})
    alone = entity in STANDS_ALONE
    return own.get(entity, NEUTRAL if alone or language not in SENTENCES else _EN.get(entity, NEUTRAL))
