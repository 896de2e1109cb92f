"""A model small enough to train in a second, and records that it can learn to tell apart."""

import random

from stages.core.params import Params
from stages.core.records import Record
from stages.core.runner import run
from stages.core.storage import FolderWriter
from stages.tasks import load_task

WORDS = {
    "negative": ["bad", "poor", "awful"],
    "neutral": ["plain", "usual", "grey"],
    "positive": ["good", "fine", "warm"],
}
FILLERS = ["the", "train", "was", "today", "and", "we", "saw", "a", "tree", "house"]
SOURCE = {"name": "s", "uri": "data/none.csv", "license": "CC0-1.0", "public": True}
TASK = load_task("classification")


def save_base(folder, layers=2, seed=0):
    """Save an untrained BERT of two layers that knows the toy words, and give its path."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    words = [*FILLERS, *(word for some in WORDS.values() for word in some)]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    config = BertConfig(
        vocab_size=len(vocab), hidden_size=32, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64,
    )  # fmt: skip
    torch.manual_seed(seed)
    BertModel(config).save_pretrained(folder)
    folder.joinpath("vocab.txt").write_text("\n".join(vocab) + "\n", encoding="utf-8")
    BertTokenizer(vocab={word: i for i, word in enumerate(vocab)}).save_pretrained(folder)
    return str(folder)


def record(i, label, split, text=None):
    """A record whose label stands in one of its words."""
    draw = random.Random(i)
    words = [draw.choice(FILLERS) for _ in range(draw.randint(2, 8))]
    words.insert(draw.randint(0, len(words)), draw.choice(WORDS.get(label, ["tree"])))
    values = {"text": text or " ".join(words), "label": label}
    return Record(f"{i:04x}", "s", str(i), TASK.schema, values, split=split)


def toy_records(train=60, validation=15, test=15, labels=("negative", "neutral", "positive")):
    """Records with all labels in turn."""
    splits = ["train"] * train + ["validation"] * validation + ["test"] * test
    return [record(i, labels[i % len(labels)], split) for i, split in enumerate(splits)]


def write_split(path, records):
    """A folder as `split` leaves it."""
    with FolderWriter(path, TASK.schema) as folder:
        for one in records:
            folder.add(one)
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "split", "inputs": {}, "params": {}})
    return path


def params(model, finetune=(), privacy=(), **top):
    """Params of a short training on one thread."""
    tuning = {"threads": 1, "device": "cpu", "max_length": 32, **dict(finetune)}
    sections = {"finetune": tuning, "privacy": dict(privacy)}
    values = {"lr": 3e-3, "epochs": 4, "batch_size": 8, "model": str(model), "ingest": {"sources": [SOURCE]}}
    return Params.model_validate({**values, **sections, **top})


def run_plan(root, settings, name="plan"):
    """Run the stage `plan` on `root/split` and give the folder it wrote."""
    from stages.plan import STAGE

    run(STAGE, [root / "split"], root / name, settings, TASK)
    return root / name


def run_finetune(root, settings, name="finetune"):
    """Plan and tune on `root/split`, and give the folder of the model."""
    from stages.finetune import STAGE

    plan = run_plan(root, settings, f"{name}_plan")
    run(STAGE, [root / "split", plan], root / name, settings, TASK)
    return root / name
