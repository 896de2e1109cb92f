"""A small project with a lock file, folders and a git repository that fit each other, and no pipeline run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ruamel.yaml import YAML

from stages.core.dvc_files import md5_of
from tests.repository import commit, git

STAGES = {
    "ingest": (["data/raw", "data/erasure.csv"], {"report.json": ""}),
    "plan": (["data/ingest"], {"plan.json": json.dumps({"model": "base", "base": {"model.safetensors": "0b" * 32}})}),
    "finetune": (["data/plan"], {"model/config.json": "{}", "model/model.safetensors": "weights"}),
    "evaluate": (["data/finetune"], {"report.json": "{}"}),
    "document": (["data/evaluate"], {"index.html": "<p>", "cards/model card.md": "# å"}),
}
ROWS = "id,text,label\n1,planted words of a record,good\n"


def build(root: Path) -> Path:
    """Write the project into a folder and commit it."""
    for name, content in _files().items():
        write(root / name, content)
    digests: dict[str, str] = {}
    for name, (deps, files) in STAGES.items():
        folder = root / "data" / name
        for file, content in files.items():
            write(folder / file, content or json.dumps(_report()))
        write(root / f"reports/{name}.json", json.dumps({"records": {"in": 1}}))
        inputs = {dep.removeprefix("data/"): digests[dep] for dep in deps if dep in digests}
        digests[f"data/{name}"] = write_manifest(folder, inputs)
    write(root / "reports/index.html", "<p>report")
    write_lock(root)
    git(root, "init", "-q", "-b", "main")
    commit(root, "first")
    return root


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def write_manifest(folder: Path, inputs: dict[str, str]) -> str:
    """Write a manifest that fits the folder's files, and give its digest."""
    names = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "manifest.json"]
    files = {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in names}
    content = json.dumps({"format": 1, "stage": folder.name, "inputs": inputs, "files": files})
    write(folder / "manifest.json", content)
    return hashlib.sha256(content.encode()).hexdigest()


def write_lock(root: Path) -> None:
    """Write a lock file that fits what is on disk."""
    yaml = YAML(typ="safe")
    params = yaml.load((root / "params.yaml").read_text(encoding="utf-8"))
    stages = {}
    for name, said in yaml.load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"].items():
        outs = [*said["outs"], *(next(iter(one)) for one in said["metrics"])]
        stages[name] = {
            "cmd": said["cmd"],
            "deps": [{"path": dep, "hash": "md5", "md5": md5_of(root / dep, root)} for dep in said["deps"]],
            "params": {"params.yaml": {key: params[key] for key in said["params"]}},
            "outs": [{"path": out, "hash": "md5", "md5": md5_of(root / out, root)} for out in outs],
        }
    with (root / "dvc.lock").open("w", encoding="utf-8") as file:
        yaml.dump({"schema": "2.0", "stages": stages}, file)


def _files() -> dict[str, str]:
    stages = {}
    for name, (deps, _) in STAGES.items():
        wiring = {"cmd": f"python -m stages {name}", "deps": [*deps, f"stages/{name}.py"], "outs": [f"data/{name}"]}
        params = ["seed", "ingest"] if name == "ingest" else ["seed"]
        stages[name] = {**wiring, "params": params, "metrics": [{f"reports/{name}.json": {"cache": False}}]}
    source = {"name": "s", "uri": "data/raw/rows.csv", "license": "CC0-1.0", "public": True}
    params = {"seed": 7, "ingest": {"sources": [source]}, "engine": {"workers": 1}}
    ignored = "".join(f"/data/{name}\n" for name in STAGES) + "/data/raw/?*\n.rowtrail/\n/reports/index.html\n"
    return {
        "dvc.yaml": json.dumps({"stages": stages}),
        "params.yaml": json.dumps(params),
        "requirements/lock.txt": "numpy==2.0\n",
        "data/erasure.csv": "kind,value\n",
        "data/raw/rows.csv": ROWS,
        ".dvcignore": "*.pyc\n",
        ".gitignore": ignored,
        **{f"stages/{name}.py": f"# {name}\n" for name in STAGES},
    }


def _report() -> dict[str, object]:
    file = {"name": "data/raw/rows.csv", "sha256": hashlib.sha256(ROWS.encode()).hexdigest()}
    return {"sources": {"s": {"files": [file], "license": "CC0-1.0", "uri": "data/raw/rows.csv"}}}
