import pickle

import pytest

from stages.core.errors import DataError
from stages.core.label_decisions import (
    LabelDecision,
    LabelDecisions,
    forget_label_decisions,
    label_decisions_of,
    read_label_decisions,
    write_label_decisions,
)

TEXT = "a" * 32
HEADER = "id,text,seen,decision,to,reviewer\n"
ALL = label_decisions_of(
    [
        LabelDecision("0b", TEXT, "late delivery", "relabel", 'refund, "now"', "ab"),
        LabelDecision("0a", TEXT, "refund", "keep"),
        LabelDecision("0c", TEXT, "", "drop", reviewer="c.d-e"),
    ]
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "decisions" / "labels.csv"


def test_without_a_file_nothing_is_decided(file):
    assert read_label_decisions(file) == LabelDecisions()
    assert len(read_label_decisions(file)) == 0


def test_what_is_written_is_read_back_sorted_by_id(file):
    write_label_decisions(ALL, file)
    assert read_label_decisions(file) == ALL
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    assert lines[0] == HEADER
    assert [line[:2] for line in lines[1:]] == ["0a", "0b", "0c"]


def test_the_later_of_two_decisions_about_a_record_counts():
    found = label_decisions_of([LabelDecision("0a", TEXT, "x", "drop"), LabelDecision("0a", TEXT, "x", "keep")])
    assert found.by_id["0a"].decision == "keep"


def test_a_decision_fits_while_text_and_label_are_what_was_seen():
    one = ALL.by_id["0a"]
    assert one.fits(TEXT, "refund")
    assert not one.fits("b" * 32, "refund")
    assert not one.fits(TEXT, "delivery")


@pytest.mark.parametrize(
    "line",
    [
        "0A," + TEXT + ",refund,keep,,",
        "0a,short,refund,keep,,",
        "0a," + TEXT + ",refund,maybe,,",
        "0a," + TEXT + ",refund,keep,delivery,",
        "0a," + TEXT + ",refund,relabel,refund,",
        "0a," + TEXT + ",refund,drop,,a name of somebody",
        "0a," + TEXT + ",refund,keep",
    ],
)
def test_lines_that_are_no_decision_are_all_named_and_their_content_is_not_shown(file, line):
    file.parent.mkdir()
    file.write_text(HEADER + line + "\n" + "0b," + TEXT + ",x,keep,,\n" + line + "\n", encoding="utf-8")
    with pytest.raises(DataError) as refused:
        read_label_decisions(file)
    assert [fault.place for fault in refused.value.faults] == [f"{file}:2", f"{file}:4"]
    assert "refund" not in str(refused.value)


def test_two_decisions_about_one_record_in_the_file_are_refused(file):
    file.parent.mkdir()
    file.write_text(HEADER + f"0a,{TEXT},x,keep,,\n0a,{TEXT},x,drop,,\n", encoding="utf-8")
    with pytest.raises(DataError, match="a second time"):
        read_label_decisions(file)


def test_decisions_about_erased_records_are_taken_out_and_counted(file):
    write_label_decisions(ALL, file)
    assert forget_label_decisions({"0a", "ff"}, file) == 1
    assert [*read_label_decisions(file).by_id] == ["0b", "0c"]
    before = file.stat().st_mtime_ns
    assert forget_label_decisions({"0a"}, file) == 0
    assert file.stat().st_mtime_ns == before


def test_decisions_travel_to_worker_processes():
    assert pickle.loads(pickle.dumps(ALL)) == ALL
