"""The shape of what `verify` does: checks in groups, what they find, and going on after a broken file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from stages.core.errors import DataError, Fault, RowtrailError
from stages.core.progress import track

_SHOWN = 5
BROKEN = (OSError, ValueError, TypeError, LookupError, AttributeError, pa.ArrowException)
"""What reading a file raises that is not what its name says."""


class Note(str):
    """Something an auditor should know that is no fault."""

    __slots__ = ()


Finding: TypeAlias = Fault | Note


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at, and the function that yields what is wrong with it."""

    place: str
    look: Callable[[], Iterable[Finding]]


@dataclass
class Group:
    """What the checks of one kind found."""

    name: str
    checked: int = 0
    found: dict[Finding, None] = field(default_factory=dict)
    """In order; a damaged manifest can make hundreds of thousands."""

    def add(self, one: Finding) -> None:
        """Take a finding; what two checks found alike stands once."""
        self.found[one] = None

    @property
    def faults(self) -> list[Fault]:
        """What is wrong."""
        return [one for one in self.found if isinstance(one, Fault)]

    @property
    def notes(self) -> list[str]:
        """What is no fault."""
        return [one for one in self.found if isinstance(one, Note)]


def run_group(name: str, checks: Iterable[Check]) -> Group:
    """Run all checks of a group; one that meets a broken file says so, and the others go on."""
    group, todo = Group(name), list[Check]()

    def prepare() -> Iterable[Finding]:
        todo.extend(checks)
        return ()

    for one in _findings(Check(name, prepare)):
        group.add(one)
    for check in track(todo, f"verify {name}", len(todo)):
        group.checked += 1
        for one in _findings(check):
            group.add(one)
    return group


def _findings(check: Check) -> Iterator[Finding]:
    try:
        yield from check.look()
    except RowtrailError as error:
        yield from error.faults
    except BROKEN as error:
        # The message is left out: it may quote what stands in the file.
        problem = f"cannot be checked: it is not what it should be ({type(error).__name__})"
        yield Fault(check.place, problem, "bring it back with `dvc checkout` or git, or run `dvc repro`")


def some(ids: Iterable[str]) -> str:
    """A few ids for a message, and how many there are beyond."""
    listed = sorted(ids)
    return ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")


def counted(count: int) -> str:
    """`1 record`, `2 records`."""
    return f"{count:,} record{'' if count == 1 else 's'}"


def read_json(path: Path) -> Any:
    """A JSON file. Raises DataError naming it when it is missing or no JSON."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        problem = "no such file"
    except (OSError, ValueError):
        problem = "is not readable JSON"
    raise DataError(Fault(str(path), problem, "`dvc checkout` or git brings it back, or run `dvc repro`"))
