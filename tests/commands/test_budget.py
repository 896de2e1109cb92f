"""`rowtrail budget`: what it tells of an empty ledger, of a full one, and of one that was altered."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from stages.core.budget import confirm, reserve
from stages.core.budget_chain import LEDGER
from stages.methods.privacy.accounting import Loss, Mechanism, epsilon
from stages.methods.privacy.spending import shown
from tests.core.test_budget import HOLDERS, let_through, spend

FOLDER = Path(".rowtrail/budget")


@pytest.fixture(autouse=True)
def _own_project(tmp_path, monkeypatch):
    for name in ("DVC_ROOT", "ROWTRAIL_BUDGET", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def limited(to):
    source = "{name: s, uri: x.csv, license: MIT, public: true}"
    Path("params.yaml").write_text(f"ingest:\n  sources: [{source}]\nprivacy:\n  max_epsilon: {to}\n")


def cost(rows=1, runs=1):
    return epsilon([Loss(Mechanism(1.0, 0.1, 50), rows)] * runs, 1e-5, "rdp")


def spent(**more):
    return reserve(spend(accountant="rdp", **more), HOLDERS, let_through)


def test_an_empty_ledger_says_so_and_where_it_is(ask):
    code, out, err = ask("budget")
    assert (code, err) == (0, "")
    assert str(FOLDER / LEDGER) in out
    assert not FOLDER.exists()
    assert json.loads(ask("budget", "--json")[1])["data_sets"] == []


def test_each_data_set_has_its_people_runs_cost_and_what_is_left(ask, monkeypatch):
    limited(20)
    confirm(spent().run, 50)
    spent()
    reserve(spend(accountant="rdp", delta=1e-6), {"e" * 20: "h9"}, let_through)
    code, out, _ = ask("budget")
    assert code == 0
    first, second = out.split("data set 2\n")
    assert [line.split()[:2] for line in first.splitlines()[1:4]] == [
        ["subjects", "2"],
        ["records", "3"],
        ["runs", "1"],
    ]
    assert "1 confirmed, 1 planned" in first
    assert f"record     epsilon at most {shown(cost(1, 2))}" in first
    assert f"subject    epsilon at most {shown(cost(2, 2))}" in first
    assert f"{math.floor((20 - cost(2, 2)) * 100) / 100:.2f} below it" in first
    assert "1e-06" in second
    [values, _] = json.loads(ask("budget", "--json")[1])["data_sets"]
    assert values["epsilon"]["subject"] == round(cost(2, 2), 4)
    assert values["left"] == round(20 - cost(2, 2), 4)
    assert [run["state"] for run in values["runs"]] == ["confirmed", "planned"]


def test_every_run_is_listed_where_that_is_asked_for(ask, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "noisy-otter")
    run = spent(epsilon={"record": 3.451, "subject": None}).run
    assert run[:8] not in ask("budget")[1]
    [line] = [line for line in ask("budget", "--runs")[1].splitlines() if run[:8] in line]
    assert line.split()[2:] == ["planned", "record", "1", "0.1", "50", "3.46", "-", "1e-05", "noisy-otter"]


def test_no_limit_and_one_that_is_exceeded_are_told(ask):
    spent()
    assert "limit      none" in ask("budget")[1]
    limited(1)
    assert "exceeded" in ask("budget")[1]


def test_runs_with_a_test_seed_are_listed_and_nothing_bounds_the_total(ask):
    limited(50)
    spent()
    spent(private=False)
    out = ask("budget")[1]
    assert "1 test (not private)" in out
    assert "nothing bounds" in out
    assert "exceeded" in out
    [values] = json.loads(ask("budget", "--json")[1])["data_sets"]
    assert (values["bounded"], values["left"]) == (False, None)


def test_whole_subjects_have_no_epsilon_for_a_record(ask):
    spent(unit="subject")
    out = ask("budget")[1]
    assert "record     epsilon not told" in out
    assert f"subject    epsilon at most {shown(cost())}" in out


def test_an_altered_ledger_is_named_and_not_reckoned_with(ask):
    spent()
    file = FOLDER / LEDGER
    file.write_text(file.read_text().replace('"rate": 0.1', '"rate": 0.01'))
    code, out, err = ask("budget")
    assert (code, out) == (3, "")
    assert "altered" in err
    assert "Traceback" not in err


def test_a_half_written_line_is_told_and_counts_for_nothing(ask):
    spent()
    with (FOLDER / LEDGER).open("ab") as file:
        file.write(b'{"accountant": "r')
    code, out, _ = ask("budget")
    assert code == 0
    assert "1 planned" in out
    assert "half-written" in out


def test_runs_that_a_certificate_tells_of_and_the_ledger_lacks_are_counted(ask):
    Path("data/finetune").mkdir(parents=True)
    Path("data/finetune/privacy.json").write_text(json.dumps({"ledger": {"run": "f" * 16, "entry": "0" * 64}}))
    code, out, _ = ask("budget")
    assert code == 0
    assert "not in this ledger: 1 run that" in out
    assert json.loads(ask("budget", "--json")[1])["missing"] == ["f" * 16]
