import json
import re
from dataclasses import replace

import pyarrow as pa
import pytest

from stages.core.errors import DataError, UsageError
from stages.core.keys import Keys
from stages.core.ledger import Tally
from stages.core.params import ScrubPiiParams
from stages.core.records import Answer, Column, Message, Record, Schema, Span, keep
from stages.core.stage import Context
from stages.methods.scrub_pii.detect import NER, PATTERN, Detector, Finding
from stages.scrub_pii import REASONS, STAGE, decide, prepare, report

TEXT = Schema((Column("text", "text"), Column("spans", "spans", of="text")))
CHAT = Schema((Column("messages", "messages"),))
QA = Schema((Column("question", "text"), Column("context", "text"), Column("answers", "answers", of="context")))
PLANTED = "Alice Johnson (alice.johnson@mailbox.org, 4111 1111 1111 1111) wrote to @marked_handle from London."
MARKS = ("Alice", "Johnson", "mailbox", "4111", "marked_handle", "London")
DEFAULTS = ScrubPiiParams().entities


def record(text, *spans, id="r1"):
    return Record(id, "s", "1", TEXT, {"text": text, "spans": spans})


def scrub(record, keys=None, **params):
    settings = ScrubPiiParams(**params)
    context = Context("scrub_pii", settings, {}, None, keys or Keys(None, frozenset("s")), ())
    (prepared,) = prepare([record], context)
    return decide(record, settings, prepared)


def test_planted_personal_data_is_gone_from_the_text_and_never_in_the_events():
    given = record(PLANTED)
    decision = scrub(given)
    scrubbed = decision.record.values["text"]
    rows = Tally("scrub_pii", REASONS).count(decision, given)
    assert len(rows) == 5
    assert not [mark for mark in MARKS if mark in scrubbed or mark.casefold() in json.dumps(rows).casefold()]
    assert re.fullmatch(r"\S.* \(\S+@example\.\w+, [\d ]{19}\) wrote to @user_[0-9a-f]{6} from \S.*\.", scrubbed)


def test_each_event_says_where_what_by_whom_and_how():
    text = "reach jo@mailbox.org"
    (event,) = scrub(record(text)).events
    value = event.evidence["value"]
    assert (event.action, event.reason) == ("edit", "pii_replaced")
    assert event.evidence == {
        "field": "text",
        "start": 6,
        "end": 20,
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
    monkeypatch.setattr(Detector, "find", lambda self, texts: [[name, host]])
    decision = scrub(record("Ann 10.0.0.1!"), entities=dict.fromkeys(DEFAULTS, "tag"))
    assert decision.record.values["text"] == "<IP_ADDRESS>!"
    assert decision.events[0].evidence["value"] == alone["value"]
    assert (decision.events[0].evidence["start"], decision.events[0].evidence["end"]) == (0, 12)


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
    assert messages[2] == f"so alice is {messages[0].removesuffix(' called.')}?"
    assert [event.evidence["field"] for event in decision.events] == ["messages.0", "messages.2"]


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
    entities = {"DATE_TIME": "surrogate", "E_MAIL": "tag", "PERSON": "tag"}
    with pytest.raises(UsageError) as caught:
        scrub(record(""), entities=entities, ner="no_such_pipeline")
    problems = " ".join(fault.problem for fault in caught.value.faults)
    assert "no surrogates for DATE_TIME" in problems
    assert "unknown: E_MAIL" in problems
    assert "no_such_pipeline" in problems
    with pytest.raises(UsageError, match="no surrogates for NRP"):
        scrub(record(""), entities={"NRP": "surrogate"})


class Folder:
    """A stage folder as `report` sees it, in memory."""

    def __init__(self, decisions):
        self.decisions = decisions

    def table(self, name, columns):
        rows = [
            {"id": decision.id, "evidence": json.dumps(event.evidence)}
            for decision in self.decisions
            for event in decision.events
        ]
        return pa.Table.from_pylist(rows)

    def records(self, schema):
        return (decision.record for decision in self.decisions)

    def __len__(self):
        return len(self.decisions)


class Task:
    schema = TEXT


def test_the_report_counts_spans_values_languages_and_what_a_second_look_finds():
    entities = {"IP_ADDRESS": "tag", "EMAIL_ADDRESS": "surrogate"}
    first = scrub(record("10.0.0.1 and 10.0.0.1, jo@mailbox.org"), entities=entities)
    quiet = scrub(replace(record("nichts", id="r2"), language="de"), entities=entities)
    missed = keep(record("jo@mailbox.org", id="r3"))
    context = Context("scrub_pii", ScrubPiiParams(entities=entities), {}, Task(), Keys(None, frozenset("s")), ())
    assert report(context, Folder([first, quiet, missed])) == {
        "spans": {"EMAIL_ADDRESS": {"surrogate": 1}, "IP_ADDRESS": {"tag": 2}},
        "distinct_values": {"EMAIL_ADDRESS": 1, "IP_ADDRESS": 1},
        "records_touched": 1,
        "share_touched": 0.3333,
        "other_languages": {"de": 1},
        "leaks": {"EMAIL_ADDRESS": 1},
    }


def test_the_stage_is_hung_up_under_its_name():
    assert (STAGE.name, STAGE.shape, STAGE.reasons) == ("scrub_pii", "record", REASONS)
