"""Rows of a file in any of the formats a source may have; one reader for each format."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stages.core.delimited import read_delimited
from stages.core.errors import DataError, Fault
from stages.core.lines import Line, read_lines, read_text
from stages.core.params import Source
from stages.core.rows import FileRow, unreadable

ENDINGS = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".parquet": "parquet", ".txt": "txt", ".conll": "conll",
}  # fmt: skip
"""What `format: auto` takes a file for. SQuAD files end in `.json` too, so `squad` has to be said."""
_BATCH = 1024
_DEPTH = 50
_BEGIN = {"S": "B", "U": "B", "E": "I", "L": "I"}  # IOBES and BILOU, as BIO
_TAG = re.compile(r"O|([BISUEL])-(.+)")


def read_rows(path: Path, source: Source, format: str, longest: int) -> Iterator[FileRow]:
    """The rows of one file, in its order, in bounded memory but for `json` and `squad`, which are one value.

    `longest` bounds a line, in characters. A row that cannot be read has a fault; a file that cannot be read raises
    DataError.
    """
    if format in ("csv", "tsv"):
        return read_delimited(path, format, source.encoding, source.columns, longest)
    if format == "parquet":
        return _parquet(path)
    if format in _WHOLE:
        return _WHOLE[format](_document(path, source.encoding), path)
    return _BY_LINE[format](read_lines(path, source.encoding, longest))


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
            yield _object(row.place, json.loads(text, object_pairs_hook=_once), text)
        except RecursionError:
            yield unreadable(row.place, text, "malformed_row", problem="nested_too_deep")
        except ValueError:
            yield unreadable(row.place, text, "malformed_row", problem="not_json")


def _json(document: Any, path: Path) -> Iterator[FileRow]:
    """A list of objects, or an object that holds one list (`data`, where it holds several)."""
    if isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
        document = document["data"] if isinstance(document.get("data"), list) else lists[0] if len(lists) == 1 else None
    if not isinstance(document, list):
        raise DataError(Fault(path.name, "is neither a list nor an object with one list", "write a list of objects"))
    for place, value in enumerate(document, 1):
        yield _object(place, value)


def _squad(document: Any, path: Path) -> Iterator[FileRow]:
    """SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016, 2018): a row a question, without answers where there are none."""
    try:
        asked = [
            (question, paragraph["context"], article.get("title"))
            for article in document["data"]
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
        ]
    except (KeyError, TypeError, AttributeError):
        step = "write `format: json` if it is laid out in another way"
        raise DataError(Fault(path.name, "is not laid out as SQuAD", step)) from None
    for place, (question, context, title) in enumerate(asked, 1):
        yield _question(place, question, context, title)


def _question(place: int, question: Any, context: Any, title: Any) -> FileRow:
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


def _conll(lines: Iterator[Line]) -> Iterator[FileRow]:
    """A row a sentence: tokens in the first column, BIO (or IOBES) tags in the last, a blank line between sentences."""
    sentence: list[Line] = []
    for line in lines:
        if line.text.strip() and not line.text.startswith("-DOCSTART-"):
            sentence.append(line)
        elif sentence:
            yield _sentence(sentence)
            sentence = []
    if sentence:
        yield _sentence(sentence)


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


def _parquet(path: Path) -> Iterator[FileRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            place = 0
            for batch in file.iter_batches(batch_size=_BATCH):
                for columns in batch.to_pylist():
                    place += 1
                    yield FileRow(place, columns)
    except (pa.ArrowException, UnicodeDecodeError):
        raise DataError(
            Fault(path.name, "is not a readable parquet file with UTF-8 strings", "write it again")
        ) from None


def _document(path: Path, encoding: str) -> Any:
    """A file that is one JSON value."""
    try:
        return json.loads(read_text(path, encoding), object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        fault = Fault(f"{path.name}:{error.lineno}", "is not JSON from there on", "mend it, or use `jsonl`")
    except (ValueError, RecursionError):
        fault = Fault(path.name, "holds a number too long or objects nested too deep", "mend it, or use `jsonl`")
    raise DataError(fault)


class _Repeated(dict[str, Any]):
    """An object that names a key twice: one of the values is lost, and nobody said which is meant."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    return value if len(value) == len(pairs) else _Repeated(value)


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
    if isinstance(value, _Repeated):
        return "repeated_key"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "not_finite"
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next(filter(None, (_problem(item, depth + 1) for item in inside)), "")


_BY_LINE: dict[str, Callable[[Iterator[Line]], Iterator[FileRow]]] = {"txt": _txt, "jsonl": _jsonl, "conll": _conll}
_WHOLE: dict[str, Callable[[Any, Path], Iterator[FileRow]]] = {"json": _json, "squad": _squad}
