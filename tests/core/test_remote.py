"""Remote files and folders, on fsspec's in-memory file system and on `file://`: no network."""

import hashlib
import json
import stat
import sys
from pathlib import Path

import fsspec
import pytest

from stages.core.errors import DataError, UsageError
from stages.core.params import EngineParams, IngestParams, Params, Source
from stages.core.records import create, drop, keep
from stages.core.remote import fetch, local_folders, shown
from stages.core.runner import run
from stages.core.stage import create_stage, record_stage
from stages.core.storage import StageFolder

ROWS = b'{"text": "hello"}\n'
DIGEST = hashlib.sha256(ROWS).hexdigest()
URI = "memory://bucket/rows.jsonl"


@pytest.fixture
def bucket():
    """An object store with nothing in it."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    yield files
    files.store.clear()


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return tmp_path


def copies():
    return [path for path in Path(".rowtrail").rglob("*") if path.is_file()]


def test_a_fetched_copy_is_the_file_and_only_its_owner_can_read_it(bucket):
    bucket.pipe_file("/bucket/rows.jsonl", ROWS)
    copy = fetch(URI, DIGEST)
    assert copy.read_bytes() == ROWS
    assert copy.name == "rows.jsonl"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.parent.stat().st_mode) == stat.S_IMODE(copy.parent.parent.stat().st_mode) == 0o700
    assert copies() == [copy.relative_to(Path.cwd())]


def test_a_copy_with_the_right_digest_is_not_fetched_again_and_a_damaged_one_is(bucket):
    bucket.pipe_file("/bucket/rows.jsonl", ROWS)
    copy = fetch(URI, DIGEST)
    bucket.rm_file("/bucket/rows.jsonl")
    assert fetch(URI, DIGEST) == copy
    copy.write_bytes(b"damaged")
    with pytest.raises(DataError, match="no such file or bucket"):
        fetch(URI, DIGEST)
    bucket.pipe_file("/bucket/rows.jsonl", ROWS)
    assert fetch(URI, DIGEST).read_bytes() == ROWS


def test_other_bytes_are_refused_with_both_digests_and_not_kept(bucket):
    bucket.pipe_file("/bucket/rows.jsonl", b"other")
    with pytest.raises(DataError) as error:
        fetch(URI, DIGEST)
    assert DIGEST in str(error.value)
    assert hashlib.sha256(b"other").hexdigest() in str(error.value)
    assert copies() == []


def test_without_a_digest_a_remote_file_is_refused_with_the_digest_to_write_down_and_fetched_once(bucket):
    bucket.pipe_file("/bucket/rows.jsonl", ROWS)
    with pytest.raises(UsageError, match=f"add `sha256: {DIGEST}`"):
        fetch(URI, None)
    bucket.rm_file("/bucket/rows.jsonl")
    assert fetch(URI, DIGEST).read_bytes() == ROWS


@pytest.mark.parametrize(
    "uri",
    [
        "memory://anna:hunter2@bucket/rows.jsonl",
        "sftp://anna:hunter2@host/rows.jsonl",
        "https://host/rows.jsonl?X-Amz-Signature=hunter2&n=1",
        "https://host/rows.jsonl?n=1&access_token=hunter2",
        "https://host/rows.jsonl?sig=hunter2",
    ],
)
def test_a_uri_with_a_secret_is_refused_and_the_secret_not_shown(uri):
    with pytest.raises(UsageError, match="holds a password or token") as error:
        fetch(uri, DIGEST)
    assert "hunter2" not in str(error.value)
    assert "anna" not in str(error.value)


def test_a_uri_with_a_secret_is_refused_even_when_the_file_is_here(bucket):
    bucket.pipe_file("/bucket/rows.jsonl", ROWS)
    fetch(URI, DIGEST)
    with pytest.raises(UsageError, match="holds a password or token"):
        fetch(f"{URI}?token=hunter2", DIGEST)


def test_a_uri_is_shown_without_user_and_query():
    assert shown("sftp://anna@host/a/rows.csv?version=3") == "sftp://host/a/rows.csv"


def test_what_a_library_says_is_not_shown(bucket, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("key AKIA0123 of anna")

    monkeypatch.setattr(type(bucket), "_open", fail)
    with pytest.raises(DataError, match=r"cannot be reached \(RuntimeError\)") as error:
        fetch(URI, DIGEST)
    assert "AKIA" not in str(error.value)


def test_a_refused_access_says_so(bucket, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr(type(bucket), "_open", refuse)
    with pytest.raises(DataError, match="access is refused"):
        fetch(URI, DIGEST)


def test_a_missing_package_is_named(monkeypatch):
    fsspec.register_implementation("lake", "no_such_lake_package.LakeFileSystem", errtxt="Install it")
    monkeypatch.setitem(sys.modules, "no_such_lake_package", None)
    needs = pytest.raises(UsageError, match="needs no_such_lake_package, which is not installed")
    with needs, local_folders(["lake://bucket/clean"], "here/split"):
        pass


def test_an_unknown_protocol_is_named():
    with pytest.raises(UsageError, match="unknown protocol 's4'"):
        fetch("s4://bucket/rows.csv", DIGEST)


def test_paths_are_handed_through():
    with local_folders(["data/a", "data/b"], "data/c") as (inputs, out):
        assert inputs == [Path("data/a"), Path("data/b")]
        assert out == Path("data/c")
    assert not Path(".rowtrail").exists()


def drop_short(record, _params):
    return drop(record, "short") if len(record.values["text"]) < 20 else keep(record)


@pytest.fixture
def stages(classification, make_record):
    """Two small stages by name: one makes eight records, one drops the short ones."""
    source = Source(name="s", uri="none.csv", license="MIT", public=True)
    params = Params(ingest=IngestParams(sources=[source]), engine=EngineParams(workers=1))
    records = [make_record(f"{number:02x}", "text " * number) for number in range(1, 9)]

    def run_one(name, inputs, out):
        stage = (
            create_stage("ingest", lambda _: (create(record, "created") for record in records), reasons={"created": ""})
            if name == "ingest"
            else record_stage("clean", drop_short, reasons={"short": ""})
        )
        with local_folders(inputs, out) as (places, place):
            run(stage, places, place, params, classification)

    return run_one


@pytest.mark.parametrize("store", ["memory://bucket", "file://{project}/store"])
def test_a_chain_of_remote_folders_holds_the_bytes_of_a_local_one(store, stages, bucket, project):
    store = store.format(project=project)
    stages("ingest", [], "here/ingest")
    stages("clean", ["here/ingest"], "here/clean")
    stages("ingest", [], f"{store}/ingest")
    stages("clean", [f"{store}/ingest/"], f"{store}/clean/")
    files, root = fsspec.core.url_to_fs(f"{store}/clean")
    there = {Path(name).name: files.cat_file(name) for name in files.find(root)}
    assert there == {path.name: path.read_bytes() for path in Path("here/clean").iterdir()}
    assert copies() == []


def test_a_damaged_or_unfinished_remote_folder_is_refused(stages, bucket):
    stages("ingest", [], "memory://bucket/ingest")
    bucket.pipe_file("/bucket/ingest/records.parquet", b"damaged")
    with pytest.raises(DataError, match=r"memory://bucket/ingest/records\.parquet: its SHA-256 is"):
        stages("clean", ["memory://bucket/ingest"], "here/clean")
    bucket.rm_file("/bucket/ingest/manifest.json")
    with pytest.raises(DataError, match=r"ingest/manifest\.json: no such file"):
        stages("clean", ["memory://bucket/ingest"], "here/clean")
    assert copies() == []


@pytest.mark.parametrize(
    "manifest", [b"{", b"[]", b'{"files": {"../../x": "0a"}}', b'{"files": {"/x": "0a"}}', b'{"files": [1]}']
)
def test_a_manifest_that_is_none_or_points_outside_its_folder_is_refused(manifest, stages, bucket):
    bucket.pipe_file("/bucket/ingest/manifest.json", manifest)
    bucket.pipe_file("/x", b"")
    with pytest.raises(DataError, match="is not a manifest"):
        stages("clean", ["memory://bucket/ingest"], "here/clean")


def test_a_new_folder_leaves_no_file_of_the_old_one_and_no_other_file_is_touched(stages, bucket):
    bucket.pipe_file("/bucket/ingest/model/weights", b"old")
    bucket.pipe_file("/bucket/ingest/notes.txt", b"mine")
    bucket.pipe_file("/bucket/ingest/manifest.json", json.dumps({"files": {"model/weights": "0a"}}).encode())
    stages("ingest", [], "memory://bucket/ingest")
    names = {name.removeprefix("/bucket/ingest/") for name in bucket.find("/bucket/ingest")}
    assert names == {"notes.txt", "records.parquet", "events.parquet", "report.json", "manifest.json"}


def test_an_interrupted_sending_leaves_no_manifest_there_and_the_finished_folder_here(stages, bucket, monkeypatch):
    stages("ingest", [], "memory://bucket/ingest")

    def fail_at_records(self, here, there, **_):
        if there.endswith("records.parquet"):
            raise ConnectionError
        self.pipe_file(there, Path(here).read_bytes())

    monkeypatch.setattr(type(bucket), "put_file", fail_at_records)
    with pytest.raises(DataError, match="is the finished folder, not sent") as error:
        stages("ingest", [], "memory://bucket/ingest")
    assert not bucket.exists("/bucket/ingest/manifest.json")
    assert len(StageFolder(Path(error.value.faults[-1].place))) == 8


def test_a_place_that_cannot_be_written_is_refused_before_the_work(stages, bucket, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr(type(bucket), "pipe_file", refuse)
    with pytest.raises(DataError, match="access is refused"), local_folders([], "memory://bucket/ingest"):
        pytest.fail("the work was begun")


def test_work_that_finishes_nothing_sends_nothing(bucket):
    bucket.pipe_file("/bucket/clean/manifest.json", b"old")
    with local_folders([], "memory://bucket/clean") as (_, out):
        out.mkdir()
        (out / "half.parquet").write_bytes(b"")
    assert bucket.find("/bucket/clean") == ["/bucket/clean/manifest.json"]


def test_a_failed_stage_leaves_the_remote_folder_as_it_was(bucket):
    bucket.pipe_file("/bucket/clean/manifest.json", b"old")
    with pytest.raises(DataError), local_folders([], "memory://bucket/clean"):
        raise DataError
    assert bucket.find("/bucket/clean") == ["/bucket/clean/manifest.json"]
    assert copies() == []
