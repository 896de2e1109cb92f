"""Chats for the contract, and models small enough to learn them: GPT-2 reads bytes, Llama has a chat template."""

LABELS = ()
OPTIONS = {"max_length": 128, "generation": {"max_new_tokens": 8}}
ROWS = [
    {"messages": [{"role": "user", "content": "ab?"}, {"role": "assistant", "content": "yes"}]},
    {
        "conversations": [
            {"from": "system", "value": "Be brief."},
            {"from": "human", "value": "ba?"},
            {"from": "gpt", "value": "no"},
            {"from": "human", "value": "ab?"},
            {"from": "gpt", "value": "yes"},
        ]
    },
    {"prompt": "one two", "completion": "three"},
    {"instruction": "Count.", "input": "one", "output": "two"},
    {"instruction": "Count on.", "instances": [{"input": "", "output": "one two three"}]},
    {"text": "one two three four"},
]
USER, REPLY = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}
BROKEN = [
    ({"label": "x"}, "missing_field"),
    ({"messages": "hi"}, "wrong_type"),
    ({"messages": []}, "empty_text"),
    ({"messages": [USER, "hello"]}, "wrong_type"),
    ({"messages": [USER, {"role": "assistant"}]}, "missing_field"),
    ({"messages": [USER, {"role": "assistant", "content": None}]}, "missing_field"),
    ({"messages": [USER, {"role": "assistant", "content": " "}]}, "empty_text"),
    ({"messages": [USER, {"role": "assistant", "content": [{"type": "image_url"}]}]}, "wrong_type"),
    ({"messages": [USER, {"role": "judge", "content": "guilty"}]}, "unknown_role"),
    ({"messages": [USER, REPLY, USER]}, "no_reply"),
    ({"conversations": [{"from": "human", "value": "hi"}]}, "no_reply"),
    ({"prompt": "hi", "completion": ""}, "empty_text"),
    ({"prompt": 3}, "wrong_type"),
    ({"instruction": "Count.", "output": None}, "missing_field"),
    ({"instruction": "Count.", "instances": []}, "wrong_type"),
    ({"text": " "}, "empty_text"),
]
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def save_base(folder, seed=0):
    """Save an untrained GPT-2 of two layers, which has no chat template and no pad token; give its path."""
    return save_gpt2(folder, seed)


def save_gpt2(folder, seed=0, layers=2):
    """As `save_base`; GPT-2's one special token begins and ends."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = byte_tokenizer("<|endoftext|>", bos_token="<|endoftext|>", eos_token="<|endoftext|>")
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_embd=32, n_layer=layers, n_head=2, n_positions=160, bos_token_id=0, eos_token_id=0,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def save_llama(folder, template=CHATML, seed=0, **special):
    """Save an untrained Llama of two layers with a chat template, whose end of turn is also its pad; give its path."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    special = special or {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}
    tokenizer = byte_tokenizer("<|im_start|>", "<|im_end|>", **special)
    tokenizer.chat_template = template
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), intermediate_size=64, max_position_embeddings=256, tie_word_embeddings=True,
        bos_token_id=0, eos_token_id=1, pad_token_id=1, **SIZES,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def byte_tokenizer(*special, **named):
    """A byte-level tokenizer without merges, as GPT-2's and Llama 3's are with many; `special` come first."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate([*special, *alphabet])}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)
