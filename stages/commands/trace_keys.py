"""Who is asked about, and the key that old data was made with: it must be there, and be the same one."""

from __future__ import annotations

import getpass
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from stages.commands.trace_rows import search
from stages.core.errors import Fault, UsageError
from stages.core.keys import Keys, load_keys
from stages.core.rows import FileRow
from stages.methods.ingest.row_ids import RowIds


def keys_of_before(public: Mapping[str, bool]) -> Keys:
    """The keys that the data was made with. Raises UsageError when there are none: a new key would know nobody."""
    try:
        return load_keys(public)
    except UsageError as error:
        step = "bring back the key that the data was made with (.rowtrail/key or ROWTRAIL_KEY); a new one knows nobody"
        raise UsageError(*(Fault(one.place, one.problem, step) for one in error.faults)) from None


def typed_in_private(given: str, prompt: str) -> str:
    """What was given, or for `-` what is typed without echo, or comes in a pipe: not in the shell's history."""
    if given != "-":
        return given
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()


def hashes_of(person: str, keys: Keys, sources: Sequence[str]) -> list[list[str]]:
    """What records call a person: by spelling, the keyed hash of the name, 32 hex digits, under each source's key.

    One name can be other bytes on another system (`ü`, or `u` and two dots): both are tried (Unicode's NFC and NFD).
    """
    spellings = dict.fromkeys([person, *(unicodedata.normalize(form, person) for form in ("NFC", "NFD"))])
    hashes = ([keys.hash("subject", name, spelling)[:32] for name in sources] for spelling in spellings)
    return [list(dict.fromkeys(some)) for some in hashes]


def check_key(keys: Keys, source: str, records: Path) -> None:
    """Make the id of the source's first record again, from the row's own key. Raises UsageError where it is another."""
    row = next(search(records, "source", [source], ["source_row"], whole=True), None)
    if row and RowIds(keys, source, "key").of(FileRow(0, {"key": row["source_row"]}))[0] != row["id"]:
        step = "bring back the right one, as .rowtrail/key or ROWTRAIL_KEY: with this one, nobody would be found"
        raise UsageError(Fault(f"source {source}", "its records were made with another key", step))
