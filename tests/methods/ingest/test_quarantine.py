from collections import Counter

import pytest

from stages.core.errors import DataError
from stages.methods.ingest.quarantine import READ, check_quarantine


def test_a_share_up_to_the_bound_passes():
    check_quarantine({"s": Counter({READ: 95, "malformed_row": 5})}, 0.05)


def test_a_larger_share_is_refused_with_counts_by_reason_and_the_knob():
    with pytest.raises(DataError, match=r"6 of 100 .*\(2 bad_encoding, 4 malformed_row\)") as error:
        check_quarantine({"s": Counter({READ: 94, "malformed_row": 4, "bad_encoding": 2})}, 0.05)
    assert "ingest.max_quarantine_share" in str(error.value)


def test_every_source_that_gives_nothing_is_named_whatever_the_share():
    counts = {"a": Counter({READ: 99}), "b": Counter(), "c": Counter({"wrong_type": 3})}
    with pytest.raises(DataError) as error:
        check_quarantine(counts, 1.0)
    assert [fault.place for fault in error.value.faults] == ["source b", "source c"]
    assert "3 wrong_type" in str(error.value)
