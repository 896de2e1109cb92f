import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from stages.core.decisions import PiiDecision, decisions_of, write_pii_decisions
from stages.core.errors import CheckFailed, DataError, UsageError
from stages.core.keys import Keys
from stages.core.ledger import Tally
from stages.core.params import EngineParams, IngestParams, Params, ScrubPiiParams, Source
from stages.core.records import Answer, Column, Message, Record, Schema, Span
from stages.core.runner import run
from stages.core.stage import Context
from stages.core.storage import FolderWriter, StageFolder, sha256_of
from stages.core.tables import EVENTS, records_table
from stages.methods.scrub_pii.detection.detect import Detector
from stages.methods.scrub_pii.detection.findings import NER, PATTERN, Finding
from stages.methods.scrub_pii.review.decisions import value_hash
from stages.scrub_pii import REASONS, STAGE, decide, prepare

TEXT = Schema((Column("text", "text"), Column("spans", "spans", of="text")))
CHAT = Schema((Column("messages", "messages"),))
QA = Schema((Column("question", "text"), Column("context", "text"), Column("answers", "answers", of="context")))
PLANTED = "Alice Johnson (alice.johnson@mailbox.org, 4111 1111 1111 1111) wrote to @marked_handle from London."
MARKS = ("Alice", "Johnson", "mailbox", "4111", "marked_handle", "London")
DEFAULTS = ScrubPiiParams().entities


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Findings are kept beside the project; those of a test stay in its own folder."""
    monkeypatch.chdir(tmp_path)


def record(text, *spans, id="r1"):
    return Record(id, "s", "1", TEXT, {"text": text, "spans": spans})


def scrub(record, keys=None, **params):
    settings = ScrubPiiParams(**params)
    task = SimpleNamespace(schema=record.schema)
    context = Context("scrub_pii", settings, {}, task, keys or Keys(None, frozenset("s")), ())
    (prepared,) = prepare([record], context)
    return decide(record, settings, prepared)


def test_planted_personal_data_is_gone_from_the_text_and_never_in_the_events():
    given = record(PLANTED)
    decision = scrub(given)
    scrubbed = decision.record.values["text"]
    rows = Tally("scrub_pii", REASONS).count(decision, given)
    assert len(rows) == 5
    assert not [mark for mark in MARKS if mark in scrubbed or mark.casefold() in json.dumps(rows).casefold()]
    assert re.fullmatch(r"\S.* \(\S+@example\.\w+, [\d ]{19}\) wrote to @user\d{7} from \S.*\.", scrubbed)


def test_each_event_says_where_what_by_whom_and_how():
    text = "reach jo@mailbox.org"
    decision = scrub(record(text))
    (event,) = decision.events
    value = event.evidence["value"]
    assert (event.action, event.reason) == ("edit", "pii_replaced")
    assert event.evidence == {
        "field": "text",
        "start": 6,
        "end": 20,
        "out_start": 6,
        "out_end": len(decision.record.values["text"]),
        "entity": "EMAIL_ADDRESS",
        "score": 1.0,
        "recognizer": "EmailRecognizer",
        "operator": "surrogate",
        "value": value,
    }
    assert re.fullmatch("[0-9a-f]{32}", value)


def test_a_value_has_one_surrogate_and_one_hash_in_every_record_and_run():
    one, other = scrub(record("jo@mailbox.org")), scrub(record("write JO@MAILBOX.ORG", id="r2"))
    assert one.events[0].evidence["value"] == other.events[0].evidence["value"]
    assert other.record.values["text"].casefold().endswith(one.record.values["text"])
    assert scrub(record("jo@mailbox.org")) == one


def test_overlapping_findings_go_as_one_under_the_hash_of_the_surest(monkeypatch):
    name, host = Finding(0, 12, "PERSON", 0.85, "A", NER), Finding(4, 12, "IP_ADDRESS", 0.6, "B", PATTERN)
    alone = scrub(record("at 10.0.0.1")).events[0].evidence
    monkeypatch.setattr(Detector, "find", lambda self, texts, languages: [[name, host]])
    decision = scrub(record("Ann 10.0.0.1!"), entities=dict.fromkeys(DEFAULTS, "tag"))
    assert decision.record.values["text"] == "<IP_ADDRESS>!"
    assert decision.events[0].evidence["value"] == alone["value"]
    assert (decision.events[0].evidence["start"], decision.events[0].evidence["end"]) == (0, 12)


def test_what_is_written_stands_for_all_of_a_place_that_one_entity_fills(monkeypatch):
    whole, end = Finding(5, 15, "DATE_TIME", 0.85, "A", NER), Finding(12, 15, "DATE_TIME", 0.6, "B", PATTERN)
    monkeypatch.setattr(Detector, "find", lambda self, texts, languages: [[whole, end]])
    decision = scrub(record("open 10am - 4pm"), entities={"DATE_TIME": "shift"})
    assert decision.record.values["text"] == "open 10am - 4pm"


def test_a_year_that_stays_when_dates_move_is_told_and_not_called_an_edit():
    given = record("it was in 2012")
    decision = scrub(given, entities={"DATE_TIME": "shift"}, shift_days=1)
    (row,) = Tally("scrub_pii", REASONS).count(decision, given)
    assert (row["action"], row["reason"]) == ("keep", "pii_unmoved")
    assert decision.record == given


def test_another_key_gives_another_surrogate_and_hash():
    given = record("jo@mailbox.org")
    one, other = (scrub(given, Keys(secret * 32, frozenset())) for secret in (b"a", b"b"))
    assert one.record.values["text"] != other.record.values["text"]
    assert one.events[0].evidence["value"] != other.events[0].evidence["value"]


@pytest.mark.parametrize(
    ("operator", "text"),
    [("tag", "at <IP_ADDRESS>!"), ("mask", "at *****!"), ("delete", "at !"), ("keep", "at 10.0.0.1!")],
)
def test_each_operator_writes_what_it_says(operator, text):
    decision = scrub(record("at 10.0.0.1!"), entities={"IP_ADDRESS": operator})
    assert decision.record.values["text"] == text
    assert [event.evidence["operator"] for event in decision.events] == [operator]


def test_what_is_kept_is_an_event_without_a_change():
    given = record("at 10.0.0.1!")
    decision = scrub(given, entities={"IP_ADDRESS": "keep"})
    (row,) = Tally("scrub_pii", REASONS).count(decision, given)
    assert (row["action"], row["reason"]) == ("keep", "pii_kept")
    assert decision.record == given


def test_a_record_without_personal_data_goes_on_untouched_and_without_events():
    given = record("nothing to see")
    assert scrub(given).record == given
    assert scrub(given).events == ()


def test_entities_that_were_not_chosen_and_values_that_are_allowed_stay():
    text = "10.0.0.1 and http://jo.name"
    assert scrub(record(text), entities={"URL": "tag"}).record.values["text"] == "10.0.0.1 and <URL>"
    allowing = scrub(record(text), entities={"URL": "tag", "IP_ADDRESS": "tag"}, allow=["HTTP://JO.NAME", "x"])
    assert allowing.record.values["text"] == "<IP_ADDRESS> and http://jo.name"


def test_scrubbing_a_tagged_text_again_changes_nothing():
    tags = dict.fromkeys(DEFAULTS, "tag")
    once = scrub(record(PLANTED), entities=tags).record
    assert "<PERSON>" in once.values["text"]
    assert scrub(once, entities=tags).record == once


def test_a_name_is_replaced_alike_in_every_message_of_a_record():
    texts = ("Alice Johnson called.", "ok", "so alice is Alice Johnson?")
    given = Record("r1", "s", "1", CHAT, {"messages": tuple(Message("user", text) for text in texts)})
    decision = scrub(given)
    messages = [message.content for message in decision.record.values["messages"]]
    assert messages[1] == "ok"
    assert messages[2] == f"so {messages[0].split()[0].lower()} is {messages[0].removesuffix(' called.')}?"
    assert [event.evidence["field"] for event in decision.events] == ["messages.0", "messages.2", "messages.2"]


def test_label_spans_and_answers_move_along():
    given = record("at 10.0.0.1 today", Span(3, 11, "HOST"), Span(12, 17, "DAY"))
    moved = scrub(given, entities={"IP_ADDRESS": "tag"}).record.values
    assert [moved["text"][span.start : span.end] for span in moved["spans"]] == ["<IP_ADDRESS>", "today"]
    values = {"question": "Who?", "context": "10.0.0.1 it was, today", "answers": (Answer(17, "today"),)}
    asked = scrub(Record("r1", "s", "1", QA, values), entities={"IP_ADDRESS": "delete"}).record.values
    assert asked["answers"] == (Answer(9, "today"),)


def test_a_replacement_that_cuts_a_span_drops_the_record_or_stops_as_configured():
    given = record("at 10.0.0.1 today", Span(6, 17, "X"))
    decision = scrub(given, entities={"IP_ADDRESS": "tag"})
    assert (decision.outcome, [event.reason for event in decision.events]) == ("dropped", ["span_cut"])
    with pytest.raises(DataError, match="record r1"):
        scrub(given, entities={"IP_ADDRESS": "tag"}, on_cut_span="fail")


def test_params_that_cannot_be_met_are_all_told_before_any_work():
    entities = {"PHONE_NUMBER": "shift", "E_MAIL": "tag", "PERSON": "generalise"}
    with pytest.raises(UsageError) as caught:
        scrub(record("x"), entities=entities, ner={"en": "no_such_pipeline"})
    problems = " ".join(fault.problem for fault in caught.value.faults)
    assert "shift is not possible for PHONE_NUMBER" in problems
    assert "generalise is not possible for PERSON" in problems
    assert "unknown: E_MAIL" in problems
    assert "no_such_pipeline" in problems


ROWS = {
    "01": "Mrs Alice Johnson (alice.johnson@mailbox.org) wrote on 3 May 2021.",
    "02": "nothing to see",
    "03": "the card was 4111 1111 1111 1111, said Alice Johnson",
    "04": "ring 212-456-7890 and ask for Bob Miller in London",
}


@pytest.fixture
def scrubbed(tmp_path, classification, make_record):
    """Runs the stage over four records with some settings, and gives its report."""

    def go(languages=(), workers=1, **settings):
        rows = [make_record(id, text) for id, text in ROWS.items()]
        rows = [replace(row, language=language) for row, language in zip(rows, [*languages, *[None] * 4], strict=False)]
        with FolderWriter(tmp_path / "in", classification.schema, in_order=True) as folder:
            folder.append(EVENTS.empty_table(), records_table(rows, classification.schema))
            folder.finish_tables()
            folder.finish({"stage": "deduplicate"})
        source = Source(name="s", uri="none.csv", license="MIT", public=True)
        params = Params(
            ingest=IngestParams(sources=[source]),
            scrub_pii=ScrubPiiParams(**{"probe": 0, **settings}),
            engine=EngineParams(workers=workers),
        )
        return run(STAGE, [tmp_path / "in"], tmp_path / "data" / "scrub_pii", params, classification)

    return go


def test_the_report_counts_what_was_found_and_finds_nothing_left(scrubbed):
    report = scrubbed(quasi_identifiers=["label"])
    assert report["records_touched"] == 3
    assert report["share_touched"] == 0.75
    assert report["spans"]["EMAIL_ADDRESS"] == {"surrogate": 1}
    assert report["spans"]["PERSON"] == {"surrogate": 3}
    assert report["distinct_values"]["PERSON"] == 2
    assert {kind: report["leaks"][kind]["found"] for kind in ("proven", "known", "patterns")} == {
        "proven": 0, "known": 0, "patterns": 0,
    }  # fmt: skip
    assert report["risk"]["k_anonymity"]["k"] == 4
    written = (Path("data") / "scrub_pii" / "report.json").read_text(encoding="utf-8")
    assert not [mark for mark in ("Alice", "alice", "Johnson", "4111", "Miller", "London") if mark in written]


def test_offsets_in_the_output_are_those_of_the_replacements(scrubbed, classification):
    scrubbed(entities=dict.fromkeys(DEFAULTS, "tag"))
    folder = StageFolder(Path("data") / "scrub_pii")
    texts = {record.id: record.text for record in folder.records(classification.schema)}
    events = folder.table("events.parquet").to_pylist()
    evidence = [(event["id"], json.loads(event["evidence"])) for event in events]
    assert len(evidence) > 6
    for id, one in evidence:
        assert texts[id][one["out_start"] : one["out_end"]] == f"<{one['entity']}>"


def test_a_value_that_was_replaced_in_one_record_and_stays_in_another_is_a_leak(scrubbed, monkeypatch):
    find = Detector.find

    def forgetful(self, texts, languages=None):
        return [
            [] if "said Alice" in text else some for text, some in zip(texts, find(self, texts, languages), strict=True)
        ]

    monkeypatch.setattr(Detector, "find", forgetful)
    with pytest.raises(CheckFailed, match="1 PERSON, in 1 records; the first: 03") as caught:
        scrubbed(fail_on_leak="any")
    assert "Alice" not in str(caught.value)
    with pytest.raises(CheckFailed, match=r"proven.*1 CREDIT_CARD"):
        scrubbed()
    assert not (Path("data") / "scrub_pii").exists()
    found = json.loads((Path("reports") / "scrub_pii.json").read_bytes())["leaks"]
    assert (found["proven"]["found"], found["known"]["found"]) == (1, 1)
    assert scrubbed(fail_on_leak="none")["leaks"]["known"]["first_ids"] == ["03"]


def test_the_probe_measures_recall_and_its_gate_stops_the_stage(scrubbed):
    entities = {"EMAIL_ADDRESS": "surrogate", "PERSON": "tag"}
    report = scrubbed(entities=entities, probe=20)
    assert set(report["probe"]["entities"]) == set(entities)
    assert report["probe"]["entities"]["EMAIL_ADDRESS"]["planted"] == 20
    assert report["probe"]["entities"]["EMAIL_ADDRESS"]["recall"] > 0.9
    with pytest.raises(CheckFailed, match="so few values could not show"):
        scrubbed(entities=entities, probe=20, min_recall=0.999)


def test_a_language_without_a_model_is_told_and_its_patterns_are_looked_for(scrubbed, classification):
    report = scrubbed(languages=["de", "de"])
    assert report["without_model"] == {"de": 2}
    folder = StageFolder(Path("data") / "scrub_pii")
    first = next(iter(folder.records(classification.schema))).text
    assert "mailbox.org" not in first


def test_two_workers_and_a_warm_cache_write_the_same_bytes(scrubbed):
    scrubbed(probe=5)
    first = {
        file: sha256_of(Path("data/scrub_pii") / file) for file in ("records.parquet", "events.parquet", "report.json")
    }
    assert list(Path(".rowtrail/cache").glob("pii-*.sqlite"))
    scrubbed(probe=5, workers=2)
    assert first == {file: sha256_of(Path("data/scrub_pii") / file) for file in first}
    shutil.rmtree(".rowtrail")
    scrubbed(probe=5)
    assert first == {file: sha256_of(Path("data/scrub_pii") / file) for file in first}


def test_a_reviewers_decisions_are_applied(scrubbed, classification):
    scrubbed()
    events = StageFolder(Path("data/scrub_pii")).table("events.parquet").to_pylist()
    found = [json.loads(event["evidence"]) for event in events]
    (city,) = [one for one in found if one["entity"] == "LOCATION"]
    (mail,) = [one for one in found if one["entity"] == "EMAIL_ADDRESS"]
    secret = value_hash(Keys(None, frozenset("s")), "s", "ID_NUMBER", "nothing")
    write_pii_decisions(decisions_of([
        PiiDecision(city["value"], "LOCATION", "allow"),
        PiiDecision(mail["value"], "EMAIL_ADDRESS", "type", to="URL"),
        PiiDecision(secret, "ID_NUMBER", "deny", words=1),
    ]))  # fmt: skip
    report = scrubbed()
    texts = [record.text for record in StageFolder(Path("data/scrub_pii")).records(classification.schema)]
    assert "London" in texts[3]
    assert report["reasons"]["keep"] == {"pii_allowed": 1}
    assert "(<URL>)" in texts[0]
    assert "nothing" not in texts[1]


def test_unknown_quasi_identifiers_are_refused_with_the_known_ones(scrubbed):
    with pytest.raises(UsageError, match=r"unknown: town(.|\n)*known columns: source, language, confidence, label"):
        scrubbed(quasi_identifiers=["town"])


def test_the_stage_is_hung_up_under_its_name():
    assert (STAGE.name, STAGE.shape, STAGE.reasons) == ("scrub_pii", "record", REASONS)
