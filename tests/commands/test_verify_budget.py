"""Group `budget` of `rowtrail verify`: what it finds in a ledger, and where a ledger was cut."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.commands.verify_budget import CERTIFICATE, budget_checks
from stages.commands.verify_checks import run_group
from stages.commands.verify_project import Project
from stages.core.budget import confirm, find, reserve
from stages.core.budget_chain import HEAD, LEDGER, read_budget
from stages.core.dvc_files import DvcCache
from stages.core.storage import sha256_of
from stages.core.tables import EVENTS
from stages.methods.privacy.accounting import Loss, Mechanism, epsilon
from stages.methods.privacy.spending import total_of
from tests.core.test_budget import HOLDERS, let_through, spend

FOLDER = Path(".rowtrail/budget")
REPORT = Path("reports/finetune.json")
PLAN, SPLIT = Path("data/plan/plan.json"), Path("data/split/manifest.json")


@pytest.fixture(autouse=True)
def _own_project(tmp_path, monkeypatch):
    for name in ("DVC_ROOT", "ROWTRAIL_BUDGET", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    for file in (PLAN, SPLIT):
        file.parent.mkdir(parents=True)
        file.write_text("{}")


def train(steps=50, **more):
    """What a private training leaves: entries of the ledger, the certificate, events and figures."""
    cost = {"record": cost_of(1, steps), "subject": cost_of(2, steps)}
    noise = {"noise_multiplier": 1.0, "rate": 0.1, "steps": steps}
    made_from = {"plan": sha256_of(PLAN), "split": sha256_of(SPLIT)}
    run, entry = reserve(
        spend(accountant="rdp", mechanism=noise, epsilon=cost, **made_from, **more), HOLDERS, let_through
    )
    confirm(run, steps)
    total = total_of(read_budget(FOLDER).runs, run)
    said = {
        "private": True,
        "unit": "record",
        "accountant": {"name": "rdp"},
        "delta": 1e-5,
        "mechanism": {**noise, "steps": steps // 2, "runs": 2},
        "epsilon": {**cost, "target": 8.0},
        "ledger": {"run": run, "entry": entry, "runs": len(total.runs), "epsilon": total.subject, "delta": total.delta},
        "digests": {**made_from, "train_ids": "0" * 64},
    }
    write(CERTIFICATE, said)
    events = [{"id": id, "seq": 0, "action": "use", "reason": "trained_on", "evidence": "{}"} for id in HOLDERS]
    pq.write_table(pa.Table.from_pylist(events, EVENTS), CERTIFICATE.with_name("events.parquet"))
    write(REPORT, {"privacy": {"ledger_run": run, "ledger_entry": entry}})
    return run


def cost_of(rows, steps):
    return epsilon([Loss(Mechanism(1.0, 0.1, steps), rows)], 1e-5, "rdp")


def write(file, said):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(said))


def change(**more):
    """Write some of the certificate anew; `ledger__runs` means the value within."""
    said = json.loads(CERTIFICATE.read_bytes())
    for name, value in more.items():
        outer, _, inner = name.partition("__")
        if inner:
            said[outer][inner] = value
        else:
            said[outer] = value
    write(CERTIFICATE, said)


def verify():
    group = run_group("budget", budget_checks(Project()))
    return [f"{fault.place}: {fault.problem}" for fault in group.faults], group.notes


def cut(lines=2):
    """Take lines off the end, and the head with them, as somebody would who knows what they do."""
    kept = (FOLDER / LEDGER).read_bytes().splitlines()[:-lines]
    (FOLDER / LEDGER).write_bytes(b"".join(line + b"\n" for line in kept))
    last = hashlib.sha256(kept[-1]).hexdigest() if kept else ""
    (FOLDER / HEAD).write_text(f"{len(kept)} {last}\n") if kept else (FOLDER / HEAD).unlink()


def git(*arguments):
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def commit(*files):
    if not Path(".git").exists():
        git("init", "-q")
    git("add", "-f", *map(str, files))
    git("commit", "-qm", "one")


def test_a_project_that_never_trained_privately_has_nothing_to_check():
    write(REPORT, {"train_loss": 0.3})
    commit(REPORT)
    group = run_group("budget", budget_checks(Project()))
    assert (group.checked, group.faults, group.notes) == (0, [], [])


def test_a_private_training_and_one_more_after_it_fit_and_nothing_is_said():
    train()
    train(steps=30)
    assert verify() == ([], [])


def test_a_run_that_was_never_confirmed_and_one_with_a_test_seed_are_noted():
    run = train()
    cut(1)
    reserve(spend(private=False), {"e" * 20: "h9"}, let_through)
    faults, notes = verify()
    assert faults == []
    assert any(run in note and "never confirmed" in note for note in notes)
    assert any("1 of 2 runs had a test seed" in note for note in notes)


def test_an_altered_ledger_is_found_and_said_once():
    train()
    file = FOLDER / LEDGER
    file.write_text(file.read_text().replace('"private": true', '"private": false'))
    faults, _ = verify()
    assert "does not follow the line before it" in faults[0]
    assert len(faults) == len(set(faults)) == 1


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"private": False}, "private"),
        ({"unit": "subject"}, "unit"),
        ({"delta": 1e-6}, "delta"),
        ({"accountant": {"name": "prv"}}, "accountant"),
        ({"mechanism__noise_multiplier": 1.1}, "noise_multiplier"),
        ({"mechanism__rate": 0.05}, "rate"),
        ({"mechanism__runs": 1}, "steps"),
        ({"epsilon__record": 1.0}, "epsilon"),
        ({"epsilon__subject": 1.0}, "epsilon"),
        ({"ledger__runs": 2}, "ledger"),
        ({"ledger__epsilon": 0.5}, "ledger"),
        ({"digests__plan": "9" * 64}, "plan"),
        ({"digests__split": "9" * 64}, "split"),
    ],
)
def test_a_certificate_that_says_other_than_the_ledger_is_found(more, told):
    train()
    change(**more)
    faults, _ = verify()
    assert any(fault.startswith(f"{CERTIFICATE}: {told}:") for fault in faults), faults


def test_an_epsilon_that_was_reserved_too_small_is_found_in_the_ledger():
    train()
    shutil.rmtree(FOLDER)
    made_from = {"plan": sha256_of(PLAN), "split": sha256_of(SPLIT)}
    small = spend(accountant="rdp", epsilon={"record": 0.1, "subject": 0.2}, **made_from)
    run, entry = reserve(small, HOLDERS, let_through)
    change(ledger__run=run, ledger__entry=entry)
    assert sum(f"{LEDGER}: epsilon" in fault for fault in verify()[0]) == 2


def test_an_epsilon_is_found_out_for_whole_subjects_too():
    train(unit="subject")
    change(unit="subject", epsilon__subject=cost_of(1, 50), epsilon__record=1.0)
    wrong = [fault for fault in verify()[0] if fault.startswith(f"{CERTIFICATE}: epsilon")]
    assert [fault.split(": ")[2][:14] for fault in wrong] == ["1 for a record"]


def test_a_missing_epsilon_is_no_claim():
    train()
    change(epsilon={"record": None, "subject": None, "target": 8.0}, ledger__epsilon=None)
    assert verify()[0] == []


def test_another_plan_than_the_one_that_was_paid_for_is_found():
    train()
    PLAN.write_text('{"epochs": 100}')
    assert [fault.split(":")[0] for fault in verify()[0]] == [str(PLAN)]


def test_records_that_were_trained_on_and_not_reserved_for_are_found():
    train()
    rows = [{"id": "f" * 20, "seq": 0, "action": "use", "reason": "trained_on", "evidence": "{}"}]
    pq.write_table(pa.Table.from_pylist(rows, EVENTS), CERTIFICATE.with_name("events.parquet"))
    assert "1 record that the model learned from" in verify()[0][0]


def test_a_ledger_whose_end_was_cut_off_head_and_all_is_found_by_the_certificate():
    run = train()
    cut()
    faults, _ = verify()
    assert len(faults) == 1
    assert f"lacks run {run}" in faults[0]
    assert str(CERTIFICATE) in faults[0]


def test_lines_that_were_cut_off_are_found_by_figures_of_a_commit_on_another_branch():
    train(steps=30)
    run = train()
    commit(REPORT)
    git("checkout", "-qb", "other")
    git("rm", "-q", "--cached", str(REPORT))
    git("commit", "-qm", "gone")
    for file in (CERTIFICATE, REPORT):
        file.unlink()
    cut()
    [fault] = verify()[0]
    assert f"lacks run {run}" in fault
    assert "commit" in fault


def test_lines_that_were_cut_off_are_found_by_an_experiment_that_git_keeps():
    run = train()
    commit(REPORT)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    git("update-ref", f"refs/exps/{head[:2]}/{head[2:]}/noisy-otter", "HEAD")
    git("checkout", "-q", "--orphan", "empty")
    git("branch", "-D", "master") if "master" in branches() else git("branch", "-D", "main")
    CERTIFICATE.unlink()
    REPORT.unlink()
    shutil.rmtree(FOLDER)
    assert f"lacks run {run}" in verify()[0][0]


def branches():
    listed = subprocess.run(["git", "branch"], check=True, capture_output=True, text=True).stdout
    return listed.replace("*", " ").split()


def test_lines_that_were_cut_off_are_found_by_a_certificate_in_dvcs_cache():
    run = train()
    certificate = CERTIFICATE.read_bytes()
    cache, md5 = DvcCache(), hashlib.md5(certificate).hexdigest()
    for place, content in (
        (cache.place(md5), certificate),
        (cache.place("0" * 32 + ".dir"), json.dumps([{"md5": md5, "relpath": "privacy.json"}]).encode()),
    ):
        place.parent.mkdir(parents=True)
        place.write_bytes(content)
    for path in (CERTIFICATE, REPORT):
        path.unlink()
    cut()
    [fault] = verify()[0]
    assert f"lacks run {run}" in fault
    assert "DVC's cache" in fault


def test_a_ledger_that_was_written_anew_with_the_same_names_is_found():
    train()
    said = json.loads((FOLDER / LEDGER).read_bytes().splitlines()[0])
    said["epsilon"] = {"record": 0.1, "subject": 0.1}
    line = json.dumps(said, sort_keys=True).encode()
    (FOLDER / LEDGER).write_bytes(line + b"\n")
    (FOLDER / HEAD).write_text(f"1 {hashlib.sha256(line).hexdigest()}\n")
    assert find(said["run"]).id == said["run"]
    assert "has another entry" in verify()[0][0]


def test_a_certificate_that_is_none_is_a_fault_and_not_a_trace():
    train()
    CERTIFICATE.write_text('{"ledger": {}}')
    faults, _ = verify()
    assert faults
    assert all("cannot be checked" in fault for fault in faults)
