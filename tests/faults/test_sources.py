"""Nasty sources: every row is a record or quarantined, or the file is refused with one message; and memory is bounded.

`ingest` runs in a process of its own on each file of the corpus. What must become of the rows was counted by whoever
made the file, not by a reader.
"""

from __future__ import annotations

import json
import os
import subprocess
import tracemalloc

import pyarrow.parquet as pq
import pytest

from stages.core import sources
from stages.core.errors import DataError, Fault, UsageError
from stages.core.formats import read_rows
from stages.core.keys import Keys
from stages.core.params import Source
from stages.core.rows import FileRow
from stages.core.sources import find_files
from stages.methods.ingest.row_ids import RowIds
from tests.faults.forked import Doors
from tests.faults.nasty import DELIMITED, GOOD, LABELS, MARK, REFUSED, ROW, Nasty, csv_of
from tests.faults.nasty_json import JSON, OTHERS
from tests.faults.nasty_parquet import PARQUET

CORPUS = [*DELIMITED, *JSON, *OTHERS, *PARQUET]
SECONDS = 20
"""Of the CPU, for any file; most take a third of one."""


@pytest.fixture(scope="module")
def doors():
    doors = Doors()
    yield doors
    doors.close()


def ingested(doors, folder, nasty: Nasty):
    """How `ingest` ended on a file that was just made, and the folder it wrote."""
    path = folder / os.fsdecode(nasty.file.encode("utf-8", "surrogateescape"))
    nasty.content(path) if callable(nasty.content) else path.write_bytes(nasty.content)
    source = {"name": "s", "uri": nasty.file, "license": "MIT", "public": True, **nasty.source}
    ingest = {"sources": [source], "max_quarantine_share": 1.0}
    params = {"task": nasty.task, "ingest": ingest, "engine": {"workers": 1}}
    (folder / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
    ended = doors.run(folder, "ingest", "--out", "out")
    assert "Traceback" not in ended.said
    assert "unexpected" not in ended.said
    assert MARK not in ended.said
    assert all(one.isprintable() for one in ended.said.replace("\n", "").replace("\r", ""))
    assert ended.mib < nasty.mib, ended
    assert ended.seconds < SECONDS, ended
    return ended, folder / "out"


def accounted(out, rows: int, good: int) -> None:
    """Every row was created or quarantined, by the manifest, by the events and by the report; no text in these."""
    counts = json.loads((out / "manifest.json").read_text("utf-8"))["counts"]
    assert (counts["in"], counts["created"], counts["quarantined"]) == (rows, good, rows - good)
    events = pq.read_table(out / "events.parquet", columns=["id", "action", "evidence"]).to_pydict()
    assert len({*events["id"]}) == rows
    assert events["action"].count("create") == good == pq.read_metadata(out / "records.parquet").num_rows
    assert not any(MARK in evidence for evidence in events["evidence"])
    [report] = json.loads((out / "report.json").read_text("utf-8"))["sources"].values()
    assert report["rows"] == rows


def _cases():
    for nasty in CORPUS:
        marks = [pytest.mark.soak] if nasty.soak else []
        yield pytest.param(nasty, id=nasty.name.encode("unicode_escape").decode(), marks=marks)


@pytest.mark.parametrize("nasty", list(_cases()))
def test_every_row_of_a_nasty_file_is_accounted_for(doors, tmp_path, nasty):
    ended, out = ingested(doors, tmp_path, nasty)
    if nasty.rows != REFUSED:
        assert ended.code == 0, ended.said
        accounted(out, nasty.rows, nasty.good)
        return
    assert ended.code == nasty.code, ended.said
    assert nasty.says in ended.said, ended.said
    assert "next: " in ended.said
    assert not out.exists()
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def test_labels_stay_what_the_file_says(doors, tmp_path):
    _, out = ingested(doors, tmp_path, next(one for one in CORPUS if "words of YAML" in one.name))
    assert {*pq.read_table(out / "records.parquet")["label"].to_pylist()} == {*LABELS}


def test_a_name_with_a_command_in_it_runs_none(doors, tmp_path):
    ingested(doors, tmp_path, next(one for one in CORPUS if "a name for a shell" in one.name))
    assert not (tmp_path / "owned").exists()


def test_rows_of_files_whose_names_are_no_utf_8_are_named_all_the_same(doors, tmp_path):
    (tmp_path / os.fsdecode(b"\xfe.csv")).write_text(csv_of(ROW), encoding="utf-8")
    ended, out = ingested(
        doors, tmp_path, Nasty("\udcff.csv: two of them", csv_of(ROW).encode(), source={"uri": "*.csv"})
    )
    assert ended.code == 0, ended.said
    accounted(out, 2, 2)


@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "dangling", "loop", "socket"])
def test_what_is_no_file_is_refused_and_not_waited_for(doors, tmp_path, kind):
    path, beside = tmp_path / "rows.csv", tmp_path / "beside"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "dangling":
        path.symlink_to(beside)
    elif kind == "loop":
        path.symlink_to(path)
    else:
        import socket

        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path)[-100:] if len(str(path)) < 100 else "rows.sock")
    for uri in ("rows.csv", "*.csv", "./rows.csv"):
        source = {"name": "s", "uri": uri, "license": "MIT", "public": True}
        (tmp_path / "params.yaml").write_text(json.dumps({"ingest": {"sources": [source]}}), encoding="utf-8")
        ended = doors.run(tmp_path, "ingest", "--out", "out")
        assert (ended.code, ended.said.count("next: ")) == (3, 1), ended.said
        assert ended.seconds < 5


def test_a_file_is_read_once_though_links_lead_to_it_in_circles(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/rows.csv").write_text(csv_of(ROW), encoding="utf-8")
    (tmp_path / "raw/a").symlink_to(tmp_path / "raw")
    source = Source(name="s", uri="raw/**/*.csv", license="MIT", public=True)
    assert [file.name for file in find_files([source])] == ["raw/rows.csv"]
    (tmp_path / "raw/b").symlink_to(tmp_path / "raw")
    monkeypatch.setattr(sources, "_MOST_FILES", 500)  # two such links make a name for each of 2^40 ways
    with pytest.raises(DataError, match="links that lead in circles"):
        find_files([source])


def test_two_real_runs_say_the_same_as_the_forked_ones(tmp_path):
    (tmp_path / "rows.csv").write_text(csv_of(ROW, "x"), encoding="utf-8")
    command = ["python", "-m", "stages", "ingest", "--out", "out"]
    for share, code in ((1.0, 0), (0.1, 3)):
        source = {"name": "s", "uri": "rows.csv", "license": "MIT", "public": True}
        params = {"ingest": {"sources": [source], "max_quarantine_share": share}}
        (tmp_path / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert MARK not in done.stdout + done.stderr
        accounted(tmp_path / "out", 2, 1)


def test_an_id_remembers_few_bytes_a_row():
    ids = RowIds(Keys(None, frozenset({"s"})), "s", None)
    tracemalloc.start()
    for number in range(50_000):
        ids.of(FileRow(number, {"text": str(number)}))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held / 50_000 < 160


def test_lines_that_open_a_quote_cost_no_more_for_being_many(tmp_path):
    def reads(lines: int) -> int:
        """Lines that are handed out, the second and third time too."""
        from stages.core import delimited

        path = tmp_path / "open.csv"
        path.write_text("a,b\n" + 'x","y\n' * lines, encoding="utf-8")
        handed = 0

        class Counted(delimited._Feed):
            def __next__(self):
                nonlocal handed
                handed += 1
                return super().__next__()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(delimited, "_Feed", Counted)
            source = Source(name="s", uri="open.csv", license="MIT")
            assert len(list(read_rows(path, source, "csv", 10**6))) == lines
        return handed

    # 4 KB of such lines are 683; the limits above are reached a few times only.
    assert reads(4000) < 4000 * 683 + 20 * 4000
    assert reads(2000) < 2000 * 683 + 20 * 2000


def test_a_long_cell_that_is_whole_is_read_after_broken_ones(tmp_path):
    long = "\n".join(["a line of a cell"] * 4000)
    broken = 'x","y\n' + "z\n" * 3000
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n" + broken * 8 + 'q",r\n' + f'"{long[: 2**15]}",1\n"{long}",1\n' * 4, encoding="utf-8")
    rows = list(read_rows(path, Source(name="s", uri="rows.csv", license="MIT"), "csv", 10**6))
    assert sum(row.columns.get("b") == "1" for row in rows) >= 6


def test_what_a_terminal_would_obey_is_escaped_in_every_message():
    fault = Fault("a\nb", "\x1b[2J \u202e", "next\r")
    assert str(fault) == "a\\nb: \\x1b[2J \\u202e\n    next: next\\r"
    assert "caf\xe9 \u05d0 \u4e2d" in str(DataError(Fault("caf\xe9 \u05d0 \u4e2d", "x")))


@pytest.mark.parametrize("encoding", ["idna", "undefined", "base64", "no-such", "a\nb", "utf-16-xx", " "])
def test_an_encoding_that_cannot_be_used_is_refused(tmp_path, monkeypatch, encoding):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    (tmp_path / "rows.csv").write_text(csv_of(GOOD), encoding="utf-8")
    source = Source(name="s", uri="rows.csv", license="MIT", encoding=encoding)
    with pytest.raises(UsageError, match="unknown encoding"):
        find_files([source])
