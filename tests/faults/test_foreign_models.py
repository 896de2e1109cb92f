"""Booby-trapped models: each brings code in another way, which leaves a file behind where it runs."""

from __future__ import annotations

import json
import pickle
from contextlib import suppress
from pathlib import Path

import pytest

from stages.core.errors import UsageError
from stages.methods.finetune import models
from stages.methods.scrub_pii.detection.ner import load_ner
from tests.tiny import save_base


class Spring:
    """A thing whose unpickling leaves a file behind."""

    def __init__(self, file):
        self.file = str(file)

    def __reduce__(self):
        return Path.touch, (Path(self.file),)


@pytest.fixture
def trapped(tmp_path):
    """A model's folder, the file that appears when code from it runs, and what such code looks like."""
    folder = Path(save_base(tmp_path / "model"))
    spring = tmp_path / "sprung"
    code = f"from pathlib import Path\nPath({str(spring)!r}).touch()\n"
    code += "class Evil:\n    def __init__(self, *a, **k): pass\n    from_pretrained = register_for_auto_class = Evil\n"
    return folder, spring, code.replace("= Evil", "= classmethod(lambda cls, *a, **k: cls())")


def loads(folder):
    """Everything that is loaded of a model; what cannot be is refused in words."""
    from transformers import AutoModel, AutoModelForSequenceClassification

    for kind in (AutoModel, AutoModelForSequenceClassification):
        with suppress(UsageError):
            models.load_model(kind, folder, models.load_config(folder))
    with suppress(UsageError):
        models.load_tokenizer(folder)
    with suppress(UsageError):
        load_ner(str(folder), "en", frozenset({"PERSON"}))


def changed(file, **values):
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_the_traps_work_on_who_is_careless(trapped):
    _, spring, code = trapped
    pickle.loads(pickle.dumps(Spring(spring)))
    assert spring.exists()
    spring.unlink()
    exec(compile(code, "evil", "exec"), {})
    assert spring.exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "adapter_model.bin", "model.pt", "model.ckpt"])
def test_pickled_weights_are_never_opened(trapped, name):
    from transformers import AutoModel

    folder, spring, _ = trapped
    for old in folder.glob("*.safetensors"):
        old.unlink()
    (folder / name).write_bytes(pickle.dumps(Spring(spring)))
    if name.startswith("adapter"):
        (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 1, "lora_alpha": 1}))
    with pytest.raises(UsageError, match="safetensors"):
        models.load_model(AutoModel, folder, models.load_config(folder))
    loads(folder)
    assert not spring.exists()


@pytest.mark.parametrize("trap", ["config", "unknown config", "tokenizer", "adapter", "heads", "package"])
def test_no_code_that_lies_beside_a_model_is_run(trapped, trap):
    folder, spring, code = trapped
    for name in ("evil.py", "modeling_evil.py", "__init__.py", "conftest.py", "sitecustomize.py"):
        (folder / name).write_text(code)
    auto = {f"Auto{kind}": "evil.Evil" for kind in ("Config", "Model", "ModelForSequenceClassification", "Tokenizer")}
    if trap == "config":
        changed(folder / "config.json", auto_map=auto, architectures=["Evil"])
    elif trap == "unknown config":
        changed(folder / "config.json", auto_map=auto, model_type="evil")
    elif trap == "tokenizer":
        evil = {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}
        changed(folder / "tokenizer_config.json", auto_map=evil, tokenizer_class="Evil", custom_pipelines=auto)
    elif trap == "adapter":
        adapter = {"peft_type": "LORA", "r": 1, "lora_alpha": 1, "auto_mapping": {"parent_library": "evil",
                   "base_model_class": "Evil"}, "base_model_name_or_path": str(folder)}  # fmt: skip
        (folder / "adapter_config.json").write_text(json.dumps(adapter))
        (folder / "adapter_model.bin").write_bytes(pickle.dumps(Spring(spring)))
    elif trap == "heads":
        for name in ("model_head.pkl", "training_args.bin", "optimizer.pt", "scheduler.pt", "model_head.joblib"):
            (folder / name).write_bytes(pickle.dumps(Spring(spring)))
        (folder / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": "evil.Evil"}]))
    loads(folder)
    assert not spring.exists()


def test_a_chat_template_runs_in_a_sandbox(trapped):
    """It is jinja, and comes with the model: attributes that lead to Python's inside are refused, files and all."""
    from stages.methods.finetune.chat import ChatFormat

    folder, spring, _ = trapped
    touch = f"__import__('pathlib').Path({str(spring)!r}).touch()"
    ways = [
        "{{ cycler.__init__.__globals__.os.system('touch " + str(spring) + "') }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ raise_exception.__globals__['__builtins__']['exec'](\"" + touch + '") }}',
        "{% set x = messages.__class__.__init__.__globals__ %}{{ x }}",
        "{{ messages.clear() }}",
        "{% include '" + str(folder / "config.json") + "' %}",
    ]
    tokenizer = models.load_tokenizer(folder)
    tokenizer.eos_token = "[SEP]"
    for way in ways:
        tokenizer.chat_template = way
        with pytest.raises(UsageError, match="its chat template"):
            ChatFormat.of(tokenizer, {"template": "auto"})
    assert not spring.exists()
