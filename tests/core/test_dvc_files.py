import json
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.core.dvc_files import DvcCache, cache_folder, md5_of, read_lock, watched_files
from stages.core.errors import DataError
from tests.repository import environment, git

A = "0cc175b9c0f1b6a831c399e269772661"
NAMES = {
    "a-b": "1", "a/c": "2", "a.b": "3", "a/é b/x y.txt": "4", "empty": "", "日本": "5", "Z": "6", "a b": "7",
    "sub/.git/config": "8", "sub/__pycache__/m.pyc": "9", ".hidden": "10", "a+b": "11", "crlf": "1\r\n2\r\n",
}  # fmt: skip
COMMAND = "mkdir -p out && cp in.txt out/x.txt && cp in.txt metrics.json"
STAGE = {
    "cmd": COMMAND,
    "deps": ["in.txt", "code.py"],
    "params": ["lr", "section"],
    "outs": ["out"],
    "metrics": [{"metrics.json": {"cache": False}}],
}


def dvc(root, *arguments):
    """Run DVC in a folder."""
    command = (sys.executable, "-m", "dvc", *arguments)
    done = subprocess.run(command, cwd=root, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of DVC below the root of a repository: one stage that ran, one folder and one file that were added."""
    root = tmp_path_factory.mktemp("dvc") / "team/my project"
    root.mkdir(parents=True)
    git(root.parents[1], "init", "-q")
    dvc(root, "init", "-q", "--subdir")
    (root / ".dvcignore").write_text("__pycache__/\n*.pyc\n", encoding="utf-8")
    for name, content in NAMES.items():
        (root / "added" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "added" / name).write_bytes(content.encode())
    (root / "added/link").symlink_to("a-b")
    (root / "added/empty folder").mkdir()
    (root / "one file.bin").write_bytes(b"\x00\xff\r\n")
    (root / "in.txt").write_text("{}", encoding="utf-8")
    (root / "code.py").write_text("", encoding="utf-8")
    (root / "params.yaml").write_text("lr: 2e-05\nsection: {b: [1, x], a: null}\nother: 3\n", encoding="utf-8")
    (root / "dvc.yaml").write_text(json.dumps({"stages": {"make_it": STAGE}}), encoding="utf-8")
    dvc(root, "repro", "-q")
    dvc(root, "add", "-q", "added", "one file.bin")
    return root


def locked(content):
    return read_lock(json.dumps({"schema": "2.0", "stages": content}).encode())


def added_md5(root, name):
    (out,) = YAML(typ="safe").load((root / f"{name}.dvc").read_text(encoding="utf-8"))["outs"]
    return out["md5"]


def test_hashes_of_files_and_folders_are_those_of_dvc(project):
    for name in ("added", "one file.bin"):
        assert md5_of(project / name, project) == added_md5(project, name)


def test_the_cached_list_of_a_folder_names_the_files_that_dvc_watches(project):
    listing = DvcCache(project).listing(added_md5(project, "added"))
    assert list(listing) == watched_files(project / "added", project)
    assert {"a/é b/x y.txt", "日本", "link", ".hidden"} <= listing.keys()
    assert not any("__pycache__" in name or ".git/" in name for name in listing)


def test_what_a_stage_ran_from_and_wrote_is_read_as_dvc_wrote_it(project):
    stage = read_lock((project / "dvc.lock").read_bytes())["make_it"]
    assert stage.command == COMMAND
    assert stage.params == {"lr": 2e-05, "section": {"b": [1, "x"], "a": None}}
    assert {out.path: out.is_folder for out in stage.outs} == {"metrics.json": False, "out": True}
    for one in (*stage.deps, *stage.outs):
        assert one.md5 == md5_of(project / one.path, project)
    assert [dep.path for dep in stage.deps] == ["code.py", "in.txt"]


def test_all_objects_of_the_cache_are_found_and_fit_their_names(project):
    cache = DvcCache(project)
    found = dict(cache.objects())
    assert added_md5(project, "added") in found
    assert added_md5(project, "one file.bin") in found
    for md5, path in found.items():
        assert path == cache.place(md5)
        assert md5_of(path) == md5.removesuffix(".dir")


def test_what_is_no_object_is_left_out(tmp_path):
    files = DvcCache(tmp_path).files
    for name in ("0c/c175", f"{A[:2]}/{A[2:]}.tmp", f"{A[:2]}/{A[2:].upper()}", "zz/" + "z" * 30, f"{A[:2]}/{A[2:]}"):
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_text("", encoding="utf-8")
    assert [md5 for md5, _ in DvcCache(tmp_path).objects()] == [A]
    assert list(DvcCache(tmp_path / "none").objects()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"<<<<<<< ours\nstages: {}\n=======\n>>>>>>> theirs\n",
        b"\xff\xfe",
        b"[]",
        b"stages: 3",
        b"stages: [a]",
        b"stages: {a: b}",
        b"stages: {a: {}}",
        b"stages: {a: {cmd: x, deps: 3}}",
        b"stages: {a: {cmd: x, deps: [y]}}",
        b"stages: {a: {cmd: x, outs: [{md5: abc}]}}",
        b"stages: {a: {cmd: x, outs: [{path: y, md5: ../../x}]}}",
        b"stages: {a: {cmd: x, params: [1]}}",
        b"stages: {a: {cmd: x}, a: {cmd: y}}",
        b"a: [",
    ],
)
def test_a_broken_lock_file_is_told_with_its_place(content):
    with pytest.raises(DataError) as caught:
        read_lock(content, "dvc.lock of v1")
    (fault,) = caught.value.faults
    assert fault.place == "dvc.lock of v1"


@pytest.mark.parametrize("content", [b"", b"schema: '2.0'\n", b"stages:\n", b"stages: {}"])
def test_a_lock_file_without_stages_has_none(content):
    assert read_lock(content) == {}


def test_the_digest_of_code_tells_names_and_bytes_of_code_and_nothing_else():
    def code(*deps):
        listed = [{"path": path, "md5": md5} for path, md5 in deps]
        return locked({"a": {"cmd": "x", "deps": listed}})["a"].code

    base = code(("a.py", A), ("b.py", A[::-1]))
    assert code(("b.py", A[::-1]), ("a.py", A)) == base
    assert code(("a.py", A), ("b.py", A[::-1]), ("data/x", A)) == base
    assert code(("a.py", A[::-1]), ("b.py", A)) != base
    assert code(("a.py", A), ("c.py", A[::-1])) != base
    assert code(("a.py", A)) != base


def listing_of(tmp_path, content):
    cache = DvcCache(tmp_path)
    place = cache.place(f"{A}.dir")
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    return cache.listing(f"{A}.dir")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", ".."])
def test_a_list_that_leads_out_of_its_folder_is_refused(tmp_path, name):
    with pytest.raises(DataError, match="outside its folder"):
        listing_of(tmp_path, json.dumps([{"md5": A, "relpath": name}]).encode())


@pytest.mark.parametrize("md5", ["aa/etc/passwd", "../../../../x", "", A[:-1], f"{A} ", None])
def test_a_list_that_leads_out_of_the_cache_is_refused(tmp_path, md5):
    with pytest.raises(DataError, match="no MD5"):
        listing_of(tmp_path, json.dumps([{"md5": md5, "relpath": "x"}]).encode())


@pytest.mark.parametrize("content", [b"", b"{}x", b"3", b"[3]", b'[{"md5": "a"}]', b"\xff"])
def test_a_broken_list_is_told(tmp_path, content):
    with pytest.raises(DataError, match="is not a folder's list of files"):
        listing_of(tmp_path, content)


def test_a_list_that_is_not_in_the_cache_is_none(tmp_path):
    assert DvcCache(tmp_path).listing(f"{A}.dir") is None


def test_the_cache_is_where_the_settings_say(tmp_path, monkeypatch):
    own, users = tmp_path / "p/.dvc", tmp_path / "users"
    own.mkdir(parents=True)
    users.mkdir()
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(users))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    root = tmp_path / "p"
    assert cache_folder(root) == own / "cache"
    (users / "config").write_text("[cache]\n    dir = ~/shared\n", encoding="utf-8")
    assert cache_folder(root) == tmp_path / "home/shared"
    (own / "config").write_text("[core]\n    analytics = false\n['remote \"x\"']\n    url = /r\n", encoding="utf-8")
    assert cache_folder(root) == tmp_path / "home/shared"
    (own / "config").write_text("[cache]\n    dir = ../../beside it\n    type = symlink\n", encoding="utf-8")
    assert cache_folder(root) == tmp_path / "beside it"
    (own / "config.local").write_text(f"[cache]\n    dir = {tmp_path}/100%\n", encoding="utf-8")
    assert cache_folder(root) == tmp_path / "100%"
    (own / "config.local").write_text("broken", encoding="utf-8")
    assert cache_folder(root) == tmp_path / "beside it"


def test_files_that_the_project_ignores_are_not_watched(tmp_path):
    for name in ("a.txt", "a.tmp", "keep/b.tmp", "keep/c.txt"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_text("", encoding="utf-8")
    assert len(watched_files(tmp_path / "data", tmp_path)) == 4
    (tmp_path / ".dvcignore").write_text("# words\n*.tmp\n!data/keep/*.tmp\n/data/keep/c.txt\n", encoding="utf-8")
    assert watched_files(tmp_path / "data", tmp_path) == ["a.txt", "keep/b.tmp"]


def test_a_folder_of_nothing_has_the_hash_of_an_empty_list(tmp_path):
    assert md5_of(tmp_path, Path(tmp_path)) == "d751713988987e9331980363e24189ce.dir"
