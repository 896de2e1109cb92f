"""Full disks, read-only folders, too little memory, clocks that jump: one clear message, and nothing half-written."""

from __future__ import annotations

import errno
import os
import pickle
import random
import resource
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from stages.__main__ import main
from stages.core import budget, placing
from stages.core.budget_chain import read_budget
from stages.core.cache import Cache
from stages.core.errors import UsageError
from stages.core.exhausted import what_ran_out
from stages.core.placing import new_folder
from stages.core.storage import FolderWriter, StageFolder, files_below
from tests import tiny
from tests.core.test_budget import HOLDERS, let_through, spend
from tests.faults.killing import assert_whole_or_absent
from tests.pipeline.test_bad_input import Desk, refused, rows

NOT_A_KILL = (0, 1, -6, -11)
"""How a process ends that was given too little memory: done, told, or aborted by a library that cannot go on."""


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_STAGE", "DVC_ROOT", "ROWTRAIL_KEY", "ROWTRAIL_KEY_FILE", "ROWTRAIL_BUDGET"):
        monkeypatch.delenv(name, raising=False)
    return Desk(tmp_path, capsys)


@pytest.fixture
def draw(request):
    """What chance decides; the same each time."""
    return random.Random(f"{request.node.name} {request.config.getoption('times')}")


@contextmanager
def disk(place, size, *, read_only=False):
    """A disk of so many bytes in memory, and a function that leaves so many of them free."""
    place.mkdir(parents=True, exist_ok=True)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], check=False, capture_output=True
    ).returncode:
        pytest.skip("needs the right to mount a small tmpfs")

    def leave(free):
        filler = place / "filler"
        filler.unlink(missing_ok=True)
        there = os.statvfs(place)
        filler.write_bytes(bytes(max(there.f_bavail * there.f_bsize - free, 0)))

    try:
        yield leave
    finally:
        subprocess.run(["umount", str(place)], check=True)


def mounted_read_only(place):
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)


def small_model(desk, **more):
    """A desk with a plan for a tiny model."""
    tiny.save_base(desk.path / "base")
    tuning = {"threads": 1, "device": "cpu", "max_length": 16}
    desk.params(model="base", lr=1e-3, epochs=2, batch_size=16, finetune=tuning, **more)
    desk.until("ingest", "split", "plan")


def test_wherever_a_disk_gets_full_the_old_folder_stays_and_one_message_says_so(desk, draw, request):
    with disk(desk.path / "disk", 2**20) as leave:
        out = desk.path / "disk" / "clean"
        desk.until("ingest")
        assert main(["clean", "--in", "ingest", "--out", str(out)]) == 0
        (desk.path / "rows.csv").write_text(rows(9000), encoding="utf-8")
        desk.until("ingest")
        full = 0
        for _ in range(3 * request.config.getoption("times")):
            leave(draw.randrange(0, 400_000, 4096))
            before = StageFolder(out).digest
            desk.capsys.readouterr()
            code = main(["clean", "--in", "ingest", "--out", str(out)])
            if code:
                refused((code, desk.capsys.readouterr().err), 1, "no space left", "untouched")
                assert StageFolder(out).digest == before
                full += 1
            assert_whole_or_absent(out)
            assert sorted(path.name for path in out.parent.iterdir() if path.is_dir()) == ["clean"]
        assert full


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "free", "problem"),
    [
        ("out", 8_192, "no space left"),
        (".rowtrail/checkpoints", 8_192, "no space left"),
        (".rowtrail/checkpoints", 200_000, "could not be written"),
    ],
)
def test_a_training_on_a_full_disk_says_so_and_goes_on_when_there_is_space(desk, place, free, problem):
    small_model(desk)
    with disk(desk.path / place, 2**21) as leave:
        leave(free)
        arguments = ["finetune", "--in", "split", "--in", "plan", "--out", "out/finetune"]
        code = main(arguments)
        refused((code, desk.capsys.readouterr().err), 1, problem)
        assert not (desk.path / "out" / "finetune").exists()
        leave(2**21 - 2**17)
        assert main(arguments) == 0
        assert_whole_or_absent(desk.path / "out" / "finetune")
        assert [name for name in files_below(desk.path / ".rowtrail/checkpoints") if name != "filler"] == []


def test_a_ledger_on_a_full_disk_takes_no_run_loses_none_and_goes_on_when_there_is_space(tmp_path):
    with disk(tmp_path / "budget", 64 * 1024) as leave:
        folder = tmp_path / "budget"
        first = budget.reserve(spend(), HOLDERS, let_through, folder)
        taken = 1
        for free in range(0, 20_480, 4096):
            leave(free)
            with suppress(OSError):
                budget.reserve(spend(), {**HOLDERS, f"{free:020d}": "h"}, let_through, folder)
                taken += 1
            assert len(read_budget(folder).runs) >= taken
        assert taken < 6
        leave(32 * 1024)
        budget.confirm(first.run, 50, folder)
        assert budget.find(first.run, folder).confirmed == 50


def test_a_cache_on_a_full_disk_is_an_empty_one(tmp_path):
    with disk(tmp_path / "cache", 64 * 1024) as leave:
        leave(0)
        cache = Cache("kind", tmp_path / "cache")
        cache.put({"a": b"value"})
        assert cache.get(["a"]) == {}
        leave(32 * 1024)
        cache.put({"a": b"value"})
        assert cache.get(["a"]) == {"a": b"value"}
        leave(0)
        cache.put({f"{n}": bytes(2000) for n in range(100)})
        assert cache.get(["a"]) == {"a": b"value"}


def test_a_read_only_output_is_said_with_its_place_and_stays_as_it_is(desk):
    desk.until("ingest")
    with disk(desk.path / "disk", 2**20):
        assert main(["clean", "--in", "ingest", "--out", "disk/clean"]) == 0
        before = StageFolder(Path("disk/clean")).digest
        mounted_read_only(desk.path / "disk")
        desk.capsys.readouterr()
        for out in ("disk/clean", "disk/other"):
            code = main(["clean", "--in", "ingest", "--out", out])
            refused((code, desk.capsys.readouterr().err), 1, "disk/.*: Read-only file system", "rights")
        assert StageFolder(Path("disk/clean")).digest == before
        assert sorted(path.name for path in Path("disk").iterdir()) == ["clean"]


def test_caches_that_are_read_only_change_nothing_but_the_time(desk):
    tiny.save_base(desk.path / "base")
    desk.params(model="base", scrub_pii={"ner": {}, "probe": 0}, check_labels={"probe": 0})
    desk.until("ingest", "scrub_pii", "check_labels")
    assert files_below(desk.path / ".rowtrail")
    found = {name: StageFolder(Path(name)).digest for name in ("scrub_pii", "check_labels")}
    with disk(desk.path / ".rowtrail", 2**20):
        mounted_read_only(desk.path / ".rowtrail")
        desk.until("ingest", "scrub_pii", "check_labels")
    assert {name: StageFolder(Path(name)).digest for name in found} == found


@pytest.mark.slow
def test_with_too_little_memory_a_stage_is_done_or_says_so_and_leaves_nothing_behind(desk, draw, request):
    desk.until("ingest", "clean")
    before = StageFolder(Path("clean")).digest
    for _ in range(2 * request.config.getoption("times")):
        limit = draw.randrange(150, 1500) * 2**20
        done = subprocess.run(
            [sys.executable, "-m", "stages", "clean", "--in", "ingest", "--out", "clean"],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, capture_output=True, text=True,
            check=False, preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        )  # fmt: skip
        assert done.returncode in NOT_A_KILL, done.stderr
        assert "Traceback" not in done.stderr or "import site" in done.stderr, done.stderr
        if done.returncode == 1:
            assert "memory: none left" in done.stderr
        assert StageFolder(Path("clean")).digest == before
    desk.until("ingest", "clean")
    assert not Path(".clean.new").exists()


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "data/x"), "data/x"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk"),
        (OSError(errno.EFBIG, "File too large", "data/x"), "data/x"),
        (OSError("Error writing bytes to file. Detail: [errno 28] No space left on device"), "disk"),
        (RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0"), "disk"),
        (MemoryError(), "memory"),
        (ImportError("libx.so: failed to map segment from shared object"), "memory"),
        (RuntimeError("can't start new thread"), "memory"),
        (ValueError("the customer says: No space left on device"), None),
        (KeyError("MemoryError"), None),
    ],
)
def test_what_ran_out_is_told_by_the_error_or_by_what_led_to_it(error, place):
    for one in (error, pickle.loads(pickle.dumps(error))):
        later = ValueError("later")
        later.__cause__ = one
        for told in (what_ran_out(one), what_ran_out(later)):
            assert (told.place if told else None) == place
            assert told is None or (told.next_step and "customer" not in str(told))


def test_a_clock_that_jumps_changes_no_byte(desk, monkeypatch):
    desk.until("ingest", "clean", "split")
    before = {name: StageFolder(Path(name)).digest for name in ("ingest", "clean", "split")}
    moments = iter([4e9, 0.0, 2e9] * 10_000)
    monkeypatch.setattr(time, "time", lambda: next(moments))
    os.utime("rows.csv", (4e9, 4e9))
    os.utime("ingest/records.parquet", (0, 0))
    desk.until("ingest", "clean", "split")
    assert {name: StageFolder(Path(name)).digest for name in before} == before


def test_a_ledger_is_whole_though_the_clock_went_back(tmp_path, monkeypatch):
    for moment in ("2040-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2026-01-01T00:00:00Z"):
        monkeypatch.setattr(budget, "_now", lambda moment=moment: moment)
        budget.confirm(budget.reserve(spend(), HOLDERS, let_through, tmp_path).run, 50, tmp_path)
    assert [run.confirmed for run in read_budget(tmp_path).runs] == [50, 50, 50]


def test_a_folder_that_somebody_writes_is_not_written_by_a_second_process(tmp_path, monkeypatch):
    monkeypatch.setattr(placing, "PATIENCE", 0.2)
    with FolderWriter(tmp_path / "clean", tiny.TASK.schema) as first:
        with pytest.raises(UsageError, match="another process is writing it"), new_folder(tmp_path / "clean"):
            pass
        first.finish_tables()
        first.finish({"format": 1, "stage": "clean"})
    assert_whole_or_absent(tmp_path / "clean")
    with new_folder(tmp_path / "clean") as work:
        (work / "new").touch()
    assert files_below(tmp_path) == ["clean/new"]


def test_what_a_killed_process_left_is_deleted_and_never_mixed_in(tmp_path):
    left = tmp_path / ".clean.new" / "model"
    left.mkdir(parents=True)
    (left / "half").write_text("half", encoding="utf-8")
    (tmp_path / ".clean.new" / "link").symlink_to(tmp_path)
    with new_folder(tmp_path / "clean") as work:
        assert list(work.iterdir()) == []
        (work / "whole").touch()
    assert files_below(tmp_path) == ["clean/whole"]
    assert [path.name for path in tmp_path.iterdir()] == ["clean"]


def test_of_many_that_write_a_folder_at_once_each_leaves_a_whole_one(tmp_path, request):
    seen, done = [], []

    def write(name):
        for number in range(20 * request.config.getoption("times")):
            with new_folder(tmp_path / "clean") as work:
                for part in "ab":
                    (work / part).write_text(f"{name} {number}", encoding="utf-8")
            done.append(name)

    writers = [threading.Thread(target=write, args=(name,)) for name in range(3)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        handle = None
        try:
            handle = os.open(tmp_path / "clean", os.O_RDONLY)
            seen.append({Path(f"/proc/self/fd/{handle}/{part}").read_text(encoding="utf-8") for part in "ab"})
        except FileNotFoundError:  # before the first one, or deleted after a later one had taken its place
            continue
        finally:
            if handle is not None:
                os.close(handle)
    assert len(done) == 60 * request.config.getoption("times")
    assert [path.name for path in tmp_path.iterdir()] == ["clean"]
    assert {len(parts) for parts in seen} == {1}
