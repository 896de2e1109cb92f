"""Nasty files of JSON, JSON lines, SQuAD, CoNLL and text; see `nasty.py`."""

from __future__ import annotations

import gzip
import json
from typing import Any

from tests.faults.nasty import GOOD, MARK, Nasty, csv_of, repeated

_LINE = json.dumps({"text": GOOD, "label": "good"})
_SURROGATE = f'{{"text": "{MARK} \\ud800 \\udfff", "label": "good"}}'
_SPACES = " " * 2_000_000

JSON = [
    Nasty("mark.jsonl: a byte order mark", b"\xef\xbb\xbf" + _LINE.encode(), 1, 1),
    Nasty("16.jsonl: UTF-16 that is not said", _LINE.encode("utf-16"), says="UTF-16"),
    Nasty("nul.jsonl: NULs", f'{_LINE}\n\0\n{{"text": "\\u0000{MARK}", "label": "a"}}'.encode(), 3, 2),
    Nasty("sur.jsonl: lone surrogates", f"{_LINE}\n{_SURROGATE}\n".encode(), 2, 1),
    Nasty(
        "sur.jsonl: lone surrogates in a column's name", f'{_LINE}\n{{"\\ud800": 1, "text": "{MARK}"}}'.encode(), 2, 2
    ),
    Nasty("deep.jsonl: depth 10,000", f"{_LINE}\n{'[' * 10_000}{']' * 10_000}\n".encode(), 2, 1),
    Nasty("deep.jsonl: depth 10,000 in a column", f'{_LINE}\n{{"text": {"[" * 10_000}{"]" * 10_000}}}'.encode(), 2, 1),
    Nasty("deep.jsonl: objects 400,000 deep", f'{_LINE}\n{chr(123)}"a":'.encode() + b'{"a":' * 200_000, 2, 1),
    Nasty("two.jsonl: a key twice", f'{_LINE}\n{{"text": "{MARK}", "text": "b"}}\n'.encode(), 2, 1),
    Nasty("nan.jsonl: NaN and Infinity", f'{_LINE}\n{{"a": NaN}}\n{{"a": -Infinity}}\n{{"a": 1e999}}\n'.encode(), 4, 1),
    Nasty("int.jsonl: a number of a million digits", f'{_LINE}\n{{"a": {"9" * 1_000_000}}}\n'.encode(), 2, 1),
    Nasty("int.jsonl: numbers of 4,000 digits", f'{_LINE}\n{{"text": "{MARK}", "label": {"9" * 4000}}}'.encode(), 2, 2),
    Nasty(
        "types.jsonl: texts and labels of all types",
        "\n".join(
            [json.dumps({"text": v, "label": "a"}) for v in (1, 1.5, True, None, [], {}, "", " ", [MARK], {"a": MARK})]
            + [json.dumps({"text": MARK, "label": v}) for v in (1.5, None, [], {}, "", " ", [MARK])]
            + [json.dumps({"text": MARK, "label": v}) for v in (1, True, "null")]
        ).encode(),
        20,
        3,
    ),
    Nasty("types.jsonl: rows of all types", f'{_LINE}\n1\n"{MARK}"\n[]\nnull\n{{}}\ntrue\n{{\n'.encode(), 8, 1),
    Nasty("long.jsonl: a line of 100 MB", repeated(f"{_LINE}\n".encode(), b"x" * 100_000, 1000, b"\n"), 2, 1),
    Nasty(
        "wide.jsonl: an object of 80,000 keys",
        f"{_LINE}\n{json.dumps(dict.fromkeys(map(str, range(80_000))))}\n".encode(),
        2,
        1,
    ),
    Nasty("blank.jsonl: only line ends", b"\r\n" * 1000, says="has no rows"),
    Nasty("cr.jsonl: lines end with CR", f"{_LINE}\r{_LINE}".encode(), 2, 2),
    Nasty(
        "odd.jsonl: U+2028 in a text",
        json.dumps({"text": f"{MARK}\u2028\x85", "label": "a"}, ensure_ascii=False).encode(),
        1,
        1,
    ),
    Nasty("gz.jsonl: packed by gzip", gzip.compress(_LINE.encode()), says="gzip"),
    Nasty("list.json: a list", f"\ufeff [{_LINE} , {_LINE}]\n".encode(), 2, 2),
    Nasty(
        "list.json: a list of all types", f'[{_LINE}, 1, "{MARK}", [], null, {{}}, NaN, -Infinity, 1e9]'.encode(), 9, 1
    ),
    Nasty("list.json: a list in UTF-16", f"[{_LINE}]".encode("utf-16"), 1, 1, source={"encoding": "utf-16"}),
    Nasty("list.json: lone surrogates", f"[{_LINE}, {_SURROGATE}]".encode(), 2, 1),
    Nasty("data.json: an object with a list", f'{{"v": 1, "data": [{_LINE}], "other": [[1], 2]}}'.encode(), 1, 1),
    Nasty(
        "data.json: an object with its list twice", f'{{"data": [{_LINE}], "data": [{_LINE}]}}'.encode(), says="twice"
    ),
    Nasty("deep.json: depth 10,000", b"[" * 10_000 + b"]" * 10_000, says="nested too deep"),
    Nasty("deep.json: a million open lists", b"[" * 1_000_000, says="nested too deep"),
    Nasty("deep.json: objects 200,000 deep", b'{"a":' * 200_000, says="nested too deep"),
    Nasty("deep.json: an element of depth 60", f'[{_LINE}, {{"a": {"[" * 60}{"]" * 60}}}]'.encode(), 2, 1),
    Nasty("two.json: a key twice", f'[{_LINE}, {{"text": "{MARK}", "text": "b"}}]'.encode(), 2, 1),
    Nasty(
        "nan.json: NaN and Infinity", f'[{_LINE}, {{"a": NaN}}, {{"a": [-Infinity]}}, {{"a": 1e999}}]'.encode(), 4, 1
    ),
    Nasty(
        "int.json: a number of a million digits",
        f'[{_LINE}, {{"a": {"9" * 1_000_000}}}]'.encode(),
        says="number too long",
    ),
    Nasty("cut.json: the end is missing", f"[{_LINE}, {_LINE[:-5]}".encode(), says="cut.json:1"),
    Nasty("more.json: something after the end", f"[{_LINE}]\n{_LINE}".encode(), says="more.json:2"),
    Nasty("comma.json: a comma too many", f"[\n{_LINE},\n]".encode(), says="comma.json:3"),
    Nasty("0.json: an empty file", b"", says="0.json"),
    Nasty("0.json: only blanks", _SPACES.encode(), says="0.json"),
    Nasty("0.json: an empty list", b"[]", says="has no rows"),
    Nasty("blank.json: 2 MB of blanks in every place", f"{_SPACES}[{_SPACES}{_LINE}{_SPACES}]{_SPACES}".encode(), 1, 1),
    Nasty("one.json: a text", f'"{MARK}"'.encode(), says="neither a list"),
    Nasty("gz.json: packed by gzip", gzip.compress(_LINE.encode()), says="gzip"),
    Nasty("long.json: a text of 100 MB", repeated(b'[{"text": "', b"x" * 100_000, 1000, b'"}]'), says="jsonl", mib=250),
    Nasty(
        "long.json: a text of 100 MB never closed",
        repeated(b'[{"text": "', b"x" * 100_000, 1000, b""),
        says="jsonl",
        mib=250,
    ),
    Nasty(
        "long.json: 40 MB of rows",
        repeated(f"[{_LINE}".encode(), b", " + b"[" + b"1," * 40_000 + b"1]", 1200, b"]"),
        1201,
        1,
    ),
    Nasty("flat.json: many small values", repeated(f"[{_LINE}".encode(), b",[]", 20_000, b"]"), 20_001, 1),
]


def _squad(*questions: Any, context: str = GOOD) -> str:
    paragraph = {"context": context, "qas": list(questions)}
    return json.dumps({"version": "2", "data": [{"title": "t", "paragraphs": [paragraph]}]})


def _asked(n: int, start: Any = 4, text: Any = MARK) -> dict[str, Any]:
    return {"id": str(n), "question": f"which {n}", "answers": [{"answer_start": start, "text": text}]}


_NO_SQUAD = (
    ("{}", "neither a list"),
    ("[]", "has no rows"),
    ('{"data": 1}', "neither a list"),
    ('{"data": {"a": []}}', "neither a list"),
    ('{"data": [1]}', "SQuAD"),
    ('{"data": [{"paragraphs": null}]}', "SQuAD"),
    ('{"data": [{"paragraphs": [{"context": "a"}]}]}', "SQuAD"),
    ('{"data": [{"paragraphs": [{"qas": [{}]}]}]}', "SQuAD"),
    ('{"data": [{"paragraphs": [{"context": "a", "qas": [], "qas": []}]}]}', "SQuAD"),
)
_TYPES: tuple[Any, ...] = (None, 1, 1.5, True, "x", [], {}, [1], {"a": 1}, 10**30, -1)
_QA = {"task": "question_answering"}

OTHERS = [
    Nasty(
        "x.txt: NULs, blanks, right to left",
        f"{MARK}\0\n\n \n\u202e{MARK}\n\u200b\n\ufeff\n".encode(),
        4,
        4,
        task="causal_lm",
    ),
    Nasty("x.txt: bytes that fit nothing", bytes(range(1, 256)) + f"\n{MARK}".encode(), 3, 2, task="causal_lm"),
    Nasty(
        "x.txt: a line of 100 MB",
        repeated(f"{MARK}\n".encode(), b"\xf0\x9f\x98\x80" * 1000, 25_000, b""),
        2,
        1,
        task="causal_lm",
    ),
    Nasty("x.txt: an empty file", b"", says="has no rows", task="causal_lm"),
    Nasty("x.txt: zeros", b"\0" * 400_000, says="NUL", task="causal_lm"),
    Nasty("x.conll: a sentence", f"{MARK} B-A\nx O\n\n{MARK} E-A\n".encode(), 2, 2, task="token_labels"),
    Nasty(
        "x.conll: tags that are none",
        f"{MARK} B-A\n\n{MARK}\n\nx B-\n\nx b-A\n\nx \ud7ff\n".encode(),
        5,
        1,
        task="token_labels",
    ),
    Nasty("x.conll: bytes that fit nothing", b"\xff\xfe O\n\nx O\n", says="UTF-16", task="token_labels"),
    Nasty("x.conll: bad bytes", b"\xff\x80 O\n\nx O\n", 2, 1, task="token_labels"),
    Nasty(
        "x.conll: a sentence that never ends",
        repeated(f"{MARK} O\n\n".encode(), b"x O\n", 400_000, b"\ny O\n"),
        3,
        2,
        task="token_labels",
    ),
    Nasty("x.conll: only line ends", b"\n" * 1000, says="has no rows", task="token_labels"),
    Nasty("q.json: questions", _squad(_asked(1), _asked(2)).encode(), 2, 2, source={"format": "squad"}, **_QA),
    Nasty(
        "q.json: questions of all types",
        _squad(_asked(0), *_TYPES).encode(),
        1 + len(_TYPES),
        1,
        source={"format": "squad"},
        **_QA,
    ),
    Nasty(
        "q.json: places of all types",
        _squad(_asked(0), *(_asked(1, start=one) for one in _TYPES)).encode(),
        1 + len(_TYPES),
        1,
        source={"format": "squad"},
        **_QA,
    ),
    Nasty(
        "q.json: answers of all types",
        _squad(_asked(0), *(_asked(1, text=one) for one in _TYPES)).encode(),
        1 + len(_TYPES),
        1,
        source={"format": "squad"},
        **_QA,
    ),
    Nasty(
        "q.json: contexts of all types",
        json.dumps(
            {"data": [{"paragraphs": [{"context": one, "qas": [_asked(1)]} for one in (GOOD, *_TYPES)]}]}
        ).encode(),
        1 + len(_TYPES),
        1,
        source={"format": "squad"},
        **_QA,
    ),
    *(
        Nasty(f"q.json: articles of another type, {n}", text.encode(), says=says, source={"format": "squad"}, **_QA)
        for n, (text, says) in enumerate(_NO_SQUAD)
    ),
    Nasty(
        "q.json: depth 10,000", b'{"data": [' + b"[" * 10_000, says="nested too deep", source={"format": "squad"}, **_QA
    ),
    Nasty(
        "q.csv: surrogates inside a cell of JSON",
        csv_of(
            r'q,"x \ud800","[{""start"": 0, ""text"": ""\ud800""}]"',
            f'q,{MARK},"[{{""start"": 0, ""text"": ""Z""}}]"',
            header="question,context,answers",
        ).encode(),
        2,
        1,
        **_QA,
    ),
    Nasty(
        "s.csv: surrogates inside a cell of JSON",
        csv_of(
            rf'{MARK},"[[0, 1, ""\ud800""]]"',
            rf'{MARK},"[[0, 1, ""a""]]"',
            f'{MARK},"{"[" * 9000}"',
            header="text,spans",
        ).encode(),
        3,
        1,
        task="token_labels",
    ),
    Nasty(
        "m.csv: surrogates inside a cell of JSON",
        csv_of(
            rf'{MARK},"[""\ud800""]"', rf'{MARK},"[""a""]"', f'{MARK},"[{"9" * 5000}]"', header="text,labels"
        ).encode(),
        3,
        1,
        task="multi_label",
    ),
    Nasty(
        "t.jsonl: translations of all types",
        "\n".join(
            json.dumps({"translation": one}) for one in ({"en": MARK, "de": "b"}, {"en": MARK}, *_TYPES)
        ).encode(),
        2 + len(_TYPES),
        1,
        task="seq2seq",
    ),
    Nasty(
        "c.jsonl: conversations of all types",
        "\n".join(
            json.dumps({"messages": one})
            for one in (
                [{"role": "user", "content": MARK}, {"role": "assistant", "content": MARK}],
                *_TYPES,
                *([{"role": one, "content": MARK}] for one in _TYPES),
                *([{"role": "user", "content": one}] for one in _TYPES),
            )
        ).encode(),
        1 + 3 * len(_TYPES),
        1,
        task="causal_lm",
    ),
]
