import json
import math

import pytest

from stages.core.errors import DataError, UsageError
from stages.core.params import EvaluateParams, Source
from stages.core.records import Record
from stages.methods.evaluate.forgetting import forgetting, general_records
from stages.methods.evaluate.tuned_model import TunedModel
from stages.methods.finetune import models
from stages.tasks import load_task
from tests.tasks.samples import causal_lm, question_answering

TASK = load_task("causal_lm")
OPTIONS = {"max_length": 128}
ROWS = [{"prompt": f"count {i}", "completion": f"{i} {i + 1} {i + 2}"} for i in range(12)]


def source(path="rows.jsonl", name="general", **more):
    return Source(name=name, uri=str(path), license="CC0-1.0", outside=True, **more)


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A base model, and the same with one weight turned up: what tuning might have left."""
    folder = tmp_path_factory.mktemp("models")
    base = causal_lm.save_base(folder / "base")
    model, tokenizer = TASK.load_base(base)
    model.transformer.ln_f.weight.data.mul_(8)
    models.save(model, tokenizer, folder / "tuned")
    return folder


@pytest.fixture
def compared(saved, tmp_path, monkeypatch):
    """The report about some rows: the model in a folder against the base model."""
    monkeypatch.chdir(tmp_path)

    def compare(rows, model="tuned", base="base", **more):
        write(tmp_path / "rows.jsonl", rows)
        tuned = TunedModel(TASK, *TASK.load_tuned(saved / model), (), {**OPTIONS, **more.pop("options", {})})
        params = EvaluateParams(forgetting=[source(**more)], bootstrap=200)
        return forgetting(tuned, {"model": str(saved / base)}, params, (), 7)["forgetting"]["general"]

    return compare


def test_a_model_that_got_worse_at_general_rows_is_said_to_by_loss_and_perplexity(compared, saved):
    found = compared(ROWS)
    assert (found["rows"], found["measure"], found["verdict"]) == (12, "loss", "worse")
    assert found["base"] < found["tuned"]
    assert found["change"] == pytest.approx(found["tuned"] - found["base"], abs=2e-6)
    assert 0 < found["change_low"] < found["change"] < found["change_high"]
    assert found["tuned_perplexity"] == pytest.approx(math.exp(found["tuned"]), rel=1e-5)
    records = [Record(str(i), "s", "", TASK.schema, TASK.read_row(row, None)) for i, row in enumerate(ROWS)]
    losses = TunedModel(TASK, *TASK.load_base(str(saved / "base")), (), OPTIONS).losses(records)
    assert found["base"] == pytest.approx(sum(losses) / 12, abs=1e-6)
    assert found["sentence"].startswith("On 12 rows loss went from ")
    assert found["sentence"].endswith("worse than before.")


def test_less_loss_is_better_and_the_same_model_shows_no_change(compared):
    assert compared(ROWS, model="base", base="tuned")["verdict"] == "better"
    same = compared(ROWS, model="base")
    assert (same["change"], same["change_low"], same["verdict"]) == (0, 0, "no_change_shown")


def test_rows_that_cannot_be_read_or_have_nothing_to_score_are_left_out(compared):
    broken = [{"prompt": "alone"}, {"prompt": 3, "completion": "x"}, {"prompt": "too long", "completion": "x" * 500}]
    assert compared([*broken, *ROWS])["rows"] == 12
    with pytest.raises(DataError, match="no row has a token of its answer left"):
        compared(broken)
    with pytest.raises(DataError, match=r"evaluate\.forgetting: general: no row can be scored"):
        compared([{"prompt": "alone"}] * 3)


def test_both_models_know_the_words_that_were_added(compared, saved):
    base = causal_lm.save_base(saved / "plain")
    from stages.methods.finetune.vocabulary import with_words

    extended = with_words(base, ["count"], models.cache())
    model, tokenizer = TASK.load_base(extended)
    models.save(model, tokenizer, saved / "with words")
    found = compared(ROWS, model="with words", base="plain", options={"new_tokens": ["count"]})
    assert (found["change"], found["verdict"]) == (0, "no_change_shown")


def test_a_limit_takes_the_same_rows_in_whatever_order_they_come(tmp_path):
    write(tmp_path / "rows.jsonl", ROWS)
    write(tmp_path / "turned.jsonl", ROWS[::-1])
    sources = [source(tmp_path / "rows.jsonl", limit=5), source(tmp_path / "turned.jsonl", "turned", limit=5)]
    found = general_records(sources, TASK, 7)
    values = [[record.values for record in found[name]] for name in ("general", "turned")]
    assert values[0] == values[1]
    assert len(values[0]) == 5
    assert values[0] != [record.values for record in general_records(sources, TASK, 8)["general"]]


def test_the_columns_of_a_source_have_names_of_their_own(tmp_path):
    write(tmp_path / "rows.jsonl", [{"ask": row["prompt"], "say": row["completion"]} for row in ROWS])
    with pytest.raises(DataError, match="there are: ask, say"):
        general_records([source(tmp_path / "rows.jsonl")], TASK, 7)
    named = source(tmp_path / "rows.jsonl", fields={"prompt": "ask", "completion": "say"})
    assert len(general_records([named], TASK, 7)["general"]) == 12


def test_under_dvc_only_watched_files_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_STAGE", "evaluate")
    (tmp_path / "dvc.yaml").write_text("stages: {evaluate: {cmd: x, deps: [data/raw]}}", encoding="utf-8")
    (tmp_path / "data/raw/general").mkdir(parents=True)
    for place in ("rows.jsonl", "data/raw/general/rows.jsonl"):
        write(tmp_path / place, ROWS)
    assert len(general_records([source("data/raw/general/*.jsonl")], TASK, 7)["general"]) == 12
    with pytest.raises(UsageError, match="DVC does not watch it"):
        general_records([source("rows.jsonl")], TASK, 7)


def test_nothing_is_reported_and_no_model_loaded_where_nothing_is_asked_for():
    tuned = TunedModel(TASK, None, None, (), OPTIONS)
    assert forgetting(tuned, {"model": "no/such"}, EvaluateParams(), (), 7) == {}


def test_a_model_that_could_not_answer_before_is_not_compared_and_one_that_could_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task, options = load_task("question_answering"), {"max_length": 32, "lora": {"enabled": False}}
    base = question_answering.save_base(tmp_path / "base")
    model, tokenizer = task.load(base, (), options)
    models.save(model, tokenizer, tmp_path / "tuned")
    write(tmp_path / "rows.jsonl", question_answering.ROWS)
    params = EvaluateParams(forgetting=[source()], bootstrap=100)
    labels = tuple(
        {label for record in general_records(params.forgetting, task, 7)["general"] for label in task.labels(record)}
    )
    tuned = TunedModel(task, *task.load_tuned(tmp_path / "tuned"), labels, options)

    def found(base):
        return forgetting(tuned, {"model": str(base)}, params, (), 7)["forgetting"]["general"]

    assert found(base)["verdict"] == "not_comparable"
    assert "the base model has no head for this task" in found(base)["sentence"]
    assert (found(tmp_path / "tuned")["measure"], found(tmp_path / "tuned")["change"]) == (task.primary, 0)


def test_no_text_of_a_row_is_in_the_report(compared):
    said = json.dumps(compared([{"prompt": "Zzyxmarked", "completion": "Zzyxmarked too"}, *ROWS]))
    assert "Zzyx" not in said
