import importlib.util
import json

import pytest

from stages.core.errors import UsageError
from stages.methods.scrub_pii.detection.ner import load_ner

WANTED = frozenset({"PERSON", "DATE_TIME"})
WORDS = ["the", "and", "anna", "bruno", "in", "person", "date", "[", "]", ".", ","]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A GLiNER model with weights as drawn: it gives every span a probability near one half."""
    gliner = pytest.importorskip("gliner", reason="the extra [gliner] is not installed")
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    backbone, folder = (tmp_path_factory.mktemp("models") / name for name in ("backbone", "gliner"))
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocab), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=128,
    )  # fmt: skip
    BertModel(config).save_pretrained(backbone)
    BertTokenizer(vocab={word: i for i, word in enumerate(vocab)}).save_pretrained(backbone)
    config = gliner.GLiNERConfig(
        model_name=str(backbone), max_len=32, max_width=2, hidden_size=32, dropout=0.0, span_mode="markerV0"
    )
    gliner.GLiNER.from_config(config, backbone_from_pretrained=False).save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture(scope="module")
def finder(folder):
    return load_ner(f"gliner:{folder}", "en", WANTED)


def test_a_long_text_is_searched_to_its_end_with_right_offsets(finder):
    text = "Anna and Bruno in the " * 40 + "date."
    (findings,) = finder.find([text])
    assert {one.entity for one in findings} <= WANTED
    found = [text[one.start : one.end] for one in findings]
    assert all(value == value.strip() and value for value in found)
    starts = {one.start for one in findings}
    gaps = [b - a for a, b in zip(sorted(starts), [*sorted(starts)[1:], len(text)], strict=True)]
    assert min(starts) < 22
    assert max(gaps) < 66  # names are found from end to end, not only in the first window of some 12 words


def test_the_score_is_the_models_own(finder):
    (findings,) = finder.find(["Anna and Bruno"])
    assert findings
    assert all(0.5 <= one.score <= 0.6 and one.recognizer == "GlinerRecognizer" for one in findings)


def test_a_text_gives_the_same_whatever_its_company(finder):
    texts = ["Anna and Bruno", "", "\n", "the " * 70 + "Anna", "Bruno \ud800 \u200b."]
    together = list(finder.find(texts))
    assert [next(finder.find([text])) for text in texts] == together
    assert [bool(some) for some in together][1:3] == [False, False]


def test_the_identity_changes_with_what_is_asked(finder, folder):
    assert load_ner(f"gliner:{folder}", "de", WANTED).identity == finder.identity
    assert load_ner(f"gliner:{folder}", "en", frozenset({"PERSON"})).identity != finder.identity


def test_without_the_extra_the_fault_says_how_to_install_it(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "gliner" else find_spec(name))
    with pytest.raises(UsageError, match=r"pip install rowtrail\[gliner\]"):
        load_ner("gliner:someone/names", "en", WANTED)


@pytest.fixture
def installed(monkeypatch):
    """What is checked before the library is imported needs no library."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())


def incomplete(folder, config, without=None):
    for name in ("gliner_config.json", "model.safetensors", "tokenizer_config.json"):
        if name != without:
            (folder / name).write_text(json.dumps(config), encoding="utf-8")
    return f"gliner:{folder}"


@pytest.mark.parametrize(
    ("config", "without", "problem"),
    [
        ({"encoder_config": {}}, "model.safetensors", r"has no model\.safetensors"),
        ({"encoder_config": {}}, "tokenizer_config.json", r"has no tokenizer_config\.json"),
        ({"encoder_config": {}}, "gliner_config.json", r"has no gliner_config\.json"),
        ({"model_name": "someone/encoder"}, None, "has no encoder_config"),
        ({"encoder_config": {}, "labels_encoder": "someone/encoder"}, None, "has no labels_encoder_config"),
        ({"encoder_config": {"auto_map": {"AutoModel": "x.Y"}}}, None, "needs code of its own"),
        ({"encoder_config": {}, "more": [{"auto_map": {}}]}, None, "needs code of its own"),
        ({"encoder_config": {}, "labels_decoder": "someone/decoder"}, None, "writes its labels itself"),
    ],
)
def test_a_model_that_is_incomplete_or_brings_code_is_a_fault(tmp_path, installed, config, without, problem):
    with pytest.raises(UsageError, match=problem):
        load_ner(incomplete(tmp_path, config, without), "en", WANTED)


def test_a_model_that_cannot_be_asked_for_the_wanted_is_a_fault(tmp_path, installed):
    with pytest.raises(UsageError, match="cannot be asked for IP_ADDRESS"):
        load_ner(incomplete(tmp_path, {"encoder_config": {}}), "en", frozenset({"IP_ADDRESS"}))
