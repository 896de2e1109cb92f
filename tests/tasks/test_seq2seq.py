"""Text in, text out: what the contract in test_tasks.py does not say, and a model that learns to read backwards."""

import math

import pytest

from stages.core.errors import UsageError
from stages.core.records import Record
from stages.core.runner import run
from stages.core.storage import FolderWriter
from stages.core.task import Prediction, RowFault
from stages.methods.finetune.models import save
from stages.tasks import load_task
from tests import tiny
from tests.methods.check_labels.lent import lent
from tests.tasks.samples import seq2seq as sample

TASK = load_task("seq2seq")
OPTIONS = {"max_length": 32, "dropout": None, "frozen_layers": 0, "lora": {"enabled": False}, **sample.OPTIONS}
ADAPTERS = {"enabled": True, "r": 4, "alpha": 8, "dropout": 0.0, "target_modules": None}


def record(source, target="", i=0, split="train"):
    values = {"source_text": source, "target_text": target}
    return Record(f"{i:04x}", "s", str(i), TASK.schema, values, split=split)


def records(rows, split="train", start=0):
    return [record(row["source_text"], row["target_text"], start + i, split) for i, row in enumerate(rows)]


@pytest.fixture(scope="module", params=["t5", "bart"])
def base(request, tmp_path_factory):
    save_base = {"t5": sample.save_base, "bart": sample.save_bart}[request.param]
    return save_base(tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def t5(tmp_path_factory):
    return TASK.load_base(sample.save_base(tmp_path_factory.mktemp("t5")))


# --- rows -------------------------------------------------------------------------------------------------------------


def test_a_translation_goes_from_the_language_that_comes_first():
    there = TASK.read_row({"translation": {"en": "tree", "eo": "arbo"}}, None)
    back = TASK.read_row({"translation": {"eo": "arbo", "en": "tree"}}, None)
    assert there == {"source_text": "tree", "target_text": "arbo"}
    assert back == {"source_text": "arbo", "target_text": "tree"}


def test_a_language_that_is_not_filled_is_named_as_fields_name_it():
    with pytest.raises(RowFault) as fault:
        TASK.read_row({"translation": {"en": "tree", "eo": " "}}, None)
    assert (fault.value.code, fault.value.evidence) == ("empty_text", {"field": "translation.eo"})


@pytest.mark.parametrize("key", ["", ";", "Jane Doe of Leeds", "de DE"])
def test_a_key_that_is_no_language_is_named_by_its_number(key):
    with pytest.raises(RowFault) as fault:
        TASK.read_row({"translation": {"eng_Latn": "tree", key: None}}, None)
    assert fault.value.evidence == {"field": "translation.2"}


def test_columns_that_the_user_has_named_win_over_usual_names():
    row = {"source_text": "tree", "target_text": "arbo", "text": "no", "summary": "no", "translation": {}}
    assert TASK.read_row(row, None) == {"source_text": "tree", "target_text": "arbo"}


@pytest.mark.parametrize("name", ["source_text", "document", "article", "text"])
def test_a_row_without_a_target_column_waits_for_its_answer(name):
    values = TASK.read_row({name: "tree"}, None)
    assert values == {"source_text": "tree", "target_text": ""}
    unanswered = record(**{key.removesuffix("_text"): text for key, text in values.items()})
    assert not TASK.answered(unanswered)
    assert TASK.truth(unanswered) is None


def test_a_record_without_a_target_goes_through_cleaning():
    from stages.clean import clean_record
    from stages.core.params import CleanParams

    decision = clean_record(record("The  tree &amp; the house stand by the river."), CleanParams())
    assert decision.record.values == {"source_text": "The tree & the house stand by the river.", "target_text": ""}
    emptied = clean_record(record("The tree and the house stand by the river.", "<br>"), CleanParams())
    assert emptied.events[0].reason == "empty"


# --- features and losses ----------------------------------------------------------------------------------------------


def test_the_prefix_is_read_and_not_learned(t5):
    _, tokenizer = t5
    (row,) = TASK.encode([record("tree house", "house tree")], tokenizer, OPTIONS)
    assert tokenizer.decode(row["input_ids"]) == "reverse: tree house</s>"
    assert tokenizer.decode(row["labels"]) == "house tree</s>"


def test_a_target_ends_with_the_end_of_sequence_also_where_it_was_cut(base):
    model, tokenizer = TASK.load_base(base)
    long = " ".join(["tree"] * 20)
    options = {**OPTIONS, "prefix": "", "max_length": 8}
    short, cut = TASK.encode([record("tree", "tree"), record(long, long)], tokenizer, options)
    for row in (short, cut):
        assert row["labels"][-1] == tokenizer.eos_token_id == model.config.eos_token_id
        assert row["labels"].count(tokenizer.eos_token_id) == 1
        assert row["learned"] == len(row["labels"])
    assert (len(cut["input_ids"]), len(cut["labels"])) == (8, 16)
    assert cut["tokens"] > 8
    assert cut["target_tokens"] > 16
    assert (short["tokens"], short["target_tokens"]) == (len(short["input_ids"]), len(short["labels"]))


def test_a_tokenizer_that_writes_no_end_gets_one():
    from tokenizers.processors import TemplateProcessing

    tokenizer = sample.word_tokenizer()
    tokenizer._tokenizer.post_processor = TemplateProcessing(single="$A", pair="$A $B", special_tokens=[])
    short, cut = TASK.encode([record("a", "tree"), record("a", "tree " * 20)], tokenizer, OPTIONS)
    assert tokenizer.decode(short["labels"]) == "tree</s>"
    assert len(cut["labels"]) == 16
    assert cut["labels"][-1] == tokenizer.eos_token_id
    assert cut["target_tokens"] == 20


def test_padding_has_no_loss_even_where_it_is_the_end_of_sequence(base):
    model, tokenizer = TASK.load_base(base)
    rows = TASK.encode(records(sample.backwards(6)), tokenizer, OPTIONS)
    before = TASK.losses(model, TASK.collate(rows, tokenizer)).tolist()
    tokenizer.pad_token = tokenizer.eos_token
    batch = TASK.collate(rows, tokenizer)
    ends = [[label for label in row if label != -100] for row in batch["labels"].tolist()]
    assert ends == [row["labels"] for row in rows]
    assert TASK.losses(model, batch).tolist() == pytest.approx(before, abs=1e-5)


def test_the_loss_is_that_of_the_model_for_one_record(base):
    import torch

    model, tokenizer = TASK.load_base(base)
    (row,) = TASK.encode([record("tree house river", "river house tree")], tokenizer, OPTIONS)
    own = model(input_ids=torch.tensor([row["input_ids"]]), labels=torch.tensor([row["labels"]])).loss.item()
    assert TASK.losses(model, TASK.collate([row], tokenizer)).item() == pytest.approx(own, abs=1e-5)


# --- models -----------------------------------------------------------------------------------------------------------


def test_a_model_without_a_decoder_is_refused_before_it_is_loaded(tmp_path):
    base = tiny.save_base(tmp_path)
    for load in (TASK.load, TASK.outline):
        with pytest.raises(UsageError, match="bert is not an encoder-decoder"):
            load(base, (), OPTIONS)


def test_targets_longer_than_the_model_has_positions_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"128, but .* has positions for 64 tokens"):
        TASK.outline(sample.save_bart(tmp_path), (), {**OPTIONS, "max_target_length": 128})


@pytest.fixture
def many_languages(tmp_path):
    """Saves an untrained model that writes the language of a token, of which its tokenizer says what it is told."""

    def save(**languages):
        from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

        vocab = {token: i for i, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", "\u2581", *"abcdefghijklmnop"])}
        tokenizer = NllbTokenizer(vocab=vocab, merges=[], **languages)
        sizes = {f"{side}_{name}": 2 for side in ("encoder", "decoder") for name in ("layers", "attention_heads")}
        ends = {"decoder_start_token_id": 2, "eos_token_id": 2, "pad_token_id": 1}
        config = M2M100Config(vocab_size=len(tokenizer), d_model=32, max_position_embeddings=64, **sizes, **ends)
        M2M100ForConditionalGeneration(config).save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)
        return str(tmp_path)

    return save


def test_a_model_of_many_languages_begins_with_the_token_of_the_one_to_write(many_languages, tmp_path):
    folder = many_languages(src_lang="eng_Latn", tgt_lang="deu_Latn")
    model, tokenizer = TASK.load(folder, (), {})
    source, target = tokenizer.convert_tokens_to_ids(["eng_Latn", "deu_Latn"])
    [row] = TASK.encode([record("abc", "cab")], tokenizer, {})
    assert (row["input_ids"][0], row["labels"][0], row["labels"][-1]) == (source, target, tokenizer.eos_token_id)
    assert model.generation_config.forced_bos_token_id == target
    save(model, tokenizer, tmp_path / "tuned")
    assert TASK.load_tuned(tmp_path / "tuned")[0].generation_config.forced_bos_token_id == target
    [answer] = TASK.predict(model, tokenizer, [record("abc", "cab")], {"generation": {"max_new_tokens": 4}})
    assert "".join(TASK.answer(model, tokenizer, record("abc"), {"generation": {"max_new_tokens": 4}})) == answer.answer


def test_one_whose_tokenizer_does_not_say_which_language_is_refused(many_languages):
    with pytest.raises(UsageError, match="does not say which"):
        TASK.load(many_languages(), (), {})


@pytest.mark.parametrize("changes", [{"frozen_layers": 1}, {"lora": ADAPTERS}])
def test_a_part_of_the_model_can_be_trained_alone(base, changes):
    outline, (model, tokenizer) = (load(base, (), {**OPTIONS, **changes}) for load in (TASK.outline, TASK.load))
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert 0 < len(trained) < len(list(model.parameters()))
    assert trained == [name for name, parameter in outline.named_parameters() if parameter.requires_grad]
    rows = TASK.encode(records(sample.backwards(3)), tokenizer, OPTIONS)
    TASK.losses(model, TASK.collate(rows, tokenizer)).sum().backward()
    moved = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert moved <= set(trained)


def test_an_untuned_model_answers_too_and_a_saved_one_the_same(base, tmp_path):
    asked = records(sample.backwards(3))
    untuned = TASK.load_base(base)
    save(*untuned, tmp_path / "model")
    again = TASK.load_tuned(tmp_path / "model")
    assert TASK.predict(*again, asked, OPTIONS) == TASK.predict(*untuned, asked, OPTIONS)


@pytest.mark.parametrize("beams", [1, 4])
def test_answers_are_those_of_the_beam_search_of_transformers(t5, beams):
    model, tokenizer = t5
    (asked,) = records(sample.backwards(1))
    options = {**OPTIONS, "generation": {"max_new_tokens": 6, "num_beams": beams}}
    inputs = tokenizer("reverse: " + asked.values["source_text"], return_tensors="pt")
    (expected,) = model.generate(**inputs, num_beams=beams, max_new_tokens=6, do_sample=False)
    text = tokenizer.decode(expected, skip_special_tokens=True).strip()
    assert TASK.predict(model, tokenizer, [asked], options)[0].answer == text
    pieces = list(TASK.answer(model, tokenizer, asked, options))
    assert "".join(pieces) == text
    assert (len(pieces) == 1) == (beams > 1)


# --- scores -----------------------------------------------------------------------------------------------------------


def test_scores_have_the_primary_metric_and_a_perplexity_where_there_are_losses():
    asked = records(sample.backwards(4))
    right = [Prediction(one.id, TASK.truth(one), loss=0.5) for one in asked]
    scores = TASK.score(asked, right, 100, 13)
    assert scores.metrics[TASK.primary].value == 1
    assert scores.metrics["perplexity"].value == pytest.approx(math.exp(0.5), abs=1e-5)
    assert "perplexity" not in TASK.score(asked, TASK.baselines(asked, asked, 13)["copy"], 100, 13).metrics


def test_the_baselines_are_the_source_and_its_beginning():
    train = [record("a b c d", "a b"), record("a b c d e f", "a b c d"), record("waits")]
    found = TASK.baselines(train, [record("one, two; three four five", "x")], 13)
    assert {name: rows[0].answer for name, rows in found.items()} == {
        "copy": "one, two; three four five",
        "lead": "one, two; three",
    }


def test_a_gain_over_a_baseline_is_paired_on_the_same_records():
    asked = records(sample.backwards(20))
    right = [Prediction(one.id, TASK.truth(one)) for one in asked]
    gain = TASK.gain(asked, right, TASK.baselines(asked, asked, 13)["copy"], 100, 13)
    assert set(gain) == {"rouge_l", "chrf"}
    assert gain["rouge_l"].low > 0


# --- a model learns ---------------------------------------------------------------------------------------------------


def test_a_small_random_t5_learns_to_read_backwards(tmp_path, monkeypatch):
    """2,000 sentences of two to four words, from scratch; none of the 60 that it is tested on was seen before."""
    from stages.evaluate import STAGE as EVALUATE
    from stages.finetune import STAGE as FINETUNE
    from stages.plan import STAGE as PLAN

    monkeypatch.chdir(tmp_path)
    rows = sample.backwards(2100, most=4)
    parts = {"train": rows[:2000], "validation": rows[2000:2040], "test": rows[2040:]}
    with FolderWriter(tmp_path / "split", TASK.schema) as folder:
        for i, (split, some) in enumerate(parts.items()):
            for one in records(some, split, 4000 * i):
                folder.add(one)
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "split", "inputs": {}, "params": {}})
    settings = tiny.params(
        sample.save_base(tmp_path / "base"), task="seq2seq", lr=5e-3, epochs=9, batch_size=32,
        finetune={"max_target_length": 16, "dropout": 0.0, "early_stopping": None, "evaluations": 1},
        evaluate={"bootstrap": 100, "generation": {"max_new_tokens": 8}},
    )  # fmt: skip
    run(PLAN, [tmp_path / "split"], tmp_path / "plan", settings, TASK)
    run(FINETUNE, [tmp_path / "split", tmp_path / "plan"], tmp_path / "finetune", settings, TASK)
    report = run(EVALUATE, [tmp_path / "split", tmp_path / "finetune"], tmp_path / "evaluate", settings, TASK)

    assert report["exact_match"] >= 0.9
    assert report["rouge_l"] >= 0.95
    assert report["gain"]["copy"]["rouge_l_low"] > 0.2
    assert report["baselines"]["untuned"]["exact_match"] == 0


def test_a_target_without_words_is_doubted_and_a_missing_one_is_not_checked():
    some = [record("what is it", "...", 0), record("what is it", "", 1), record("a long tale", "a tale", 2)]
    found = TASK.doubts(lent(some, probe=0))
    assert {id: [one.reason for one in doubts] for id, doubts in found.doubts.items()} == {"0000": ["empty_answer"]}
    assert {*found.ranked} == {"0000", "0002"}
