from stages.core.doubts import Doubt, Doubted, Ranked
from stages.core.label_decisions import LabelDecision
from stages.core.records import Record, Span
from stages.methods.check_labels.findings import decided_labels, findings, reviewed
from stages.methods.check_labels.summary import Row
from stages.tasks import load_task

TEXT = "a" * 32
NER = load_task("token_labels")


def row(id, given="0-4:PER"):
    return Row(id, None, None, TEXT, "", given, True, None)


def decided(id, verdict, to="", text=TEXT):
    return LabelDecision(id, text, "0-4:PER", verdict, to)


def record(id):
    return Record(id, "s", id, NER.schema, {"text": "Anna in Bern", "spans": (Span(0, 4, "PER"),)})


def test_a_record_is_named_if_it_is_in_doubt_or_decided_about_and_no_other():
    doubted = Doubted({"01": [Doubt("suspect_label")]}, {"01": Ranked(0.1, "0-4:ORG"), "02": Ranked(0.9)})
    decisions = {"03": decided("03", "keep")}
    rows = [row("01"), row("02"), row("03")]
    found = findings(NER, rows, doubted, decisions, dict.fromkeys(("01", "02", "03"), False))
    assert {id: (one.rank, one.suggested, one.decision) for id, one in found.items()} == {
        "01": (1, "0-4:ORG", None),
        "03": (None, None, decisions["03"]),
    }


def test_a_decision_about_another_text_is_stale_and_one_about_a_record_that_left_is_gone():
    decisions = {"01": decided("01", "drop", text="b" * 32), "02": decided("02", "keep"), "09": decided("09", "keep")}
    rows = [row("01"), row("02")]
    found = findings(NER, rows, Doubted(), decisions, {"01": False, "02": True})
    assert (found["01"].decision, found["01"].stale, found["02"].stale) == (None, True, False)
    said = reviewed(found, rows, decisions)
    assert (dict(said.verdicts), said.stale, said.gone) == ({"02": "keep"}, 1, 1)


def test_decided_labels_that_the_task_does_not_write_so_are_found_unless_they_are_stale():
    decisions = {
        "01": decided("01", "relabel", "8-99:LOC"),
        "02": decided("02", "relabel", "8-12:LOC"),
        "03": decided("03", "relabel", "8-99:LOC", text="b" * 32),
        "09": decided("09", "relabel", "8-99:LOC"),
    }
    ids = ("01", "02", "03")
    wrong, new = decided_labels(NER, map(record, ids), [row(id) for id in ids], decisions)
    assert (wrong, new) == (["01"], True)
    only = {"02": decided("02", "relabel", "8-12:PER")}
    assert decided_labels(NER, map(record, ids), [row(id) for id in ids], only) == ([], False)
