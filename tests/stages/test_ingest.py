import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from stages.core.erasure import ERASURE_LIST
from stages.core.errors import DataError
from stages.core.ledger import checked_evidence
from stages.core.params import IngestParams, Source
from stages.core.records import Label
from stages.core.rows import FileRow
from stages.core.votes import groups_of, votes_of
from stages.ingest import REASONS, STAGE, ingest
from stages.methods.ingest.row_ids import RowIds
from stages.methods.ingest.row_record import decide_row


@pytest.fixture
def context(make_context):
    def make(limit=None, seed=13, share=1.0, **source):
        settings = {"name": "s", "uri": "rows.csv", "license": "CC0-1.0", "public": True, **source}
        params = {"sources": [settings], "limit": limit, "max_quarantine_share": share, "max_chars": 50}
        return make_context("ingest", IngestParams.model_validate(params), seed=seed)

    return make


@pytest.fixture
def decide(context):
    """What becomes of one row."""

    def decided(columns, **source):
        given = context(**source)
        [one] = given.params.sources
        return decide_row(FileRow(7, columns), one, RowIds(given.keys, "s", one.id), given)

    return decided


@pytest.fixture
def ingested(context, tmp_path, monkeypatch):
    """All decisions about a file of rows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_STAGE", raising=False)

    def run(rows, erased=(), header="text,label", **settings):
        Path("rows.csv").write_bytes("\n".join([header, *rows, ""]).encode("utf-8", "surrogateescape"))
        ERASURE_LIST.parent.mkdir(exist_ok=True)
        ERASURE_LIST.write_text("\n".join(["kind,value", *erased, ""]), encoding="utf-8")
        return list(ingest(context(**settings)))

    return run


ROWS = [f"row number {number},good" for number in range(40)]


def created(decisions):
    return {one.id for one in decisions if one.outcome == "created"}


def test_a_row_becomes_a_record_with_the_tasks_columns(decide):
    columns = {"body": "Hello", "mood": "good", "who": "ada@example.org", "sure": "0.8"}
    fields = {"text": "body", "label": "mood"}
    record = decide(columns, fields=fields, subject="who", confidence="sure").record
    assert record.values == {"text": "Hello", "label": "good"}
    assert (record.source, record.source_row, record.confidence) == ("s", "7", 0.8)
    assert re.fullmatch("[0-9a-f]{32}", record.subject)


def test_one_person_is_one_subject_and_no_person_is_none(decide):
    def subject(who):
        return decide({"text": "x", "label": "good", "who": who}, subject="who").record.subject

    assert subject("ada") == subject(" ada ") != subject("bob")
    assert subject(None) is subject("  ") is None


@pytest.mark.parametrize(
    ("value", "confidence", "said"),
    [("0.5", 0.5, False), (1, 1.0, False), (None, None, False), ("many", None, True), ("1.5", None, True),
     ("nan", None, True), ([1], None, True)],
)  # fmt: skip
def test_a_confidence_that_is_no_share_is_left_out_and_said(decide, value, confidence, said):
    decision = decide({"text": "x", "label": "good", "sure": value}, confidence="sure")
    assert decision.record.confidence == confidence
    assert ("confidence" in decision.events[0].evidence) == said


def test_bytes_that_do_not_fit_are_quarantined_or_replaced(decide):
    columns = {"text": "a\udcff\udcfe", "label": "good"}
    [event] = decide(columns).events
    assert (event.action, event.reason, event.evidence["bytes"]) == ("quarantine", "bad_encoding", 2)
    replaced = decide(columns, on_bad_bytes="replace")
    assert replaced.record.values["text"] == "a\ufffd\ufffd"
    assert replaced.events[0].reason == "created_with_replacements"
    assert replaced.events[0].evidence["bytes_replaced"] == 2
    assert replaced.id == decide(columns).id


def test_a_quarantined_row_tells_its_place_and_a_code_and_nothing_it_says(decide):
    decision = decide({"text": "secret words " * 5, "label": "good"})
    assert (decision.outcome, decision.record, decision.events[0].reason) == ("quarantined", None, "too_long")
    assert decision.events[0].evidence == {"source": "s", "row": 7, "chars": 65}


def test_a_row_of_several_files_names_its_file(context):
    given = context()
    [source] = given.params.sources
    row = FileRow(7, {"text": None, "label": "x"}, file="part one.csv")
    [event] = decide_row(row, source, RowIds(given.keys, "s", None), given).events
    assert event.evidence["file"] == Label("part one.csv")


def test_a_mapped_label_that_a_row_lacks_is_a_fault_and_an_unmapped_one_is_not(decide):
    assert decide({"text": "x"}, fields={"label": "mood"}).events[0].reason == "missing_label"
    assert decide({"text": "x"}).record.values["label"] is None


def test_every_row_is_created_dropped_or_quarantined_exactly_once(ingested):
    rows = [*ROWS, "too,many,cells", '"open,good', "bad \udcff,good", ",good", "no label,", "row number 1,good"]
    decisions = ingested(rows, limit=10)
    assert len({one.id for one in decisions}) == len(decisions) == len(rows)
    assert Counter(one.outcome for one in decisions) == {"created": 10, "dropped": 31, "quarantined": 5}
    assert all(event.reason in REASONS for one in decisions for event in one.events)


def test_the_sample_does_not_depend_on_the_order_of_the_rows(ingested):
    assert created(ingested(ROWS, limit=12)) == created(ingested(ROWS[::-1], limit=12))


def test_the_seed_chooses_the_sample(ingested):
    assert created(ingested(ROWS, limit=12)) != created(ingested(ROWS, limit=12, seed=14))


def test_a_limit_above_the_number_of_rows_takes_them_all(ingested):
    assert len(created(ingested(ROWS, limit=100))) == len(ROWS)


def test_an_erased_record_is_dropped_and_lets_no_other_row_in(ingested):
    before = created(ingested(ROWS, limit=12))
    gone = min(before)
    decisions = ingested(ROWS, limit=12, erased=[f"record,{gone}"])
    assert created(decisions) == before - {gone}
    [event] = next(one for one in decisions if one.id == gone).events
    assert (event.action, event.reason, event.evidence) == (
        "drop",
        "erased",
        {"source": "s", "row": 16, "kind": "record"},
    )


def test_all_rows_of_an_erased_subject_are_dropped(ingested):
    rows = ["a,good,ada", "b,good,bob", "c,good,ada"]
    header = "text,label,who"
    subject = ingested(rows, header=header, subject="who")[0].record.subject
    decisions = ingested(rows, header=header, subject="who", erased=[f"subject,{subject}"])
    assert [one.outcome for one in decisions] == ["dropped", "created", "dropped"]


def test_an_edited_row_keeps_its_id_where_the_source_has_a_key(ingested):
    first = ingested(["1,helo,good"], header="id,text,label", id="id")
    second = ingested(["1,hello,bad"], header="id,text,label", id="id")
    assert first[0].id == second[0].id
    assert second[0].record.source_row == "1"


def test_too_many_quarantined_rows_are_refused(ingested):
    with pytest.raises(DataError, match="2 malformed_row"):
        ingested([*ROWS, "x", "y"], share=0.01)


@pytest.mark.parametrize(
    "settings", [{"id": "key"}, {"subject": "key"}, {"confidence": "key"}, {"fields": {"label": "key"}}]
)
def test_a_column_that_is_named_but_not_there_is_refused_at_once(ingested, settings):
    with pytest.raises(DataError, match="lacks the column key; there are: text, label"):
        ingested(ROWS, **settings)


def test_every_fault_a_task_can_find_in_a_row_is_explained():
    tasks = "".join(path.read_text(encoding="utf-8") for path in Path("stages/tasks").glob("*.py"))
    assert set(re.findall(r'RowFault\(\s*"(\w+)"', tasks)) <= REASONS.keys()


def test_the_sample_of_the_project_is_read_without_loss(make_context, monkeypatch):
    monkeypatch.delenv("DVC_STAGE", raising=False)
    source = Source(
        name="s", uri="data/samples/classification.csv", id="id", subject="customer", confidence="agreement",
        license="CC0-1.0", public=True,
    )  # fmt: skip
    decisions = list(ingest(make_context("ingest", IngestParams(sources=[source]))))
    with Path(source.uri).open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(created(decisions)) == len(decisions)
    assert len({one.record.values["label"] for one in decisions}) == 3
    assert STAGE.uses == ("seed",)


def test_what_annotators_said_is_kept_apart_from_groups_and_gives_the_agreement(decide):
    row = {"text": "hello there", "label": "good", "region": "north", "anna": "good", "ben": "bad", "chris": "good"}
    said = decide({**row, "dora": ""}, annotators=["anna", "ben", "chris", "dora"], attributes=["region"]).record
    assert groups_of(said.attributes) == {"region": "north"}
    assert votes_of(said.attributes) == {"anna": "good", "ben": "bad", "chris": "good"}
    assert said.confidence == 2 / 3
    assert decide(row, annotators=["anna"]).record.confidence is None
    assert decide({**row, "sure": "0.9"}, annotators=["anna", "ben"], confidence="sure").record.confidence == 0.9


def test_an_annotators_answer_that_is_text_is_quarantined(decide):
    assert decide({"text": "hello", "label": "good", "anna": "x" * 41}, annotators=["anna"]).outcome == "quarantined"


@pytest.mark.parametrize(
    ("column", "told"), [("age_group", "age_group"), ("Age group", "attributes.2"), ("größe", "attributes.2")]
)
def test_a_column_with_any_name_is_told_by_the_event_that_sets_a_row_aside(decide, column, told):
    decided = decide({"text": "hello", "label": "good", column: "x" * 41}, attributes=["region", column])
    [event] = decided.events
    assert (event.reason, event.evidence["field"]) == ("bad_attribute", told)
    assert checked_evidence("field", told) == told
