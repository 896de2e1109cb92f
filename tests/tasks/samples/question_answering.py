"""Questions for the contract: an animal and its colour, some of them not in the context; and a tiny base model."""

ANIMALS = ("cat", "dog", "owl", "fox", "hen", "cow")
COLOURS = ("red", "blue", "green", "black", "white", "brown")
FILLERS = ("the", "a", "is", "of", "what", "colour", "was", "seen", "near", "house", "today", ".", "?")
LABELS = ("answerable", "unanswerable")
OPTIONS = {"stride": 8, "max_answer_length": 4}


def row(context, animal, colour):
    """A question for an animal's colour, as SQuAD has it; without a colour there is no answer."""
    answers = [{"start": context.index(colour), "text": colour}] if colour else []
    return {"question": f"What colour is the {animal}?", "context": context, "answers": answers}


_TWO = "The cat is red. The dog is blue."
ROWS = [
    row(_TWO, "cat", "red"),
    row(_TWO, "dog", "blue"),
    row(_TWO, "owl", None),
    {
        **row("A fox was seen near the house. The fox is brown.", "fox", None),
        "answers": {"text": [], "answer_start": []},
    },
    {**row("The hen is white.", "hen", None), "answers": {"text": "white", "answer_start": 11}},
    {**row("The cow is black.", "cow", None), "answers": {"text": ["black", "black."], "answer_start": [11, 11]}},
]
BROKEN = [
    ({"context": _TWO, "answers": []}, "missing_field"),
    ({"question": "What?", "context": None, "answers": []}, "missing_field"),
    ({"question": 3, "context": _TWO, "answers": []}, "wrong_type"),
    ({"question": "What?", "context": " \n", "answers": []}, "empty_text"),
    ({"question": "What?", "context": _TWO, "answers": None}, "missing_label"),
    ({"question": "What?", "context": _TWO, "answers": "red"}, "wrong_type"),
    ({"question": "What?", "context": _TWO, "answers": [{"start": "11", "text": "red"}]}, "wrong_type"),
    ({"question": "What?", "context": _TWO, "answers": [{"start": True, "text": "he"}]}, "wrong_type"),
    ({"question": "What?", "context": _TWO, "answers": [{"start": 11}]}, "wrong_type"),
    ({"question": "What?", "context": _TWO, "answers": {"text": ["red"], "answer_start": []}}, "wrong_type"),
    ({"question": "What?", "context": _TWO, "answers": [{"start": 11, "text": " "}]}, "empty_text"),
    ({"question": "What?", "context": _TWO, "answers": [{"start": 12, "text": "red"}]}, "misplaced_answer"),
    ({"question": "What?", "context": _TWO, "answers": [{"start": -21, "text": "red"}]}, "misplaced_answer"),
    ({"question": "What?", "context": _TWO, "answers": [{"start": 900, "text": "red"}]}, "misplaced_answer"),
]


def save_base(folder, seed=0):
    """Save an untrained BERT of two layers that knows these words and all letters, and give its path."""
    import string

    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    pieces = [piece for letter in string.ascii_lowercase + string.digits for piece in (letter, f"##{letter}")]
    words = [*FILLERS, *ANIMALS, *COLOURS, *(piece for piece in pieces if piece not in FILLERS)]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    config = BertConfig(
        vocab_size=len(vocab), hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128,
        max_position_embeddings=128,
    )  # fmt: skip
    torch.manual_seed(seed)
    BertModel(config).save_pretrained(folder)
    BertTokenizer(vocab={word: i for i, word in enumerate(vocab)}).save_pretrained(folder)
    return str(folder)


def save_roberta(folder, seed=0):
    """Save an untrained RoBERTa of two layers that reads bytes, and give its path."""
    import torch
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizer

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    vocab = {token: i for i, token in enumerate([*special, *sorted(ByteLevel.alphabet())])}
    config = RobertaConfig(
        vocab_size=len(vocab), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=130, pad_token_id=1, bos_token_id=0, eos_token_id=2, type_vocab_size=1,
    )  # fmt: skip
    torch.manual_seed(seed)
    RobertaModel(config).save_pretrained(folder)
    RobertaTokenizer(vocab=vocab, merges=[]).save_pretrained(folder)
    return str(folder)
