import pytest
import torch

from stages.core.records import Message, Record
from stages.methods.audit.regurgitation import compare, goes_on
from stages.methods.evaluate.tuned_model import TunedModel
from stages.methods.finetune.generating import generate
from stages.tasks import load_task
from tests.tasks.samples.causal_lm import save_llama
from tests.tasks.samples.seq2seq import WORDS, save_base

OPTIONS = {"max_length": 256, "max_target_length": 64, "dropout": 0.0, "frozen_layers": 0, "lora": {"enabled": False}}
REPLIES = ["the river ran past the old stone bridge", "a window of the house was open all night", "no more than that"]


def chat(i, reply):
    values = {"messages": (Message("user", f"{i}?"), Message("assistant", reply))}
    return Record(f"{i:02x}", "s", str(i), load_task("causal_lm").schema, values)


def pair(i, target):
    values = {"source_text": WORDS[i], "target_text": target}
    return Record(f"{i:02x}", "s", str(i), load_task("seq2seq").schema, values)


def tuned(task, base, records, steps=250):
    """A model that was trained on these records."""
    torch.manual_seed(0)
    model, tokenizer = task.load(base, (), OPTIONS)
    batch = task.collate(task.encode(records, tokenizer, OPTIONS), tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        task.losses(model, batch).mean().backward()
        optimizer.step()
    return TunedModel(task, model.eval(), tokenizer, (), OPTIONS)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    records = [chat(i, reply) for i, reply in enumerate(REPLIES)]
    return tuned(load_task("causal_lm"), save_llama(tmp_path_factory.mktemp("llama")), records)


def test_a_model_goes_on_with_what_it_has_learned_and_not_with_what_it_has_not(learned):
    asked = [chat(0, REPLIES[0]), chat(1, REPLIES[1]), chat(0, "the river ran past a wall, and over it went the road")]
    assert goes_on(learned, asked) == [True, True, False]
    assert goes_on(learned, asked[::-1]) == [False, True, True]


def test_an_answer_that_is_too_short_is_not_asked(learned):
    assert goes_on(learned, [chat(2, "no more"), chat(0, REPLIES[0])]) == [None, True]


def test_reading_once_tells_what_writing_would_have_shown(learned):
    for record in (chat(0, REPLIES[0]), chat(5, "the river ran, and then the window of the house")):
        (row,) = learned.task.encode([record], learned.tokenizer, OPTIONS)
        start = next(i for i, label in enumerate(row["labels"]) if label != -100)
        given = start + min(50, (len(row["labels"]) - start) // 2)
        prompt = {"input_ids": row["input_ids"][:given]}
        options = {**OPTIONS, "generation": {"max_new_tokens": 10}}
        (written,) = generate(learned.model, learned.tokenizer, [prompt], options)
        wanted = learned.tokenizer.decode(row["input_ids"][given : given + 10], skip_special_tokens=True).strip()
        assert goes_on(learned, [record]) == [written == wanted]


def test_a_model_with_an_encoder_goes_on_with_its_targets(tmp_path):
    texts = [" ".join(WORDS[(i * step) % 8] for i in range(24)) for step in (1, 3, 5)]
    records = [pair(i, text) for i, text in enumerate(texts)]
    model = tuned(load_task("seq2seq"), save_base(tmp_path), records)
    assert goes_on(model, [*records, pair(0, " ".join(["garden", "tree"] * 12))]) == [True, True, True, False]
    assert goes_on(model, [pair(0, "tree house")]) == [None]


def test_more_of_the_training_than_of_the_test_answers_is_a_sign_of_memory():
    found = compare([True] * 9 + [False, None], [False] * 10)
    expected = {"asked": {"train": 10, "test": 10}, "verbatim": {"train": 9, "test": 0}, "train": 0.9, "test": 0.0}
    assert found["regurgitation"] | expected == found["regurgitation"]
    assert found["regurgitation"]["train_low"] == pytest.approx(0.555, abs=1e-3)
    assert found["regurgitation"]["test_high"] == pytest.approx(0.308, abs=1e-3)
    assert found["regurgitation"]["p_value"] < 0.001
    assert "by heart (p" in found["regurgitation_sentence"]


def test_what_can_be_foreseen_is_no_sign_of_memory():
    found = compare([True] * 9 + [False], [True] * 9 + [False])
    assert found["regurgitation"]["p_value"] > 0.5
    assert "no sign" in found["regurgitation_sentence"]


def test_without_long_answers_nothing_is_said_of_them():
    found = compare([None, None], [])
    assert found["regurgitation"] == {"asked": {"train": 0, "test": 0}, "verbatim": {"train": 0, "test": 0}}
    assert found["regurgitation_sentence"].startswith("Not tried")
