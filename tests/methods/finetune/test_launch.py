"""Which of several failures was the first."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from stages.methods.finetune.launch import first_cause


def failure(exitcode, timestamp, told=None, local_rank=0):
    data = {"message": "<NONE>" if told is None else told}
    return SimpleNamespace(
        exitcode=exitcode, timestamp=timestamp, local_rank=local_rank, error_file_data=data,
        signal_name=lambda: {-9: "SIGKILL", -15: "SIGTERM"}[exitcode],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("failures", "code", "message"),
    [
        ([failure(1, 10, "lost its partner"), failure(3, 11, "the cause"), failure(-15, 10)], 3, "the cause"),
        ([failure(-15, 10), failure(1, 10, "the cause")], 1, "the cause"),
        ([failure(1, 10, "the cause"), failure(-9, 40)], 1, "the cause"),
        ([failure(7, 10, local_rank=3)], 7, "training process 3 failed"),
    ],
    ids=["an error with a code", "an unexpected error", "not the one killed at last", "one that says nothing"],
)
def test_the_cause_is_told_and_not_what_followed(failures, code, message):
    ended = first_cause(failures)
    assert (ended.code, ended.message) == (code, message)


def test_a_killed_process_is_named_with_a_next_step():
    ended = first_cause([failure(1, 10, "lost its partner"), failure(-9, 10, local_rank=1)])
    assert ended.code == 1
    assert "process 1 was ended by SIGKILL" in ended.message
    assert "next: run again" in ended.message
