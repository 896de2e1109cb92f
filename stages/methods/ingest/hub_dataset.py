"""Rows of a dataset on the Hugging Face hub. Goes to the network, because a source's `uri` asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stages.core.errors import DataError, Fault
from stages.core.hub import hub_dataset
from stages.core.progress import say


def hub_rows(uri: str) -> Iterator[dict[str, Any]]:
    """The rows of `hf://name[@revision][:split]`, class numbers as their names; says when no commit pins them.

    Raises UsageError for what is no such name, and DataError when the dataset cannot be had; the library's message is
    left out, since it may show rows.
    """
    import datasets

    wanted = hub_dataset(uri)
    if not wanted.is_pinned:
        say(f"{uri}: no commit pins it, so that other rows may come another day, unseen by DVC; write `@` and a commit")
    try:
        dataset = datasets.load_dataset(wanted.name, revision=wanted.revision, split=wanted.split)
    except Exception as error:
        step = "check the name, the revision, the split and the network; HF_DATASETS_OFFLINE must not be 1"
        raise DataError(Fault(uri, f"cannot be loaded ({type(error).__name__})", step)) from None
    classes = {column: kind for column, kind in dataset.features.items() if isinstance(kind, datasets.ClassLabel)}
    for row in dataset:
        yield {column: _named(value, classes.get(column)) for column, value in row.items()}


def _named(value: Any, kind: Any) -> Any:
    """The name of a class number; -1 is how the hub writes that there is none."""
    if kind is None or value is None:
        return value
    return None if value < 0 else kind.int2str(value)
