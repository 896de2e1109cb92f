import json
import random
import re
from dataclasses import replace

import pyarrow as pa
import pytest

from stages.core.engine.local import LocalEngine
from stages.core.errors import DataError
from stages.core.ledger import Tally
from stages.core.params import DeduplicateParams, Source
from stages.core.records import Column, Record, Schema
from stages.core.stage import Context
from stages.deduplicate import REASONS, decide, survey
from stages.methods.deduplicate import search
from stages.methods.deduplicate.look import HeldRecords
from stages.methods.deduplicate.summary import KINDS, summary
from tests.tiny import save_base

WORDS = [f"word{i}" for i in range(400)]


class Folder:
    """Records as a stage folder gives them, in order of id, some at a time."""

    def __init__(self, records, size=64):
        self.stage, self._size = "clean", size
        self._records = sorted(records, key=lambda record: record.id)

    def pieces(self):
        for start in range(0, len(self._records), self._size):
            yield HeldRecords(start, tuple(self._records[start : start + self._size]))

    def table(self, columns):
        return pa.table({name: [getattr(record, name) for record in self._records] for name in columns})


@pytest.fixture
def surveyed(make_context, tmp_path):
    """What a survey says of records, with any engine."""
    runs = iter(range(100))

    def of(records, engine=None, size=64, **params):
        context = make_context("deduplicate", DeduplicateParams(**{"probe": 0, **params}), [Folder(records, size)])
        scratch = tmp_path / str(next(runs))
        scratch.mkdir()
        return survey(context, engine or LocalEngine(1), scratch)

    return of


@pytest.fixture
def verdicts(surveyed):
    """The verdicts on records, by id."""
    return lambda *args, **kwargs: dict(surveyed(*args, **kwargs))


def sentence(seed, words=40):
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def changed(text, *positions):
    words = text.split()
    for position in positions:
        words[position] = f"new{position}"
    return " ".join(words)


def jaccard(one, other, n=5):
    sets = []
    for text in (one, other):
        words = re.findall(r"\w+", text.lower())
        sets.append({tuple(words[i : i + n]) for i in range(len(words) - n + 1)})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def corpus(make_record):
    """Texts with copies at similarities on both sides of the threshold, in no particular order."""
    rng = random.Random(4)
    texts = [sentence(seed, 60) for seed in range(40)]
    texts += [changed(rng.choice(texts), *rng.sample(range(60), rng.randrange(1, 4))) for _ in range(120)]
    texts += [rng.choice(texts).upper() for _ in range(20)]
    rng.shuffle(texts)
    return [make_record(id=f"{i:03x}", text=text) for i, text in enumerate(texts)]


def test_texts_equal_but_for_case_and_punctuation_leave_for_the_smallest_id(verdicts, make_record):
    texts = {"03": "GREAT thanks", "01": "Great,  thanks!", "02": "great thanks."}
    found = verdicts([make_record(id, text) for id, text in texts.items()])
    assert [(found[id].of, found[id].kind, found[id].similarity) for id in ("02", "03")] == [("01", "exact", 1.0)] * 2
    assert found["01"].of is None
    assert found["01"].size == 3


def test_the_longest_text_stays_whatever_its_id(verdicts, make_record):
    found = verdicts([make_record("01", sentence(1)), make_record("02", sentence(1) + " more")])
    assert (found["01"].of, found["02"].of, found["02"].size) == ("02", None, 2)


def test_of_equally_long_texts_the_smallest_id_stays(verdicts, make_record):
    one, other = changed(sentence(1), 0), changed(sentence(1), 0).replace("new0", "old0")
    found = verdicts([make_record("02", one), make_record("01", other)])
    assert (found["02"].of, found["01"].of) == ("01", None)


def test_no_record_leaves_through_a_chain(verdicts, make_record):
    first = sentence(2, 60) + " end of it"
    second, third = changed(first, 1, 2)[:-1], changed(first, 1, 2, 30, 31)[:-2]
    assert jaccard(first, third) < 0.8 <= min(jaccard(first, second), jaccard(second, third))
    found = verdicts([make_record("01", first), make_record("02", second), make_record("03", third)])
    assert found["02"].of == "01"
    assert found["03"].of is None
    assert (found["03"].nearest, found["03"].similarity) == ("01", pytest.approx(jaccard(first, third)))


def test_every_removed_record_is_that_similar_to_a_kept_one(verdicts, make_record):
    records = corpus(make_record)
    text = {record.id: record.text for record in records}
    found = verdicts(records, recall=0.999)
    removed = {id: verdict for id, verdict in found.items() if verdict.of}
    assert len(removed) > 60
    assert not {verdict.of for verdict in removed.values()} & set(removed)
    for id, verdict in removed.items():
        assert verdict.similarity == pytest.approx(jaccard(text[id], text[verdict.of]))
        assert verdict.similarity >= 0.8
    kept = [id for id in text if id not in removed]
    assert not [(a, b) for a in kept for b in kept if a < b and jaccard(text[a], text[b]) >= 0.8]


def test_verdicts_do_not_depend_on_batches_or_workers(surveyed, make_record):
    records = corpus(make_record)
    reference = surveyed(records, probe=20)
    assert len(reference) > 60
    assert reference.facts["probe"]["planted"] == 20
    for engine, size in ((LocalEngine(1), 17), (LocalEngine(2), 31)):
        found = surveyed(records, engine, size, probe=20)
        assert (dict(found), found.facts) == (dict(reference), reference.facts)


def test_reading_candidates_in_several_passes_changes_nothing(verdicts, make_record, monkeypatch):
    records = corpus(make_record)
    reference = verdicts(records)
    monkeypatch.setattr(search, "BLOCK", 150)
    assert verdicts(records) == reference


def test_copies_of_a_record_that_leaves_name_the_kept_record_too(verdicts, make_record):
    text = sentence(3)
    records = [make_record("01", text), make_record("02", text.upper()), make_record("03", changed(text, 39) + " more")]
    found = verdicts(records)
    similarity = jaccard(records[0].text, records[2].text)
    for id in ("01", "02"):
        assert (found[id].of, found[id].kind, found[id].similarity) == ("03", "near", pytest.approx(similarity))
    assert found["03"].size == 3


def test_short_texts_are_compared_exactly_only(verdicts, make_record):
    text = sentence(5, 11)
    assert verdicts([make_record("01", text), make_record("02", changed(text, 10))], threshold=0.1) == {}


def test_each_comparison_can_be_turned_off(verdicts, make_record):
    text = sentence(6)
    records = [make_record("01", text), make_record("02", text.upper()), make_record("03", text + " more")]
    assert verdicts(records, exact=False, near=False) == {}
    assert {id: verdict.of for id, verdict in verdicts(records, near=False).items()} == {"01": None, "02": "01"}
    assert {verdict.kind for verdict in verdicts(records, exact=False).values()} == {None, "near"}


def test_equal_texts_with_different_labels_are_a_conflict(verdicts, make_record):
    records = [make_record("01", "fine"), make_record("02", "Fine!", "negative"), make_record("03", "fine.")]
    found = verdicts(records)
    assert [found[id].label_conflict for id in ("02", "03")] == [True, False]
    assert decide(records[1], DeduplicateParams(), found["02"]).events[0].evidence["label_conflict"]


def test_nothing_is_said_of_an_empty_set(verdicts):
    assert verdicts([]) == {}


class Questions:
    """As much of a task as deduplication asks for."""

    schema = Schema((Column("question", "text"), Column("context", "text")))

    def targets(self, _record):
        return None


def test_questions_about_one_context_are_not_duplicates(tmp_path):
    asked = {"01": "Who was it?", "02": "When was it?", "03": "who was it"}
    values = {id: {"question": question, "context": sentence(7)} for id, question in asked.items()}
    records = [Record(id, "s", "1", Questions.schema, value) for id, value in values.items()]
    context = Context("deduplicate", DeduplicateParams(probe=0), {}, Questions(), None, (Folder(records),))
    found = survey(context, LocalEngine(1), tmp_path)
    assert {id: verdict.of for id, verdict in found.items()} == {"01": None, "03": "01"}


def events_of(records, found):
    tally = Tally("deduplicate", REASONS)
    return [row for record in records for row in tally.count(decide(record, None, found.get(record.id)), record)]


def test_events_hold_numbers_and_ids_and_no_text(verdicts, make_record):
    records = corpus(make_record)
    events = events_of(records, verdicts(records))
    assert {event["action"] for event in events} == {"drop", "assign", "keep"}
    assert not [event for event in events if "word" in event["evidence"] or "new" in event["evidence"]]
    near = next(json.loads(event["evidence"]) for event in events if event["reason"] == "near_duplicate")
    assert set(near) == {"of", "kind", "similarity", "compared"}


def test_a_record_has_a_group_only_while_it_stands_for_others(verdicts, make_record):
    records = [make_record("01", "fine"), make_record("02", "Fine!"), make_record("03", "other", group="99")]
    found = verdicts(records)
    kept = [decide(record, None, found.get(record.id)).record for record in records]
    assert [record and record.group for record in kept] == ["01", None, None]


def test_a_duplicate_that_turns_up_changes_the_representative_only_when_it_is_longer(verdicts, make_record):
    text = sentence(8)
    first, shorter = make_record("05", text), make_record("01", changed(text, 39)[:-2])
    assert verdicts([first, shorter])["01"].of == "05"
    assert verdicts([first, replace(shorter, id="09")])["09"].of == "05"


def test_the_report_adds_up_to_the_events(verdicts, make_record):
    records = corpus(make_record)
    found = verdicts(records)
    rows = events_of(records, found)
    stories = [("s", row["action"], json.loads(row["evidence"])) for row in rows]
    report = summary(stories, {"s": len(records)})
    gone = [verdict for verdict in found.values() if verdict.of]
    assert report["duplicates"] == {kind: sum(verdict.kind == kind for verdict in gone) for kind in KINDS}
    assert report["by_source"] == {"s": {"in": len(records), "dropped": len(gone)}}
    assert sum(row["groups"] * (row["size"] - 1) for row in report["group_sizes"]) == len(gone)
    assert report["pairs_compared"] == sum(verdict.compared for verdict in found.values())
    assert min(report["similarity"]["near"]) >= "0.80" > max(report["similarity"]["below_threshold"])


def test_planted_near_duplicates_change_no_verdict_and_most_are_found(surveyed, make_record):
    records = [make_record(id=f"{i:03x}", text=sentence(i, 60)) for i in range(150)]
    without, found = surveyed(records), surveyed(records, probe=100)
    assert dict(found) == dict(without)
    probe = found.facts["probe"]
    assert probe["planted"] == probe["counted"] == 100
    assert probe["recall"] >= 0.9
    assert probe["recall_low"] < probe["recall"] <= probe["recall_high"]
    assert probe["below_threshold"]["removed"] == 0


def test_a_search_that_finds_nothing_measures_a_recall_of_nothing(surveyed, make_record, monkeypatch):
    records = [make_record(id=f"{i:03x}", text=sentence(i, 60)) for i in range(60)]
    monkeypatch.setattr(search, "tied", lambda *_: iter(()))
    assert surveyed(records, exact=False, probe=40).facts["probe"]["recall"] == 0


def test_short_texts_cannot_be_planted(surveyed, make_record):
    found = surveyed([make_record(id="01", text="too short"), make_record(id="02", text=sentence(1))], probe=10)
    assert found.facts["probe"]["planted"] == 1


def test_short_texts_that_differ_in_a_character_are_duplicates_where_that_is_asked_for(verdicts, make_record):
    records = [make_record("01", "where is my parcel please"), make_record("02", "where is my parcell please")]
    assert verdicts(records) == {}
    found = verdicts(records, edits=1)
    assert (found["01"].of, found["01"].kind) == ("02", "edit")
    assert decide(records[0], DeduplicateParams(), found["01"]).events[0].reason == "edit_duplicate"


@pytest.fixture
def against(tmp_path, monkeypatch):
    """An evaluation set, as `deduplicate.against` names it."""

    def of(*rows, name="benchmark"):
        monkeypatch.delenv("DVC_STAGE", raising=False)
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return [Source(name=name, uri=str(path), license="test", fields={"text": "question"}, outside=True)]

    return of


def test_rows_of_an_evaluation_set_and_what_contains_them_leave(verdicts, make_record, against):
    long, short = sentence(11, 30), "what is the capital of France"
    sets = against({"question": long}, {"question": short.upper() + "?"}, {"question": None})
    records = [
        make_record("01", f"{sentence(12)} {long} {sentence(13)}"),
        make_record("02", short),
        make_record("03", f"tell me {short} please"),
        make_record("04", changed(long, 15)),
        make_record("05", sentence(14)),
        make_record("06", " ".join(long.split()[:15])),
    ]
    found = verdicts(records, against=sets)
    assert set(found) == {"01", "02"}
    event = decide(records[0], DeduplicateParams(), found["01"]).events[0]
    assert (event.reason, event.evidence) == ("in_evaluation_set", {"against": "benchmark", "row": 1, "overlap": 1.0})
    assert found["02"].row == 2
    assert set(verdicts(records, against=sets, against_overlap=0.3)) == {"01", "02", "04", "06"}


def test_a_record_that_leaks_is_kept_for_nobody(verdicts, make_record, against):
    text = sentence(15, 30)
    records = [make_record("01", text + " and more"), make_record("02", changed(text, 0, 29))]
    assert verdicts(records)["02"].of == "01"
    found = verdicts(records, against=against({"question": text}), against_overlap=1.0)
    assert [type(verdict).__name__ for verdict in found.values()] == ["Leak"]


def test_an_evaluation_set_without_texts_is_an_error(verdicts, make_record, against):
    with pytest.raises(DataError, match=r"deduplicate\.against: benchmark: no row has a text"):
        verdicts([make_record()], against=against({"question": ""}))
    with pytest.raises(DataError, match="lacks the column question"):
        verdicts([make_record()], against=against({"body": "text"}))


def test_texts_of_much_the_same_embedding_are_duplicates_where_that_is_asked_for(surveyed, make_record, tmp_path):
    texts = {"01": "the train was good today", "02": "today the train was good", "03": "awful tree", "04": "AWFUL tree"}
    records = [make_record(id, text) for id, text in texts.items()]
    model = save_base(tmp_path / "base")
    found = surveyed(records, semantic=0.98, semantic_model=model)
    assert (found["02"].of, found["02"].kind) == ("01", "semantic")
    assert 0.98 <= found["02"].similarity < 1
    assert (found["04"].of, found["04"].kind) == ("03", "exact")
    assert found["03"].of is None
    assert dict(surveyed(records, LocalEngine(2), 2, semantic=0.98, semantic_model=model)) == dict(found)
