"""The house is tested like code: names, wiring, imports and pages are in step with each other."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.__main__ import STAGES
from stages.commands import COMMANDS
from stages.commands.docs import PAGE, params_page
from stages.core.params import SHARED, Params
from stages.core.params_file import read_params
from stages.tasks import TASKS
from tests.imports import code_of

WITHOUT_SECTION = ("plan",)
"""Stages that plan or describe what other sections say, and have no knobs of their own."""
ALWAYS_READ = "task"


@pytest.fixture(scope="module")
def wiring():
    return YAML(typ="safe").load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]


def stage_of(name):
    return importlib.import_module(f"stages.{name}").STAGE


def test_stages_have_one_name_everywhere_and_stand_in_the_order_of_the_work(wiring):
    assert list(wiring) == list(STAGES)
    sections = [name for name in Params.model_fields if name in STAGES]
    assert sections == [name for name in STAGES if name not in WITHOUT_SECTION]
    for name in STAGES:
        assert stage_of(name).name == name
        assert Path(f"tests/stages/test_{name}.py").exists()
        assert f"data/{name}" in wiring[name]["outs"]
        assert f"stages {name} " in wiring[name]["cmd"]
        assert wiring[name]["desc"] == STAGES[name]


@pytest.mark.parametrize("name", STAGES)
def test_dvc_watches_exactly_the_code_that_a_stage_imports(wiring, name):
    listed = [dep.replace("${task}", "classification") for dep in wiring[name]["deps"] if dep.startswith("stages/")]
    expected = [file.replace("${task}", "classification") for file in code_of(name)]
    assert listed == expected, "run `python -m tests.imports`"


@pytest.mark.parametrize("name", STAGES)
def test_dvc_watches_exactly_the_params_that_a_stage_is_given(wiring, name):
    stage = stage_of(name)
    given = {ALWAYS_READ, *stage.uses, *((name,) if stage.sections is None else stage.sections)}
    assert set(wiring[name]["params"]) == given


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_reads_the_folders_that_dvc_says_it_depends_on(wiring, name):
    inputs = re.findall(r"--in (\S+)", wiring[name]["cmd"])
    assert [dep for dep in wiring[name]["deps"] if dep.removeprefix("data/") in STAGES] == inputs


def test_no_dependency_is_a_folder_of_code(wiring):
    for stage in wiring.values():
        assert not any(dep.rstrip("/") in ("stages", "stages/core", "stages/methods") for dep in stage["deps"])


@pytest.mark.parametrize("name", STAGES)
def test_a_door_tells_what_goes_in_and_out_and_explains_its_reasons(name):
    module = importlib.import_module(f"stages.{name}")
    assert "\nin:" in module.__doc__
    assert "\nout:" in module.__doc__
    assert f"data/{name}" in module.__doc__
    assert all(re.fullmatch(r"[a-z0-9_]+", code) and len(text) > 10 for code, text in module.STAGE.reasons.items())


@pytest.mark.parametrize("file", sorted(Path("stages").glob("*.py")), ids=str)
def test_a_door_does_not_open_files_parse_arguments_or_log(file):
    if file.name in ("__main__.py", "__init__.py"):
        return
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not imported & {"argparse", "logging", "yaml", "ruamel", "pickle"}
    assert not called & {"open", "print", "eval", "exec"}


@pytest.mark.parametrize("file", sorted(Path("stages").rglob("*.py")), ids=str)
def test_nothing_dangerous_is_imported_or_called(file):
    assert dangers(file.read_text(encoding="utf-8")) == []


UNSAFE_MODULES = {
    "pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "code", "imp", "telnetlib",
    "xml.etree", "xml.etree.ElementTree", "xml.dom", "xml.dom.minidom", "xml.sax", "lxml", "yaml",
}  # fmt: skip
UNSAFE_CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.spawnl", "tempfile.mktemp",
    "yaml.load", "yaml.unsafe_load", "pd.read_pickle", "pickle.loads", "subprocess.getoutput",
}  # fmt: skip
UNSAFE_VALUES = {"shell": True, "trust_remote_code": True, "allow_pickle": True, "weights_only": False, "verify": False,
                 "use_safetensors": False, "autoescape": False, "validate_certs": False}  # fmt: skip
NEEDED = {"torch.load": {"weights_only"}, "Environment": {"autoescape", "finalize"}}
"""Calls that are safe with one of these arguments only; a template of Markdown escapes in `finalize`."""


def dangers(source):
    """What a file imports or calls that could run code from data, or let data into a page."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [name for name in names if name in UNSAFE_MODULES]
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {one.arg: one.value.value for one in node.keywords if isinstance(one.value, ast.Constant)}
            found += [name] if name in UNSAFE_CALLS else []
            found += [key for key, bad in UNSAFE_VALUES.items() if given.get(key) is bad]
            wanted = NEEDED.get(name, NEEDED.get(name.rpartition(".")[2]))
            found += [name] if wanted and not wanted & {one.arg for one in node.keywords} else []
    return found


@pytest.mark.parametrize(
    "source",
    ["import pickle", "from joblib import load", "import xml.etree.ElementTree as ET", "eval(x)", "os.system(x)",
     "run(x, shell=True)", "torch.load(x)", "torch.load(x, weights_only=False)", "np.load(x, allow_pickle=True)",
     "Environment(loader=x)", "jinja2.Environment()", "Environment(autoescape=False)", "tempfile.mktemp()",
     "AutoModel.from_pretrained(x, trust_remote_code=True)", "requests.get(x, verify=False)", "import yaml"],
)  # fmt: skip
def test_dangers_are_seen(source):
    assert dangers(source)


def test_every_command_stands_in_its_own_file():
    files = {path.stem for path in Path("stages/commands").glob("*.py")} - {"__init__"}
    helpers = {file for file in files if file.partition("_")[0] in COMMANDS and file not in COMMANDS}
    assert files - helpers == set(COMMANDS)
    for name in COMMANDS:
        module = importlib.import_module(f"stages.commands.{name}")
        assert callable(module.run)
        assert callable(module.add_arguments)


def test_every_task_stands_in_its_own_file():
    for name, place in TASKS.items():
        assert place.startswith(f"stages.tasks.{name}:")


def test_the_params_page_is_what_the_models_say():
    assert PAGE.read_text(encoding="utf-8") == params_page(), "run `make docs`"


def test_every_knob_is_explained():
    for model in _models(Params):
        assert model.__doc__
        for key, field in model.model_fields.items():
            nested = hasattr(field.annotation, "model_fields")
            assert nested or len(field.description or "") > 15, f"{model.__name__}.{key}"


def _models(model):
    yield model
    for field in model.model_fields.values():
        for candidate in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if hasattr(candidate, "model_fields"):
                yield from _models(candidate)


@pytest.mark.parametrize("file", [Path("params.yaml"), *sorted(Path("presets").glob("*.yaml"))], ids=str)
def test_params_files_are_valid_and_hold_plain_values_only(file):
    read_params(file)
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"[:\s][&*][a-z]|\$\{|: \d{4}-\d\d-\d\d", text), (
        "no anchors, no ${}, no dates: DVC rewrites them"
    )


def test_every_knob_stands_in_the_params_file_with_a_comment():
    text = Path("params.yaml").read_text(encoding="utf-8")
    values = YAML(typ="safe").load(text)
    for name, field in Params.model_fields.items():
        assert name in values
        if name != "ingest" and hasattr(field.annotation, "model_fields"):
            assert set(values[name]) == set(field.annotation.model_fields), name
    knobs = [line for line in text.splitlines() if re.match(r"( {2})*[a-z_0-9]+: \S", line)]
    assert [line for line in knobs if " #" not in line and not line.startswith("    ")] == []


def test_what_people_sweep_stands_on_top_of_the_params_file():
    keys = list(YAML(typ="safe").load(Path("params.yaml").read_text(encoding="utf-8")))
    assert keys[: len(SHARED)] == list(SHARED)


def test_help_answers_in_under_a_second():
    subprocess.run([sys.executable, "-m", "stages", "--help"], check=True, capture_output=True)
    fastest = min(_seconds_of([sys.executable, "-m", "stages", "--help"]) for _ in range(3))
    assert fastest < 1.0


def _seconds_of(command):
    started = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - started


def test_no_file_holds_a_path_of_somebodys_machine():
    files = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True).stdout.split()
    texts = [file for file in files if Path(file).suffix in {".py", ".md", ".yaml", ".toml", ".txt", ".j2", ".css"}]
    assert len(texts) > 100
    for file in texts:
        assert not re.search(r"/(home|root|Users)/[a-z]+", Path(file).read_text(encoding="utf-8")), file
