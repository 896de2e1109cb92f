import json
import pickle

import pytest

from stages.methods.scrub_pii.proof import risk
from stages.methods.scrub_pii.proof.check import Scrubbed
from stages.methods.scrub_pii.proof.risk import RISKIEST, Ranking, Totals, risk_report, survey

COMMON = "the same words everywhere"


def record(id, text=COMMON, entities=(), replaced=(), **columns):
    return Scrubbed(id, {"text": text}, {"text": replaced}, {}, entities, "en", columns)


def assessed(records, columns=(), size=7):
    batches = [records[i : i + size] for i in range(0, len(records), size)]
    totals = Totals()
    for batch in batches:
        totals.add(survey(batch))
    ranker = pickle.loads(pickle.dumps(totals.ranker()))
    return risk_report(totals, sum(map(ranker, batches), Ranking()), columns)


MANY = [record(f"r{i:03}", entities=["PERSON", "PERSON"]) for i in range(60)]


def test_a_record_with_a_rare_combination_of_types_is_at_the_top():
    report = assessed([*MANY, record("odd", entities=["NRP", "AGE"])])
    assert report["riskiest"][0] == {"id": "odd", "bits": 5.93, "shared_by": 1, "rare_words": 0}
    assert report["combinations"] == {
        "distinct": 2,
        "records_by_sharing": {"1": 1, "50+": 60},
        "most_common": {"PERSON": 60, "AGE+NRP": 1},
    }


def test_words_in_one_or_two_records_are_rare_and_those_in_three_are_not():
    few = [
        record("one", f"{COMMON} zyx ZYX"),
        record("two", f"{COMMON} abc abc"),
        record("also", f"{COMMON} Abc def"),
        record("more", f"{COMMON} def"),
        record("last", f"{COMMON} def"),
    ]
    report = assessed([*MANY, *few], size=2)
    words = {one["id"]: one["rare_words"] for one in report["riskiest"]}
    assert {name: words[name] for name in ("one", "two", "also")} == {"one": 1, "two": 1, "also": 1}
    assert report["rare_words"]["records_by_rare_words"] == {"0": 62, "1": 3}
    assert report["rare_words"]["vocabulary"] == len(COMMON.split()) + 3


def test_what_was_replaced_holds_no_rare_words():
    report = assessed([*MANY, record("x", f"{COMMON} Qwertz Zyxwen", replaced=[(len(COMMON) + 8, len(COMMON) + 14)])])
    assert report["riskiest"][0]["rare_words"] == 1


def test_k_anonymity_is_that_of_the_declared_columns():
    records = [record(f"a{i}", source="s", label="x") for i in range(6)]
    records += [record(f"b{i}", source="s", label="y") for i in range(3)] + [record("c", source="t", label=None)]
    report = assessed(records, ["source", "label"])
    assert report["k_anonymity"] == {
        "columns": ["source", "label"],
        "classes": 3,
        "k": 1,
        "records_in_small_classes": 4,
        "unique": 1,
    }
    assert report["riskiest"][0]["id"] == "c"
    assert report["riskiest"][0]["class_size"] == 1
    assert "alike with at least 0 others" in report["notes"][-1]


def test_without_columns_there_are_no_classes():
    report = assessed(MANY)
    assert report["k_anonymity"] is None
    assert "class_size" not in report["riskiest"][0]
    assert len(report["riskiest"]) == RISKIEST


def test_how_records_are_dealt_into_batches_changes_nothing():
    records = [*MANY, *(record(f"w{i}", f"{COMMON} word{i} word{i // 3}") for i in range(20))]
    assert assessed(records, size=3) == assessed(records[::-1], size=50)


def test_words_and_columns_do_not_leave():
    said = json.dumps(assessed([record("a", "Zyxwen Qvarnstad", label="Kleinstadt")] * 2, ["label"]))
    assert not any(word in said.lower() for word in ("zyxwen", "qvarnstad", "kleinstadt"))


def test_beyond_its_bound_the_vocabulary_is_a_sample(monkeypatch):
    monkeypatch.setattr(risk, "_VOCABULARY", 500)
    records = [record(f"{i:03}", " ".join(f"word{i}x{j}" for j in range(40))) for i in range(50)]
    report = assessed(records, size=5)
    assert report["rare_words"]["counted_share"] in (0.25, 0.125)
    assert report["rare_words"]["vocabulary"] == pytest.approx(2000, rel=0.15)
    assert set(report["rare_words"]["records_by_rare_words"]) <= {"10-49", "50+", "5-9"}


def test_a_set_without_records_has_no_risk():
    assert assessed([])["riskiest"] == []
