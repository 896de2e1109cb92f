"""Entities for the contract: people and places by their names; and tiny base models."""

PEOPLE = ("anna", "bruno", "carla", "dirk")
PLACES = ("aarau", "bern", "chur", "davos")
FILLERS = ("we", "met", "in", "near", "saw", "today", "went", "to", "nobody", "lake", "stayed", ",", ".", "-", "'", "s")
LABELS = ("person", "place")
OPTIONS = {"stride": 8}


def row(text):
    """A text with its names marked, as JSON lines have it."""
    spans = []
    for label, names in (("person", PEOPLE), ("place", PLACES)):
        for name in names:
            start = text.find(name)
            if start >= 0:
                spans.append({"start": start, "end": start + len(name), "label": label})
    return {"text": text, "spans": spans}


ROWS = [
    row("we met anna in bern."),
    row("dirk went to chur, near davos"),
    row("today nobody stayed"),
    {"text": "lake aarau", "spans": [[0, 10, "place"]]},
    {"tokens": ["carla", "bruno", "went"], "tags": ["B-person", "I-person", "O"]},
    {"tokens": ["near", "bern"], "ner_tags": [0, 3]},
]
BROKEN = [
    ({"spans": []}, "missing_field"),
    ({"text": 3, "spans": []}, "wrong_type"),
    ({"text": " \n", "spans": []}, "empty_text"),
    ({"text": "in bern", "spans": None}, "missing_label"),
    ({"text": "in bern", "spans": ""}, "missing_label"),
    ({"text": "in bern", "spans": "bern"}, "wrong_type"),
    ({"text": "in bern", "spans": {"start": 3}}, "wrong_type"),
    ({"text": "in bern", "spans": [[3, 7]]}, "wrong_type"),
    ({"text": "in bern", "spans": [["3", 7, "place"]]}, "wrong_type"),
    ({"text": "in bern", "spans": [[False, True, "place"]]}, "wrong_type"),
    ({"text": "in bern", "spans": [[3, 7, ""]]}, "missing_label"),
    ({"text": "in bern", "spans": [[3, 7, "planet"]]}, "unknown_label"),
    ({"text": "in bern", "spans": [[3, 8, "place"]]}, "misplaced_span"),
    ({"text": "in bern", "spans": [[-4, 7, "place"]]}, "misplaced_span"),
    ({"text": "in bern", "spans": [[3, 3, "place"]]}, "misplaced_span"),
    ({"text": "in bern", "spans": [[2, 3, "place"]]}, "misplaced_span"),
    ({"text": "in bern", "spans": [[0, 7, "place"], [3, 7, "place"]]}, "misplaced_span"),
    ({"tokens": None, "tags": []}, "missing_field"),
    ({"tokens": ["in", 3], "tags": ["O", "O"]}, "wrong_type"),
    ({"tokens": ["", " "], "tags": ["O", "O"]}, "empty_text"),
    ({"tokens": ["in", "bern"], "tags": None}, "missing_label"),
    ({"tokens": ["in", "bern"], "tags": ["O"]}, "misplaced_span"),
    ({"tokens": ["in", "bern"], "tags": ["O", 1.0]}, "wrong_type"),
    ({"tokens": ["in", "bern"], "tags": ["O", 5]}, "unknown_label"),
    ({"tokens": ["in", "bern"], "tags": ["O", "B-planet"]}, "unknown_label"),
    ({"tokens": ["in", "bern"], "tags": ["O", "planet"]}, "unknown_label"),
]


def save_base(folder, seed=0):
    """Save an untrained BERT of two layers that knows these words, some in pieces, and give its path."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    pieces = ["an", "##na", "br", "##uno", "aar", "##au"]
    words = [*FILLERS, *(name for name in (*PEOPLE, *PLACES) if name not in ("anna", "bruno", "aarau")), *pieces]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    config = BertConfig(
        vocab_size=len(vocab), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64,
    )  # fmt: skip
    torch.manual_seed(seed)
    BertModel(config).save_pretrained(folder)
    BertTokenizer(vocab={word: i for i, word in enumerate(vocab)}).save_pretrained(folder)
    return str(folder)
