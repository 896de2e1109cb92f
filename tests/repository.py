"""A git repository for tests, apart from the settings of whoever runs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from ruamel.yaml import YAML

from stages.core.dvc_files import DvcCache, folder_md5, md5_of


def environment() -> dict[str, str]:
    """What git and DVC are run with."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_"))}
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "DVC_NO_ANALYTICS": "1"}
    people = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {**own, **quiet, **people}


def git(root: Path, *arguments: str) -> str:
    """Run git in a folder, and give what it prints."""
    command = ("git", *arguments)
    done = subprocess.run(command, cwd=root, env=environment(), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(root: Path, message: str = "change") -> str:
    """Commit everything, and give the hash."""
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", message)
    return git(root, "rev-parse", "HEAD")


def store(root):
    """Put all stage folders into the cache as DVC does, write a lock file that names them, and commit."""
    cache, stages = DvcCache(root), {}
    for folder in sorted(path for path in (root / "data").iterdir() if path.is_dir()):
        listed = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
        hashes = {name: md5_of(path) for name, path in listed.items()}
        for name, path in listed.items():
            place = cache.place(hashes[name])
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
        listing = cache.place(folder_md5(hashes))
        listing.parent.mkdir(parents=True, exist_ok=True)
        listing.write_text(
            json.dumps([{"md5": md5, "relpath": name} for name, md5 in hashes.items()]), encoding="utf-8"
        )
        stages[folder.name] = {"cmd": "x", "outs": [{"path": f"data/{folder.name}", "md5": folder_md5(hashes)}]}
    with (root / "dvc.lock").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump({"stages": stages}, file)
    return commit(root)
