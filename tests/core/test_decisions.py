import pickle

import pytest

from stages.core.decisions import (
    PiiDecision,
    PiiDecisions,
    decisions_of,
    read_pii_decisions,
    write_pii_decisions,
)
from stages.core.errors import DataError

ONE, TWO, THREE, FOUR = ("1" * 32, "2" * 32, "3" * 32, "4" * 32)
HEADER = "value,entity,decision,to,words,reviewer\n"
ALL = decisions_of(
    [
        PiiDecision(FOUR, "PERSON", "deny", words=2),
        PiiDecision(ONE, "PERSON", "right", reviewer="ab"),
        PiiDecision(THREE, "PERSON", "type", "LOCATION", reviewer="c.d-e"),
        PiiDecision(TWO, "URL", "allow"),
    ]
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "decisions" / "pii.csv"


def test_without_a_file_nothing_is_decided(file):
    assert read_pii_decisions(file) == PiiDecisions()
    assert not read_pii_decisions(file)


def test_what_is_written_is_read_back_sorted_by_value(file):
    write_pii_decisions(ALL, file)
    assert read_pii_decisions(file) == ALL
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    assert lines[0] == HEADER
    assert [line[0] for line in lines[1:]] == ["1", "2", "3", "4"]
    assert lines[4] == f"{FOUR},PERSON,deny,,2,\n"


def test_an_empty_list_is_the_header_alone(file):
    write_pii_decisions(PiiDecisions(), file)
    assert file.read_text(encoding="utf-8") == HEADER


@pytest.mark.parametrize(
    "line",
    [
        "Anna,PERSON,allow,,,",
        f"{ONE},person,allow,,,",
        f"{ONE},PERSON,forget,,,",
        f"{ONE},PERSON,allow,LOCATION,,",
        f"{ONE},PERSON,type,,,",
        f"{ONE},PERSON,type,PERSON,,",
        f"{ONE},PERSON,deny,,,",
        f"{ONE},PERSON,deny,,0,",
        f"{ONE},PERSON,deny,,51,",
        f"{ONE},PERSON,allow,,1,",
        f"{ONE},PERSON,right,,,Anna Berg",
        f"{ONE},PERSON,right,,",
        f"{ONE[:-1]},PERSON,right,,,",
    ],
)
def test_a_line_that_is_not_understood_stops_everything_by_its_number_and_is_not_shown(file, line):
    file.parent.mkdir()
    file.write_text(f"{HEADER}{TWO},URL,allow,,,\n{line}\nnonsense\n", encoding="utf-8")
    with pytest.raises(DataError) as error:
        read_pii_decisions(file)
    assert [fault.place for fault in error.value.faults] == [f"{file}:3", f"{file}:4"]
    assert "Anna" not in str(error.value)


def test_another_header_is_refused(file):
    file.parent.mkdir()
    file.write_text(f"kind,value\n{ONE},PERSON,right,,,\n", encoding="utf-8")
    with pytest.raises(DataError, match="the header must be `value,entity,decision,to,words,reviewer`"):
        read_pii_decisions(file)


def test_a_value_that_is_decided_twice_is_refused(file):
    file.parent.mkdir()
    file.write_text(f"{HEADER}{ONE},PERSON,right,,,\n{ONE},PERSON,allow,,,\n", encoding="utf-8")
    with pytest.raises(DataError, match="second time") as error:
        read_pii_decisions(file)
    assert [fault.place for fault in error.value.faults] == [f"{file}:3"]


def test_many_wrong_lines_are_counted_not_listed(file):
    file.parent.mkdir()
    file.write_text(HEADER + "x\n" * 30, encoding="utf-8")
    with pytest.raises(DataError, match="10 more such lines"):
        read_pii_decisions(file)


def test_decisions_are_looked_up_by_what_they_do():
    assert ALL.allowed == {"URL": {TWO}}
    assert ALL.types == {"PERSON": {THREE: "LOCATION"}}
    assert ALL.denied == {2: {"PERSON": {FOUR}}}
    assert pickle.loads(pickle.dumps(ALL)) == ALL


def test_where_an_entity_is_not_looked_for_it_is_not_denied_and_is_left_alone_as_a_right_type():
    within = ALL.within(["PERSON", "URL"])
    assert within.types == {}
    assert within.allowed == {"URL": {TWO}, "PERSON": {THREE}}
    assert ALL.within(["LOCATION", "URL"]).denied == {}
    assert ALL.within(["LOCATION", "PERSON", "URL"]) == ALL
