"""Who may read what a run writes: its owner; the owner's group, too, where DVC's cache is shared with it.

A mask closes what this process and its children write. DVC copies it to its cache under the mask of whoever started
DVC, so the folders that hold texts are closed as well, once they are there, and with them all that lies below.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import stat
from pathlib import Path

from stages.core.keys import project_root

_FOLDERS = (".rowtrail", ".dvc", "data", "reports")
_OWNER, _WITH_GROUP = 0o700, 0o770


def close_to_others() -> None:
    """From here on nothing new can be read by others, and nothing in the project's folders of texts.

    Rights are only ever taken away. A folder of somebody else's stays as its owner wants it.
    """
    allowed = _WITH_GROUP if _shared_with_group(project_root()) else _OWNER
    os.umask(os.umask(0o777) | (0o777 & ~allowed))
    for folder in {root / name for root in (project_root(), Path()) for name in _FOLDERS}:
        with contextlib.suppress(OSError):
            mode = stat.S_IMODE(folder.stat().st_mode)
            if _is_project(folder.parent) and mode & 0o777 & ~allowed:
                folder.chmod(mode & ~(0o777 & ~allowed))


def _is_project(folder: Path) -> bool:
    """Only a project's folders are closed: a command may be started anywhere."""
    return (folder / "params.yaml").is_file() and (folder / "dvc.yaml").is_file()


def _shared_with_group(root: Path) -> bool:
    """Whether `cache.shared` is `group` in the project's DVC configuration; what cannot be read shares nothing."""
    for name in ("config.local", "config"):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string((root / ".dvc" / name).read_text(encoding="utf-8"))
            return parser["cache"]["shared"].strip() == "group"
        except (OSError, UnicodeDecodeError, configparser.Error, KeyError):
            continue
    return False
