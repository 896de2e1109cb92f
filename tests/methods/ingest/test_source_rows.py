"""Columns that are found inside other columns."""

import pytest

from stages.core.errors import DataError
from stages.core.params import Source
from stages.methods.ingest.source_rows import source_rows


@pytest.fixture
def rows(tmp_path, monkeypatch):
    """The rows of a file whose source takes two names out of one column."""
    monkeypatch.chdir(tmp_path)

    def read(text, name):
        from stages.core.sources import find_files

        tmp_path.joinpath(name).write_text(text, encoding="utf-8")
        fields = {"source_text": "translation.de", "target_text": "translation.en"}
        source = Source(name="s", uri=name, license="CC0-1.0", public=True, fields=fields)
        layouts = [set(fields.values())]
        return list(source_rows(source, find_files([source]), 1000, layouts))

    return read


def test_a_dotted_name_looks_into_a_column(rows):
    [row] = rows('{"translation": {"de": "Hund", "en": "dog"}}\n', "rows.jsonl")
    assert (row.columns["translation.de"], row.columns["translation.en"]) == ("Hund", "dog")
    assert row.content() == '{"translation":{"de":"Hund","en":"dog"}}'


def test_a_column_that_is_named_so_is_that_column(rows):
    [row] = rows("translation.de,translation.en\nHund,dog\n", "rows.csv")
    assert row.columns == {"translation.de": "Hund", "translation.en": "dog"}


@pytest.mark.parametrize("cell", ['{"en": "dog"}', '"Hund"', "null", '{"de": null, "en": "dog"}'])
def test_what_leads_nowhere_is_not_there(rows, cell):
    [row] = rows(f'{{"translation": {cell}}}\n', "rows.jsonl")
    assert row.columns.get("translation.de") is None


def test_a_source_without_it_is_refused(rows):
    with pytest.raises(
        DataError, match=r"lacks the column translation\.de, translation\.en; or translation; there are: a"
    ):
        rows('{"a": 1}\n', "rows.jsonl")
