"""The model that is asked: what `finetune` wrote, or a form of it that `rowtrail export model` made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.core.errors import DataError, Fault
from stages.core.storage import StageFolder, other_files
from stages.core.task import Task
from stages.methods.evaluate.tuned_model import TunedModel, open_tuned
from stages.methods.export.forms import GRAPH, is_graph
from stages.methods.finetune import models
from stages.tasks import load_task

_AGAIN = "`rm -r` the folder; then `dvc checkout data/finetune`, or `rowtrail export model` for an exported one"


class ModelFolder:
    """A folder with a tuned model. Raises DataError, at once, for one without."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._exported = _manifest(folder) if not (folder / "training.json").exists() else {}
        said = self._exported or StageFolder(folder).json("training.json")
        try:
            self.task: Task = load_task(str(said["task"]))
            self._options: Mapping[str, Any] = said["options"]
        except KeyError as missing:
            step = "tune or export the model again: an older version wrote this"
            raise DataError(Fault(str(folder), f"does not say the model's {missing.args[0]}", step)) from None
        except (TypeError, AttributeError):
            raise DataError(Fault(str(folder), "does not say what model it holds", _AGAIN)) from None
        if wrong := [*other_files(folder, self._files(), _AGAIN)]:
            raise DataError(*wrong)

    def _files(self) -> dict[str, str]:
        """What the model is read from, with its SHA-256; nothing where no manifest lies beside it."""
        has_one = (self.folder / "manifest.json").exists()
        said = self._exported or (StageFolder(self.folder).manifest if has_one else {})
        files = {str(name): str(digest) for name, digest in dict(said.get("files") or {}).items()}
        read = ("model/", "training.json")
        return files if self._exported else {name: files[name] for name in files if name.startswith(read)}

    def open(self, generation: Mapping[str, int]) -> TunedModel:
        """The model, ready to be asked; `generation` is about models that write text."""
        if not self._exported:
            return open_tuned(self.task, StageFolder(self.folder), generation)
        model, tokenizer = self._opened(str(self._exported.get("form")))
        return TunedModel(self.task, model, tokenizer, (), {**self._options, "generation": generation})

    def _opened(self, form: str) -> tuple[Any, Any]:
        if not is_graph(form):
            return self.task.load_tuned(self.folder)
        from stages.methods.export.onnx import SessionModel

        model = SessionModel(self.folder / GRAPH, models.load_config(self.folder))
        return model, models.load_tokenizer(self.folder)


def _manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an exported form; nothing where the folder is not one."""
    try:
        said = json.loads((folder / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) and said.get("export") == "model" else {}
