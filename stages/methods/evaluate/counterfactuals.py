"""Pairs of texts that differ in a person's identity alone: from sentences of our own, or from a file of the user's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from stages.core.errors import Fault, UsageError
from stages.core.params import Source
from stages.core.rows import FileRow, without_surrogates
from stages.core.sources import SourceFile, file_rows, find_files
from stages.methods.evaluate.templates import LANGUAGES
from stages.methods.evaluate.templates.forms import Kind, filled

_PLACE = "params.yaml: evaluate.bias.pairs"
_LINE = re.compile(r"\s*(\d+)\s+(\S.*)")
_MOST_CHARACTERS = 20_000
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts, and the groups that they name. Pairs of one `frame` are variations of one sentence.

    In a `control` pair the identity is the same and something neutral differs.
    """

    first: str
    second: str
    attribute: str
    groups: tuple[str, str]
    frame: str
    control: bool = False


def template_pairs(languages: Sequence[str]) -> list[Pair]:
    """Every two groups in every sentence of these languages, each with the controls that go with them."""
    return [
        pair
        for language in dict.fromkeys(languages)
        for number, frame in enumerate(LANGUAGES[language].frames)
        for kind in LANGUAGES[language].kinds
        for pair in _pairs(kind, frame, f"{language}:{number}")
    ]


def _pairs(kind: Kind, frame: str, name: str) -> Iterator[Pair]:
    texts = {group: [filled(frame, forms) for forms in both] for group, both in kind.groups.items()}
    for one, other in combinations(texts, 2):
        for first, second in zip(texts[one], texts[other], strict=True):
            yield Pair(first, second, kind.attribute, (one, other), name)
    for group, (first, second) in texts.items():
        yield Pair(first, second, kind.attribute, (group, group), name, control=True)


def own_pairs(uri: str) -> list[Pair]:
    """The pairs in files of the user's.

    A csv or tsv has the columns `first` and `second`; `attribute` says what differs, and rows of the same `frame` are
    variations of one sentence. Any other file is taken for WinoBias (Zhao et al. 2018): two lists of numbered
    sentences, with `pro_` and `anti_` in their names. Raises UsageError for sentences without a partner and
    what else is wrong in the files, DataError for files that are not there.
    """
    delimited = Path(uri).suffix.lower() in (".csv", ".tsv")
    source = Source(name="pairs", uri=_local(uri), license="own", format="auto" if delimited else "txt", outside=True)
    files = find_files([source])
    pairs = list(_table(source, files) if delimited else _winobias(source, files))
    if not pairs:
        raise UsageError(Fault(_PLACE, f"{uri} holds no pair", "write rows of `first` and `second`"))
    return pairs


def _local(uri: str) -> str:
    """The same, for a path or glob on this machine, and not one that climbs out of the project unseen."""
    if "://" in uri or (not Path(uri).is_absolute() and ".." in Path(uri).parts):
        problem = f"{uri} is no path inside the project"
        raise UsageError(Fault(_PLACE, problem, "copy the file into data/raw/, or write its absolute path"))
    return uri


def _table(source: Source, files: Sequence[SourceFile]) -> Iterator[Pair]:
    faults = []
    for row in file_rows(source, files, _MOST_CHARACTERS, [{"first", "second"}]):
        cells: Mapping[str, Any] = {} if row.fault else without_surrogates(row.columns)[0]
        first, second = (str(cells.get(name) or "").strip() for name in ("first", "second"))
        if first and second:
            attribute, frame = cells.get("attribute") or "own", cells.get("frame") or _place(row)
            yield Pair(first, second, str(attribute), ("first", "second"), str(frame))
        else:
            faults.append(Fault(f"{source.uri}, line {_place(row)}", "lacks one of the two texts", "mend or remove it"))
    if faults:
        raise UsageError(*faults[:_SHOWN])


def _place(row: FileRow) -> str:
    return f"{row.file}:{row.place}" if row.file else str(row.place)


def _winobias(source: Source, files: Sequence[SourceFile]) -> Iterator[Pair]:
    """Each sentence of a `pro_` file with that of the same number in the `anti_` file of the same name."""
    by_name = {file.name: file for file in files}
    partners = {name: re.sub(r"pro_(?=[^/]*$)", "anti_", name) for name in by_name if "pro_" in Path(name).name}
    alone = [Fault(name, "has no partner", "name both files by a glob") for name in _alone(by_name, partners)]
    if alone:
        raise UsageError(*alone[:_SHOWN])
    for name, partner in partners.items():
        pro, anti = (_numbered(source, by_name[one]) for one in (name, partner))
        if unmatched := sorted(pro.keys() ^ anti.keys()):
            numbers = ", ".join(map(str, unmatched[:_SHOWN]))
            problem = f"only one of the two has sentence {numbers}"
            raise UsageError(Fault(f"{name}, {partner}", problem, "number the sentences of both files alike"))
        for number in sorted(pro):
            yield Pair(pro[number], anti[number], "gender", ("pro", "anti"), f"{name}:{number}")


def _alone(names: Mapping[str, SourceFile], partners: Mapping[str, str]) -> list[str]:
    """Files that belong to no pair of files, and halves of a pair whose other half is not among them."""
    paired = {name for pair in partners.items() if pair[1] in names for name in pair}
    return sorted(set(names) - paired)


def _numbered(source: Source, file: SourceFile) -> dict[int, str]:
    """The sentences by their number, without the brackets around what refers to whom."""
    found, broken = dict[int, str](), list[int]()
    for row in file_rows(source, [file], _MOST_CHARACTERS, [{"text"}]):
        match = None if row.fault else _LINE.fullmatch(without_surrogates(row.columns["text"])[0])
        if match and int(match[1]) not in found:
            found[int(match[1])] = match[2].translate({ord("["): None, ord("]"): None}).strip()
        else:
            broken.append(row.place)
    if broken:
        problem = f"line {broken[0]} is no numbered sentence, or has a number that was there before"
        raise UsageError(Fault(file.name, problem, "write a number, a space and a sentence on each line"))
    return found
