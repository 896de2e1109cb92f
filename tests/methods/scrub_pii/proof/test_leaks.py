import json
import pickle

from stages.methods.scrub_pii.detection.findings import NER, PATTERN, Finding
from stages.methods.scrub_pii.proof.check import Scrubbed
from stages.methods.scrub_pii.proof.leaks import IDS, Inspector, Look, Tally, leak_faults, leak_report
from stages.methods.scrub_pii.proof.value_search import ValueSearch

OPERATORS = {"PERSON": "surrogate", "EMAIL_ADDRESS": "surrogate", "ORGANIZATION": "keep"}
MARKED = "Zyxwen Qvarnstad"


def nothing(texts, languages):
    return [[] for _ in texts]


def by_marks(texts, languages):
    """Everything between two # is a person to the model, every $ an address to a pattern, every % an organisation."""
    marks = {"#": ("PERSON", NER), "$": ("EMAIL_ADDRESS", PATTERN), "%": ("ORGANIZATION", PATTERN)}
    return [
        [Finding(i, i + 3, *marks[c][:1], 0.85, "R", marks[c][1]) for i, c in enumerate(text) if c in marks]
        for text in texts
    ]


def inspector(find=nothing, values=(), share=1.0, allowed=()):
    return Inspector.of(ValueSearch(values), OPERATORS, allowed, share, find)


def record(id, text, *replaced):
    return Scrubbed(id, {"text": text}, {"text": replaced})


def found(look, kind):
    return dict(look.tallies[kind].found) if kind in look.tallies else {}


def test_proven_identifiers_outside_of_surrogates_are_leaks():
    look = inspector()([record("a", "jo@mailbox.org and jo@mailbox.org"), record("b", "hi")])
    assert found(look, "proven") == {"EMAIL_ADDRESS": 2}
    assert look.tallies["proven"].ids == ("a",)
    assert look.tallies["proven"].records == 1
    assert look.records == 2


def test_a_surrogate_that_proves_real_is_counted_apart():
    look = inspector()([record("a", "at jo@mailbox.org", (3, 17))])
    assert found(look, "proven_surrogates") == {"EMAIL_ADDRESS": 1}
    assert "proven" not in look.tallies


def test_values_detected_elsewhere_are_leaks_and_inside_a_surrogate_collisions():
    look = inspector(values=[("PERSON", MARKED)])([record("a", MARKED), record("b", f"by {MARKED}", (3, 19))])
    assert found(look, "known") == found(look, "surrogate_collisions") == {"PERSON": 1}
    assert look.tallies["known"].ids == ("a",)
    assert look.tallies["surrogate_collisions"].ids == ("b",)


def test_a_second_detection_counts_what_lies_outside_of_what_was_replaced():
    look = inspector(by_marks)([record("a", "#ab #cd $ef %gh", (0, 3))])
    assert found(look, "names") == {"PERSON": 1}
    assert found(look, "patterns") == {"EMAIL_ADDRESS": 1}
    assert "beside" not in look.tallies


def test_a_finding_that_reaches_out_of_a_surrogate_is_counted_apart():
    assert found(inspector(by_marks)([record("a", "#ab", (0, 2))]), "beside") == {"PERSON": 1}


def test_allowed_values_and_tags_are_no_findings():
    look = inspector(by_marks, allowed={"#ab"})([record("a", "#ab x", (4, 5)), record("b", "#<PERSON> x", (10, 11))])
    assert look.tallies == {}
    assert look.rechecked == 2


def test_what_someone_declared_to_be_nobodys_is_no_leak():
    text = f"jo@mailbox.org {MARKED} #ab x"
    spared = Scrubbed("a", {"text": text}, {"text": [(len(text) - 1, len(text))]}, {"text": [(0, len(text) - 2)]})
    assert inspector(by_marks, [("PERSON", MARKED)])([spared]).tallies == {}


def test_only_changed_records_are_detected_again_and_a_share_of_these():
    records = [record(str(i), "#ab x", (4, 5)) for i in range(400)]
    assert inspector(by_marks)([record("a", "#ab")]).rechecked == 0
    half = inspector(by_marks, share=0.5)(records)
    assert 150 < half.rechecked == half.tallies["names"].records < 250
    assert inspector(by_marks, share=0.5)(records[::-1]) == half
    assert inspector(by_marks, share=0)(records).rechecked == 0


def test_looks_add_up_to_the_look_at_all_in_any_order():
    records = [record(f"{i:03}", "jo@mailbox.org #ab x", (19, 20)) for i in range(50)]
    look = inspector(by_marks)
    whole = look(records)
    assert look(records[:20]) + look(records[20:]) == look(records[20:]) + look(records[:20]) == whole + Look()
    assert whole.tallies["proven"].ids == tuple(f"{i:03}" for i in range(IDS))


def test_an_inspector_travels_to_workers():
    look = pickle.loads(pickle.dumps(inspector(by_marks, [("PERSON", MARKED)])))
    assert found(look([record("a", MARKED)]), "known") == {"PERSON": 1}


def test_the_report_and_the_faults_hold_counts_and_ids_and_no_text():
    look = inspector(by_marks, [("PERSON", MARKED)])([record("a1", f"{MARKED} jo@mailbox.org #ab $ab x", (40, 41))])
    report = leak_report(look)
    said = json.dumps(report) + str(leak_faults(look, "any"))
    assert report["proven"] == {"found": 1, "by_entity": {"EMAIL_ADDRESS": 1}, "records": 1, "first_ids": ["a1"]}
    assert report["surrogate_collisions"]["found"] == 0
    assert report["rechecked"] == 1
    assert "Zyx" not in said
    assert "mailbox" not in said


def test_the_policy_says_which_leaks_are_faults():
    tally = Tally(records=1, ids=("a1",))
    look = Look(1, 1, dict.fromkeys(("proven", "known", "patterns", "names", "surrogate_collisions"), tally))
    assert [fault.place for fault in leak_faults(look, "proven")] == ["scrub_pii (proven)"]
    assert len(leak_faults(look, "any")) == 3
    assert leak_faults(look, "none") == []
    assert leak_faults(Look(), "any") == []
    assert "a1" in str(leak_faults(look, "proven")[0])
    assert "rowtrail review pii" in leak_faults(look, "proven")[0].next_step
