"""The budget ledger: what it writes, what survives a kill, and what shows that it was altered."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
import time

import pytest

from stages.core.budget import TORN, budget_folder, confirm, find, reserve, would_be
from stages.core.budget_chain import HEAD, LEDGER, read_budget
from stages.core.budget_entries import START, Spend
from stages.core.errors import DataError, Fault, PrivacyRefused

HOLDERS = {"a" * 20: "h1", "b" * 20: "h1", "c" * 20: "h2"}


def spend(**more):
    facts = {
        "plan": "1" * 64, "split": "2" * 64, "unit": "record", "delta": 1e-5, "accountant": "prv",
        "mechanism": {"noise_multiplier": 1.0, "rate": 0.1, "steps": 50}, "epsilon": {"record": 3.5, "subject": None},
        "units": 3, "records": 3, "private": True,
    }  # fmt: skip
    return Spend.model_validate({**facts, **more})


def let_through(budget, candidate):
    pass


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "budget"


@pytest.fixture
def ledger(folder):
    """Two runs, the first of which has ended."""
    first = reserve(spend(), HOLDERS, let_through, folder)
    confirm(first.run, 50, folder)
    reserve(spend(unit="subject"), {**HOLDERS, "d" * 20: "h3"}, let_through, folder)
    return folder


def lines(folder):
    return (folder / LEDGER).read_bytes().splitlines()


def problems(folder):
    with pytest.raises(DataError) as error:
        read_budget(folder)
    return [fault.problem for fault in error.value.faults]


def run_python(code, *arguments):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)])


def test_a_run_is_written_down_with_what_it_spends_and_on_whom(folder, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "noisy-otter")
    reserved = reserve(spend(), HOLDERS, let_through, folder)
    [run] = read_budget(folder).runs
    assert (run.id, run.sha256, run.confirmed) == (*reserved, None)
    assert run.entry.experiment == "noisy-otter"
    assert dict(zip(*(run.exposed[name].to_pylist() for name in ("id", "holder")), strict=True)) == HOLDERS
    [line] = lines(folder)
    assert reserved.entry_sha256 == hashlib.sha256(line).hexdigest()
    entry = json.loads(line)
    assert (entry["seq"], entry["previous"], entry["kind"]) == (0, START, "reserve")
    assert [*entry] == sorted(entry)


def test_an_end_is_written_down_once_however_often_it_is_told(ledger):
    [run, other] = read_budget(ledger).runs
    assert (run.confirmed, other.confirmed) == (50, None)
    before = lines(ledger)
    confirm(run.id, 50, ledger)
    assert lines(ledger) == before
    assert find(run.id, ledger).confirmed == 50


@pytest.mark.parametrize("steps", [49, 51])
def test_an_end_that_contradicts_the_ledger_is_refused(ledger, steps):
    with pytest.raises(DataError, match="the ledger has 50"):
        confirm(read_budget(ledger).runs[0].id, steps, ledger)


def test_a_run_cannot_end_with_more_steps_than_it_reserved(ledger):
    with pytest.raises(DataError, match="took 51 steps"):
        confirm(read_budget(ledger).runs[1].id, 51, ledger)


def test_a_ledger_without_a_run_that_somebody_knows_is_a_fault(folder):
    with pytest.raises(DataError, match="has no run"):
        find("f" * 16, folder)
    with pytest.raises(DataError, match="has no run"):
        confirm("f" * 16, 1, folder)


def test_a_run_that_the_gate_refuses_leaves_no_entry(ledger):
    before, seen = lines(ledger), []

    def refuse(budget, candidate):
        seen.append((len(budget.runs), candidate.entry.seq, candidate.exposed.num_rows))
        raise PrivacyRefused(Fault("here", "too much"))

    with pytest.raises(PrivacyRefused):
        reserve(spend(), HOLDERS, refuse, ledger)
    assert seen == [(2, 3, 3)]
    assert lines(ledger) == before


def test_what_a_run_would_spend_can_be_asked_without_spending_it(ledger):
    before, budget = lines(ledger), read_budget(ledger)
    run = would_be(spend(), HOLDERS, budget)
    assert (run.entry.seq, run.entry.previous, run.exposed.num_rows) == (budget.length, budget.last, 3)
    assert lines(ledger) == before


def test_nothing_is_spent_from_a_ledger_that_was_altered(ledger):
    content = (ledger / LEDGER).read_bytes().replace(b'"rate": 0.1', b'"rate": 0.2', 1)
    (ledger / LEDGER).write_bytes(content)
    with pytest.raises(DataError, match="altered"):
        reserve(spend(), HOLDERS, let_through, ledger)
    assert (ledger / LEDGER).read_bytes() == content


def test_runs_over_the_same_records_share_one_file_of_holders(folder):
    for _ in range(3):
        reserve(spend(), HOLDERS, let_through, folder)
    assert len(list(folder.glob("holders-*"))) == 1


@pytest.mark.skipif(os.name != "posix", reason="rights are of POSIX")
def test_nobody_else_can_read_it(ledger):
    assert stat.S_IMODE(ledger.stat().st_mode) == 0o700
    for file in (ledger / LEDGER, ledger / HEAD, *ledger.glob("holders-*")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_experiments_in_temporary_copies_write_into_the_projects_own_ledger(tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    (tmp_path / "copy").mkdir()
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.delenv("ROWTRAIL_BUDGET", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "project"))
    reserve(spend(), HOLDERS, let_through)
    assert (tmp_path / "project/.rowtrail/budget" / LEDGER).is_file()
    assert not list((tmp_path / "copy").iterdir())
    monkeypatch.setenv("ROWTRAIL_BUDGET", str(tmp_path / "shared"))
    assert budget_folder() == tmp_path / "shared"


APPEND = """
import sys
from pathlib import Path
from stages.core.budget import confirm, reserve
from tests.core.test_budget import HOLDERS, let_through, spend
for number in range(20):
    holders = {f"{sys.argv[2]}{number:019d}": "h", **HOLDERS}
    confirm(reserve(spend(), holders, let_through, Path(sys.argv[1])).run, number, Path(sys.argv[1]))
"""


def test_of_two_processes_that_write_at_once_no_entry_is_lost(folder):
    writers = [run_python(APPEND, folder, name) for name in "ab"]
    assert [writer.wait(300) for writer in writers] == [0, 0]
    budget = read_budget(folder)
    assert (len(budget.runs), budget.length) == (40, 80)
    assert all(run.confirmed is not None for run in budget.runs)


ENTER = """
import sys
from pathlib import Path
from stages.core.budget import reserve
from stages.core.errors import Fault, PrivacyRefused
from tests.core.test_budget import HOLDERS, spend
def gate(budget, candidate):
    if budget.runs:
        raise PrivacyRefused(Fault("budget", "spent"))
while not (Path(sys.argv[1]) / "go").exists():
    pass
try:
    reserve(spend(), HOLDERS, gate, Path(sys.argv[1]))
except PrivacyRefused:
    sys.exit(4)
"""


def test_of_several_that_ask_at_once_the_gate_lets_one_through(folder):
    folder.mkdir()
    asking = [run_python(ENTER, folder) for _ in range(3)]
    time.sleep(1)
    (folder / "go").touch()
    assert sorted(one.wait(300) for one in asking) == [0, 4, 4]
    assert len(read_budget(folder).runs) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from stages.core import budget
from tests.core.test_budget import HOLDERS, let_through, spend
def write(handle, content):
    real(handle, bytes(content)[:int(sys.argv[2])])
    os.kill(os.getpid(), signal.SIGKILL)
real, os.write = os.write, write
budget.reserve(spend(), HOLDERS, let_through, Path(sys.argv[1]))
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX")
@pytest.mark.parametrize(("written", "kept"), [(40, 0), (10_000, 1)])
def test_a_writer_that_is_killed_leaves_a_ledger_that_goes_on(ledger, written, kept):
    before = lines(ledger)
    assert run_python(KILLED, ledger, written).wait(300) < 0
    assert len(read_budget(ledger).runs) == 2 + kept
    reserve(spend(), HOLDERS, let_through, ledger)
    assert lines(ledger)[: len(before)] == before
    assert len(read_budget(ledger).runs) == 3 + kept
    assert (ledger / TORN).exists() == (not kept)


@pytest.mark.parametrize("name", [LEDGER, HEAD])
def test_a_folder_in_place_of_a_file_of_the_ledger_is_told_and_nothing_is_spent(ledger, name):
    (ledger / name).unlink()
    (ledger / name).mkdir()
    with pytest.raises(DataError, match=rf"{name}: cannot be read"):
        reserve(spend(), HOLDERS, let_through, ledger)


@pytest.mark.parametrize("missing", [1, 30])
def test_a_line_that_was_torn_is_mended_and_counts_for_nothing_unless_it_is_whole(ledger, missing):
    """With its end alone missing the line is whole; the head had not been moved to it."""
    head, last = (ledger / HEAD).read_bytes(), read_budget(ledger)
    reserve(spend(), HOLDERS, let_through, ledger)
    content = (ledger / LEDGER).read_bytes()[:-missing]
    (ledger / LEDGER).write_bytes(content)
    (ledger / HEAD).write_bytes(head)
    torn = read_budget(ledger)
    assert (len(torn.runs), bool(torn.torn), torn.unended) == ((3, False, True) if missing == 1 else (2, True, False))
    confirm(last.runs[1].id, 50, ledger)
    mended = read_budget(ledger)
    assert (len(mended.runs), mended.torn, mended.unended) == (len(torn.runs), b"", False)
    if torn.torn:
        assert (ledger / TORN).read_bytes() == torn.torn + b"\n"


def test_a_full_disk_leaves_the_ledger_as_it_was(ledger, monkeypatch):
    before = (ledger / LEDGER).read_bytes()
    real = os.write

    def full(handle, content):
        real(handle, bytes(content)[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="space"):
        reserve(spend(), HOLDERS, let_through, ledger)
    assert (ledger / LEDGER).read_bytes() == before


def test_every_byte_that_is_altered_is_found(folder):
    confirm(reserve(spend(), HOLDERS, let_through, folder).run, 50, folder)
    for file in (folder / LEDGER, folder / HEAD, *folder.glob("holders-*")):
        content = file.read_bytes()
        for place in range(0, len(content), 11 if file.suffix == ".parquet" else 1):
            file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            assert problems(folder), (file.name, place)
        file.write_bytes(content)
    assert len(read_budget(folder).runs) == 1


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_line_that_is_missing_is_found(ledger, gone):
    kept = lines(ledger)
    del kept[gone]
    (ledger / LEDGER).write_bytes(b"".join(line + b"\n" for line in kept))
    said = " ".join(problems(ledger))
    assert "cut off" in said


def test_an_empty_ledger_and_one_without_its_head_are_found(ledger):
    head = (ledger / HEAD).read_bytes()
    (ledger / HEAD).unlink()
    assert "altered" in problems(ledger)[0]
    (ledger / HEAD).write_bytes(head)
    (ledger / LEDGER).unlink()
    assert "cut off" in problems(ledger)[0]


def test_lines_that_a_forger_chained_anew_still_have_to_make_sense(folder):
    run = reserve(spend(), HOLDERS, let_through, folder).run
    first = lines(folder)[0]
    forged = [
        {"kind": "confirm", "run": run, "steps": 51},
        {"kind": "confirm", "run": "e" * 16, "steps": 1},
        {"kind": "refund", "run": run},
        {**json.loads(first), "holders": "9" * 64, "run": "d" * 16},
        {**json.loads(first), "comment": "unknown"},
    ]
    chained = [first]
    for entry in forged:
        more = {
            "seq": len(chained),
            "previous": hashlib.sha256(chained[-1]).hexdigest(),
            "time": "2026-01-01T00:00:00Z",
        }
        chained.append(json.dumps({**entry, **more}, sort_keys=True).encode())
    (folder / LEDGER).write_bytes(b"".join(line + b"\n" for line in chained))
    (folder / HEAD).write_text(f"{len(chained)} {hashlib.sha256(chained[-1]).hexdigest()}\n")
    expected = ("51 steps", "nothing reserved", "not an entry", "gone", "not an entry")
    assert all(word in said for word, said in zip(expected, problems(folder), strict=True))


def test_no_message_shows_what_stands_in_a_line(folder):
    folder.mkdir()
    (folder / LEDGER).write_text('{"kind": "reserve", "run": "Nora Quist"}\n')
    with pytest.raises(DataError) as error:
        read_budget(folder)
    assert "Nora" not in str(error.value)


def test_no_ledger_is_an_empty_one_and_reading_makes_none(folder):
    assert read_budget(folder).runs == ()
    assert not folder.exists()
