import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.core.errors import DataError
from stages.core.formats import read_rows
from stages.core.params import Source


@pytest.fixture
def rows_of(tmp_path):
    """Rows of a file with these bytes: columns, or the code and problem of what is wrong."""

    def read(data, format, longest=1000, **settings):
        path = tmp_path / "file"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        source = Source(name="s", uri="file", license="CC0-1.0", **settings)
        return [
            (row.place, (row.fault.code, row.fault.evidence.get("problem")) if row.fault else row.columns)
            for row in read_rows(path, source, format, longest)
        ]

    return read


BROKEN = ("malformed_row", "not_csv")


def test_an_empty_cell_is_null(rows_of):
    assert rows_of("a,b\n1,\n", "csv") == [(2, {"a": "1", "b": None})]


def test_a_quoted_cell_may_hold_commas_quotes_and_line_ends(rows_of):
    assert rows_of('a,b\n"x, ""y""\nz",1\nlast,2\n', "csv") == [
        (2, {"a": 'x, "y"\nz', "b": "1"}),
        (4, {"a": "last", "b": "2"}),
    ]


def test_a_quote_that_is_never_closed_costs_one_row_only(rows_of):
    rows = rows_of('a,b\n"open,1\ngood,2\n"fine",3\nend,"4\nlast,5\n', "csv")
    assert rows == [
        (2, BROKEN),
        (3, {"a": "good", "b": "2"}),
        (4, {"a": "fine", "b": "3"}),
        (5, BROKEN),
        (6, {"a": "last", "b": "5"}),
    ]


def test_a_record_of_many_lines_is_given_up_in_time(rows_of):
    data = 'a,b\n"open,1\n' + "good,2\n" * 500
    assert [place for place, row in rows_of(data, "csv", longest=100) if row == BROKEN] == [2]


def test_a_row_with_too_few_or_too_many_cells_is_a_fault(rows_of):
    rows = rows_of("a,b\n1\n1,2,3\n4,5\n", "csv")
    assert rows == [(2, ("malformed_row", "cells")), (3, ("malformed_row", "cells")), (4, {"a": "4", "b": "5"})]


def test_a_nul_does_not_end_anything(rows_of):
    assert rows_of("a,b\nx\0y,1\n", "csv") == [(2, {"a": "x\0y", "b": "1"})]


def test_a_cell_may_be_longer_than_the_csv_module_likes(rows_of):
    [(_, row)] = rows_of("a,b\n" + "x" * 300_000 + ",1\n", "csv", longest=2**20)
    assert len(row["a"]) == 300_000


def test_a_line_too_long_is_a_fault_of_its_row(rows_of):
    assert rows_of("a,b\n" + "x" * 2000 + ",1\ny,2\n", "csv") == [(2, ("too_long", None)), (3, {"a": "y", "b": "2"})]


def test_columns_can_be_named_where_there_is_no_header(rows_of):
    assert rows_of("x\ty\n", "tsv", columns=["a", "b"]) == [(1, {"a": "x", "b": "y"})]


def test_a_quote_in_a_tsv_is_a_character_unless_the_whole_line_is_quoted(rows_of):
    rows = rows_of('a\tb\n"he said\tx\n"quoted ""x"""\ty\n', "tsv")
    assert rows == [(2, {"a": '"he said', "b": "x"}), (3, {"a": 'quoted "x"', "b": "y"})]


@pytest.mark.parametrize(
    ("data", "problem"), [("", "is empty"), ("a,a\n1,2\n", "more than once"), ('"a,b\n1,2\n', "line 1")]
)
def test_a_header_that_names_nothing_or_too_much_is_refused(rows_of, data, problem):
    with pytest.raises(DataError, match=problem):
        rows_of(data, "csv")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{bad", "not_json"),
        ('{"n": ' + "9" * 5000 + "}", "not_json"),
        ('{"a": NaN}', "not_finite"),
        ('{"a": [1e999]}', "not_finite"),
        ('{"a": 1, "a": 2}', "repeated_key"),
        ('{"x": {"a": 1, "a": 2}}', "repeated_key"),
        ("[1]", "not_an_object"),
        ('{"a": ' + "[" * 60 + "]" * 60 + "}", "nested_too_deep"),
        ("[" * 100_000, "nested_too_deep"),
    ],
)
def test_a_line_that_is_no_sound_json_object_costs_one_row_only(rows_of, line, problem):
    rows = rows_of(f'{line}\n\n{{"a": 1}}\n', "jsonl", longest=10**6)
    assert rows == [(1, ("malformed_row", problem)), (3, {"a": 1})]


@pytest.mark.parametrize("document", [[{"a": 1}, 2], {"data": [{"a": 1}, 2], "other": []}, {"rows": [{"a": 1}, 2]}])
def test_a_json_file_is_a_list_or_an_object_with_one(rows_of, document):
    assert rows_of(json.dumps(document), "json") == [(1, {"a": 1}), (2, ("malformed_row", "not_an_object"))]


@pytest.mark.parametrize("document", ['{"a": [], "b": []}', '"text"', '[{"a": 1},]', "[" * 100_000])
def test_a_json_file_without_rows_to_point_at_is_refused(rows_of, document):
    with pytest.raises(DataError):
        rows_of(document, "json")


def test_a_squad_file_gives_a_row_a_question(rows_of):
    asked = {"id": "q1", "question": "Who?", "answers": [{"answer_start": 4, "text": "Ada"}]}
    unanswerable = {"id": "q2", "question": "When?", "is_impossible": True, "answers": []}
    paragraph = {"context": "I am Ada.", "qas": [asked, unanswerable, {"id": "q3"}]}
    rows = rows_of(json.dumps({"data": [{"title": "T", "paragraphs": [paragraph]}]}), "squad")
    common = {"context": "I am Ada.", "title": "T"}
    assert rows == [
        (1, {"id": "q1", "question": "Who?", "answers": [{"start": 4, "text": "Ada"}], **common}),
        (2, {"id": "q2", "question": "When?", "answers": [], **common}),
        (3, ("malformed_row", "not_squad")),
    ]


def test_in_a_squad_file_only_an_empty_list_or_the_word_impossible_says_that_there_is_no_answer(rows_of):
    asked = [{"question": "Who?", "answers": None}, {"question": "Who?", "is_impossible": True}, {"question": "Who?"}]
    rows = rows_of(json.dumps({"data": [{"paragraphs": [{"context": "I am Ada.", "qas": asked}]}]}), "squad")
    assert [columns.get("answers", "not asked") for _, columns in rows] == [None, [], "not asked"]


def test_a_conll_file_gives_a_row_a_sentence(rows_of):
    rows = rows_of(
        "-DOCSTART- O\n\nAda NNP B-PER\nLovelace NNP I-PER\nin IN O\nOslo NNP I-LOC\n\nOslo\n\nhi X\n", "conll"
    )
    spans = [{"start": 0, "end": 12, "label": "PER"}, {"start": 16, "end": 20, "label": "LOC"}]
    broken = ("malformed_row", "token_and_tag")
    assert rows == [(3, {"text": "Ada Lovelace in Oslo", "spans": spans}), (8, broken), (10, broken)]


def test_a_tag_that_begins_starts_a_new_span_of_the_same_label(rows_of):
    [(_, row)] = rows_of("a\tB-X\nb\tB-X\nc\tS-X\nd\tE-X", "conll")
    assert [(span["start"], span["end"]) for span in row["spans"]] == [(0, 1), (2, 3), (4, 7)]


def test_a_text_file_gives_a_row_a_line(rows_of):
    assert rows_of("one\r\n\n two \n", "txt") == [(1, {"text": "one"}), (3, {"text": " two "})]


def test_a_parquet_file_gives_its_rows(tmp_path, rows_of):
    pq.write_table(pa.table({"a": ["x", None], "b": [1, 2]}), tmp_path / "table")
    data = (tmp_path / "table").read_bytes()
    assert rows_of(data, "parquet") == [(1, {"a": "x", "b": 1}), (2, {"a": None, "b": 2})]
    with pytest.raises(DataError, match="parquet"):
        rows_of(data[:40], "parquet")
