"""What can go wrong, and the exit code that tells a calling program which kind it was.

RowtrailError
├── CheckFailed      1  a check the user asked for did not hold (verify, a gate, a probe)
├── UsageError       2  wrong command line, wrong params, missing key
├── DataError        3  the data itself cannot be worked with
└── PrivacyRefused   4  going on would break a privacy promise

An error carries *all* the faults that were found, never only the first one. Each fault names the place, says what is
wrong there (with the value, unless the value is text of a record) and gives the next step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, what, and what to do about it."""

    place: str
    problem: str
    next_step: str = ""

    def __str__(self) -> str:
        line = f"{printable(self.place)}: {printable(self.problem)}"
        return f"{line}\n    next: {printable(self.next_step)}" if self.next_step else line


def printable(text: str) -> str:
    """A text in one line, with escapes for what a terminal would obey: names of files and columns may hold anything."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


class RowtrailError(Exception):
    """The root of the tree; holds one or more faults and an exit code."""

    exit_code: ClassVar[int] = 1

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))

    def __reduce__(self) -> tuple[type[RowtrailError], tuple[Fault, ...]]:
        """Travel between processes with the faults, not with the joined message."""
        return type(self), self.faults


class CheckFailed(RowtrailError):
    """A check did not hold; nothing is wrong with how it was asked."""

    exit_code = 1


class UsageError(RowtrailError):
    """The command line, the params file or the key must be changed."""

    exit_code = 2


class DataError(RowtrailError):
    """The data must be changed, or the rule that judges it."""

    exit_code = 3


class PrivacyRefused(RowtrailError):
    """Refused, because going on would break a privacy promise."""

    exit_code = 4
