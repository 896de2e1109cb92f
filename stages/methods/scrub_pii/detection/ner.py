"""Models that find names: where one comes from, and what its labels are called here.

Three kinds, told apart by how their place is written (`load_ner`): spaCy pipelines, transformers token classifiers, and
GLiNER models. Nothing heavy is imported before one is asked for.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from stages.core import packages
from stages.core.errors import Fault, UsageError
from stages.core.storage import sha256_of
from stages.methods.scrub_pii.detection.findings import Finding

PLACE = "scrub_pii.ner"
GLINER = "gliner:"


class NameFinder(Protocol):
    """A model that finds names, places, organizations, dates, or whatever else it was trained to label."""

    @property
    def identity(self) -> str:
        """What its findings depend on besides the text: changes with the model's files and with what runs it."""

    def find(self, texts: Sequence[str]) -> Iterator[list[Finding]]:
        """The findings in each text, in order; what a text holds does not depend on its company."""


_LABELS = {
    # PER: CoNLL, WikiNER; PRS: SUC (Swedish); PS: KLUE (Korean); PERSNAME: NKJP (Polish); RR, AN: judge and lawyer of
    # LER (German courts); the next two lines: clinical sets (i2b2, Stanford), and what models for PII split a name into
    "PERSON": "PERSON PER PRS PS PERSNAME DERIVPER PERDERIV PERPART RR AN NAME FULLNAME PERSONNAME "
    "PATIENT DOCTOR STAFF HCW NURSE CLINICIAN "
    "GIVENNAME FIRSTNAME MIDDLENAME LASTNAME SURNAME FAMILYNAME MAIDENNAME NICKNAME",
    # GPE, FAC: OntoNotes; GEO: GMB; LC: KLUE; GEOGNAME, PLACENAME: NKJP; LD, ST, LDS: LER
    "LOCATION": "LOCATION LOC GPE FAC FACILITY GEO LC GEOGNAME PLACENAME GPELOC LOCDERIV LOCPART LD ST LDS "
    "CITY TOWN STATE COUNTY COUNTRY REGION PROVINCE PLACE LOCATIONOTHER",
    # OG: KLUE; UN, INN, GRT: company, institution and court of LER; PATORG: obi's i2b2 models; the rest: WNUT, PII
    "ORGANIZATION": "ORGANIZATION ORGANISATION ORG OG ORGNAME ORGPART ORGDERIV GPEORG UN INN GRT "
    "HOSP HOSPITAL PATORG VENDOR GROUP CORPORATION COMPANY COMPANYNAME",
    "NRP": "NORP NRP NATRELPOL NATIONALITY RELIGION ETHNICITY POLITICALGROUP POLITICALAFFILIATION RELIGIOUSBELIEF",
    # DT, TI: KLUE; TME: SUC; TIM: GMB
    "DATE_TIME": "DATE TIME DATETIME DT TI TME TIM DOB DATEOFBIRTH BIRTHDATE BIRTHDAY",
    "EMAIL_ADDRESS": "EMAIL EMAILADDRESS",
    "PHONE_NUMBER": "PHONE PHONENUMBER PHONENUM TELEPHONE TELEPHONENUM TELEPHONENUMBER MOBILE FAX FAXNUMBER",
    "STREET_ADDRESS": "STREET STREETADDRESS STREETNAME ADDRESS BUILDINGNUM BUILDINGNUMBER SECONDARYADDRESS STR",
    "POSTAL_CODE": "ZIP ZIPCODE POSTCODE POSTALCODE",
    "AGE": "AGE",
    "ID_NUMBER": "ID IDNUM IDNUMBER IDCARD IDCARDNUM MEDICALRECORD MRN HEALTHPLAN ACCOUNT ACCOUNTNUM ACCOUNTNUMBER "
    "BANKACCOUNT LICENSE LICENSENUMBER DRIVERLICENSE DRIVERLICENSENUM DRIVERSLICENSE PASSPORT PASSPORTNUM "
    "PASSPORTNUMBER TAXNUM TAXID SOCIALNUM SOCIALNUMBER VEHICLE VEHICLEVIN VEHICLEVRM DEVICE BIOID IMEI PHONEIMEI",
    "US_SSN": "SSN USSSN",
    "TITLE": "TITLE PREFIX SALUTATION",
    "SOCIAL_HANDLE": "USERNAME USERHANDLE",
    "URL": "URL WEBSITE DOMAINNAME",
    "IP_ADDRESS": "IP IPADDRESS IPV4 IPV6",
    "CREDIT_CARD": "CREDITCARD CREDITCARDNUMBER CARDNUMBER",
    "IBAN_CODE": "IBAN IBANCODE",
}
"""Our entities, and what models call them, without signs between letters. Labels in no row (MISC, MONEY, O) are left
alone; one that the whole world but one set uses for something else is in none either."""
_ENTITY = {label: entity for entity, labels in _LABELS.items() for label in labels.split()}
_SURROGATES = re.compile("[\ud800-\udfff]")
_SCHEME = re.compile(r"([BIESLU])[-_](.+)", re.DOTALL)


def entity_of(label: str) -> str | None:
    """Our name for a model's label (`B-PER`, `I-GIVENNAME`, `persName`), with or without its place in a name."""
    return _known(label) or _known(scheme_of(label)[1])


def scheme_of(label: str) -> tuple[str, str]:
    """A label's place in a name and the rest: `("B", "PER")`; `("", "PERSON")` where it tells no place.

    B begins, I goes on, E or L ends, S or U is a whole name (the schemes IOB, IOBES and BILOU).
    """
    match = _SCHEME.fullmatch(label)
    return (match[1], match[2]) if match and not _known(label) else ("", label)


def _known(label: str) -> str | None:
    return _ENTITY.get("".join(filter(str.isalnum, label)).upper())


def is_hub_name(place: str) -> bool:
    """Whether a model is to come from the hub, and so needs the network the first time."""
    name = place.removeprefix(GLINER)
    return re.fullmatch(r"[\w.-]+/[\w.-]+", name) is not None and name[0] not in ".~" and not Path(name).exists()


def load_ner(place: str, language: str, wanted: frozenset[str]) -> NameFinder:
    """The model at a place, for texts of a language (ISO 639-1) and only the wanted of our entities.

    `gliner:NAME` and `gliner:FOLDER` are GLiNER models. A folder, also as `pkg://package/folder`, tells by its files:
    `meta.json` is a spaCy pipeline, `config.json` a transformers token classifier. Another name with a slash is a
    token classifier on the hub, one without is an installed spaCy pipeline.
    Raises UsageError when there is no such model, when it cannot be loaded, or when it finds none of the wanted.
    """
    with _placed(language):
        folder = _folder(place)
        if folder and _is_spacy(folder):
            return _spacy(place, folder, wanted)
        return _other(place, folder, wanted)


def check_ner(place: str, language: str, wanted: frozenset[str]) -> None:
    """Raises UsageError as `load_ner` does, without loading a spaCy pipeline, which takes seconds."""
    with _placed(language):
        folder = _folder(place)
        if folder and _is_spacy(folder):
            require_wanted(place, _spacy_labels(folder), wanted)
        else:
            _other(place, folder, wanted)


def folder_of(place: str, language: str) -> Path | None:
    """The folder of a model; None for GLiNER and the hub, whose models know their files once they are loaded.

    Raises UsageError when there is no such folder, or no model in it.
    """
    with _placed(language):
        return _folder(place)


@contextmanager
def _placed(language: str) -> Iterator[None]:
    """Faults are told for the model of this language."""
    try:
        yield
    except UsageError as error:
        raise UsageError(*(replace(fault, place=f"{PLACE}.{language}") for fault in error.faults)) from None


def _other(place: str, folder: Path | None, wanted: frozenset[str]) -> NameFinder:
    """A model of another kind than spaCy's; these read their weights when the first text comes."""
    if place.startswith(GLINER):
        from stages.methods.scrub_pii.detection.ner_gliner import GlinerNames

        return GlinerNames(place.removeprefix(GLINER), wanted)
    from stages.methods.scrub_pii.detection.ner_transformers import TransformerNames

    return TransformerNames(str(folder or place), place, wanted)


def _folder(place: str) -> Path | None:
    if place.startswith(GLINER) or is_hub_name(place):
        return None
    packaged = place.startswith(packages.SCHEME) or "/" not in place
    folder = next(iter(packages.inside(place) if packaged else ()), Path(place).expanduser())
    if not folder.is_dir():
        step = "install that spaCy pipeline, or name one that is installed, or the folder of a model"
        raise UsageError(Fault(PLACE, f"there is no model {place!r}", step))
    if not any((folder / name).is_file() for name in ("meta.json", "config.json")):
        step = "a spaCy pipeline has meta.json, a token classifier config.json; write gliner:FOLDER for a GLiNER model"
        raise UsageError(Fault(PLACE, f"no model in {place!r}", step))
    return folder


def _is_spacy(folder: Path) -> bool:
    return (folder / "meta.json").is_file()


def _spacy_labels(folder: Path) -> list[str]:
    labels = json.loads((folder / "meta.json").read_text(encoding="utf-8")).get("labels", {})
    return [label for pipe in ("ner", "entity_ruler") for label in labels.get(pipe, ())]


def _spacy(place: str, folder: Path, wanted: frozenset[str]) -> NameFinder:
    from stages.methods.scrub_pii.detection.ner_spacy import SpacyNames

    require_wanted(place, _spacy_labels(folder), wanted)
    try:
        return SpacyNames(place if (folder / "__init__.py").is_file() else str(folder), wanted)
    except (OSError, ValueError, ImportError) as error:
        step = "install the version of that pipeline that fits your spaCy, and what its own documentation asks for"
        raise UsageError(Fault(PLACE, f"{place!r} cannot be loaded ({type(error).__name__})", step)) from None


def require_wanted(place: str, labels: Collection[str], wanted: Collection[str]) -> None:
    """Raises UsageError when no label of a model stands for one of the wanted entities."""
    if not {entity_of(label) for label in labels} & set(wanted):
        has = f"its labels: {', '.join(sorted(labels)[:12])}" if labels else "it labels no names"
        step = "take another model, or take these out of scrub_pii.entities"
        raise UsageError(Fault(PLACE, f"{place!r} finds none of {', '.join(sorted(wanted))} ({has})", step))


def digest_of(*parts: object) -> str:
    """One short name for what tells a finder from others: 32 hex digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each file of a model by its path in the folder."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc")
    return {str(file.relative_to(folder)): sha256_of(file) for file in files}


def whole_characters(text: str) -> str:
    """As long as the text, without halves of characters (lone surrogates), which no tokenizer takes."""
    return _SURROGATES.sub("\ufffd", text)


def windows(count: int, size: int, overlap: int) -> Iterator[tuple[int, int, int, int]]:
    """Windows of at most `size` units over `count`, as (start, end, own start, own end); neighbours share `overlap`.

    A window owns up to the middle of what it shares, so that each unit has one owner, which sees what is around it.
    """
    step, start = size - overlap, 0
    while True:
        last = start + size >= count
        own_start = start + overlap // 2 if start else 0
        yield start, min(start + size, count), own_start, count if last else start + step + overlap // 2
        if last:
            return
        start += step
