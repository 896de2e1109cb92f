import shutil
from pathlib import Path

import pytest

from stages.core.params_file import read_params
from tests.presets import BASE, presets

ROWS = "body,outcome\nMy claim is late,open\nThanks a lot,closed\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with the params of the usual preset, for a file of its own."""
    text = BASE.read_text(encoding="utf-8")
    shutil.copyfile("dvc.yaml", tmp_path / "dvc.yaml")
    monkeypatch.chdir(tmp_path)
    Path("data/raw").mkdir(parents=True)
    Path("data/raw/claims.csv").write_text(ROWS, encoding="utf-8")
    text = text.replace('{text: "text", label: "label"}', '{text: "body", label: "outcome"}')
    Path("params.yaml").write_text(text.replace("seed: 13", "seed: 99"), encoding="utf-8")
    return tmp_path


def params():
    return read_params(Path("params.yaml"))


def test_presets_are_listed_with_what_they_are_for(ask):
    code, told, _ = ask("use")
    assert code == 0
    for file in [BASE, *presets()]:
        assert file.stem in told


def test_switching_writes_the_preset_and_keeps_the_projects_own(project, ask):
    code, told, error = ask("use", "support_intents")
    assert code == 0, error
    after = params()
    assert (after.seed, after.epochs, after.deduplicate.edits) == (99, 8, 1)
    assert after.ingest.sources[0].fields == {"text": "body", "label": "outcome"}
    line = next(line.split() for line in told.splitlines() if line.startswith("deduplicate.edits"))
    assert line[1:] == ["0", "1"]
    assert "seed" not in told
    assert "# the same question with a slip" in Path("params.yaml").read_text(encoding="utf-8")


def test_a_dry_run_tells_the_same_and_writes_nothing(project, ask):
    before = Path("params.yaml").read_bytes()
    _, dry, _ = ask("use", "support_intents", "--dry-run")
    assert Path("params.yaml").read_bytes() == before
    _, wet, _ = ask("use", "support_intents")
    assert dry.splitlines()[:-1] == wet.splitlines()[:-1]
    assert "nothing was written" in dry


def test_the_stages_that_run_again_are_named(project, ask):
    _, told, _ = ask("use", "legal_text", "--keep-data", "--dry-run")
    assert "runs again: check_labels, plan, audit, document\n" in told
    assert "comes out differently: split, finetune, evaluate\n" in told
    assert "document.out_of_scope" in told
    _, told, _ = ask("use", "multi_label", "--dry-run")
    assert "runs again: ingest, clean, deduplicate" in told


def test_a_project_that_is_already_so_is_told_so(project, ask):
    ask("use", "support_intents")
    code, told, _ = ask("use", "support_intents")
    assert code == 0
    assert "already says all that the preset does" in told
    assert "runs again" not in told


def test_sources_that_do_not_fit_the_new_task_are_named_with_their_columns(project, ask):
    _, told, _ = ask("use", "question_answering")
    assert "question_answering needs question and context" in told
    assert "body, outcome" in told
    Path("data/raw/claims.csv").unlink()
    _, told, _ = ask("use", "multi_label")
    assert "no file has such a name" in told


def test_what_is_no_longer_replaced_is_said(project, ask):
    _, told, _ = ask("use", "sentiment", "--dry-run")
    assert "scrub_pii.entities: ORGANIZATION, DATE_TIME will stay in the texts" in told
    assert "google-bert/bert-base-uncased is fetched from a hub" in told
    _, told, _ = ask("use", "spanish_text", "--dry-run")
    assert "names in en were looked for before" in told


def test_a_preset_that_is_not_there_is_told_with_the_nearest(project, ask):
    code, _, error = ask("use", "token_lables")
    assert code == 2
    assert "did you mean `token_labels`?" in error
    code, _, error = ask("use", "zzz")
    assert "there are: classification, " in error


def test_params_that_would_not_be_valid_are_not_written(project, ask):
    text = Path("params.yaml").read_text(encoding="utf-8")
    Path("params.yaml").write_text(text.replace("lr: 5.0e-5", "lr: fast"), encoding="utf-8")
    before = Path("params.yaml").read_bytes()
    code, _, error = ask("use", "sentiment")
    assert code == 2
    assert "params.yaml: lr" in error
    assert Path("params.yaml").read_bytes() == before
