"""What each stage's code is, found from its imports, and `dvc.yaml` brought in step with it.

`python -m tests.imports` rewrites the code deps in dvc.yaml; `tests/test_house.py` fails until that was done.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grimp
from ruamel.yaml import YAML

from stages.__main__ import STAGES
from stages.core.engine import ENGINES
from stages.tasks import TASKS

DVC = Path("dvc.yaml")
TASK_FILE = "stages/tasks/${task}.py"
TASK_TABLE = "stages.tasks"
WITH_MODEL = ("plan", "finetune", "evaluate", "audit")
"""Stages that call the model side of a task, and so run the methods that it imports."""
PAGES = ("report.*", "lineage*.*", "cards/*")
"""Templates of what the stage `document` writes; the others are those of commands."""


def code_of(stage: str) -> list[str]:
    """Files whose change must run the stage again: the door, the runner, and all that these import.

    The front door only reads the command line and is left out. Tasks and engines are found through tables of names,
    which an import graph does not show: they are added here. Data stages use a task's own file (its columns); how it
    reads rows is added to `ingest`, and the methods behind its model where the model is used, those of all tasks.
    """
    graph = grimp.build_graph("stages", cache_dir=None)
    roots = [f"stages.{stage}", "stages.core.runner", TASK_TABLE]
    if stage not in ("finetune", "plan", "evaluate", "audit", "document"):
        roots += [name.partition(":")[0] for name in ENGINES.values()]
    tasks = {place.partition(":")[0] for place in TASKS.values()}
    behind = {module for task in tasks for module in graph.find_upstream_modules(task)}
    if stage in WITH_MODEL:
        roots += behind - tasks
    if stage == "ingest":
        roots += [module for module in behind if module.startswith("stages.methods.ingest.")]
    found = {module for root in roots for module in {root, *graph.find_upstream_modules(root)}}
    files = {_file_of(module) for module in found if module != "stages"}
    if "stages.methods.document.html" in found:
        files |= {str(file) for name in PAGES for file in Path("stages/templates").glob(name)}
    shared = {_file_of(task) for task in tasks & behind}  # a task that another builds on
    return sorted({*(f for f in files if f and not _is_task(f)), *filter(None, shared), TASK_FILE})


def _is_task(file: str) -> bool:
    return file.startswith("stages/tasks/") and file != "stages/tasks/__init__.py"


def _file_of(module: str) -> str | None:
    path = Path(module.replace(".", "/"))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    # An empty __init__.py cannot change a result.
    return str(file) if file.name != "__init__.py" or _has_code(file) else None


def _has_code(file: Path) -> bool:
    return "import" in file.read_text(encoding="utf-8")


def read_dvc_yaml() -> dict[str, Any]:
    """dvc.yaml with comments, for reading and writing back."""
    yaml = YAML()
    yaml.width = 120
    return yaml.load(DVC.read_text(encoding="utf-8"))


def main() -> None:
    """Write the code deps of every stage into dvc.yaml, after its data deps."""
    yaml = YAML()
    yaml.width = 120
    wiring = yaml.load(DVC.read_text(encoding="utf-8"))
    for stage in STAGES:
        if not Path(f"stages/{stage}.py").exists():
            continue
        deps = wiring["stages"][stage].setdefault("deps", [])
        wiring["stages"][stage]["deps"] = [d for d in deps if not str(d).startswith("stages/")] + code_of(stage)
    with DVC.open("w", encoding="utf-8") as file:
        yaml.dump(wiring, file)


if __name__ == "__main__":
    main()
