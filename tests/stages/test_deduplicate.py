import json
import random
import re
from dataclasses import replace

import pytest

from stages import deduplicate
from stages.core.engine.local import LocalEngine
from stages.core.ledger import Tally
from stages.core.params import DeduplicateParams
from stages.core.records import Column, Record, Schema
from stages.core.stage import Context
from stages.deduplicate import REASONS, decide, survey
from stages.methods.deduplicate.summary import summary

WORDS = [f"word{i}" for i in range(400)]


class Folder:
    """Records as a stage folder gives them, in the order in which they are here."""

    def __init__(self, records, size=64):
        self.stage, self._records, self._size = "clean", records, size

    def batches(self, _schema):
        for start in range(0, len(self._records), self._size):
            yield self._records[start : start + self._size]


@pytest.fixture
def verdicts(make_context, tmp_path):
    """The verdicts on records, by id, with any engine."""
    runs = iter(range(100))

    def of(records, engine=None, size=64, **params):
        context = make_context("deduplicate", DeduplicateParams(**params), [Folder(records, size)])
        scratch = tmp_path / str(next(runs))
        scratch.mkdir()
        return survey(context, engine or LocalEngine(1), scratch)

    return of


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


def test_verdicts_do_not_depend_on_order_batches_or_workers(verdicts, make_record):
    records = corpus(make_record)
    shuffled = random.Random(1).sample(records, len(records))
    reference = verdicts(records)
    assert len(reference) > 60
    assert verdicts(shuffled, size=17) == reference
    assert verdicts(shuffled, LocalEngine(2), size=31) == reference


def test_reading_candidates_in_several_passes_changes_nothing(verdicts, make_record, monkeypatch):
    records = corpus(make_record)
    reference = verdicts(records)
    monkeypatch.setattr(deduplicate, "BLOCK", 150)
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
    context = Context("deduplicate", DeduplicateParams(), {}, Questions(), None, (Folder(records),))
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
    stories = [(row["id"], row["action"], json.loads(row["evidence"])) for row in rows]
    report = summary(stories, {record.id: "s" for record in records})
    gone = [verdict for verdict in found.values() if verdict.of]
    assert report["duplicates"] == {kind: sum(verdict.kind == kind for verdict in gone) for kind in ("exact", "near")}
    assert report["by_source"] == {"s": {"in": len(records), "dropped": len(gone)}}
    assert sum(row["groups"] * (row["size"] - 1) for row in report["group_sizes"]) == len(gone)
    assert report["pairs_compared"] == sum(verdict.compared for verdict in found.values())
    assert min(report["near_similarity"]) >= "0.80" > max(report["below_threshold_similarity"])
