import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stages.core.checkpoints import checkpoint_folder
from stages.core.errors import DataError, UsageError
from stages.core.storage import StageFolder, files_below
from stages.methods.finetune.batching import Order, batches_by_length
from stages.methods.finetune.training import curve_csv, learning_curve, prepare
from stages.methods.finetune.weights import class_weights
from tests import tiny


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a split, in which checkpoints are kept too."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    tiny.write_split(tmp_path / "split", tiny.toy_records())
    return tmp_path


@pytest.fixture(scope="module")
def tuned(tmp_path_factory, base):
    """A model tuned with the plain settings, shared by tests that only look at it."""
    root = tmp_path_factory.mktemp("tuned")
    tiny.write_split(root / "split", [*tiny.toy_records(), tiny.record(999, None, "train")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        tiny.run_finetune(root, tiny.params(base, {"max_length": 8}))
    return root / "finetune"


def weights(folder, part="model/model.safetensors"):
    from safetensors.torch import load_file

    return load_file(folder / part)


def accuracy(folder):
    model, tokenizer = tiny.TASK.load_tuned(folder / "model")
    test = [one for one in tiny.toy_records(test=60) if one.split == "test"]
    predictions = tiny.TASK.predict(model, tokenizer, test, {"max_length": 32})
    return sum(p.answer == r.values["label"] for p, r in zip(predictions, test, strict=True)) / len(test)


def curve(folder):
    """Rows of the learning curve as numbers, without the epoch."""
    _, *rows = (folder / "learning_curve.csv").read_text(encoding="utf-8").splitlines()
    return [[float(cell or 0) for i, cell in enumerate(row.split(",")) if i != 1] for row in rows]


def changed(before, after):
    """Names of the weights that differ."""
    return {name for name in after if name not in before or not before[name].equal(after[name])}


# --- what a finished training leaves ------------------------------------------------------------------------------


def test_a_separable_toy_set_is_learned(project, base):
    tiny.write_split(project / "split", tiny.toy_records(train=240))
    assert accuracy(tiny.run_finetune(project, tiny.params(base, epochs=8))) > 0.9


def test_the_folder_holds_safetensors_and_no_pickle(tuned):
    names = files_below(tuned / "model")
    assert {"model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"} <= set(names)
    assert not [name for name in files_below(tuned) if Path(name).suffix in (".bin", ".pt", ".pth", ".pkl")]


def test_the_label_names_are_in_the_model(tuned):
    config = json.loads((tuned / "model" / "config.json").read_bytes())
    assert config["id2label"] == {"0": "negative", "1": "neutral", "2": "positive"}
    assert config["label2id"] == {"negative": 0, "neutral": 1, "positive": 2}


def test_nothing_in_the_folder_depends_on_where_it_was_made(tuned, base):
    for name in files_below(tuned):
        if not name.endswith(".parquet"):
            content = (tuned / name).read_bytes().replace(b'"model": "' + base.encode(), b"")  # as the params name it
            assert base.encode() not in content, name
            assert str(tuned.parent).encode() not in content, name


def test_training_records_say_how_many_tokens_were_seen(tuned):
    events = StageFolder(tuned).table("events.parquet").to_pylist()
    seen = [json.loads(event["evidence"]) for event in events if event["reason"] == "trained_on"]
    assert len(seen) == 60
    assert {one["truncated"] for one in seen} == {True, False}
    assert all(one["tokens"] == 8 for one in seen if one["truncated"])
    assert sum(event["reason"] == "validated_on" for event in events) == 15


def test_a_record_without_a_label_is_left_out_and_test_records_are_not_touched(tuned):
    manifest = StageFolder(tuned).manifest
    assert manifest["reasons"]["drop"] == {"no_label": 1}
    assert manifest["counts"]["in"] == 91
    assert sum(manifest["reasons"]["assign"].values()) == 75


def test_training_json_and_the_report_say_how_it_went(tuned):
    training = json.loads((tuned / "training.json").read_bytes())
    assert (training["lr"], training["steps"], training["threads"], training["device"]) == (3e-3, 32, 1, "cpu")
    assert training["best_step"] in (8, 16, 24, 32)
    report = json.loads((tuned / "report.json").read_bytes())
    assert report["validation_loss"] == training["validation_loss"] < report["train_loss"] + 1


def test_the_learning_curve_has_losses_and_no_times(tuned):
    header, *rows = (tuned / "learning_curve.csv").read_text(encoding="utf-8").splitlines()
    assert header == "step,epoch,train_loss,validation_loss,lr"
    assert [row.split(",")[0] for row in rows if row.split(",")[3]] == ["8", "16", "24", "32"]
    assert float(rows[-1].split(",")[2]) < float(rows[0].split(",")[2])


def test_checkpoints_are_gone_when_the_training_is_done(tuned):
    assert files_below(tuned.parent / ".rowtrail") == []


# --- the same plan, the same bits ---------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_folder_and_another_seed_another_model(project, base):
    one = tiny.run_finetune(project, tiny.params(base), "one")
    two = tiny.run_finetune(project, tiny.params(base), "two")
    other = tiny.run_finetune(project, tiny.params(base, seed=14), "other")
    digests = [StageFolder(folder).manifest["files"] for folder in (one, two, other)]
    assert digests[0] == digests[1]
    assert digests[0]["model/model.safetensors"] != digests[2]["model/model.safetensors"]


def test_accumulated_batches_train_like_one_large_batch(project, base):
    still = {"dropout": 0.0}
    large = tiny.run_finetune(project, tiny.params(base, still, batch_size=14), "large")
    settings = tiny.params(base, still | {"gradient_accumulation": 2}, batch_size=7)
    accumulated = tiny.run_finetune(project, settings, "accumulated")
    assert curve(accumulated) == [pytest.approx(row, rel=1e-3) for row in curve(large)]


KILL = """
import os, signal, sys
from pathlib import Path
from stages.methods.finetune import models
from stages.methods.finetune.trainer import RecordTrainer
from tests import tiny
step, last = RecordTrainer.training_step, int(sys.argv[3])
def deadly(self, *given):
    if self.state.global_step == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, *given)
RecordTrainer.training_step = deadly
models.save = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
tiny.run_finetune(Path(sys.argv[1]), tiny.params(sys.argv[2]), "killed")
"""


@pytest.mark.parametrize(("at", "checkpoint"), [(21, 16), (32, 32)], ids=["amid the steps", "while the model is saved"])
def test_a_killed_training_goes_on_to_the_same_bits(project, base, at, checkpoint, capfd):
    undisturbed = tiny.run_finetune(project, tiny.params(base), "undisturbed")
    command = [sys.executable, "-c", KILL, str(project), base, str(at)]
    done = subprocess.run(command, check=False, env={**os.environ, "PYTHONPATH": "."}, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (project / "killed").exists()
    assert list((project / ".rowtrail" / "checkpoints").glob(f"*/checkpoint-{checkpoint}"))
    resumed = tiny.run_finetune(project, tiny.params(base), "killed")
    assert f"goes on from the checkpoint of step {checkpoint}" in capfd.readouterr().err
    assert StageFolder(resumed).manifest["files"] == StageFolder(undisturbed).manifest["files"]


def test_half_a_checkpoint_is_not_gone_on_from(project):
    kept = project / ".rowtrail" / "checkpoints" / "key"
    for name, state in (("checkpoint-5", '{"global_step": 5}'), ("checkpoint-9", '{"global_'), ("checkpoint-12", "")):
        (kept / name).mkdir(parents=True)
        (kept / name / "trainer_state.json").write_text(state, encoding="utf-8")
    with checkpoint_folder("key") as folder:
        assert [path.name for path in folder.iterdir()] == ["checkpoint-5"]


def test_two_processes_do_not_train_by_the_same_plan_at_once(project):
    with checkpoint_folder("key"), pytest.raises(UsageError, match="another process"), checkpoint_folder("key"):
        pass


# --- what the knobs do --------------------------------------------------------------------------------------------


def test_frozen_layers_keep_their_weights_and_the_rest_learns(project, base):
    before = weights(Path(base), "model.safetensors")
    after = weights(tiny.run_finetune(project, tiny.params(base, {"frozen_layers": 1})))
    moved = changed({f"bert.{name}": value for name, value in before.items()}, after)
    assert not [name for name in moved if "embeddings" in name or "layer.0." in name]
    assert {name for name in after if "layer.1." in name and "key.bias" not in name} <= moved
    assert "classifier.weight" in moved


def test_adapters_are_kept_alone_and_also_merged_into_a_plain_model(project, base):
    settings = tiny.params(base, {"lora": {"enabled": True, "r": 4}}, lr=2e-2)
    folder = tiny.run_finetune(project, settings)
    before = {f"bert.{name}": value for name, value in weights(Path(base), "model.safetensors").items()}
    after, adapter = weights(folder), weights(folder, "adapter/adapter_model.safetensors")
    moved = {name for name in changed(before, after) if not name.startswith("classifier")}
    assert moved == {
        f"bert.encoder.layer.{i}.attention.self.{part}.weight" for i in (0, 1) for part in ("query", "value")
    }
    assert set(files_below(folder / "adapter")) == {"adapter_config.json", "adapter_model.safetensors"}
    for name in moved:
        low, high = (adapter[f"base_model.model.{name.removesuffix('weight')}lora_{part}.weight"] for part in "AB")
        assert (after[name] - before[name]).allclose(16 / 4 * high @ low, atol=1e-5), name


def test_a_training_that_does_not_improve_stops_and_keeps_the_best_weights(project, base):
    settings = tiny.params(base, {"early_stopping": 1, "evaluations": 10, "schedule": "constant"}, lr=0.5, epochs=10)
    folder = tiny.run_finetune(project, settings)
    training = json.loads((folder / "training.json").read_bytes())
    assert training["stopped_early"]
    assert training["steps"] < 80
    assert training["best_step"] < training["steps"]


def test_without_validation_records_the_training_runs_to_its_end(project, base):
    tiny.write_split(project / "split", tiny.toy_records(validation=0))
    training = json.loads((tiny.run_finetune(project, tiny.params(base)) / "training.json").read_bytes())
    assert (training["steps"], training["best_step"], training["validation_loss"]) == (32, None, None)


def test_one_validation_record_is_enough(project, base):
    tiny.write_split(project / "split", tiny.toy_records(validation=1))
    assert json.loads((tiny.run_finetune(project, tiny.params(base)) / "training.json").read_bytes())["best_step"]


def test_weights_of_classes_and_checkpointed_gradients_run_and_the_former_change_the_model(project, base):
    skewed = [one for i, one in enumerate(tiny.toy_records()) if i % 3 or i % 2]
    tiny.write_split(project / "split", skewed)
    plain = weights(tiny.run_finetune(project, tiny.params(base), "plain"))
    weighed = weights(tiny.run_finetune(project, tiny.params(base, {"class_weights": True}), "weighed"))
    recomputed = weights(tiny.run_finetune(project, tiny.params(base, {"gradient_checkpointing": True}), "recomputed"))
    assert changed(plain, weighed)
    assert all((plain[name] - recomputed[name]).abs().max() < 1e-4 for name in plain)


def test_a_loss_that_is_no_number_ends_the_training(project, base):
    settings = tiny.params(base, {"max_grad_norm": 1e30, "schedule": "constant"}, lr=9.0, epochs=30)
    broken = weights(Path(base), "model.safetensors")
    broken["encoder.layer.0.output.dense.weight"].fill_(float("inf"))
    from safetensors.torch import save_file

    folder = project / "broken"
    folder.mkdir()
    for name in files_below(Path(base)):
        (folder / name).write_bytes((Path(base) / name).read_bytes())
    save_file(broken, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(DataError, match="no longer a finite number"):
        tiny.run_finetune(project, settings.model_copy(update={"model": str(folder)}))


# --- what is refused ----------------------------------------------------------------------------------------------


def test_a_plan_for_another_split_is_refused(project, base):
    from stages.core.runner import run
    from stages.finetune import STAGE

    plan = tiny.run_plan(project, tiny.params(base))
    tiny.write_split(project / "split", tiny.toy_records(train=57))
    with pytest.raises(DataError, match="made for another split"):
        run(STAGE, [project / "split", plan], project / "out", tiny.params(base), tiny.TASK)


def test_another_base_model_under_the_same_name_is_refused(project):
    from stages.core.runner import run
    from stages.finetune import STAGE

    model = tiny.save_base(project / "base")
    plan = tiny.run_plan(project, tiny.params(model))
    tiny.save_base(project / "base", seed=1)
    with pytest.raises(DataError, match="not the model that the plan was made for"):
        run(STAGE, [project / "split", plan], project / "out", tiny.params(model), tiny.TASK)


def test_a_device_that_is_not_there_is_refused(project, base):
    import torch

    if torch.backends.mps.is_available():
        pytest.skip("this machine has mps")
    with pytest.raises(UsageError, match="has no mps"):
        tiny.run_finetune(project, tiny.params(base, {"device": "mps"}))


def test_two_processes_do_not_share_one_gpu(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for name, value in {"RANK": "0", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    options = {"device": "auto", "threads": 1, "bf16": True}
    with pytest.raises(UsageError, match="2 processes on this machine, and 1 cuda for them"):
        prepare({"batch_size": 8, "seed": 1, "finetune": options, "privacy": {"enabled": False}})


def test_a_batch_that_processes_cannot_share_evenly_is_refused(monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "3"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="8 records cannot be shared evenly by 3 processes"):
        prepare({"batch_size": 8})


# --- parts --------------------------------------------------------------------------------------------------------


def test_class_weights_average_to_one_over_the_records():
    labels = ["a"] * 6 + ["b"] * 2
    found = class_weights(labels)
    assert found == {"a": 8 / 12, "b": 2.0}
    assert sum(found[label] for label in labels) / len(labels) == pytest.approx(1)


def test_an_epochs_order_holds_each_record_once_and_depends_on_seed_and_epoch_only():
    rows = [{"input_ids": [0] * (i * 7 % 31 + 1)} for i in range(103)]
    order = Order(rows, 8, 13)
    first, again = list(order), list(order)
    order.set_epoch(1)
    assert sorted(first) == list(range(103))
    assert first == again
    assert list(order) != first
    assert list(Order(rows, 8, 14)) != first


def test_batches_of_the_order_hold_records_of_similar_length():
    rows = [{"input_ids": [0] * (i * 37 % 64 + 1)} for i in range(640)]
    order = [len(rows[i]["input_ids"]) for i in Order(rows, 16, 1)]
    padded = sum(max(order[i : i + 16]) * 16 for i in range(0, 640, 16))
    assert padded < 1.1 * sum(order)


def test_prediction_batches_hold_each_input_once_within_the_limit():
    lengths = [3, 50, 7, 7, 200, 1]
    batches = list(batches_by_length(lengths, tokens=100))
    assert sorted(i for batch in batches for i in batch) == list(range(6))
    assert all(len(b) == 1 or max(lengths[i] for i in b) * len(b) <= 100 for b in batches)


def test_the_curve_joins_losses_of_a_step_and_leaves_out_times():
    log = [
        {"loss": 1.0, "learning_rate": 2e-5, "epoch": 0.5, "step": 4},
        {"eval_loss": 0.9, "eval_runtime": 1.23, "epoch": 0.5, "step": 4},
        {"train_runtime": 5.0, "train_loss": 1.0, "epoch": 0.5, "step": 4},
    ]
    assert curve_csv(learning_curve(log)) == "step,epoch,train_loss,validation_loss,lr\n4,0.5,1,0.9,2e-05\n"
