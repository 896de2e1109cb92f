"""Question answering beyond the contract: what a source row may say, and the way from records to scores."""

import csv
import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stages.clean import clean_record
from stages.core.formats import read_rows
from stages.core.params import CleanParams, Source
from stages.core.records import Answer, Record
from stages.core.runner import run
from stages.core.spans import TextEdit
from stages.core.storage import FolderWriter
from stages.core.task import Prediction, RowFault
from stages.tasks.question_answering import QuestionAnswering
from tests.methods.check_labels.lent import lent
from tests.tasks.samples.question_answering import ANIMALS, COLOURS, FILLERS, LABELS, row, save_base
from tests.tiny import params

TASK = QuestionAnswering()
SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "question_answering.json"
OPTIONS = {"max_length": 32, "stride": 8, "max_answer_length": 4}


def record(i, values, split="train", language=None):
    return Record(f"{i:04x}", "s", str(i), TASK.schema, TASK.read_row(values, None), split=split, language=language)


def toy(i, split):
    """A question about the one colour of a context, if it names one."""
    draw = random.Random(i)
    words = [draw.choice(FILLERS[:10]) for _ in range(draw.randint(3, 9))]
    colour = draw.choice(COLOURS) if i % 4 else None
    words.insert(draw.randint(1, len(words)), colour or draw.choice(ANIMALS))
    return record(i, row(" ".join(words), draw.choice(ANIMALS), colour), split)


def write_split(path, records):
    with FolderWriter(path, TASK.schema) as folder:
        for one in records:
            folder.add(one)
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "split", "inputs": {}, "params": {}})


@pytest.fixture
def loaded(tmp_path):
    import torch

    def load(labels=LABELS, **more):
        torch.manual_seed(0)
        return TASK.load(save_base(tmp_path / "base"), labels, {**OPTIONS, **more})

    return load


# --- rows -------------------------------------------------------------------------------------------------------------


def read_sample():
    """Rows of the sample file, each as the columns of a record or the code of what is wrong with it."""
    source = Source(name="s", uri=str(SAMPLE), license="CC0-1.0", format="squad")
    for found in read_rows(SAMPLE, source, "squad", 10**6):
        try:
            yield found.columns["id"], TASK.read_row(found.columns, None)
        except RowFault as fault:
            yield found.columns["id"], fault.code


def test_the_sample_has_answers_questions_without_any_and_broken_rows():
    rows = dict(read_sample())
    broken = {id: value for id, value in rows.items() if isinstance(value, str)}
    assert broken == {
        "q203": "misplaced_answer", "q204": "misplaced_answer", "q205": "empty_text", "q206": "wrong_type"
    }  # fmt: skip
    assert len(rows) >= 120
    assert sum(value["answers"] == () for id, value in rows.items() if id not in broken) >= 20


def test_a_misplaced_answer_is_counted_and_not_repeated():
    with pytest.raises(RowFault) as fault:
        TASK.read_row(
            {"question": "q", "context": "abc", "answers": [{"start": 0, "text": "a"}, {"start": 2, "text": "b"}]}, None
        )
    assert fault.value.evidence == {"field": "answers", "misplaced": 1, "answers": 2}


@pytest.mark.parametrize("cell", ['[{"start": 2, "text": "b"}]', '{"text": ["b"], "answer_start": [2]}', "[]"])
def test_a_cell_of_a_csv_holds_answers_as_json(cell):
    found = TASK.read_row({"question": "q", "context": "a b", "answers": cell}, None)["answers"]
    assert found == (() if cell == "[]" else (Answer(2, "b"),))


@pytest.mark.parametrize(
    ("cell", "code"), [(" ", "missing_label"), ("b", "wrong_type"), ("3", "wrong_type"), ("[" * 100_000, "wrong_type")]
)
def test_a_cell_without_answers_is_a_fault(cell, code):
    with pytest.raises(RowFault) as fault:
        TASK.read_row({"question": "q", "context": "a b", "answers": cell}, None)
    assert fault.value.code == code


def test_white_space_around_an_answer_does_not_belong_to_it():
    values = TASK.read_row({"question": "q", "context": "a  b c", "answers": [{"start": 1, "text": "  b "}]}, None)
    assert values["answers"] == (Answer(3, "b"),)


def test_without_the_column_nobody_looked_for_an_answer():
    one = record(1, {"question": "q", "context": "abc"})
    assert one.values["answers"] is None
    assert not TASK.answered(one)
    assert TASK.truth(one) is None
    assert TASK.labels(one) == ()


def test_an_answer_moves_along_with_edits_of_its_context():
    one = record(1, row("The cat is red.", "cat", "red"))
    edited = one.with_edits({"context": [TextEdit(0, 3, "That old")], "question": [TextEdit(0, 4, "Which")]})
    assert edited.values["answers"] == (Answer(16, "red"),)


def test_what_cleaning_leaves_of_the_sample_still_holds_its_answers():
    cleaned = 0
    for i, (_, values) in enumerate(read_sample()):
        if isinstance(values, dict):
            before = Record(f"{i:04x}", "s", str(i), TASK.schema, values)
            after = clean_record(before, CleanParams()).record
            assert len(after.values["answers"]) == len(values["answers"])
            cleaned += after.values["context"] != values["context"]
            for answer in after.values["answers"]:
                assert after.values["context"].startswith(answer.text, answer.start)
    assert cleaned >= 8


# --- many questions about one context ---------------------------------------------------------------------------------


def test_questions_about_one_long_context_are_not_duplicates_of_each_other(tmp_path, monkeypatch):
    from stages.deduplicate import STAGE

    monkeypatch.chdir(tmp_path)
    context = " ".join(random.Random(1).choices([f"word{i}" for i in range(90)], k=120))
    ask = [
        "What is word3?",
        "What is word4?",
        "what is WORD3",
        "Where, in all of this long text, does word5 stand beside word6, if it does?",
        "Which of the many words in the text that is given here comes last and closes it?",
    ]
    records = [record(i, {"question": text, "context": context, "answers": []}) for i, text in enumerate(ask)]
    changed = context.replace("word7 ", "other ", 1)
    records.append(record(5, {"question": ask[1], "context": changed, "answers": []}))
    with FolderWriter(tmp_path / "clean", TASK.schema) as folder:
        for one in records:
            folder.add(one)
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "clean", "inputs": {}, "params": {}})
    run(STAGE, [tmp_path / "clean"], tmp_path / "out", params("none"), TASK)
    kept = pq.read_table(tmp_path / "out" / "records.parquet")["question"].to_pylist()
    assert kept.count(ask[1]) == 1
    assert len({text.lower().strip("?") for text in kept}) == len(kept) == 4


def test_questions_about_one_context_stay_on_one_side_of_the_split(tmp_path, monkeypatch):
    from stages.split import STAGE

    monkeypatch.chdir(tmp_path)
    rows = [{"question": f"Question {i}?", "context": f"context {i % 40}", "answers": []} for i in range(200)]
    with FolderWriter(tmp_path / "check_labels", TASK.schema) as folder:
        for i, values in enumerate(rows):
            folder.add(record(i, values, split=None))
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "check_labels", "inputs": {}, "params": {}})
    run(STAGE, [tmp_path / "check_labels"], tmp_path / "split", params("none", seed=1), TASK)
    sides = {
        (row["context"], row["split"]) for row in pq.read_table(tmp_path / "split" / "records.parquet").to_pylist()
    }
    assert len(sides) == 40
    assert {side for _, side in sides} == {"train", "validation", "test"}


def test_embeddings_compare_questions_with_questions(make_record):
    one = record(1, {"question": "Who?", "context": "Long context.", "answers": []})
    assert one.texts_by_column() == ["Who?", "Long context."]
    assert one.binding_texts() == ["Long context."]
    assert make_record(text="a b").binding_texts() == make_record(text="a b").texts_by_column() == ["a b"]


def test_dates_in_a_context_move_alike_for_all_its_questions():
    from stages.core.decisions import PiiDecisions
    from stages.core.keys import Keys
    from stages.core.params import ScrubPiiParams
    from stages.methods.scrub_pii.detection.findings import PATTERN, Finding
    from stages.methods.scrub_pii.replacement.replacements import Replacer

    replacer = Replacer(ScrubPiiParams(), Keys(None, frozenset({"s"})), PiiDecisions())
    date = Finding(11, 26, "DATE_TIME", 0.9, "dates", PATTERN)
    asked = [{"question": f"What {i}?", "context": "Founded on 19 January 2021.", "answers": []} for i in range(5)]
    found = [replacer.of(record(i, values), {"question": [], "context": [date]}) for i, values in enumerate(asked)]
    assert len({one.new for some in found for one in some}) == 1


# --- the model --------------------------------------------------------------------------------------------------------


def test_a_tiny_model_learns_to_answer_and_when_there_is_no_answer(tmp_path, monkeypatch):
    from stages import evaluate, finetune, plan

    monkeypatch.chdir(tmp_path)
    splits = ["train"] * 240 + ["validation"] * 24 + ["test"] * 48
    write_split(tmp_path / "split", [toy(i, split) for i, split in enumerate(splits)])
    settings = params(save_base(tmp_path / "base"), finetune=OPTIONS, epochs=6, lr=3e-3, evaluate={"bootstrap": 100})
    run(plan.STAGE, [tmp_path / "split"], tmp_path / "plan", settings, TASK)
    run(finetune.STAGE, [tmp_path / "split", tmp_path / "plan"], tmp_path / "finetune", settings, TASK)
    run(evaluate.STAGE, [tmp_path / "split", tmp_path / "finetune"], tmp_path / "evaluate", settings, TASK)
    report = json.loads((tmp_path / "evaluate" / "report.json").read_bytes())
    assert report["f1"] > 0.9
    assert report["no_answer_accuracy"] > 0.7
    assert report["f1"] > report["baselines"]["no_answer"]["f1"] > 0
    with (tmp_path / "evaluate" / "confusion.csv").open() as file:
        actual = [line["actual"] for line in csv.DictReader(file)]
    assert actual.count("no_answer") == 12


def test_a_model_that_saw_an_answer_to_every_question_always_answers(loaded):
    import torch

    asked = [record(1, row("The cat is red.", "owl", None))]
    for labels, answer in ((LABELS, ""), (LABELS[:1], "The cat is red")):
        model, tokenizer = loaded(labels)
        with torch.no_grad():
            model.qa_outputs.weight.zero_()
            model.bert.embeddings.word_embeddings.weight.zero_()
        (said,) = TASK.predict(model, tokenizer, asked, OPTIONS)
        assert (said.answer == "") == (answer == "")


def test_what_a_model_learned_of_missing_answers_is_saved_with_it(loaded, tmp_path):
    from stages.methods.finetune.models import save

    for labels in (LABELS, LABELS[:1]):
        save(*loaded(labels), tmp_path / "model")
        assert TASK.load_tuned(tmp_path / "model")[0].config.may_be_unanswerable == (labels == LABELS)


def test_a_base_that_classifies_gets_a_head_for_starts_and_ends(tmp_path):
    from transformers import BertForSequenceClassification

    base = save_base(tmp_path / "base")
    names = {i: f"intent {i}" for i in range(7)}
    BertForSequenceClassification.from_pretrained(base, id2label=names).save_pretrained(base)
    assert TASK.load_base(base) is None
    model, _ = TASK.load(base, LABELS, OPTIONS)
    assert model.qa_outputs.out_features == 2


def test_a_base_that_answers_questions_already_can_be_asked_before_it_is_tuned(loaded, tmp_path):
    from stages.methods.finetune.models import save

    asked = [record(1, row("The cat is red.", "cat", "red"))]
    save(*loaded(), tmp_path / "answers")
    model, tokenizer = TASK.load_base(tmp_path / "answers")
    assert TASK.predict(model, tokenizer, asked, OPTIONS)[0].loss is not None


def test_a_model_without_padding_and_classification_tokens_answers_too(tmp_path):
    import torch
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import GPT2Config, GPT2Model, GPT2Tokenizer

    vocab = {token: i for i, token in enumerate(["<|endoftext|>", *sorted(ByteLevel.alphabet())])}
    sizes = {"n_positions": 128, "n_embd": 32, "n_layer": 2, "n_head": 2, "bos_token_id": 0, "eos_token_id": 0}
    GPT2Model(GPT2Config(vocab_size=len(vocab), **sizes)).save_pretrained(tmp_path)
    GPT2Tokenizer(vocab=vocab, merges=[]).save_pretrained(tmp_path)
    torch.manual_seed(0)
    model, tokenizer = TASK.load(tmp_path, LABELS, {**OPTIONS, "dropout": 0.0})
    records = [record(1, row("The cat is red.", "cat", "red")), record(2, row("The cat is red. " * 9, "owl", None))]
    options = {**OPTIONS, "max_length": 64}
    losses = TASK.losses(model, TASK.collate(TASK.encode(records, tokenizer, options), tokenizer)).tolist()
    assert [said.loss for said in TASK.predict(model, tokenizer, records, options)] == pytest.approx(losses, abs=1e-4)


def test_an_answer_is_text_of_its_context_of_at_most_so_many_tokens(loaded):
    model, tokenizer = loaded(LABELS[:1])
    records = [toy(i, "test") for i in range(1, 20)]
    for most in (1, 3):
        for one, said in zip(
            records, TASK.predict(model, tokenizer, records, {**OPTIONS, "max_answer_length": most}), strict=True
        ):
            assert said.answer in one.values["context"]
            assert 1 <= len(said.answer.split()) <= most
            assert 0 < said.scores["answer"] <= 1


def test_a_question_that_nobody_answered_has_an_answer_without_a_loss(loaded):
    (said,) = TASK.predict(*loaded(), [record(1, {"question": "What?", "context": "The cat is red."})], OPTIONS)
    assert said.loss is None


def test_a_terminal_is_told_when_there_is_no_answer(loaded, monkeypatch):
    asked = record(1, {"question": "What?", "context": "The cat is red."})
    monkeypatch.setattr(TASK, "predict", lambda *_: [Prediction(asked.id, "")], raising=False)
    assert "".join(TASK.answer(*loaded(), asked, OPTIONS)) == "(no answer)"


# --- scores -----------------------------------------------------------------------------------------------------------


def scored(*pairs, language="en"):
    """Scores of (right answer or None, said) pairs."""
    records = [
        record(i, row(f"x {right} y" if right else "x", "cat", right), "test", language)
        for i, (right, _) in enumerate(pairs)
    ]
    return TASK.score(
        records, [Prediction(one.id, said) for one, (_, said) in zip(records, pairs, strict=True)], 200, 1
    )


def test_questions_with_and_without_answers_are_also_scored_apart():
    found = scored(("red", "red"), ("the dark blue", "blue"), (None, ""), (None, "x"), ("green", ""))
    assert {name: round(metric.value, 4) for name, metric in found.metrics.items()} == {
        "f1": 0.5333, "exact_match": 0.4, "answerable_f1": 0.5556, "no_answer_accuracy": 0.5
    }  # fmt: skip
    assert found.quality == pytest.approx([1, 2 / 3, 1, 0, 0])
    confusion = {"labels": ["no_answer", "answer"], "matrix": [[1, 1], [1, 2]]}
    assert found.details == {"answerable": 3, "answers_given": 3, "confusion": confusion}
    assert found.tables["confusion.csv"][3:] == [
        {"actual": "no_answer", "predicted": "answer"}, {"actual": "answer", "predicted": "no_answer"}
    ]  # fmt: skip


def test_where_every_question_has_an_answer_only_two_metrics_are_told():
    assert set(scored(("red", "red"), ("blue", "red")).metrics) == {"f1", "exact_match"}


def test_articles_count_by_the_language_of_the_record():
    assert scored(("el gato", "gato"), language="es").metrics["exact_match"].value == 1
    assert scored(("el gato", "gato"), language="en").metrics["exact_match"].value == 0


def test_the_gain_is_the_mean_difference_on_the_same_records():
    records = [record(i, row("The cat is red.", "cat", "red"), "test") for i in range(4)]
    ours = [Prediction(one.id, "red") for one in records]
    theirs = [Prediction(one.id, "red" if i < 1 else "cat") for i, one in enumerate(records)]
    assert TASK.gain(records, ours, theirs, 200, 1)["f1"].value == 0.75


def test_no_answer_is_a_baseline_where_training_has_questions_without_one():
    train = [record(i, row("The cat is red. The owl is blue.", "owl", "blue")) for i in range(2)]
    found = TASK.baselines(train, train, 1)
    assert {name: some[0].answer for name, some in found.items()} == {
        "first_sentence": "The cat is red.", "similar_sentence": "The owl is blue."
    }  # fmt: skip
    assert TASK.baselines([*train, record(3, row("x", "cat", None))], train, 1)["no_answer"][0].answer == ""


def test_answers_can_be_written_as_offsets_and_given_by_them():
    one = record(0, row("the cat is red", "cat", "red"))
    assert TASK.annotation(one) == "11-14"
    assert TASK.with_annotation(one, "4-7").values["answers"] == (Answer(4, "cat"),)
    assert TASK.with_annotation(one, "").values["answers"] == ()
    with pytest.raises(ValueError, match="not the offsets"):
        TASK.with_annotation(one, "4-99")


def test_a_question_answered_in_two_ways_is_doubted():
    context = "Anna owns the red boat. Boris owns the blue boat."
    rows = [("Who owns it?", "Anna"), ("who owns it", "Boris")]
    some = [
        record(
            i,
            {
                "question": question,
                "context": context,
                "answers": {"text": [answer], "answer_start": [context.index(answer)]},
            },
        )
        for i, (question, answer) in enumerate(rows)
    ]
    assert {*TASK.doubts(lent(some, probe=0)).doubts} == {one.id for one in some}
