"""Chats: what is learned of them, what is written, and when it stops."""

import math

import pytest
import torch

from stages.core.errors import UsageError
from stages.core.records import Record
from stages.core.task import Prediction
from stages.tasks import load_task
from tests.methods.check_labels.lent import lent
from tests.tasks.samples import causal_lm as given

TASK = load_task("causal_lm")
OPTIONS = {"max_length": 128, "dropout": 0.0, "frozen_layers": 0, "lora": {"enabled": False}}
SHORT = {"generation": {"max_new_tokens": 8}}


def record(row, id="00"):
    return Record(id, "s", id, TASK.schema, TASK.read_row(row, None), split="train")


def chat(*texts):
    roles = ("user", "assistant")
    return record({"messages": [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]})


RECORDS = [record(row, f"{i:02x}") for i, row in enumerate(given.ROWS)]


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def loaded(request, tmp_path_factory):
    save = {"gpt2": given.save_gpt2, "llama": given.save_llama}[request.param]
    torch.manual_seed(0)
    return TASK.load(save(tmp_path_factory.mktemp(request.param)), (), OPTIONS)


def test_the_loss_of_a_record_is_the_mean_surprise_of_the_tokens_of_its_replies(loaded):
    model, tokenizer = loaded
    model.eval()
    features = TASK.encode(RECORDS, tokenizer, OPTIONS)
    losses = TASK.losses(model, TASK.collate(features, tokenizer)).tolist()
    for row, loss in zip(features, losses, strict=True):
        logs = model(torch.tensor([row["input_ids"]])).logits[0].log_softmax(dim=-1)
        surprises = [-logs[i - 1, label].item() for i, label in enumerate(row["labels"]) if i and label != -100]
        assert len(surprises) == row["learned"]
        assert loss == pytest.approx(sum(surprises) / len(surprises), abs=1e-5)


def test_the_last_token_that_is_learned_ends_the_reply_though_padding_is_the_same_token(loaded):
    _, tokenizer = loaded
    features = TASK.encode(RECORDS, tokenizer, OPTIONS)
    batch = TASK.collate(features, tokenizer)
    assert tokenizer.pad_token_id in (None, tokenizer.eos_token_id)
    for row, labels, mask in zip(features, batch["labels"].tolist(), batch["attention_mask"].tolist(), strict=True):
        assert [label for label in row["labels"] if label != -100][-1] == tokenizer.eos_token_id
        assert sum(mask) == len(row["input_ids"])
        assert labels == row["labels"] + [-100] * (len(labels) - sum(mask))
    assert all(positions == list(range(len(positions))) for positions in batch["position_ids"].tolist())


def test_what_the_user_says_is_read_and_not_learned(loaded):
    _, tokenizer = loaded
    (row,) = TASK.encode([chat("secret", "ok")], tokenizer, OPTIONS)
    assert "secret" in tokenizer.decode(row["input_ids"])
    assert tokenizer.decode([label for label in row["labels"] if label != -100]) == f"ok{tokenizer.eos_token}"


def test_a_chat_that_is_too_long_is_left_out_or_keeps_its_beginning_and_is_counted(loaded):
    _, tokenizer = loaded
    long = chat("one", "two three four five", "six", "seven " * 10)
    (whole,) = TASK.encode([long], tokenizer, {"max_length": 500})
    limit = whole["tokens"] - 20
    (dropped,) = TASK.encode([long], tokenizer, {"max_length": limit})
    (cut,) = TASK.encode([long], tokenizer, {"max_length": limit, "overflow": "truncate"})
    assert {row["tokens"] for row in (whole, dropped, cut)} == {whole["tokens"]}
    assert (dropped["learned"], set(dropped["labels"])) == (0, {-100})
    assert cut["labels"] == whole["labels"][:limit]
    assert 0 < cut["learned"] < whole["learned"]
    (shorter,) = TASK.encode([long], tokenizer, {"max_length": 8, "overflow": "truncate"})
    assert shorter["learned"] == sum(label != -100 for label in whole["labels"][1:8])


def test_a_record_with_nothing_to_learn_has_no_loss_and_spoils_no_other(loaded):
    model, tokenizer = loaded
    features = TASK.encode([chat("hi", "a long reply"), chat("hi", "yes")], tokenizer, {**OPTIONS, "max_length": 128})
    (empty,) = TASK.encode([chat("hi", "a long reply")], tokenizer, {"max_length": 8})
    losses = TASK.losses(model, TASK.collate([empty, features[1]], tokenizer)).tolist()
    assert losses == [0.0, pytest.approx(TASK.losses(model, TASK.collate(features[1:], tokenizer)).item(), abs=1e-5)]


def test_a_model_learns_to_reply_and_to_stop(tmp_path):
    torch.manual_seed(0)
    model, tokenizer = TASK.load(given.save_llama(tmp_path), (), OPTIONS)
    wanted = {"a?": "yes", "b?": "no", "c?": "perhaps so"}
    records = [chat(question, reply) for question, reply in wanted.items()]
    batch = TASK.collate(TASK.encode(records, tokenizer, OPTIONS), tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(80):
        optimizer.zero_grad()
        TASK.losses(model, batch).mean().backward()
        optimizer.step()
    options = {**OPTIONS, "generation": {"max_new_tokens": 40}}
    questions = [record({"instruction": question}) for question in wanted]
    answers = TASK.predict(model, tokenizer, questions, options)
    assert [said.answer for said in answers] == list(wanted.values())
    assert [said.loss for said in answers] == [None] * 3
    assert "".join(TASK.answer(model, tokenizer, questions[2], options)) == "perhaps so"
    assert TASK.score(records, TASK.predict(model, tokenizer, records, options), 100, 13).metrics["rouge_l"].value == 1


def test_the_streamed_answer_is_the_predicted_one(loaded):
    for one, said in zip(RECORDS, TASK.predict(*loaded, RECORDS, {**OPTIONS, **SHORT}), strict=True):
        assert "".join(TASK.answer(*loaded, one, {**OPTIONS, **SHORT})) == said.answer


def test_a_saved_model_knows_the_token_that_ends_a_turn_where_that_is_not_the_end_of_sequence(tmp_path):
    from stages.methods.finetune.models import save

    base = given.save_llama(tmp_path / "base", bos_token="<|im_start|>", eos_token="<|im_start|>")
    save(*TASK.load(base, (), OPTIONS), tmp_path / "tuned")
    model, tokenizer = TASK.load_tuned(tmp_path / "tuned")
    assert tokenizer.convert_tokens_to_ids("<|im_end|>") in model.generation_config.eos_token_id


def test_models_that_do_not_write_on_are_refused(tmp_path):
    from tests.tasks.samples import seq2seq
    from tests.tiny import save_base

    for folder, save in (("bert", save_base), ("t5", seq2seq.save_base)):
        (tmp_path / folder).mkdir()
        with pytest.raises(UsageError, match="does not write on"):
            TASK.load(save(tmp_path / folder), (), OPTIONS)


def test_perplexity_is_over_the_records_that_have_a_loss_and_each_counts_the_same():
    records = [chat("a", "yes"), chat("b", "no")]
    said = [Prediction("00", "yes", loss=1.0), Prediction("00", "no", loss=3.0)]
    assert TASK.score(records, said, 100, 13).metrics["perplexity"].value == pytest.approx(math.exp(2), abs=1e-5)
    some = TASK.score(records, [said[0], Prediction("00", "no")], 100, 13)
    assert (some.metrics["perplexity"].value, some.details["perplexity_rows"]) == (pytest.approx(math.e, abs=1e-5), 1)
    assert "perplexity" not in TASK.score(records, [Prediction("00", "yes")] * 2, 100, 13).metrics


def test_the_baselines_repeat_the_question_or_a_reply_to_a_similar_one():
    train = [chat("where is the parcel", "on its way"), chat("reset my password", "use the link")]
    found = TASK.baselines(train, [chat("the parcel is late", "sorry")], 13)
    assert {name: said[0].answer for name, said in found.items()} == {
        "copy": "the parcel is late",
        "nearest": "on its way",
    }


def test_each_split_gets_its_share_of_long_conversations_and_of_questions_without_a_reply():
    rows = [chat("a", "b"), chat("a", "b", "c", "d"), record({"prompt": "a"})]
    assert len({TASK.stratum(one) for one in rows}) == 3
    assert [TASK.answered(one) for one in rows] == [True, True, False]


def test_a_reply_that_refuses_is_doubted_and_can_only_be_kept_or_dropped():
    talk = chat("What is a tree?", "I'm sorry, but I can't help with that.")
    found = TASK.doubts(lent([talk], probe=0))
    assert [one.reason for one in found.doubts[talk.id]] == ["refused_answer"]
    assert TASK.annotation(talk) is None
    with pytest.raises(ValueError, match="kept or dropped"):
        TASK.with_annotation(talk, "a plant")
