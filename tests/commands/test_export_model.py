"""A tiny tuned model in all forms: each folder runs by its own README, and is what the table and the manifest say."""

import contextlib
import importlib
import io
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from stages.__main__ import main
from stages.core.ledger import IdSet
from stages.core.records import Record
from stages.core.storage import FolderWriter, StageFolder, files_below, sha256_of, write_json
from stages.methods.export import compare, forms
from stages.methods.export.forms import FORMS
from stages.methods.finetune import models
from stages.tasks import TASKS, load_task
from tests import tiny

SUBJECT = "ab" * 16
FOLDERS = [*(name for name in FORMS if name != "pruned"), "pruned-0.2"]
OUT = Path("data/export/model")


@pytest.fixture(scope="module", autouse=True)
def _few_rounds():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "_MOST", 2)
        yield


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """A project with a split and a model that has learned it."""
    root = tmp_path_factory.mktemp("project")
    base = tiny.save_base(root / "base")
    records = tiny.toy_records(train=240, test=30)
    records[-1] = replace(records[-1], subject=SUBJECT)
    tiny.write_split(root / "data" / "split", records)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        patch.chdir(root)
        tiny.run_finetune(root / "data", tiny.params(base, epochs=8))
    return root


@pytest.fixture(scope="module")
def exported(tuned, tmp_path_factory):
    """All forms of that model: (exit code, standard output, the project)."""
    root = tmp_path_factory.mktemp("exported") / "project"
    shutil.copytree(tuned, root)
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.chdir(root)
        code = main(["export", "model", "--form", ",".join(FORMS), "--sparsity", "0.2,0.95"])
    return code, said.getvalue(), root


@pytest.fixture
def project(tuned, tmp_path, monkeypatch):
    """A copy of the project to do anything with, as the working directory."""
    shutil.copytree(tuned, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def run_readme(folder, text=None):
    """What the lines in a form's README print."""
    readme = (folder / "README.md").read_text(encoding="utf-8")
    code = readme.split("```python\n")[1].split("```")[0]
    code = code.replace("the text to ask about", text or "the text to ask about")
    said, before = io.StringIO(), Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(said):
            exec(compile(code, "README.md", "exec"), {})
    finally:
        os.chdir(before)
    return said.getvalue().strip()


def results(root=Path()):
    return {row["form"]: row for row in json.loads((root / OUT / "export.json").read_bytes())["forms"]}


# --- the folders ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", FOLDERS)
def test_each_form_answers_right_by_the_lines_in_its_own_readme(exported, form):
    for word, label in (("warm", "positive"), ("awful", "negative")):
        assert run_readme(exported[2] / OUT / form, f"we saw the {word} tree") == label


@pytest.mark.parametrize("form", FOLDERS)
def test_a_manifest_names_every_file_and_where_the_model_comes_from(exported, form):
    root = exported[2]
    folder = root / OUT / form
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert set(manifest["files"]) == set(files_below(folder)) - {"manifest.json"}
    assert all(sha256_of(folder / name) == digest for name, digest in manifest["files"].items())
    assert {"README.md", "config.json", "tokenizer.json"} <= set(manifest["files"])
    assert manifest["finetune"] == StageFolder(root / "data" / "finetune").digest
    assert manifest["split"] == StageFolder(root / "data" / "split").digest
    ids = IdSet()
    for record in StageFolder(root / "data" / "split").records(tiny.TASK.schema):
        if record.split == "test":
            ids.add(record.id)
    assert manifest["test"] == {"records": ids.count, "digest": ids.digest}
    assert results(root)[form]["manifest"] == sha256_of(folder / "manifest.json")


def test_a_graph_comes_without_the_weights_of_torch(exported):
    for form in FOLDERS:
        names = {file.suffix for file in (exported[2] / OUT / form).iterdir()}
        assert (".onnx" in names) == forms.is_graph(form) == (".safetensors" not in names)


def test_the_first_form_is_the_tuned_model_byte_by_byte(exported):
    root = exported[2]
    model = root / "data" / "finetune" / "model"
    for name in files_below(model):
        assert (root / OUT / "safetensors" / name).read_bytes() == (model / name).read_bytes()


def test_no_text_of_a_record_is_in_what_is_written_about_a_form(exported):
    records = tiny.toy_records(train=240, test=30)
    for file in [*(exported[2] / OUT).rglob("*.json"), *(exported[2] / OUT).rglob("*.md")]:
        content = file.read_text(encoding="utf-8")
        assert not any(record.text in content for record in records)


def test_nothing_else_is_left_in_the_folder(exported):
    assert {path.name for path in (exported[2] / OUT).iterdir()} == {*FOLDERS, "export.json"}


def test_the_same_model_gives_the_same_bytes_again(exported, project):
    assert main(["export", "model", "--form", "bfloat16,onnx-int8,weight-int4,pruned", "--sparsity", "0.2"]) == 0
    for form in ("bfloat16", "onnx-int8", "weight-int4", "pruned-0.2"):
        for name in files_below(OUT / form):
            assert (OUT / form / name).read_bytes() == (exported[2] / OUT / form / name).read_bytes()


# --- what they cost and gain ----------------------------------------------------------------------------------------
def test_the_table_has_a_row_a_form_and_compares_with_the_tuned_model(exported):
    _, said, root = exported
    rows = results(root)
    assert list(rows) == ["tuned model", *FOLDERS, "pruned-0.95"]
    assert all(any(line.startswith(form) for line in said.splitlines()) for form in rows)
    assert rows["tuned model"]["times"]["ratio"] == {"1": 1.0, "32": 1.0}
    assert all(row["times"]["ms"]["1"] > 0 and row["times"]["rounds"] == 2 for row in rows.values())
    assert rows["safetensors"]["change"] == rows["onnx"]["change"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert rows["onnx"]["facts"]["logits_differ_by"] < 1e-5
    assert "onnx: logits differ" in said


def test_what_should_be_smaller_is(exported):
    rows = results(exported[2])
    size = {form: row["size"] for form, row in rows.items()}
    assert size["weight-int4"] < size["weight-int8"] < size["onnx"]
    assert size["onnx-int8"] < size["onnx"]
    assert size["bfloat16"] < 0.6 * size["safetensors"]
    assert size["pruned-0.2"] == pytest.approx(size["safetensors"], rel=0.01)
    assert rows["pruned-0.95"]["compressed"] < 0.7 * rows["pruned-0.2"]["compressed"]


def test_a_form_that_is_worse_by_more_than_the_limit_is_not_kept(exported):
    code, said, root = exported
    row = results(root)["pruned-0.95"]
    assert code == 1
    assert row["verdict"] == "refused"
    assert row["change"]["value"] < -0.01
    assert row["facts"]["zeros"] == pytest.approx(0.95, abs=1e-3)
    assert not (root / OUT / "pruned-0.95").exists()
    assert "not kept, because macro_f1 falls by more than 0.01: pruned-0.95" in said


def test_the_limit_can_be_moved(project, ask):
    code, out, _ = ask("export", "model", "--form", "pruned", "--sparsity", "0.95", "--max-drop", "1")
    assert code == 0
    assert (OUT / "pruned-0.95").is_dir()
    assert "not kept" not in out


def test_fewer_test_records_can_be_asked_for(project, ask):
    assert ask("export", "model", "--form", "safetensors", "--rows", "10")[0] == 0
    assert json.loads((OUT / "export.json").read_bytes())["test"]["records"] == 10


# --- every task -----------------------------------------------------------------------------------------------------
def hand_over(root, name):
    """A split of the task's sample, and its untrained model as `finetune` leaves one."""
    import torch

    given, task = importlib.import_module(f"tests.tasks.samples.{name}"), load_task(name)
    options = {"max_length": 32, "dropout": None, "frozen_layers": 0, "lora": {"enabled": False}, **given.OPTIONS}
    values = [task.read_row(row, tuple(given.LABELS) or None) for row in given.ROWS]
    with FolderWriter(root / "data" / "split", task.schema) as folder:
        for i, value in enumerate(values):
            folder.add(Record(f"{i:04x}", "s", str(i), task.schema, value, split="test"))
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "split", "inputs": {}, "params": {"task": name}})
    torch.manual_seed(0)
    model, tokenizer = task.load(given.save_base(root / "base"), tuple(given.LABELS), options)
    with FolderWriter(root / "data" / "finetune", None) as folder:
        models.save(model, tokenizer, folder.work / "model")
        facts = {"task": name, "labels": list(given.LABELS), "options": options, "seed": 13, "model": "tiny"}
        write_json(folder.work / "training.json", facts)
        folder.finish_tables()
        inputs = {"split": StageFolder(root / "data" / "split").digest}
        folder.finish({"format": 1, "stage": "finetune", "inputs": inputs, "params": {"task": name}})
    params = {"ingest": {"sources": [tiny.SOURCE]}, "evaluate": {"generation": {"records": 3, "max_new_tokens": 4}}}
    (root / "params.yaml").write_text(json.dumps(params))  # JSON is YAML
    return task


@pytest.mark.parametrize("name", sorted(TASKS))
def test_the_forms_of_every_task_run_by_their_readme(name, tmp_path, monkeypatch, ask):
    monkeypatch.chdir(tmp_path)
    task = hand_over(tmp_path, name)
    chosen = ["safetensors", "bfloat16"] if task.writes else ["safetensors", "onnx", "onnx-int8"]
    code, _, error = ask("export", "model", "--form", ",".join(chosen), "--max-drop", "1")
    assert code == 0, error
    said = [run_readme(tmp_path / OUT / form) for form in chosen]
    assert said[0] == said[1] or task.writes
    if task.writes:
        assert json.loads((OUT / "export.json").read_bytes())["test"]["records"] == 3
    else:
        assert results()["onnx"]["change"]["value"] == 0


def test_a_model_that_writes_is_not_made_a_graph_and_has_forms_of_its_own(tmp_path, monkeypatch, ask):
    monkeypatch.chdir(tmp_path)
    hand_over(tmp_path, "seq2seq")
    code, _, error = ask("export", "model", "--form", "safetensors,onnx")
    assert code == 2
    assert "onnx: this model writes text" in error
    assert ask("export", "model", "--sparsity", "0.1", "--max-drop", "1")[0] == 0
    assert {path.name for path in OUT.iterdir()} == {"safetensors", "bfloat16", "pruned-0.1", "export.json"}


# --- what is refused ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--form", "onxx"), "unknown: onxx"),
        (("--sparsity", "0.5,1.5"), "above 0 and below 1"),
        (("--max-drop", "-1"), "0 or more"),
        (("--rows", "0"), "at least 1"),
    ],
)
def test_wrong_use_is_explained(project, capsys, arguments, said):
    try:
        code = main(["export", "model", *arguments])
    except SystemExit as end:  # argparse's own way
        code = end.code
    assert code == 2
    assert said in capsys.readouterr().err


def test_a_missing_package_is_named_with_what_installs_it(project, ask, monkeypatch):
    found = forms.importlib.util.find_spec
    monkeypatch.setattr(forms.importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else found(name))
    code, _, error = ask("export", "model")
    assert code == 2
    assert "onnxruntime not installed" in error
    assert "pip install 'rowtrail[export]'" in error


def test_a_folder_that_holds_something_else_is_left_alone(project, ask):
    code, _, error = ask("export", "model", "--form", "safetensors", "--out", "base")
    assert code == 2
    assert "is not an earlier export" in error
    assert Path("base/config.json").is_file()


def test_a_model_of_another_split_is_refused(project, ask):
    tiny.write_split(Path("data/split"), tiny.toy_records(train=30, test=30))
    code, _, error = ask("export", "model", "--form", "safetensors")
    assert code == 3
    assert "was not tuned on data/split" in error


def test_a_model_that_was_changed_by_hand_is_refused(project, ask):
    file = Path("data/finetune/model/config.json")
    file.write_text(file.read_text() + "\n")
    code, _, error = ask("export", "model", "--form", "safetensors")
    assert code == 3
    assert "has not the bytes" in error


def test_a_model_that_knows_somebody_who_was_erased_since_is_refused(project, ask):
    Path("data/erasure.csv").write_text(f"kind,value\nsubject,{SUBJECT}\n")
    code, _, error = ask("export", "model", "--form", "safetensors")
    assert code == 4
    assert "dvc repro" in error
    assert not OUT.exists()


def test_an_earlier_export_stays_when_a_new_one_fails(project, ask, monkeypatch):
    assert ask("export", "model", "--form", "safetensors")[0] == 0
    monkeypatch.setattr(forms.Workshop, "make", lambda *_: 1 / 0)
    assert ask("export", "model", "--form", "bfloat16")[0] == 1
    assert [path.name for path in OUT.parent.iterdir()] == [OUT.name]
    assert (OUT / "safetensors" / "model.safetensors").is_file()


def test_the_help_says_what_each_form_is_and_when_to_choose_it(capsys):
    with pytest.raises(SystemExit):
        main(["export", "model", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for name, form in FORMS.items():
        assert f"{name} {form.what}: {form.when}" in said
