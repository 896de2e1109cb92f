import os
import random
import signal

import pytest

from stages.core.engine import ENGINES, available_cores, make_engine
from stages.core.errors import RowtrailError
from stages.core.params import EngineParams

CASES = [(kind, workers) for kind in ENGINES for workers in (1, 2)]


def double(batch):
    return [2 * n for n in batch]


def die(batch):
    if 7 in batch:
        os.kill(os.getpid(), signal.SIGKILL)
    return batch


def group(kind, workers, batches, scratch):
    scratch.mkdir()
    return list(make_engine(EngineParams(kind=kind, workers=workers)).group(batches, scratch))


@pytest.mark.parametrize(("kind", "workers"), CASES)
def test_results_come_in_the_order_of_the_batches(kind, workers):
    engine = make_engine(EngineParams(kind=kind, workers=workers))
    batches = [[n, n + 1] for n in range(20)]
    assert list(engine.map(double, batches)) == [[2 * n, 2 * n + 2] for n in range(20)]


@pytest.mark.parametrize(("kind", "workers"), CASES)
def test_groups_do_not_depend_on_order_batches_or_workers(kind, workers, tmp_path):
    pairs = [(n % 7 + 2**63, f"{n:03x}") for n in range(60)] + [(99, "0ff"), (99, "0ff"), (5, "001")]
    expected = group("local", 1, [pairs], tmp_path / "reference")
    random.Random(3).shuffle(pairs)
    assert group(kind, workers, [pairs[:11], pairs[11:]], tmp_path / "other") == expected
    assert len(expected) == 7
    assert all(ids == sorted(ids) for ids in expected)


def test_a_worker_that_dies_is_a_clear_error_and_not_a_hang():
    engine = make_engine(EngineParams(workers=2))
    with pytest.raises(RowtrailError, match="a worker process died"):
        list(engine.map(die, [[n] for n in range(12)]))


def test_workers_default_to_the_cores_of_this_process():
    assert make_engine(EngineParams()).workers == available_cores() >= 1
