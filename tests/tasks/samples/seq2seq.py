"""A language of few words, in which the answer is the source read backwards, and models small enough to learn it."""

import random
import string

WORDS = ("tree", "house", "river", "stone", "cloud", "bridge", "garden", "window")
LABELS = ()
OPTIONS = {"max_target_length": 16, "prefix": "reverse: ", "generation": {"max_new_tokens": 8}}
ROWS = [
    {"source_text": "tree house river", "target_text": "river house tree"},
    {"document": "stone cloud", "summary": "cloud stone"},
    {"article": "garden", "highlights": "garden"},
    {"translation": {"en": "bridge window tree stone", "eo": "stone tree window bridge"}},
    {"text": "window river", "summary": "river window"},
]
BROKEN = [
    ({"target_text": "tree"}, "missing_field"),
    ({"source_text": None, "target_text": "tree"}, "missing_field"),
    ({"source_text": "tree", "target_text": None}, "missing_field"),
    ({"source_text": 3, "target_text": "tree"}, "wrong_type"),
    ({"document": "tree", "summary": ["tree"]}, "wrong_type"),
    ({"source_text": " ", "target_text": "tree"}, "empty_text"),
    ({"article": "tree", "highlights": ""}, "empty_text"),
    ({"translation": "tree"}, "wrong_type"),
    ({"translation": None}, "missing_field"),
    ({"translation": {"en": "tree"}}, "wrong_type"),
    ({"translation": {"en": "tree", "eo": None}}, "missing_field"),
    ({"translation": {"en": "", "eo": "tree"}}, "empty_text"),
]


def save_base(folder, seed=0, **changes):
    """Save an untrained T5 of two layers that knows the words, and letters for all others; give its path."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    tokenizer = word_tokenizer()
    torch.manual_seed(seed)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2,
        decoder_start_token_id=tokenizer.pad_token_id, **changes,
    )  # fmt: skip
    T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def save_bart(folder, seed=0, **changes):
    """Save an untrained BART of two layers that reads bytes; give its path."""
    import torch
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import BartConfig, BartForConditionalGeneration, BartTokenizer

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    vocab = {token: i for i, token in enumerate([*special, *sorted(ByteLevel.alphabet())])}
    torch.manual_seed(seed)
    sizes = {
        f"{side}_{name}": size
        for side in ("encoder", "decoder")
        for name, size in (("layers", 2), ("attention_heads", 2), ("ffn_dim", 64))
    }
    config = BartConfig(vocab_size=len(vocab), d_model=32, max_position_embeddings=64, **sizes, **changes)
    BartForConditionalGeneration(config).save_pretrained(folder)
    BartTokenizer(vocab=vocab, merges=[]).save_pretrained(folder)
    return str(folder)


def word_tokenizer():
    """T5's own tokenizer with a token for each word of the language and each letter."""
    from transformers import T5Tokenizer

    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -8.0)]
    known = [("\u2581reverse:", -4.0), *((f"\u2581{word}", -4.0) for word in WORDS)]
    return T5Tokenizer(vocab=[*special, *known, *((letter, -9.0) for letter in string.ascii_lowercase)], extra_ids=0)


def backwards(count, least=2, most=5, seed=0):
    """Different sentences of the language, each with itself read backwards."""
    draw = random.Random(seed)
    found = {}
    while len(found) < count:
        words = draw.choices(WORDS, k=draw.randint(least, most))
        found[" ".join(words)] = " ".join(reversed(words))
    return [{"source_text": source, "target_text": target} for source, target in found.items()]
