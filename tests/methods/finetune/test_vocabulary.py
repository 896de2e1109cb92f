import pytest

from stages.core.errors import UsageError
from stages.methods.finetune import models
from stages.methods.finetune.vocabulary import with_words
from stages.tasks import load_task
from tests import tiny

OPTIONS = {"max_length": 32, "dropout": None, "frozen_layers": 0, "lora": {"enabled": False}}
LORA = {"enabled": True, "r": 2, "alpha": 4, "dropout": 0.0, "target_modules": None}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_base(tmp_path_factory.mktemp("base"))


def test_a_new_word_is_one_token_that_starts_as_the_mean_of_its_pieces(base, tmp_path):
    folder = with_words(base, ["goodtree", "good"], tmp_path)
    tokenizer = models.load_tokenizer(folder)
    assert tokenizer.tokenize("a goodtree") == ["a", "goodtree"]
    before, _ = tiny.TASK.load(base, ["a", "b"], OPTIONS)
    after, _ = tiny.TASK.load(folder, ["a", "b"], OPTIONS)
    old, new = (model.get_input_embeddings().weight for model in (before, after))
    assert len(new) == len(old) + 1
    unknown = models.load_tokenizer(base).unk_token_id
    assert new[-1].tolist() == pytest.approx(old[unknown].tolist())


def test_nothing_is_made_where_no_word_is_new(base, tmp_path):
    assert with_words(base, [], tmp_path) == base
    assert with_words(base, ["good"], tmp_path) == base
    assert list(tmp_path.iterdir()) == []


def test_the_same_words_are_added_once(base, tmp_path):
    assert with_words(base, ["treehouse"], tmp_path) == with_words(base, ["treehouse"], tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_adapters_train_the_new_rows_and_keep_them_when_merged(base, tmp_path):
    import torch

    folder = with_words(base, ["treehouse"], tmp_path / "cache")
    model, tokenizer = tiny.TASK.load(folder, ["negative", "positive"], {**OPTIONS, "lora": LORA})
    before = model.get_input_embeddings()(torch.tensor([len(tokenizer) - 1])).detach().clone()
    records = [tiny.record(1, "positive", "train", text="the treehouse was good")]
    batch = tiny.TASK.collate(tiny.TASK.encode(records, tokenizer, OPTIONS, ["negative", "positive"]), tokenizer)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
    for _ in range(3):
        optimizer.zero_grad()
        tiny.TASK.losses(model, batch).mean().backward()
        optimizer.step()
    merged = models.merge_adapters(model, base, tmp_path / "adapter")
    after = merged.get_input_embeddings().weight[len(tokenizer) - 1].detach()
    assert (after - before[0]).abs().max() > 0


def test_words_with_spaces_are_refused(base, tmp_path):
    with pytest.raises(UsageError, match="word 2"):
        with_words(base, ["house", "two words"], tmp_path)


def test_a_model_that_writes_can_write_the_new_word(tmp_path):
    from tests.tasks.samples import causal_lm

    base = causal_lm.save_base(tmp_path / "base")
    task = load_task("causal_lm")
    folder = with_words(base, ["zzzqqq"], tmp_path / "cache")
    model, tokenizer = task.load(folder, (), {**OPTIONS, **causal_lm.OPTIONS})
    assert model.get_output_embeddings().weight.shape[0] > tokenizer.convert_tokens_to_ids("zzzqqq")
