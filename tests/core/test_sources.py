import hashlib
import sys
from pathlib import Path

import fsspec
import pytest

from stages.core.errors import DataError, UsageError
from stages.core.params import Source
from stages.core.rows import without_surrogates
from stages.core.sources import digests, file_rows, find_files


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    Path("data/raw").mkdir(parents=True)


def source(uri, name="s", **settings):
    return Source(name=name, uri=uri, license="CC0-1.0", **settings)


def write(name, text="text\nhello\n"):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")


def test_a_glob_gives_its_files_in_order_of_names_and_no_folders():
    for name in ("data/raw/b.csv", "data/raw/a.csv", "data/raw/deep.csv/c.txt"):
        write(name)
    assert [file.name for file in find_files([source("data/raw/*.csv")])] == ["data/raw/a.csv", "data/raw/b.csv"]


def test_all_missing_sources_are_named_at_once():
    uris = ["data/raw/no.csv", "data/raw/no*.csv", "data/raw", "pkg://no_such_package/x.csv", "pkg://json/no.csv"]
    with pytest.raises(DataError) as error:
        find_files([source(uri, f"s{number}") for number, uri in enumerate(uris)])
    assert [fault.place for fault in error.value.faults] == uris
    assert all(fault.next_step for fault in error.value.faults)


def test_faults_of_all_sources_are_named_at_once_whatever_their_kind():
    with pytest.raises(UsageError) as error:
        find_files([source("data/raw/no.csv"), source("data/raw/no.txt", "t", encoding="utf-9")])
    assert [fault.place for fault in error.value.faults] == ["data/raw/no.csv", "source t"]


def test_a_package_is_found_without_running_its_code(monkeypatch):
    write("library/boom_package/__init__.py", "raise RuntimeError('imported')")
    write("library/boom_package/rows.csv")
    monkeypatch.syspath_prepend("library")
    [file] = find_files([source("pkg://boom_package/rows.csv")])
    assert file.name == "pkg://boom_package/rows.csv"
    assert "boom_package" not in sys.modules


def test_the_format_goes_by_the_ending_unless_it_is_said():
    write("data/raw/rows.dat")
    with pytest.raises(UsageError, match="format"):
        find_files([source("data/raw/rows.dat")])
    assert find_files([source("data/raw/rows.dat", format="csv")])[0].format == "csv"


@pytest.mark.parametrize("stage", ["ingest", "deduplicate"])
@pytest.mark.parametrize("dep", ["elsewhere/rows.csv", "elsewhere"])
def test_under_dvc_a_source_must_be_watched_by_the_stage_that_reads_it(monkeypatch, dep, stage):
    write("elsewhere/rows.csv")
    write("data/raw/rows.csv")
    write("dvc.yaml", f"stages: {{other: {{deps: [elsewhere]}}, {stage}: {{deps: [data/raw]}}}}\n")
    sources = [source("elsewhere/rows.csv"), source("data/raw/rows.csv", "t")]
    assert len(find_files(sources)) == 2
    monkeypatch.setenv("DVC_STAGE", stage)
    with pytest.raises(UsageError, match=rf"add `- elsewhere/rows\.csv` to {stage}'s deps") as error:
        find_files(sources)
    assert len(error.value.faults) == 1
    write("dvc.yaml", f"stages: {{{stage}: {{deps: [data/raw, {{{dep}: {{cache: false}}}}]}}}}\n")
    assert len(find_files(sources)) == 2


def test_a_path_that_leaves_the_watched_folder_is_not_watched(monkeypatch):
    write("rows.csv")
    write("dvc.yaml", "stages: {ingest: {deps: [data/raw]}}\n")
    monkeypatch.setenv("DVC_STAGE", "ingest")
    with pytest.raises(UsageError, match="does not watch"):
        find_files([source("data/raw/../../rows.csv")])


def test_a_remote_file_is_read_like_a_local_one_and_its_digest_is_watch_enough_for_dvc(monkeypatch):
    text = "text\nhello\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    fsspec.filesystem("memory").pipe_file("/bucket/rows.csv", text.encode())
    write("dvc.yaml", "stages: {}\n")
    monkeypatch.setenv("DVC_STAGE", "ingest")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    one = source("memory://bucket/rows.csv", sha256=digest)
    files = find_files([one])
    assert [row.columns["text"] for row in file_rows(one, files, 1000, [{"text"}])] == ["hello"]
    assert digests(files) == {"s": {"memory://bucket/rows.csv": digest}}


def test_a_local_file_must_have_the_digest_that_is_said():
    write("data/raw/rows.csv")
    digest = digests(find_files([source("data/raw/rows.csv")]))["s"]["data/raw/rows.csv"]
    assert len(find_files([source("data/raw/*.csv", sha256=digest)])) == 1
    with pytest.raises(DataError, match=rf"rows\.csv: its SHA-256 is {digest}, and `sha256` says 0000") as error:
        find_files([source("data/raw/rows.csv", sha256="0" * 64)])
    assert "hello" not in str(error.value)


@pytest.mark.parametrize("uri", ["data/raw/*.csv", "hf://some/set"])
def test_a_digest_of_what_is_not_one_file_is_refused(uri):
    write("data/raw/a.csv")
    write("data/raw/b.csv")
    with pytest.raises(UsageError, match="one"):
        find_files([source(uri, sha256="0" * 64)])


@pytest.mark.parametrize("name", ["/etc", "../rows", "~/rows", "a//b", ".hidden", "s3://b/f", "data/raw"])
def test_a_hub_name_that_would_read_a_path_of_this_machine_is_refused(name):
    write("data/raw/a.csv")
    with pytest.raises(UsageError, match=r"on the hub|folder here"):
        find_files([source(f"hf://{name}")])


def read(uri, required, **settings):
    one = source(uri, **settings)
    return list(file_rows(one, find_files([one]), 1000, [required]))


def test_a_missing_column_is_named_with_those_that_are_there_before_any_row():
    write("data/raw/rows.csv", "body,label\n" + "a,b\n" * 3)
    one = source("data/raw/rows.csv")
    with pytest.raises(DataError, match="lacks the column text; there are: body, label"):
        next(file_rows(one, find_files([one]), 1000, [{"text", "label"}]))


def test_a_first_row_taken_for_a_header_is_not_printed():
    write("data/raw/rows.csv", "nora feldkamp wrote that her parcel from last week is late,bad\n" * 2)
    with pytest.raises(DataError, match="there are: a name of 58 characters, bad") as error:
        read("data/raw/rows.csv", {"text"})
    assert "nora" not in str(error.value)


def test_a_column_of_json_lines_may_be_missing_in_some_rows_but_not_in_all():
    write("data/raw/rows.jsonl", '{"a": 1}\n{"text": "x"}\n')
    assert len(read("data/raw/rows.jsonl", {"text"})) == 2
    with pytest.raises(DataError, match="lacks the column label; there are: a, text"):
        read("data/raw/rows.jsonl", {"text", "label"})


def test_rows_of_several_files_say_which_one_they_are_from():
    write("data/raw/a.csv")
    write("data/raw/b.csv")
    assert [(row.file, row.place) for row in read("data/raw/*.csv", {"text"})] == [("a.csv", 2), ("b.csv", 2)]


def test_digests_are_those_of_the_bytes():
    write("data/raw/a.txt", "")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digests(find_files([source("data/raw/a.txt")])) == {"s": {"data/raw/a.txt": empty}}


def test_lone_surrogates_are_counted_and_replaced_wherever_they_stand():
    value = {"a": "x\udcff\udc80", "b": [{"c": "\ud800"}], "d": 1, "e": None}
    assert without_surrogates(value) == ({"a": "x\ufffd\ufffd", "b": [{"c": "\ufffd"}], "d": 1, "e": None}, 3)
