import json

import pytest

from stages.__main__ import main
from tests import tiny


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    base = tiny.save_base(root / "base")
    tiny.write_split(root / "split", tiny.toy_records(train=240))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        return tiny.run_finetune(root, tiny.params(base, epochs=8))


@pytest.fixture
def predict(tuned, capsys):
    """Run the command and give exit code, standard output and standard error."""

    def run(*arguments, model=tuned):
        code = main(["predict", "--model", str(model), *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def test_a_text_is_answered_with_the_labels_likeliest_first(predict):
    code, out, _ = predict("we saw the good tree")
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert lines[0][0] == "positive"
    assert [float(score) for _, score in lines] == sorted((float(score) for _, score in lines), reverse=True)


def test_json_holds_the_label_and_scores_that_add_up(predict):
    answer = json.loads(predict("--json", "the awful house")[1])
    assert answer["label"] == "negative"
    assert sum(answer["scores"].values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("texts.txt", "the good tree\n\na bad train\n"),
        ("texts.csv", 'id,text\n7,"the good tree"\n8,a bad train\n'),
        ("texts.jsonl", '{"id": "7", "text": "the good tree"}\n{"id": "8", "text": "a bad train", "label": "x"}\n'),
    ],
)
def test_a_file_is_answered_row_by_row_without_its_text(predict, tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    code, out, _ = predict("--file", tmp_path / name)
    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [answer["label"] for answer in answers] == ["positive", "negative"]
    assert [answer.get("id") for answer in answers] == ([None, None] if name.endswith("txt") else ["7", "8"])
    assert "tree" not in out


def test_rows_that_cannot_be_asked_are_named_and_the_others_answered(predict, tmp_path):
    file = tmp_path / "texts.jsonl"
    file.write_text('{"text": "a good tree"}\nnot json\n{"body": "x"}\n{"text": "a bad tree"}\n', encoding="utf-8")
    code, out, _ = predict("--file", file)
    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [answer.get("problem") for answer in answers] == [None, "malformed_row", "missing_field", None]
    assert [answer.get("field") for answer in answers] == [None, None, "text", None]
    assert [answer.get("label") for answer in answers] == ["positive", None, None, "negative"]


def test_a_file_with_names_of_its_own_is_asked_by_them(predict, tmp_path):
    (tmp_path / "own.csv").write_text("nr,body\n7,the good tree\n8,\n", encoding="utf-8")
    code, out, _ = predict("--file", tmp_path / "own.csv", "--map", "text=body", "--map", "id=nr")
    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [(answer["id"], answer.get("label")) for answer in answers] == [("7", "positive"), ("8", None)]


def test_a_file_with_another_delimiter_and_encoding_is_read_when_it_is_said(predict, tmp_path):
    (tmp_path / "own.csv").write_bytes("nr;text\n7;the good trée\n".encode("cp1252"))
    code, out, err = predict("--file", tmp_path / "own.csv")
    assert (code, out, "--delimiter ';'" in err) == (2, "", True)
    code, out, _ = predict("--file", tmp_path / "own.csv", "--delimiter", ";", "--encoding", "cp1252")
    assert (code, json.loads(out)["label"]) == (0, "positive")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((), ["own.csv: classification is asked by text", "--map COLUMN=NAME", "its columns: nr, body"]),
        (("--map", "text=words"), ["--map text=words: own.csv has no column words", "its columns: nr, body"]),
    ],
)
def test_a_file_without_what_is_asked_is_refused_once_and_not_in_each_row(predict, tmp_path, more, said):
    (tmp_path / "own.csv").write_text("nr,body\n7,the good tree\n8,a bad tree\n", encoding="utf-8")
    code, out, err = predict("--file", tmp_path / "own.csv", *more)
    assert (code, out) == (2, "")
    assert all(part in err for part in said), err


def test_a_text_alone_and_in_a_file_gets_the_same_answer(predict, tmp_path):
    (tmp_path / "one.txt").write_text("the plain tree\n", encoding="utf-8")
    assert json.loads(predict("--json", "the plain tree")[1]) == json.loads(predict("--file", tmp_path / "one.txt")[1])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((" ",), 2, "empty_text"),
        (("--file", "no/such.txt"), 2, "no such file"),
        (("--file", "texts.docx"), 2, "cannot tell how to read .docx"),
    ],
)
def test_wrong_use_is_explained(predict, arguments, code, said):
    found, _, err = predict(*arguments)
    assert found == code
    assert said in err


def test_a_missing_model_is_explained(predict, tmp_path):
    code, _, err = predict("hello", model=tmp_path / "none")
    assert code == 3
    assert "has not finished" in err
