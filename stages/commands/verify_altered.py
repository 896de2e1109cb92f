"""Files that are not what was written, for other commands: what may lie behind an error that nothing expected."""

from __future__ import annotations

import os
from collections.abc import Collection

from stages.commands.verify_bytes import byte_checks, cache_checks
from stages.commands.verify_chain import file_checks
from stages.commands.verify_checks import run_group
from stages.commands.verify_project import Project
from stages.core.dvc_files import LOCK
from stages.core.errors import Fault


def altered(among: Collection[str] = ()) -> list[Fault]:
    """Outputs of stages that are not what the lock file or their own manifest says: all, or those `among` these.

    Where all outputs are right, it may be an object in DVC's cache, from which older versions are read. That one folder
    was made from another version of the next is no such fault: half a pipeline may have been run.
    """
    project = Project()
    outs = {out.path for stage in project.locked.values() for out in stage.outs}
    wanted = outs & {*among} if among else {*outs, *([LOCK] if os.path.lexists(LOCK) else [])}
    checks = [check for check in byte_checks(project) if check.place in wanted]
    checks += [check for check in file_checks(project) if not among or check.place.rpartition("/")[0] in wanted]
    found = run_group("bytes", checks).faults
    return found or ([] if among else run_group("cache", cache_checks(project, everything=True)).faults)
