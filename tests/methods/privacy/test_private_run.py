import json
import shutil
import statistics
from types import SimpleNamespace

import pytest

from stages.core.budget import budget_folder
from stages.core.budget_chain import read_budget
from stages.core.errors import DataError, Fault, PrivacyRefused
from stages.methods.finetune.training import Trained
from stages.methods.privacy import private_run
from stages.methods.privacy.private_run import PrivateRun, control, run_privately
from stages.methods.privacy.self_test import self_test
from tests import tiny
from tests.methods.privacy import private_learning as private

DIGEST = "c" * 64


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(autouse=True)
def own_ledger(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("ROWTRAIL_BUDGET", raising=False)


@pytest.fixture
def begin(base, tmp_path):
    """Begin a training, or go on with it: twelve people's records, and two invented ones behind."""
    folder = tmp_path / "checkpoints"

    def go(digest=DIGEST, **privacy):
        folder.mkdir(exist_ok=True)
        plan = private.plan(**privacy)
        records = [tiny.record(i, private.LABELS[i % 3], "validation") for i in range(100, 130)]

        def load():
            return private.learner(base, head_only=True)

        run, learner = PrivateRun(plan, digest, private.MACHINE, folder, load, lambda: records), load()
        rows = private.features(learner, 14)
        ids = list(private.holders().of)
        return run_privately(run, learner, private.holders(), (ids, rows, private.features(learner, 3, first=100)))

    return go


@pytest.fixture
def trainings(monkeypatch):
    """Replaces self-test and training by what takes no time, and keeps what the training was called with.

    `killed` is `early` or `late`: before it has written a checkpoint, or after.
    """
    found = SimpleNamespace(calls=[], killed=None)

    def train(learner, units, validation, plan, machine, folder):
        found.calls.append(SimpleNamespace(units=units, plan=plan, folder=folder, ledger=runs()))
        if found.killed == "late":
            (folder / "checkpoint-2").mkdir(exist_ok=True)
        if found.killed:
            raise KeyboardInterrupt
        return Trained(learner.model, [], plan["steps"]["total"], None)

    monkeypatch.setattr(private_run, "train_privately", train)
    monkeypatch.setattr(private_run, "self_test", lambda *_: {})
    return found


def runs():
    """The runs in the ledger."""
    return read_budget(budget_folder()).runs


# --- the order of things ----------------------------------------------------------------------------------------------


def test_the_whole_price_is_in_the_ledger_before_the_first_step_and_the_end_is_confirmed(begin, trainings):
    result = begin()
    (before,), (after,) = trainings.calls[0].ledger, runs()
    assert (before.id, before.confirmed) == (result.reserved.run, None)
    assert (before.entry.mechanism.steps, before.entry.mechanism.noise_multiplier) == (6, 1.0)
    assert (before.entry.plan, before.entry.private) == (DIGEST, False)
    assert dict(zip(*(before.exposed[name].to_pylist() for name in ("id", "holder")), strict=True)) == (
        private.holders().of
    )
    assert (after.id, after.confirmed) == (before.id, 6)


def test_a_self_test_that_refuses_costs_nothing(begin, trainings, monkeypatch):
    def refuse(*_):
        raise PrivacyRefused(Fault("privacy self-test", "no"))

    monkeypatch.setattr(private_run, "self_test", refuse)
    with pytest.raises(PrivacyRefused):
        begin()
    assert runs() == ()
    assert not trainings.calls


def test_the_self_test_comes_before_any_record_and_has_invented_rows_only(begin, trainings, monkeypatch):
    seen = []

    def listening(learner, records, plan, device):
        seen.extend((record.source, len(runs())) for record in records)
        return self_test(learner, records, plan, device)

    monkeypatch.setattr(private_run, "self_test", listening)
    assert begin().self_test["gradient_error"] < 1e-4
    assert set(seen) == {("canary", 0)}


def test_a_run_over_the_limit_is_refused_before_it_trains_and_is_not_written_down(begin, trainings):
    with pytest.raises(PrivacyRefused):
        begin(max_epsilon=0.01, test_seed=None)
    assert runs() == ()
    assert not trainings.calls


def test_several_processes_are_refused(begin, trainings, monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(PrivacyRefused, match="each process would"):
        begin()
    assert runs() == ()


def test_every_record_is_a_unit_and_so_is_each_invented_row_behind_them(begin, trainings):
    begin()
    assert trainings.calls[0].units.units == [[place] for place in range(14)]


# --- kills ------------------------------------------------------------------------------------------------------------


def test_what_was_killed_before_a_checkpoint_is_paid_for_again(begin, trainings):
    trainings.killed = "early"
    with pytest.raises(KeyboardInterrupt):
        begin()
    trainings.killed = None
    result = begin()
    assert [run.confirmed for run in runs()] == [None, 6]
    assert runs()[1].id == result.reserved.run


def test_what_was_killed_after_a_checkpoint_goes_on_and_is_paid_for_once(begin, trainings):
    trainings.killed = "late"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            begin()
    trainings.killed = None
    result = begin()
    assert [(run.id, run.confirmed) for run in runs()] == [(result.reserved.run, 6)]


@pytest.fixture
def killed(begin, trainings):
    """A training that was killed after a checkpoint."""
    trainings.killed = "late"
    with pytest.raises(KeyboardInterrupt):
        begin()
    trainings.killed, trainings.calls = None, []
    return trainings


def test_without_its_ledger_a_training_does_not_go_on(begin, killed):
    shutil.rmtree(budget_folder())
    with pytest.raises(DataError, match="has no run"):
        begin()
    assert not killed.calls
    assert not runs()


def test_a_training_does_not_go_on_under_an_entry_of_another_plan_or_another_hash(begin, killed, tmp_path):
    with pytest.raises(DataError, match="not the one that this training was begun with"):
        begin(digest="d" * 64)
    file = tmp_path / "checkpoints" / "reserved.json"
    file.write_text(json.dumps([json.loads(file.read_text(encoding="utf-8"))[0], "e" * 64]), encoding="utf-8")
    with pytest.raises(DataError, match="not the one that this training was begun with"):
        begin()
    assert not killed.calls


def test_old_checkpoints_of_a_training_that_has_ended_make_another_only_for_its_whole_price(begin, killed, tmp_path):
    """Each would be a model of its own, and the ledger would know of one."""
    folder = tmp_path / "checkpoints"
    shutil.copytree(folder, tmp_path / "copy")
    first = begin().reserved
    shutil.rmtree(folder)
    (tmp_path / "copy").rename(folder)
    second = begin().reserved
    assert [(run.id, run.confirmed) for run in runs()] == [(first.run, 6), (second.run, 6)]


def test_a_training_that_ended_and_was_killed_before_its_model_was_saved_is_not_paid_for_again(begin, killed, tmp_path):
    first = begin().reserved
    (tmp_path / "checkpoints" / "run-1" / "checkpoint-6").mkdir()
    assert begin().reserved == first
    assert len(runs()) == 1


def test_a_real_training_that_is_killed_goes_on_to_the_same_weights_and_is_paid_for_once(begin, tmp_path, monkeypatch):
    from stages.methods.privacy import training

    undisturbed = begin()
    shutil.rmtree(tmp_path / "checkpoints")
    steps, add = iter(range(100)), training.add_step

    def deadly(*given):
        if next(steps) == 5:
            raise KeyboardInterrupt
        add(*given)

    monkeypatch.setattr(training, "add_step", deadly)
    with pytest.raises(KeyboardInterrupt):
        begin()
    monkeypatch.setattr(training, "add_step", add)
    resumed = begin()
    assert [run.confirmed for run in runs()] == [6, 6]
    one, other = (private.weights(result.trained.model) for result in (undisturbed, resumed))
    assert all(one[name].equal(other[name]) for name in one)


# --- several trainings ------------------------------------------------------------------------------------------------


def test_the_spread_is_over_trainings_that_differ_in_noise_and_coins_alone(begin, monkeypatch):
    found, train = [], private_run.train_privately

    def listening(learner, units, validation, plan, machine, folder):
        before = private.weights(learner.model)
        trained = train(learner, units, validation, plan, machine, folder)
        found.append((folder.name, before, private.weights(trained.model)))
        return trained

    monkeypatch.setattr(private_run, "train_privately", listening)
    result = begin(runs=3)
    names, before, after = zip(*found, strict=True)
    assert names == ("run-1", "run-2", "run-3")
    assert all(before[0][name].equal(some[name]) for some in before for name in some)
    assert all(len({tuple(some[name].flatten().tolist()) for some in after}) == 3 for name in before[0])
    kept = private.weights(result.trained.model)
    assert all(kept[name].equal(after[0][name]) for name in kept)
    (run,) = runs()
    assert (run.entry.mechanism.steps, run.confirmed) == (18, 18)
    spread = result.spread
    assert spread["metric"] == tiny.TASK.primary
    assert len(spread["values"]) == 3
    assert spread["mean"] == pytest.approx(statistics.fmean(spread["values"]), abs=1e-6)
    assert spread["sd"] == pytest.approx(statistics.stdev(spread["values"]), abs=1e-6)


def test_one_training_has_no_spread(begin, trainings):
    assert begin().spread is None


# --- the positive control ---------------------------------------------------------------------------------------------


def test_the_control_learns_invented_rows_alone_without_noise_and_costs_nothing(base, tmp_path, trainings):
    run = PrivateRun(private.plan(), DIGEST, private.MACHINE, tmp_path, lambda: private.learner(base), list)
    records = [tiny.record(i, private.LABELS[i % 3], "train") for i in range(5)]
    learner = control(run, records)
    (call,) = trainings.calls
    expected = learner.task.encode(records, learner.tokenizer, private.options(), private.LABELS)
    assert [row["input_ids"] for row in call.units.rows] == [row["input_ids"] for row in expected]
    assert call.units.units == [[0], [1], [2], [3], [4]]
    assert call.plan["privacy"]["noise_multiplier"] == 0
    assert (call.plan["privacy"]["rate"], call.folder.name) == (0.5, "control")
    assert runs() == ()
