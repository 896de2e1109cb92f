"""Words that tell what stands beside them, by language (ISO 639-1), written as parts of patterns.

Each function gives the words of a language and the English ones, which are met everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

Lexicon = Mapping[str, str]

MONTHS: Lexicon = {
    "en": "January|February|March|April|May|June|July|August|September|October|November|December|"
    "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec",
    "de": "Januar|Jänner|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember|"
    "Jan|Feb|Mär|Mrz|Apr|Jun|Jul|Aug|Sept?|Okt|Nov|Dez",
    "fr": "janvier|février|fevrier|mars|avril|mai|juin|juillet|août|aout|septembre|octobre|novembre|décembre|decembre|"
    "janv|févr|avr|juil|sept|oct|nov|déc",
    "es": "enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|setiembre|octubre|noviembre|diciembre|"
    "ene|feb|mar|abr|jun|jul|ago|sept?|oct|nov|dic",
    "it": "gennaio|febbraio|marzo|aprile|maggio|giugno|luglio|agosto|settembre|ottobre|novembre|dicembre|"
    "gen|feb|mar|apr|mag|giu|lug|ago|sett?|ott|nov|dic",
    "nl": "januari|februari|maart|april|mei|juni|juli|augustus|september|oktober|november|december|"
    "jan|feb|mrt|apr|jun|jul|aug|sept?|okt|nov|dec",
    "pt": "janeiro|fevereiro|março|marco|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro|"
    "jan|fev|mar|abr|mai|jun|jul|ago|set|out|nov|dez",
}
WEEKDAYS: Lexicon = {
    "en": "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday",
    "de": "Montag|Dienstag|Mittwoch|Donnerstag|Freitag|Samstag|Sonnabend|Sonntag",
    "fr": "lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche",
    "es": "lunes|martes|miércoles|jueves|viernes|sábado|domingo",
    "it": "lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica",
    "nl": "maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag",
    "pt": "segunda-feira|terça-feira|quarta-feira|quinta-feira|sexta-feira|sábado|domingo",
}
IN_A_YEAR: Lexicon = {
    "en": "in|since|during|from|until|till|before|after|by|of|for|between|and|to|circa|around|early|late|mid|year|"
    "spring|summer|autumn|fall|winter|born|founded|established|est|dated?|class of|copyright|©|FY",
    "de": "in|im|seit|ab|bis|von|vor|nach|um|Jahre?s?|Anfang|Ende|Mitte|Frühjahr|Frühling|Sommer|Herbst|Winter|geboren",
    "fr": "en|depuis|de|dès|avant|après|vers|année|début|fin|été|hiver|printemps|automne|née?",
    "es": "en|desde|de|del|hasta|antes de|año|verano|invierno|primavera|otoño",
    "it": "nel|dal|del|al|fino al|anno|estate|inverno|primavera|autunno",
    "nl": "in|sinds|vanaf|tot|van|voor|na|jaar|zomer|winter|lente|herfst",
    "pt": "em|desde|de|até|ano|verão|inverno|primavera|outono",
}
"""Words after which four digits are a year."""
PHONE: Lexicon = {
    "en": "phones?|telephones?|tel|tele|fax|cell|cellphone|mobile|mob|call|calls|called|calling|dial|ring|text|"
    "texts|sms|"
    "whatsapp|signal|viber|landline|hotline|helpline|answering|messages?|contact|reach|registered|desk|ph|voicemail|"
    "pager|handset|extension|numbers?",
    "de": "Telefon|Telefonnummer|Tel|Fax|Handy|Handynummer|Mobil|Mobilnummer|Rufnummer|anrufen|erreichbar|Durchwahl",
    "fr": "téléphone|tél|fax|portable|mobile|fixe|appel|appeler|appelez|joindre|joignable",
    "es": "teléfono|tfno|móvil|celular|fax|llamar|llame|llámame|llamada",
    "it": "telefono|cellulare|cell|fax|chiamare|chiamami|chiama",
    "nl": "telefoon|telefoonnummer|mobiel|gsm|fax|bellen|bel",
    "pt": "telefone|telemóvel|celular|fax|ligar|ligue|contato|contacto",
}
OTHER_PHONE = (
    "电话|電話|手机|手機|携帯|微信|전화|휴대폰|телефон[ау]?|тел|моб|τηλέφωνο|τηλ|κινητό|هاتف|جوال|موبايل|טלפון|נייד|फ़ोन|फोन|"
    "मोबाइल|โทร"
)
"""Such words of other scripts, some of which need no space behind them."""
POSTCODE: Lexicon = {
    "en": r"zip|zip[ -]?codes?|post(?:al)?[ -]?codes?|postcode|pin[ -]?code|eircode",
    "de": "PLZ|Postleitzahl",
    "fr": "code postal|CP",
    "es": "código postal|codigo postal|C\\.?P\\.?",
    "it": "CAP|C\\.A\\.P\\.|codice postale",
    "nl": "postcode",
    "pt": "código postal|CEP|C\\.P\\.",
}
IDENTIFIER: Lexicon = {
    "en": "accounts?|acct|a/c|applications?|appl|cases?|files?|dockets?|claims?|customers?|clients?|policy|policies|"
    "passports?|licen[cs]es?|driver'?s licen[cs]e|driving licen[cs]e|permits?|members?|memberships?|MRN|"
    "medical record|"
    "record|patients?|students?|employees?|staff|payroll|badge|orders?|invoices?|receipts?|tickets?|bookings?|"
    "reservations?|confirmation|tracking|shipment|parcel|tax|taxpayer|VAT|EIN|TIN|ITIN|SIN|NHS|NINO?|"
    "national insurance|insurance|social insurance|registration|reg|reference|ref|serial|IMEI|VIN|licen[cs]e plate|"
    "plate|transactions?|contracts?|loan|sort code|routing|user|device|voter|visa|identity|ID|identification|"
    "ID card|badge|beneficiary|health card|subscriber|prescription|specimen|sample|incident|complaint|petition",
    "de": "Aktenzeichen|Az|Geschäftszeichen|Konto|Kontonummer|Kunden|Kundennummer|Rechnung|Rechnungsnummer|"
    "Bestellnummer|Auftragsnummer|Vertragsnummer|Versicherungsnummer|Versichertennummer|Steuernummer|Steuer-ID|"
    "USt-IdNr|Personalausweis|Personalausweisnummer|Reisepass|Reisepassnummer|Ausweisnummer|Führerscheinnummer|"
    "Personalnummer|Matrikelnummer|Mitgliedsnummer|Patientennummer|Kennzeichen|Referenz",
    "fr": "dossier|compte|client|facture|commande|contrat|police|passeport|permis|carte d'identité|adhérent|patient|"
    "étudiant|salarié|matricule|sécurité sociale|SIRET|SIREN|référence|réf|requête|pourvoi|TVA",
    "es": "expediente|cuenta|cliente|factura|pedido|contrato|póliza|pasaporte|DNI|NIE|NIF|CIF|socio|paciente|"
    "empleado|matrícula|seguridad social|referencia|recurso|licencia|cédula|RFC|CURP|RUT|CUIT",
    "it": "pratica|fascicolo|conto|cliente|fattura|ordine|contratto|polizza|passaporto|patente|carta d'identità|"
    "codice fiscale|partita IVA|P\\.IVA|tessera|matricola|paziente|riferimento|ricorso|targa",
    "nl": "dossier|dossiernummer|zaak|zaaknummer|rekening|rekeningnummer|klant|klantnummer|factuur|factuurnummer|"
    "ordernummer|polis|polisnummer|paspoort|rijbewijs|BSN|burgerservicenummer|lidnummer|kenmerk|kenteken",
    "pt": "processo|conta|cliente|fatura|pedido|encomenda|contrato|apólice|passaporte|carta de condução|CPF|CNPJ|RG|"
    "NIF|BI|cartão de cidadão|utente|matrícula|referência|recurso|carteira",
}
"""Words that name a number that stands for one person, thing or matter."""
NUMBER: Lexicon = {
    "en": "numbers?|nos?|nrs?|nums?|ids?|codes?|identifier|ref",
    "de": "Nummern?|Nrn?",
    "fr": "numéros?|n[°º]s?|num",
    "es": "números?|n[°º]s?|núms?|nros?",
    "it": "numer[oi]|n[°º]?|nn",
    "nl": "nummers?|nrs?",
    "pt": "números?|n\\.?[°º]s?",
}
HONORIFICS: Lexicon = {
    "en": "Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Doctor|Sir|Dame|Rev|Reverend|Hon|Messrs|Mmes|Madam|Mister|Capt|Captain|"
    "Sgt|Sergeant|Lt|Lieutenant|Col|Colonel|Gen|Maj|Cpl|Judge|Justice|Rabbi|Imam|Sheikh|Shri|Smt|Esq",
    "de": "Herrn?|Frau|Hr|Fr|Dr|Prof|Dipl\\.-Ing|Fräulein|Freiherr|Graf|Gräfin",
    "fr": "M|MM|Mme|Mmes|Mlle|Monsieur|Madame|Mademoiselle|Me|Maître|Dr|Pr|Docteur|Professeur|Veuve",
    "es": "Sr|Sra|Srta|Sres|Dña|Señora?|Señorita|Don|Doña|Dr|Dra|Lic|Ing|Prof",
    "it": "Sig|Sig\\.ra|Sig\\.na|Signora?|Signorina|Dott|Dott\\.ssa|Avv|Ing|Geom|Prof|Prof\\.ssa|Rag",
    "nl": "Dhr|Mevr|Mw|Meneer|Mevrouw|Drs|Ir|Mr|Prof|de heer",
    "pt": "Sr|Sra|Srta|Dr|Dra|Senhora?|Dona|Prof|Profa|Exmo|Exma|Eng",
}


def words(lexicon: Lexicon, language: str) -> str:
    """The words of a language and the English ones, with bars between."""
    known = [lexicon[code] for code in dict.fromkeys((language, "en")) if code in lexicon]
    return "|".join(known)
