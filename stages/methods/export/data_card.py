"""What stands beside the rows for whoever uses them: the data set's card, and how other programs are told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stages.methods.document.cards.hub import LICENSES, TASKS

_TITLES = {
    "openai": "Chats for OpenAI's fine-tuning API",
    "alpaca": "Instructions in the format of Alpaca",
    "sharegpt": "Conversations in the format of ShareGPT",
    "datasets": "A data set for the library `datasets`",
}


@dataclass(frozen=True, slots=True)
class Handover:
    """What is handed over: the format, what the rows are, the file and number of rows of each split, by name."""

    format: str
    task: str
    files: Mapping[str, tuple[str, int]]
    licenses: Sequence[str] = ()
    has_system: bool = False
    """Whether rows say for themselves what the model is told (alpaca: a field `system`)."""
    scrubbed: bool = True


def card(given: Handover) -> str:
    """README.md: a header that the Hub and `load_dataset` read, then what is here and how to use it."""
    rows = "\n".join(f"| {split} | `{file}` | {count:,} |" for split, (file, count) in given.files.items())
    warning = "" if given.scrubbed else "\n> **Not scrubbed.** It may hold personal data of people who can be named.\n"
    return f"""---
{_header(given)}---

# {_TITLES[given.format]}
{warning}
| split | file | rows |
|---|---|---:|
{rows}

`manifest.json` says from which data this was made, by SHA-256; `lineage.csv` names the record behind every row, and why
a record was left out. Neither holds text.

## Use

{chr(10).join(f"    {line}".rstrip() for line in next_steps(given, "."))}
"""


def _header(given: Handover) -> str:
    """The YAML at the head of the card, by `huggingface_hub`'s own class: `load_dataset` finds the files by it."""
    from huggingface_hub import DatasetCardData

    known = sorted({one.lower() for one in given.licenses})
    files = [{"split": split, "path": file} for split, (file, _) in given.files.items()]
    data = DatasetCardData(
        license=(known if len(known) > 1 else known[0]) if known and LICENSES.issuperset(known) else "other",
        task_categories=[TASKS[given.task]] if given.task in TASKS else None,
        tags=["rowtrail"],
        configs=[{"config_name": "default", "data_files": files}],
    )
    return str(data.to_yaml(line_break="\n")).rstrip() + "\n"


def dataset_info(given: Handover) -> dict[str, Any] | None:
    """`dataset_info.json` for LLaMA-Factory, which reads no folder without it; None for a format it does not read."""
    chats = {"formatting": "sharegpt", "columns": {"messages": "conversations"}}
    roles = {"role_tag": "role", "content_tag": "content"}
    people = {"user_tag": "user", "assistant_tag": "assistant", "system_tag": "system"}
    fields = {"prompt": "instruction", "query": "input", "response": "output"}
    described: dict[str, dict[str, Any]] = {
        "alpaca": {"columns": {**fields, **({"system": "system"} if given.has_system else {})}},
        "sharegpt": chats,
        "openai": {**chats, "columns": {"messages": "messages"}, "tags": {**roles, **people}},
    }
    if given.format not in described:
        return None
    how = described[given.format]
    return {dataset_name(split): {"file_name": file, **how} for split, (file, _) in given.files.items()}


def dataset_name(split: str) -> str:
    """The split's name in LLaMA-Factory."""
    return f"rowtrail_{split}"


def next_steps(given: Handover, folder: str) -> list[str]:
    """How the programs that people use with this format are told to read it; lines for a terminal."""
    return [line for how in _NEXT[given.format] for line in how(given, folder)]


def _file(given: Handover, split: str, folder: str) -> str | None:
    return f"{folder}/{given.files[split][0]}" if split in given.files else None


def _for_openai(given: Handover, folder: str) -> list[str]:
    uploads = [
        f'{split} = client.files.create(file=open("{_file(given, split, folder)}", "rb"), purpose="fine-tune").id'
        for split in ("train", "validation")
        if split in given.files
    ]
    validation = ", validation_file=validation" if "validation" in given.files else ""
    return [
        "# OpenAI (pip install openai); the rows leave your hands",
        "from openai import OpenAI",
        "client = OpenAI()",
        *uploads,
        f'client.fine_tuning.jobs.create(model="gpt-4.1-mini-2025-04-14", training_file=train{validation})',
        "",
    ]


def _for_axolotl(given: Handover, folder: str) -> list[str]:
    train, validation = _file(given, "train", folder), _file(given, "validation", folder)
    kind = "alpaca" if given.format == "alpaca" else "chat_template"
    fields = {
        "sharegpt": [
            "    field_messages: conversations",
            "    message_property_mappings: {role: from, content: value}",
        ],
        "openai": ["    field_messages: messages"],
    }.get(given.format, [])
    entries = [("datasets", train, "train"), ("test_datasets", validation, "train")]
    lines = ["# axolotl: in the config"]
    for name, file, split in entries:
        if file:
            lines += [f"{name}:", f"  - path: {file}", "    ds_type: json", f"    split: {split}", f"    type: {kind}"]
            lines += fields
    return [*lines, ""]


def _for_llama_factory(given: Handover, folder: str) -> list[str]:
    lines = ["# LLaMA-Factory: in the config (it finds the files by dataset_info.json)", f"dataset_dir: {folder}"]
    lines += [f"dataset: {dataset_name('train')}"] if "train" in given.files else []
    lines += [f"eval_dataset: {dataset_name('validation')}"] if "validation" in given.files else []
    return [*lines, ""]


def _for_unsloth(given: Handover, folder: str) -> list[str]:
    """Unsloth trains with TRL on what `datasets` loads."""
    lines = ["# Unsloth", "from datasets import load_dataset", f'rows = load_dataset("{folder}", split="train")']
    if given.format == "sharegpt":
        lines += ["from unsloth.chat_templates import standardize_sharegpt", "rows = standardize_sharegpt(rows)"]
    return [*lines, ""]


def _for_datasets(_: Handover, folder: str) -> list[str]:
    return [
        "# Transformers, TRL, setfit, ...",
        "from datasets import load_dataset",
        f'data = load_dataset("{folder}")',
        "# to share it: data.push_to_hub(NAME, private=True)",
        "",
    ]


_NEXT = {
    "openai": (_for_openai, _for_axolotl, _for_llama_factory),
    "alpaca": (_for_axolotl, _for_llama_factory, _for_unsloth),
    "sharegpt": (_for_axolotl, _for_llama_factory, _for_unsloth),
    "datasets": (_for_datasets,),
}
