"""How several processes share the batches of a training."""

from __future__ import annotations

import pytest

from stages.methods.finetune.batching import Order
from stages.methods.finetune.trainer import Part

ROWS = [{"input_ids": [0] * (i * 7 % 31 + 1)} for i in range(41)]


def parts(count, batch=8, blank=41):
    return [Part(Order(ROWS, batch, 13), batch, index, count, blank) for index in range(count)]


@pytest.mark.parametrize("count", [2, 4, 8])
def test_the_parts_of_each_batch_together_are_the_batch_of_one_process(count):
    whole = list(parts(1)[0])
    shared = list(zip(*parts(count), strict=True))
    assert [{i for part in step for i in part} - {41} for step in shared] == [set(batch) for batch in whole]
    assert {len(part) for step in shared[:-1] for part in step} == {8 // count}


def test_a_process_without_a_record_in_the_last_batch_gets_the_blank_one():
    last = [list(part)[-1] for part in parts(4)]
    assert len(last[0]) == 1
    assert last[0] != [41]
    assert last[1:] == [[41]] * 3


def test_the_parts_follow_the_order_of_the_epoch():
    one, other = parts(2)
    first = list(one)
    one.sampler.set_epoch(1)
    other.sampler.set_epoch(1)
    assert list(one) != first
    assert sorted(i for part in (one, other) for batch in part for i in batch if i != 41) == list(range(41))
