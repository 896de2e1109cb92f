"""Rows of a file in any of the formats a source may have; one reader for each format."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from stages.core.delimited import read_delimited
from stages.core.errors import DataError, Fault
from stages.core.json_list import Repeated, once, read_elements
from stages.core.lines import Line, read_lines
from stages.core.params import Source
from stages.core.parquet_rows import read_parquet
from stages.core.rows import FileRow, unreadable

ENDINGS = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".parquet": "parquet", ".txt": "txt", ".conll": "conll",
}  # fmt: skip
"""What `format: auto` takes a file for. SQuAD files end in `.json` too, so `squad` has to be said."""
_DEPTH = 50
_BEGIN = {"S": "B", "U": "B", "E": "I", "L": "I"}  # IOBES and BILOU, as BIO
_TAG = re.compile(r"O|([BISUEL])-(.+)")


def read_rows(path: Path, source: Source, format: str, longest: int) -> Iterator[FileRow]:
    """The rows of one file, in its order, in bounded memory.

    `longest` bounds a line and a sentence, in characters; what bounds an element of a list and a parquet file, their
    readers say. A row that cannot be read has a fault; a file that cannot be read raises DataError.
    """
    if format in ("csv", "tsv"):
        return read_delimited(path, format, source, longest)
    if format == "parquet":
        return read_parquet(path)
    if format == "conll":
        return _conll(read_lines(path, source.encoding, longest), longest)
    if format in ("json", "squad"):
        elements = read_elements(path, source.encoding)
        return _json(elements) if format == "json" else _squad(elements, path.name)
    lines = read_lines(path, source.encoding, longest)
    return _jsonl(lines) if format == "jsonl" else _txt(lines)


def _txt(lines: Iterator[Line]) -> Iterator[FileRow]:
    """A row a line, column `text`; blank lines hold none."""
    for line in lines:
        if not line.whole:
            yield unreadable(line.number, line.text, "too_long")
        elif line.text.strip():
            yield FileRow(line.number, {"text": line.text.rstrip("\r\n")})


def _jsonl(lines: Iterator[Line]) -> Iterator[FileRow]:
    """An object a line; blank lines hold none."""
    for row in _txt(lines):
        if row.fault:
            yield row
            continue
        text = row.columns["text"]
        try:
            yield _object(row.place, json.loads(text, object_pairs_hook=once), text)
        except RecursionError:
            yield unreadable(row.place, text, "malformed_row", problem="nested_too_deep")
        except ValueError:
            yield unreadable(row.place, text, "malformed_row", problem="not_json")


def _json(elements: Iterator[Any]) -> Iterator[FileRow]:
    """An object an element."""
    for place, value in enumerate(elements, 1):
        yield _object(place, value)


def _squad(articles: Iterator[Any], name: str) -> Iterator[FileRow]:
    """SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016, 2018): a row a question, without answers where there are none."""
    place = 0
    for article in articles:
        try:
            asked = [
                (question, paragraph["context"], article.get("title"))
                for paragraph in article["paragraphs"]
                for question in paragraph["qas"]
            ]
            if any(isinstance(one, Repeated) for one in (article, *article["paragraphs"])):
                raise TypeError
        except (KeyError, TypeError, AttributeError):
            step = "write `format: json` if it is laid out in another way"
            raise DataError(Fault(name, "is not laid out as SQuAD", step)) from None
        for question, context, title in asked:
            place += 1
            yield _question(place, question, context, title)


def _question(place: int, question: Any, context: Any, title: Any) -> FileRow:
    if isinstance(question, Repeated):
        return unreadable(place, f"repeated_key {place}", "malformed_row", problem="repeated_key")
    try:
        asked = {"question": question["question"], "context": context}
        if "answers" in question:  # a question without the key was not annotated; an empty list says there is none
            found = question["answers"]
            asked["answers"] = found and [{"start": one["answer_start"], "text": one["text"]} for one in found]
        elif question.get("is_impossible") is True:
            asked["answers"] = []
        return _object(place, {**asked, "id": question.get("id"), "title": title})
    except (KeyError, TypeError, AttributeError):
        return unreadable(place, f"not_squad {place}", "malformed_row", problem="not_squad")


def _conll(lines: Iterator[Line], longest: int) -> Iterator[FileRow]:
    """A row a sentence: tokens in the first column, BIO (or IOBES) tags in the last, a blank line between sentences.

    Of a sentence of more than `longest` characters only a digest is kept.
    """
    sentence: list[Line] = []
    chars, digest = 0, hashlib.sha256()
    for line in chain(lines, [Line(0, "")]):
        if line.text.strip() and not line.text.startswith("-DOCSTART-"):
            chars += len(line.text)
            if chars <= longest or not sentence:
                sentence.append(line)
            digest.update(line.text.encode("utf-8", "surrogatepass"))
        elif sentence:
            too_long = unreadable(sentence[0].number, digest.hexdigest(), "too_long")
            yield too_long if chars > longest else _sentence(sentence)
            sentence, chars, digest = [], 0, hashlib.sha256()


def _sentence(lines: list[Line]) -> FileRow:
    """Text and spans of a sentence; a span starts anew at `B-`, and at `I-` under another label (as conlleval does)."""
    tokens, spans = list[str](), list[dict[str, Any]]()
    place, before = 0, None
    for line in lines:
        cells = line.text.split("\t") if "\t" in line.text else line.text.split()
        tag = _TAG.fullmatch(cells[-1].strip())
        if not tag or len(cells) < 2 or not line.whole:
            raw = "".join(line.text for line in lines)
            return unreadable(lines[0].number, raw, "malformed_row", problem="token_and_tag", line=line.number)
        tokens.append(cells[0].strip())
        end = place + len(tokens[-1])
        kind, label = _BEGIN.get(tag[1], tag[1]), tag[2]
        if kind == "I" and label == before:
            spans[-1]["end"] = end
        elif kind:
            spans.append({"start": place, "end": end, "label": label})
        place, before = end + 1, label
    return FileRow(lines[0].number, {"text": " ".join(tokens), "spans": spans})


def _object(place: int, value: Any, text: str = "") -> FileRow:
    """A row from a JSON value. JSON knows no NaN and no infinity (RFC 8259), though Python reads them."""
    problem = _problem(value) if isinstance(value, dict) else "not_an_object"
    if problem:
        return unreadable(place, text or f"{problem} {place}", "malformed_row", problem=problem)
    return FileRow(place, value)


def _problem(value: Any, depth: int = 0) -> str:
    """What is wrong inside a JSON value: an empty string for nothing."""
    if depth > _DEPTH:
        return "nested_too_deep"
    if isinstance(value, Repeated):
        return "repeated_key"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "not_finite"
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next(filter(None, (_problem(item, depth + 1) for item in inside)), "")
