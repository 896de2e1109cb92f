"""A base model whose tokenizer knows more words: terms of a field that would fall apart into many pieces."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages.core.errors import Fault, UsageError
from stages.core.progress import say
from stages.methods.finetune import models

_PLACE = "params.yaml: finetune.new_tokens"
NEW_IDS = "new_token_ids"
"""In the configuration: the ids of the added words, which adapters must train although embeddings are frozen."""


def with_words(source: str, words: Sequence[str], cache: Path) -> str:
    """A folder below `cache` with the model under a vocabulary that holds these words, too; `source` where none is new.

    The embedding of a new word starts as the mean of those of its pieces (Gee et al. 2022, Fast Vocabulary Transfer):
    close to what the model makes of the pieces already. Raises UsageError for what is no word.
    """
    if not words:
        return source
    wrong = [i for i, word in enumerate(words, 1) if len(word.split()) != 1]
    if wrong:
        raise UsageError(*(Fault(_PLACE, f"word {i} is blank or holds spaces", "one word each") for i in wrong))
    tokenizer = models.load_tokenizer(source)
    new = [word for word in dict.fromkeys(words) if word not in tokenizer.get_vocab()]
    if not new:
        return source
    name = json.dumps([models.identity(source), new], sort_keys=True)
    folder = cache / hashlib.sha256(name.encode()).hexdigest()
    if not folder.is_dir():
        say(f"  model: adding {len(new)} words to the vocabulary, once")
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = Path(tempfile.mkdtemp(prefix="making-", dir=cache))
        _extend(source, tokenizer, new).save_pretrained(made)
        tokenizer.save_pretrained(made)
        try:
            made.replace(folder)
        except OSError:  # another process was faster: its folder holds the same
            shutil.rmtree(made, ignore_errors=True)
    return str(folder)


def _extend(source: str, tokenizer: Any, words: Sequence[str]) -> Any:
    """The model as its configuration names it, with a row for each new word; the tokenizer learns them, too."""
    import torch
    import transformers

    config = models.load_config(source)
    kind = getattr(transformers, (config.architectures or [""])[0], transformers.AutoModel)
    model = models.load_model(kind, source, config)
    pieces = [tokenizer(f" {word}", add_special_tokens=False)["input_ids"] for word in words]
    tokenizer.add_tokens(list(words))
    ids = tokenizer.convert_tokens_to_ids(list(words))
    if max(ids) >= model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(max(ids) + 1, mean_resizing=False)
    tables = [table.weight for table in (model.get_input_embeddings(), model.get_output_embeddings()) if table]
    with torch.no_grad():
        for table in tables:
            for id, old in zip(ids, pieces, strict=True):
                table[id] = table[old].mean(dim=0)
    setattr(model.config, NEW_IDS, ids)
    return model
