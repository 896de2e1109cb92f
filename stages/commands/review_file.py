"""The file that goes to a person and comes back filled in: private, and safe to open in a spreadsheet program."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.core.errors import DataError, Fault, PrivacyRefused, UsageError
from stages.core.keys import project_root

ENDINGS = (".csv", ".jsonl")
_STEP = "name a place outside the repository, or one in review/, which git ignores"
_SHOWN = 50
# A cell that starts so is a formula to a spreadsheet program, whatever spaces or apostrophes it hides behind; some take
# the wide forms, too.
_FORMULA = re.compile(r"[\s']*[=+\-@＝＋－＠]")


def write_private(path: Path, content: bytes, *, force: bool) -> None:
    """Write text of records to a file that only its owner can read.

    Raises PrivacyRefused for a place from which git or DVC could pass it on, UsageError when there is a file already
    and `force` does not say to replace it.
    """
    place = path.parent.resolve() / path.name
    if faults := [Fault(str(path), f"{problem}; this is text of records", _STEP) for problem in _shared_with(place)]:
        raise PrivacyRefused(*faults)
    if place.is_dir() or (os.path.lexists(place) and not force):
        raise UsageError(Fault(str(path), "exists already", "choose another name, or replace the file with --force"))
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    place.unlink(missing_ok=True)
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _shared_with(place: Path) -> Iterator[str]:
    """What could pass on a file at this place, which is absolute and without links."""
    above = place.parents
    roots = sorted({project_root().resolve(), Path.cwd().resolve()})
    for folder in (root / name for root in roots for name in ("data", "reports")):
        if folder in above:
            yield f"lies in {folder.name}/, of which DVC or git keep copies"
    if any(one.name == ".dvc" or (one / "files" / "md5").is_dir() for one in above):
        yield "lies in a cache or remote of DVC"
    if any(one.with_name(f"{one.name}.dvc").is_file() for one in (place, *above[:-1])):
        yield "lies in a folder that DVC tracks"
    if any(one.name == ".git" for one in above) or not _is_ignored(place):
        yield "lies in a git repository that does not ignore it"


def _is_ignored(place: Path) -> bool:
    """Whether the file is in no repository, or git says that it ignores it; not where git cannot tell."""
    if not any((one / ".git").exists() for one in place.parents):
        return True
    git = shutil.which("git")
    if git is None:
        return False
    there = next(one for one in place.parents if one.is_dir())
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = [git, "-C", str(there), "check-ignore", "--quiet", "--", str(place)]
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0  # noqa: S603


def file_content(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    """The rows as a csv file that spreadsheet programs read rightly, or as a JSON object a line."""
    if path.suffix.lower() == ".jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    text = io.StringIO()
    table = csv.DictWriter(text, columns, quoting=csv.QUOTE_ALL)
    table.writeheader()
    table.writerows({name: guarded(cell) for name, cell in row.items()} for row in rows)
    return text.getvalue().encode("utf-8-sig")


def guarded(cell: str) -> str:
    """A cell that no spreadsheet program takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """The cell before `guarded`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def read_filled(path: Path, needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a filled-in file, each with the line it ends on; rows without anything in them are left out.

    Takes commas, semicolons and tabs between the cells of a csv file: spreadsheet programs write what their country
    uses. Raises DataError, naming the lines, for what cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(Fault(str(path), "no such file", "check the path")) from None
    except UnicodeDecodeError:
        raise DataError(Fault(str(path), "is not in UTF-8", "save it as `CSV UTF-8`")) from None
    rows, wrong = _objects(text) if path.suffix.lower() == ".jsonl" else _table(text)
    refuse_lines(path, [(line, "is not a row of this file") for line in wrong])
    found = set(rows[0][1]) if rows else set()
    if missing := [name for name in needed if name not in found]:
        step = "fill in the file that --export wrote, and keep its columns"
        raise DataError(Fault(str(path), f"has no row, or lacks the columns {', '.join(missing)}", step))
    return [(line, row) for line, row in rows if any(cell.strip() for cell in row.values())]


def refuse_lines(path: Path, problems: Iterable[tuple[int, str]]) -> None:
    """Raises DataError with a fault for each problem, in order of the lines, unless there is none."""
    found = sorted(problems)
    faults = [Fault(f"{path}:{line}", problem) for line, problem in found[:_SHOWN]]
    if len(found) > _SHOWN:
        faults.append(Fault(str(path), f"{len(found) - _SHOWN} more problems"))
    if faults:
        raise DataError(*faults, Fault(str(path), "nothing was taken over", "mend these lines and import it again"))


def _objects(text: str) -> tuple[list[tuple[int, dict[str, str]]], list[int]]:
    """Rows of a jsonl file, and the lines that hold none."""
    rows, wrong = [], []
    for line, one in enumerate(text.split("\n"), 1):
        try:
            row: Any = json.loads(one) if one.strip() else {}
            rows.append((line, {name: "" if cell is None else str(cell) for name, cell in row.items()}))
        except (ValueError, AttributeError, RecursionError):
            wrong.append(line)
    return [(line, row) for line, row in rows if row], wrong


def _table(text: str) -> tuple[list[tuple[int, dict[str, str]]], list[int]]:
    """Rows of a csv file, and the lines that hold none."""
    head = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    rows: list[tuple[int, dict[str, str]]] = []
    wrong = []
    try:
        names = [name.strip() for name in next(reader, [])]
        for cells in reader:
            if any(map(str.strip, cells[len(names) :])):
                wrong.append(reader.line_num)
            full = [*map(unguarded, cells), *[""] * len(names)]
            rows.append((reader.line_num, dict(zip(names, full, strict=False))))
    except csv.Error:
        wrong.append(reader.line_num)
    return rows, wrong
