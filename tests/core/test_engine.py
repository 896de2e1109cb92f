import os
import random
import signal
import sys
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from stages.core.engine import ENGINES, available_cores, grouping, make_engine
from stages.core.engine.grouping import grouped
from stages.core.engine.local import LocalEngine
from stages.core.errors import DataError, Fault, RowtrailError, UsageError
from stages.core.params import EngineParams
from tests.clusters import two_nodes  # noqa: F401 - a fixture

CASES = [("local", 1), ("local", 2), ("ray", 2)]
POOLS = CASES[1:]


@pytest.fixture(scope="module")
def engines(request):
    """Engines by kind and workers, started when they are first asked for; `ray` on a cluster of two nodes."""
    started = {}

    def get(kind, workers):
        if (kind, workers) not in started:
            address = request.getfixturevalue("two_nodes") if kind == "ray" else "local"
            started[kind, workers] = make_engine(EngineParams(kind=kind, workers=workers, address=address))
        return started[kind, workers]

    yield get
    for engine in started.values():
        engine.__exit__()


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def engine(request, engines):
    return engines(*request.param)


@pytest.fixture(params=POOLS, ids=lambda case: f"{case[0]}-{case[1]}")
def pool(request, engines):
    return engines(*request.param)


def double(batch):
    return [2 * n for n in batch]


def pairs_of(batch):
    keys, members = zip(*batch, strict=True)
    return len(batch), (np.array(keys, np.uint64), np.array(members, np.int64))


@dataclass(frozen=True)
class Mortal:
    """Does some work, and has its process killed on the batch that holds 7, `lives` times."""

    work: object
    folder: Path
    lives: int = 1

    def __call__(self, batch):
        deaths = len(list(self.folder.iterdir()))
        if deaths < self.lives and 7 in np.ravel(batch):
            (self.folder / str(deaths)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.work(batch)


@dataclass(frozen=True)
class Loader:
    """Loads a model, which is slow and leaves a mark, and uses it."""

    folder: Path

    def __call__(self, batch):
        return load(self.folder) + batch


class Heavy:
    """Work that counts how often it is pickled."""

    pickled: ClassVar[list[int]] = []

    def __call__(self, batch):
        return [n + 100 for n in batch]

    def __getstate__(self):
        self.pickled.append(1)
        return {"state": 1}


@lru_cache(maxsize=1)
def load(folder):
    (folder / str(os.getpid())).touch()
    return 1000


def stumble(batch):
    if batch == 1:
        raise DataError(Fault("a.csv", "is bad", "mend it"), Fault("b.csv", "is worse"))
    if batch == 2:
        raise KeyError("name")
    if batch == 3:
        raise type("Local", (Exception,), {})("the text of a record")
    return batch


def environment(_):
    return os.environ.get("HF_HUB_OFFLINE"), os.environ.get("TOKENIZERS_PARALLELISM")


def listed(groups):
    """Groups as lists, without regard to how they were cut over the yields."""
    return [part.tolist() for members, starts in groups for part in np.split(members, starts)[1:]]


def expected(pairs):
    found = defaultdict(set)
    for key, member in pairs:
        found[key].add(member)
    return [sorted(members) for key, members in sorted(found.items()) if len(members) > 1]


def some_pairs(n=3000):
    """Pairs with keys over the whole range, its ends too; some keys are shared, some pairs come twice."""
    chance = random.Random(5)
    keys = [0, 2**64 - 1, 2**63, *(chance.getrandbits(64) for _ in range(n))]
    pairs = [(chance.choice(keys), chance.randrange(n)) for _ in range(n)]
    return pairs + pairs[:50]


def batches_of(pairs, size):
    return [pairs[start : start + size] for start in range(0, len(pairs), size)]


def test_every_engine_is_tested():
    assert {kind for kind, _ in CASES} == set(ENGINES)


def test_results_come_in_the_order_of_the_batches(engine):
    batches = [[n, n + 1] for n in range(40)]
    assert list(engine.map(double, iter(batches))) == [[2 * n, 2 * n + 2] for n in range(40)]


@pytest.mark.parametrize("size", [60, 5000])
def test_groups_do_not_depend_on_order_batches_or_engine(engine, size, tmp_path):
    pairs = some_pairs()
    right = expected(pairs)
    random.Random(size).shuffle(pairs)
    groups = list(engine.group(pairs_of, batches_of(pairs, size), lambda _: None, tmp_path))
    assert listed(groups) == right
    assert len(right) > 500
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_of_each_batch_is_taken_in_order_before_the_first_group(engine, tmp_path):
    taken = []
    batches = [some_pairs()[:n] for n in range(1, 60)]
    next(engine.group(pairs_of, batches, taken.append, tmp_path))
    assert taken == list(range(1, 60))


def test_no_batches_have_no_groups(engine, tmp_path):
    assert list(engine.map(double, [])) == []
    assert listed(engine.group(pairs_of, [], lambda _: None, tmp_path)) == []


def test_groups_that_do_not_fit_in_memory_are_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(grouping, "_BUFFER", 500)
    pairs = some_pairs()
    groups = list(LocalEngine(1).group(pairs_of, batches_of(pairs, 70), lambda _: None, tmp_path))
    assert len(groups) > 1
    assert listed(groups) == expected(pairs)


def test_groups_of_pairs_written_out():
    keys = np.array([9, 4, 9, 4, 1, 9, 2**64 - 1, 4], np.uint64)
    members = np.array([5, 8, 3, 7, 1, 5, 2, 8], np.int64)
    together, starts = grouped((keys, members))
    assert (together.tolist(), starts.tolist()) == ([7, 8, 3, 5], [0, 2])


@pytest.mark.parametrize("lives", [1, 2])
def test_a_worker_killed_in_the_middle_changes_nothing(pool, lives, tmp_path):
    batches = [[n, n + 1] for n in range(0, 24, 2)]
    assert list(pool.map(Mortal(double, tmp_path, lives), batches)) == [double(batch) for batch in batches]
    assert len(list(tmp_path.iterdir())) == lives


def test_a_worker_killed_while_grouping_changes_nothing(pool, tmp_path):
    (tmp_path / "deaths").mkdir()
    pairs = [*some_pairs(), (3, 7)]
    work = Mortal(pairs_of, tmp_path / "deaths")
    assert listed(pool.group(work, batches_of(pairs, 40), lambda _: None, tmp_path)) == expected(pairs)
    assert len(list((tmp_path / "deaths").iterdir())) == 1


def test_records_that_kill_every_worker_are_a_clear_error_and_not_a_hang(pool, tmp_path):
    with pytest.raises(RowtrailError, match="a worker process died"):
        list(pool.map(Mortal(double, tmp_path, 99), [[n] for n in range(12)]))
    assert list(pool.map(double, [[1]])) == [[2]]


def test_errors_come_through_as_they_were_raised(engine):
    with pytest.raises(DataError) as caught:
        list(engine.map(stumble, [0, 1]))
    assert [fault.place for fault in caught.value.faults] == ["a.csv", "b.csv"]
    with pytest.raises(KeyError, match="name"):
        list(engine.map(stumble, [0, 2]))


def test_an_error_that_cannot_travel_says_its_name_and_not_its_message(pool):
    with pytest.raises(RuntimeError, match="Local in a worker") as caught:
        list(pool.map(stumble, [3]))
    assert "text of a record" not in str(caught.value)


def test_a_model_is_loaded_once_a_worker(pool, tmp_path):
    for _ in range(2):
        assert list(pool.map(Loader(tmp_path), range(30))) == list(range(1000, 1030))
    assert 1 <= len(list(tmp_path.iterdir())) <= pool.workers


def test_work_is_pickled_once_however_many_batches_there_are():
    Heavy.pickled.clear()
    with make_engine(EngineParams(workers=2)) as local:
        assert list(local.map(Heavy(), [[n] for n in range(20)])) == [[n + 100] for n in range(20)]
    assert len(Heavy.pickled) == 1


def test_two_maps_that_take_turns_do_not_mix_up_their_work(engine):
    doubled, heavy = engine.map(double, [[n] for n in range(9)]), engine.map(Heavy(), [[n] for n in range(9)])
    assert [(next(doubled), next(heavy)) for _ in range(9)] == [([2 * n], [n + 100]) for n in range(9)]


def test_workers_have_the_settings_of_the_process_they_work_for(engine):
    assert set(engine.map(environment, range(4))) == {("1", "false")}


def test_workers_default_to_the_cores_of_this_process():
    assert make_engine(EngineParams()).workers == available_cores() >= 1


def test_a_folder_that_a_node_does_not_see_is_named(engines, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def batches():
        (tmp_path / "here").rename(tmp_path / "elsewhere")
        yield [1]

    with pytest.raises(UsageError, match=r"here: a node of the cluster does not see this folder\n.*next: let every"):
        list(engines("ray", 2).map(double, batches()))


@pytest.mark.parametrize("address", ["127.0.0.1:9", "no-such-host.invalid:6379"])
def test_a_cluster_that_does_not_answer_is_a_wrong_use_with_the_next_step(address):
    with pytest.raises(UsageError, match=r"engine.address: cannot join .*\n.*next: start its head"):
        make_engine(EngineParams(kind="ray", address=address))


def test_without_the_package_ray_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"engine.kind: .* not installed\n.*next: install it"):
        make_engine(EngineParams(kind="ray"))
