"""What models write: in batches, by beams, token by token."""

import pytest
import torch

from stages.methods.finetune.generating import generate, stop_tokens, stream
from stages.methods.finetune.models import adapt
from tests.tasks.samples import causal_lm, seq2seq

KINDS = {
    "gpt2": ("AutoModelForCausalLM", causal_lm.save_gpt2),
    "llama": ("AutoModelForCausalLM", causal_lm.save_llama),
    "t5": ("AutoModelForSeq2SeqLM", seq2seq.save_base),
    "bart": ("AutoModelForSeq2SeqLM", seq2seq.save_bart),
}


@pytest.fixture(scope="module", params=sorted(KINDS))
def loaded(request, tmp_path_factory):
    import transformers

    name, save = KINDS[request.param]
    folder = save(tmp_path_factory.mktemp(request.param))
    model = getattr(transformers, name).from_pretrained(folder)
    torch.manual_seed(1)
    with torch.no_grad():  # an untrained model repeats itself; sharper weights make it write more than that
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn_like(parameter) * 0.4)
    return model, transformers.AutoTokenizer.from_pretrained(folder)


def rows(tokenizer):
    return [{"input_ids": tokenizer(text)["input_ids"]} for text in ("tree", "a", "tree house river stone cloud")]


def settings(**generation):
    return {"generation": {"max_new_tokens": 12, **generation}}


def test_each_is_answered_as_if_it_were_alone_and_in_order(loaded):
    model, tokenizer = loaded
    together = generate(model, tokenizer, rows(tokenizer), settings())
    assert together == [generate(model, tokenizer, [row], settings())[0] for row in rows(tokenizer)]
    assert len(set(together)) > 1


def test_the_pieces_of_a_stream_make_up_the_answer(loaded):
    model, tokenizer = loaded
    for row, answer in zip(rows(tokenizer), generate(model, tokenizer, rows(tokenizer), settings()), strict=True):
        assert "".join(stream(model, tokenizer, row, settings())) == answer
    beams = settings(num_beams=3)
    assert list(stream(model, tokenizer, rows(tokenizer)[0], beams)) == generate(
        model, tokenizer, rows(tokenizer)[:1], beams
    )


def test_an_answer_ends_at_each_token_that_the_model_names_as_an_end(loaded):
    model, tokenizer = loaded
    row, own = rows(tokenizer)[2], model.generation_config.eos_token_id
    assert generate(model, tokenizer, [row], settings()) != [""]
    model.generation_config.eos_token_id = [*stop_tokens(model, tokenizer), *range(model.config.vocab_size)]
    try:
        assert generate(model, tokenizer, [row], settings()) == [""]
        assert list(stream(model, tokenizer, row, settings())) == []
    finally:
        model.generation_config.eos_token_id = own


def test_what_a_model_wants_of_its_answers_is_not_done_and_is_put_back(loaded):
    model, tokenizer = loaded
    plain = generate(model, tokenizer, rows(tokenizer), settings())
    own = model.generation_config
    changes = {"min_length": 11, "no_repeat_ngram_size": 1, "do_sample": True, "temperature": 9.0, "max_length": 3}
    before = {name: getattr(own, name) for name in changes}
    own.update(**changes)
    model.train()
    assert generate(model, tokenizer, rows(tokenizer), settings()) == plain
    assert model.generation_config is own
    assert own.temperature == 9.0
    assert model.training
    own.update(**before)


def test_a_prompt_and_an_answer_share_the_positions_that_there_are(loaded):
    model, tokenizer = loaded
    row = {"input_ids": rows(tokenizer)[2]["input_ids"] * (10 if not model.config.is_encoder_decoder else 1)}
    answers = generate(model, tokenizer, [row], settings(max_new_tokens=300 if model.config.model_type != "t5" else 12))
    assert len(answers) == 1


def test_adapters_have_their_say(loaded):
    model, tokenizer = loaded
    plain = generate(model, tokenizer, rows(tokenizer), settings())
    kind = "SEQ_2_SEQ_LM" if model.config.is_encoder_decoder else "CAUSAL_LM"
    lora = {"enabled": True, "r": 4, "alpha": 8, "dropout": 0.0, "target_modules": None}
    adapted = adapt(model, {"lora": lora}, kind)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=2.0)
    assert generate(adapted, tokenizer, rows(tokenizer), settings()) != plain
    adapted.unload()
