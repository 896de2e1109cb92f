import stat
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stages.core.params_file import read_params
from tests.presets import presets

CSV = 'ref,body,outcome\n1,"Hello, my claim is late",open\n2,Thanks a lot,closed\n'


@pytest.fixture
def csv(tmp_path):
    file = tmp_path / "claims 2026.csv"
    file.write_text(CSV, encoding="utf-8")
    return file


@pytest.fixture
def made(tmp_path, csv, ask):
    code, _, error = ask("new", tmp_path / "mine", "--csv", csv, "--text", "body", "--label", "outcome", "--id", "ref")
    assert code == 0, error
    return tmp_path / "mine"


def test_the_params_are_written_for_the_columns_and_every_comment_stays(made):
    (source,) = read_params(made / "params.yaml").ingest.sources
    assert source.fields == {"text": "body", "label": "outcome"}
    assert (source.id, source.subject, source.public) == ("ref", None, False)
    assert source.uri == "data/raw/claims 2026.csv"
    assert (made / source.uri).read_text(encoding="utf-8") == CSV
    assert "# column with the row's own key" in (made / "params.yaml").read_text(encoding="utf-8")


def test_the_key_is_private_and_neither_it_nor_the_data_is_in_git(made):
    assert stat.S_IMODE((made / ".rowtrail/key").stat().st_mode) == 0o600
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=made, check=True, capture_output=True, text=True
    )
    assert "dvc.yaml" in files.stdout
    assert ".rowtrail" not in files.stdout
    assert "claims" not in files.stdout


def test_nothing_of_the_old_project_comes_along(made):
    assert not (made / "dvc.lock").exists()
    assert list((made / "reports").iterdir()) == []
    assert sorted(path.name for path in (made / "data").iterdir()) == ["decisions", "erasure.csv", "raw", "samples"]
    assert (made / "data/erasure.csv").read_text(encoding="utf-8") == "kind,value\n"
    for name in ("pii", "labels"):
        assert len((made / f"data/decisions/{name}.csv").read_text(encoding="utf-8").splitlines()) == 1


def test_the_first_stage_runs_on_the_copied_data(made, ask, monkeypatch):
    monkeypatch.chdir(made)
    for name in ("DVC_ROOT", "DVC_STAGE", "ROWTRAIL_KEY", "ROWTRAIL_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    code, _, error = ask("ingest", "--out", "data/ingest")
    assert code == 0, error
    assert "2 in, 2 created" in error


def test_everything_that_stands_in_the_way_is_said_at_once(tmp_path, csv, ask):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    code, _, error = ask("new", tmp_path / "full", "--csv", csv, "--text", "bodi", "--label", "outcome")
    assert code == 2
    assert "not an empty folder" in error
    assert "--text bodi" in error
    assert "ref, body, outcome" in error
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["file"]


def test_a_project_without_data_says_what_to_fill_in(tmp_path, ask):
    code, told, _ = ask("new", tmp_path / "empty")
    assert code == 0
    assert "fill in ingest.sources" in told


@pytest.mark.parametrize("preset", ["classification", *(file.stem for file in presets())])
def test_the_sample_fits_every_preset_of_its_task(tmp_path, ask, preset, monkeypatch):
    code, _, error = ask("new", tmp_path / "mine", "--preset", preset, "--sample", "--id", "id")
    assert code == 0, error
    params = read_params(tmp_path / "mine/params.yaml")
    assert params.task == read_params(Path("presets") / f"{preset}.yaml").task
    monkeypatch.chdir(tmp_path / "mine")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert ask("ingest", "--out", "data/ingest")[0] == 0


@pytest.mark.parametrize(
    ("name", "content", "preset", "options", "format"),
    [
        ("chats.jsonl", '{"prompt": "Who?", "completion": "I."}\n', "domain_chat", (), "auto"),
        ("qa.jsonl", '{"frage": "Wer?", "text": "Ich.", "answers": []}\n', "question_answering",
         ("--map", "question=frage", "--map", "context=text"), "auto"),
        ("qa.json", '{"data": [{"paragraphs": [{"context": "I.", "qas": [{"question": "Who?", "answers": []}]}]}]}',
         "question_answering", (), "squad"),
        ("entities.txt", "Bern B-place\nis O\n\nHe O\n", "token_labels", (), "conll"),
        ("entities.conll", "Bern B-place\nis O\n", "token_labels", (), "conll"),
        ("pairs.csv", "en,de\nYes,Ja\n", "translation", ("--map", "source_text=en", "--map", "target_text=de"), "auto"),
    ],
)  # fmt: skip
def test_other_formats_and_columns_are_understood(tmp_path, ask, name, content, preset, options, format):
    (tmp_path / name).write_text(content, encoding="utf-8")
    code, _, error = ask("new", tmp_path / "mine", "--preset", preset, "--file", tmp_path / name, *options)
    assert code == 0, error
    (source,) = read_params(tmp_path / "mine/params.yaml").ingest.sources
    assert source.format == format
    assert source.fields == dict(pair.split("=") for pair in options if "=" in pair)


def test_another_delimiter_and_encoding_are_asked_for_and_written_down(tmp_path, ask, monkeypatch):
    (tmp_path / "mails.csv").write_bytes("Nachricht;Urteil\nSchöne Grüße;gut\nBöse Worte;schlecht\n".encode("cp1252"))
    named = ("new", tmp_path / "mine", "--file", tmp_path / "mails.csv", "--text", "Nachricht", "--label", "Urteil")
    code, _, error = ask(*named)
    assert (code, "--delimiter ';'" in error) == (2, True)
    code, _, error = ask(*named, "--delimiter", ";;", "--encoding", "cp1252")
    assert (code, "is not one character" in error) == (2, True)
    code, _, error = ask(*named, "--delimiter", ";", "--encoding", "cp1252")
    assert code == 0, error
    (source,) = read_params(tmp_path / "mine/params.yaml").ingest.sources
    assert (source.delimiter, source.encoding) == (";", "cp1252")
    monkeypatch.chdir(tmp_path / "mine")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert ask("ingest", "--out", "data/ingest")[0] == 0
    rows = pq.read_table("data/ingest/records.parquet")["text"].to_pylist()
    assert sorted(rows) == ["Böse Worte", "Schöne Grüße"]


@pytest.mark.parametrize(
    ("preset", "options", "said"),
    [
        ("token_labels", (), "needs text; or tokens"),
        ("token_labels", ("--map", "text=body"), "says what the model is to learn"),
        ("multi_label", ("--map", "text=body", "--map", "labels=outcom"), "no column outcom"),
        ("domain_chat", ("--map", "messages=body"), "can be read: wrong_type 2"),
        ("classification", ("--map", "text"), "not of the form COLUMN=NAME"),
        ("classification", ("--map", "subject=who"), "say --subject who"),
        ("clasification", (), "did you mean `classification`?"),
        ("question_answering", ("--format", "squad"), "is not JSON"),
    ],
)
def test_a_file_that_the_task_cannot_learn_from_is_refused(tmp_path, csv, ask, preset, options, said):
    code, _, error = ask("new", tmp_path / "mine", "--preset", preset, "--file", csv, *options)
    assert code == 2
    assert said in error
    assert not (tmp_path / "mine").exists()


def test_labels_that_only_the_preset_knows_are_not_declared(tmp_path, ask):
    (tmp_path / "a.csv").write_text("text,sentiment\nFine!,positive\nBad.,negative\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("text,sentiment\nFine!,4 stars\nBad.,1 star\n", encoding="utf-8")
    found = []
    for name in ("a", "b"):
        assert ask("new", tmp_path / name, "--preset", "sentiment", "--file", tmp_path / f"{name}.csv")[0] == 0
        found.append(read_params(tmp_path / name / "params.yaml").ingest.labels)
    assert found == [["negative", "neutral", "positive"], None]
