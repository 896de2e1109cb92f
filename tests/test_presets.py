"""Presets are whole params files that people read and copy: complete, in step with each other, and each of some use."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.core.params import Params
from stages.core.params_file import read_params
from stages.core.task import Task
from stages.methods.finetune import planning
from stages.tasks import TASKS, load_task
from tests.presets import BASE, in_step, presets

EVERY = [BASE, *presets()]


def filled(model, given):
    """Names of knobs that a file leaves to their defaults, by dotted path."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if name not in given:
            yield name
        elif hasattr(kind, "model_fields") and isinstance(given[name], dict):
            yield from (f"{name}.{inner}" for inner in filled(kind, given[name]))


@pytest.mark.parametrize("file", EVERY, ids=lambda file: file.stem)
def test_a_preset_holds_every_knob(file):
    assert list(filled(Params, YAML(typ="safe").load(file.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize("file", presets(), ids=lambda file: file.stem)
def test_presets_share_the_order_and_the_comments_of_what_they_leave_alike(file):
    own = file.read_text(encoding="utf-8")
    assert own == in_step(own, BASE.read_text(encoding="utf-8")), "run `python -m tests.presets`"


def test_a_new_knob_comes_into_a_preset_and_what_it_says_itself_stays():
    base = "# Base.\nmodel: a   # a model\n\nclean:\n  old: 1   # old, better said\n  new: 2   # new\n  bare: 3\n"
    own = "# Own.\nmodel: a   # my model\n\nclean:\n  bare: 3   # mine\n  old: 1   # old\n"
    expected = (
        "# Own.\nmodel: a   # my model\n\nclean:\n  old: 1   # old, better said\n  new: 2   # new\n  bare: 3   # mine\n"
    )
    assert in_step(own, base) == expected
    assert in_step(own.replace("old: 1   # old", "old: 5   # five"), base).count("  old: 5   # five\n") == 1


@pytest.mark.parametrize("file", EVERY, ids=lambda file: file.stem)
def test_a_preset_says_in_its_first_line_what_it_is_for_and_explains_its_own_values(file):
    text = file.read_text(encoding="utf-8")
    assert re.match(r"# [A-Z].{20,115}\.\n# Every knob is here", text)
    base = set(BASE.read_text(encoding="utf-8").splitlines())
    knobs = [line for line in text.splitlines() if re.match(r"( {2})*[a-z_0-9]+: \S", line) and line not in base]
    assert [line for line in knobs if " # " not in line and not line.startswith("    ")] == []
    assert [line for line in knobs if len(line) > 120] == []


@pytest.mark.parametrize("file", EVERY, ids=lambda file: file.stem)
def test_a_preset_asks_for_nothing_that_the_plan_would_warn_of(file):
    params = read_params(file)
    steps = {"total": 1000, "effective_batch": params.batch_size}
    private = params.privacy.effective()
    plan = {"lr": params.lr, "finetune": params.finetune.effective(), "steps": steps, "privacy": private}
    assert list(planning._of_settings(plan)) == []


def test_every_task_has_a_preset_and_a_sample():
    assert {read_params(file).task for file in EVERY} == set(TASKS)
    for name in TASKS:
        assert len(list(Path("data/samples").glob(f"{name}.*"))) == 1
        assert load_task(name).layouts


def test_the_page_about_tasks_names_their_columns_metrics_and_presets():
    page = Path("docs/tasks.md").read_text(encoding="utf-8")
    for name in TASKS:
        task, section = load_task(name), page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert f"**`{task.primary}`**" in section
        for column in {column for layout in task.layouts for column in layout}:
            assert f"`{column}`" in section, f"{name}: {column}"
        mine = [file.stem for file in EVERY if read_params(file).task == name]
        row = next(line for line in page.splitlines() if line.startswith(f"| [`{name}`]"))
        assert [preset for preset in mine if f"`{preset}`" not in row] == []


def test_the_page_about_new_tasks_names_all_that_one_must_answer_for():
    page = Path("docs/add-a-task.md").read_text(encoding="utf-8")
    parts = {name for name in vars(Task) if not name.startswith("_")} | set(Task.__annotations__)
    assert [name for name in sorted(parts) if f"`{name}`" not in page] == []
