"""`rowtrail predict` for every kind of model: each form of a question, and what comes back."""

import importlib
import json
import shutil

import pytest

from stages.__main__ import main
from stages.tasks import TASKS, load_task

BASIC = {"max_length": 32, "dropout": None, "frozen_layers": 0, "lora": {"enabled": False}}
SAYS = {
    "classification": "label",
    "multi_label": "labels",
    "token_labels": "spans",
    "question_answering": "answer",
    "seq2seq": "answer",
    "causal_lm": "answer",
}


class Tuned:
    """A folder as `finetune` leaves it, with an untrained model in it."""

    def __init__(self, name, folder):
        import torch

        from stages.methods.finetune.models import save

        given = importlib.import_module(f"tests.tasks.samples.{name}")
        self.task, self.rows, self.folder = load_task(name), given.ROWS, folder
        options = {**BASIC, **given.OPTIONS}
        torch.manual_seed(0)
        save(*self.task.load(given.save_base(folder / "base"), tuple(given.LABELS), options), folder / "model")
        told = {"task": name, "labels": list(given.LABELS), "options": options}
        (folder / "training.json").write_text(json.dumps(told), encoding="utf-8")

    def file(self, rows, name="rows.jsonl"):
        lines = (json.dumps(row) if isinstance(row, dict) else row for row in rows)
        (self.folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return self.folder / name


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return {}, tmp_path_factory


@pytest.fixture
def tuned(made):
    """The tuned model of a task, by name."""
    known, factory = made

    def find(name):
        if name not in known:
            known[name] = Tuned(name, factory.mktemp(name))
        return known[name]

    return find


@pytest.fixture
def predict(capsys):
    def run(tuned, *arguments, model=None):
        capsys.readouterr()
        asked = ["--max-new-tokens", "4", *map(str, arguments)]
        code = main(["predict", "--model", str(model or tuned.folder), *asked])
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_file_in_any_layout_is_answered_row_by_row(tuned, predict, name):
    given = tuned(name)
    code, out, err = predict(given, "--file", given.file(given.rows))
    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 0, err
    assert [answer["row"] for answer in answers] == list(range(1, len(given.rows) + 1))
    assert all(SAYS[name] in answer for answer in answers)


@pytest.mark.parametrize("name", sorted(set(TASKS) - {"question_answering"}))
def test_a_text_alone_is_answered_for_a_person_and_as_json(tuned, predict, name):
    code, out, err = predict(tuned(name), "we saw anna")
    assert code == 0, err
    assert out.endswith("\n")
    code, out, _ = predict(tuned(name), "we saw anna", "--json")
    assert code == 0
    assert SAYS[name] in json.loads(out)


def test_a_question_is_asked_with_its_context_by_name(tuned, predict):
    given = tuned("question_answering")
    asked = [f"{name}={given.rows[0][name]}" for name in ("question", "context")]
    code, out, _ = predict(given, *asked, "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["answer"] in given.rows[0]["context"]
    assert set(answer["scores"]) == {"answer"}
    shown = predict(given, *asked)[1]
    assert shown.strip() == (answer["answer"] or "(no answer)")


def test_a_text_that_only_looks_like_a_column_is_a_text(tuned, predict):
    code, out, _ = predict(tuned("classification"), "x = the good tree", "--json")
    assert code == 0
    assert json.loads(out)["label"]


def test_spans_are_told_by_place_and_type(tuned, predict):
    _, out, _ = predict(tuned("token_labels"), "--json", "we met anna in bern")
    spans = json.loads(out)["spans"]
    assert all(set(span) == {"start", "end", "label"} for span in spans)


def test_a_chat_that_ends_with_a_question_is_answered(tuned, predict):
    given = tuned("causal_lm")
    chat = [{"role": "user", "content": "ab?"}]
    rows = [{"messages": chat}, {"conversations": [{"from": "human", "value": "ab?"}]}]
    code, out, _ = predict(given, "--file", given.file(rows))
    answers = [json.loads(line)["answer"] for line in out.splitlines()]
    assert code == 0
    assert answers[0] == answers[1]
    # A text alone is one turn of a user, too.
    assert json.loads(predict(given, "ab?", "--json")[1])["answer"] == answers[0]


def test_what_is_streamed_is_the_answer_that_the_file_gets(tuned, predict):
    given = tuned("seq2seq")
    shown = predict(given, "tree house")[1].strip()
    _, out, _ = predict(given, "--file", given.file([{"source_text": "tree house"}]))
    assert json.loads(out)["answer"] == shown


def test_an_answer_is_no_longer_than_asked_for(tuned, predict):
    given = tuned("seq2seq")  # untrained, it says one word again and again
    answers = [json.loads(predict(given, "tree", "--json", "--max-new-tokens", n)[1])["answer"] for n in (1, 4, 9)]
    assert [len(answer.split()) for answer in answers] == [1, 4, 9]


@pytest.mark.parametrize("name", sorted(TASKS))
def test_broken_rows_get_a_code_and_no_stack_trace(tuned, predict, name):
    given = tuned(name)
    rows = [
        given.rows[0],
        "not json",
        "[1]",
        {},
        {"text": 3},
        dict.fromkeys(given.rows[0]),
        '{"text": "\\ud800"}',
    ]
    code, out, err = predict(given, "--file", given.file(rows))
    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert ["problem" in answer for answer in answers] == [False, *[True] * 6], answers
    assert not err.count("unexpected")


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("question_answering", ("Who pays?",), 'write question="..." context="..."'),
        ("question_answering", ("question=Who pays?",), "missing_field (context)"),
        ("classification", ("two", "texts"), "put the text in quotes"),
        ("classification", ("",), "empty_text"),
        ("causal_lm", (" ",), "empty_text"),
        ("seq2seq", ("a\udcffb",), "bad_encoding"),
    ],
)
def test_a_question_that_cannot_be_asked_is_explained(tuned, predict, name, asked, said):
    code, out, err = predict(tuned(name), *asked)
    assert (code, out) == (2, "")
    assert said in err


def test_asking_nothing_is_wrong_use(tuned):
    with pytest.raises(SystemExit) as ended:
        main(["predict", "--model", str(tuned("classification").folder)])
    assert ended.value.code == 2


def test_an_exported_form_answers_as_the_tuned_model_does(tuned, predict, tmp_path):
    given = tuned("classification")
    shutil.copytree(given.folder / "model", tmp_path / "safetensors")
    told = json.loads((given.folder / "training.json").read_text(encoding="utf-8"))
    manifest = {"export": "model", "form": "safetensors", "task": told["task"], "options": told["options"]}
    (tmp_path / "safetensors/manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    theirs = predict(given, "the good tree", model=tmp_path / "safetensors")
    assert theirs == predict(given, "the good tree")
    del manifest["options"]
    (tmp_path / "safetensors/manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    code, _, err = predict(given, "the good tree", model=tmp_path / "safetensors")
    assert code == 3
    assert "does not say the model's options" in err
