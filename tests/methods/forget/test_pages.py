import json

import pyarrow as pa
import pytest

from stages.methods.document.lineage.packing import lineage_data
from stages.methods.document.lineage.rows import StageEvents, columns
from stages.methods.forget.needles import Needles
from stages.methods.forget.pages import MARK, in_page

GONE, KEPT, LISTED = "0a" * 10, "1b" * 10, "2c" * 10


@pytest.fixture
def page():
    """A page as the report writes it, over three rows of which one was erased."""
    rows = [(GONE, "create", "created"), (KEPT, "create", "created"), (LISTED, "drop", "erased")]
    events = pa.Table.from_pylist([dict(zip(("id", "action", "reason"), row, strict=True)) for row in rows])
    lineage = lineage_data([StageEvents("ingest", events.select(columns("ingest")), {})])
    about = json.dumps(lineage.about).replace("<", "\\u003c")
    rows = f'<script type="application/json" id="lineage-ids">{lineage.packed}</script>'
    return f'<html><script type="application/json" id="lineage">{about}</script>{rows}</html>'.encode()


def test_a_row_of_a_page_is_found_though_its_id_stands_there_in_base64(page):
    assert not Needles(frozenset({GONE})).in_bytes(page)
    assert MARK in page
    assert dict(in_page(page, {GONE}).kinds) == {"id": 1}
    assert not in_page(page, {"3d" * 10})


def test_a_row_that_says_that_it_was_erased_may_stay(page):
    found = in_page(page, {LISTED})
    assert (found.named, bool(found)) == (1, False)


@pytest.mark.parametrize(
    "damage",
    [(b'"width"', b'"x"'), (b"</script><script", b""), (b"</script></html>", b"Cg<"), (b'"rows": 3', b'"rows": 9')],
)
def test_a_page_that_is_not_understood_is_searched_at_every_place(page, damage):
    assert dict(in_page(page.replace(*damage), {GONE, LISTED}).kinds) == {"id": 2}


def test_a_page_without_rows_holds_none():
    assert not in_page(b"<html></html>", {GONE})
