"""Attacks on the doors: sources that lead out, masks that let others in, terminals, and a page that others ask for."""

from __future__ import annotations

import json
import os
import pty
import random
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from stages.core.closed import close_to_others
from stages.core.errors import RowtrailError, UsageError
from stages.core.params import Source
from stages.core.remote import local_folders
from stages.core.sources import find_files
from stages.core.terminal import printable
from stages.methods.finetune import models
from stages.methods.scrub_pii.detection.ner import load_ner
from tests import vulnerabilities
from tests.commands.doubted import doubted_run
from tests.commands.test_review_labels_serve import RANKED, VALUES, served
from tests.tiny import save_base

SECRET = "the-text-of-somebody-elses-file"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def times(request):
    return request.config.getoption("times")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A project's folder to be in, with a file beside it that no run was meant to read."""
    monkeypatch.delenv("DVC_STAGE", raising=False)
    (tmp_path / "project/data/raw").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/rows.csv").write_text(f"text\n{SECRET}\n")
    monkeypatch.chdir(tmp_path / "project")
    (Path("data/raw") / "link.csv").symlink_to("../../../outside/rows.csv")
    (Path("data/raw") / "folder").symlink_to("../../../outside", target_is_directory=True)
    return tmp_path


def source(uri, **more):
    return Source(name="s", uri=uri, license="CC0-1.0", format="csv", **more)


# --- sources stay in the project ------------------------------------------------------------------------------------
OUT = ["{outside}/rows.csv", "{outside}/*.csv", "../outside/rows.csv", "../*/rows.csv", "data/../../outside/rows.csv",
       "data/raw/link.csv", "data/raw/li*.csv", "data/raw/folder/rows.csv", "data/**/rows.csv"]  # fmt: skip
CHAINS = ["zip://rows.csv::file://{outside}/rows.zip", "simplecache::file://{outside}/rows.csv", "git://x:rows.csv@HEAD",
          "dir://rows.csv::file://{outside}", "s3://bucket/rows.csv::file://{outside}/rows.csv", "tar://rows.csv",
          "filecache::local://{outside}/rows.csv", "reference://rows.csv", "blockcache://x/rows.csv", "data://rows.csv",
          "file://{outside}/rows.csv", "local://{outside}/rows.csv", "FILE://{outside}/rows.csv",
          "memory://bucket/..", "memory://bucket/"]  # fmt: skip


@pytest.mark.parametrize("uri", OUT)
def test_a_source_outside_the_project_is_refused_unless_it_says_so(place, uri):
    uri = uri.format(outside=place / "outside")
    with pytest.raises(UsageError, match="outside: true") as refused:
        find_files([source(uri)])
    assert SECRET not in str(refused.value)
    [file] = [one for one in find_files([source(uri, outside=True)]) if SECRET in one.path.read_text()][:1]
    assert file.path.name.endswith(".csv")


def test_a_link_into_dvcs_cache_is_the_projects_own_wherever_the_cache_lies(place):
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text(f"[cache]\n    dir = {place}/outside\n")
    assert [file.name for file in find_files([source("data/raw/link.csv")])] == ["data/raw/link.csv"]


@pytest.mark.parametrize("uri", CHAINS)
def test_no_other_protocol_leads_to_files_of_this_machine(place, uri):
    """Not even to their digest, which the error of a file without `sha256` would tell, nor to a copy of them."""
    for allowed in (False, True):
        with pytest.raises(UsageError):
            find_files([source(uri.format(outside=place / "outside"), outside=allowed)])
    assert not Path(".rowtrail").exists()


@pytest.mark.parametrize("inside", ["../../etc/hosts", "/etc/hosts", "tool/../../../rows.csv", "..", ""])
def test_a_package_holds_its_files_only(place, inside):
    with pytest.raises(RowtrailError):
        find_files([source(f"pkg://json/{inside}", outside=True)])
    with pytest.raises(UsageError):
        models.resolve(f"pkg://json/{inside}")
    with pytest.raises(UsageError):
        load_ner(f"pkg://json/{inside}", "en", frozenset({"PERSON"}))


def test_a_package_that_is_named_by_a_path_is_none(place):
    base = Path(save_base(place / "outside/model"))
    for uri in (f"pkg://{base}", f"pkg://..{base}", f"pkg://json/{base}", f"pkg://json/../../../../../../../..{base}"):
        with pytest.raises(UsageError):
            models.resolve(uri)


def test_a_manifest_from_elsewhere_cannot_write_outside_its_copy(place):
    files = {"../../../stolen": "0" * 64}
    store = place / "store"
    store.mkdir()
    (store / "manifest.json").write_text(json.dumps({"stage": "clean", "files": files}))
    with pytest.raises(RowtrailError, match="is not a manifest"), local_folders([f"file://{store}"], "here"):
        pass
    assert not list(place.rglob("stolen"))


def test_paths_made_by_chance_lead_out_only_where_that_is_allowed(place, times):
    """Whatever way is put together, what is found without the permission lies in the project."""
    parts = ["..", ".", "data", "raw", "link.csv", "folder", "outside", "rows.csv", "*", "**", "*.csv", "project"]
    (Path("data/raw") / "rows.csv").write_text("text\nours\n")
    root, refused = Path.cwd().resolve(), 0
    for seed in range(200 * times):
        draw = random.Random(seed)
        start = draw.choice(["", f"{place}/", f"{root}/"])
        uri = start + "/".join(draw.choices(parts, k=draw.randint(1, 6)))
        try:
            found = find_files([source(uri)])
        except RowtrailError as error:
            refused += "outside: true" in str(error)
            continue
        assert all(one.path.resolve().is_relative_to(root) for one in found), f"seed {seed}: {uri}"
    assert refused > 5


# --- what is written is for its owner -------------------------------------------------------------------------------
@pytest.fixture
def mask():
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def modes(root):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in root.iterdir()}


@pytest.fixture
def open_project(place, mask):
    for name in (".dvc", ".rowtrail", "data", "reports", "docs"):
        Path(name).mkdir(exist_ok=True)
        Path(name).chmod(0o777)
    for name in ("params.yaml", "dvc.yaml"):
        Path(name).touch()
    return Path.cwd()


@pytest.mark.parametrize("before", [0o000, 0o022, 0o077])
def test_others_can_read_neither_what_is_written_nor_the_folders_of_texts(open_project, mask, before):
    mask(before)
    close_to_others()
    (open_project / "new").mkdir()
    (open_project / "new.txt").touch()
    found = modes(open_project)
    assert found["new"] == found["data"] == found[".dvc"] == found[".rowtrail"] == found["reports"] == 0o700
    assert found["new.txt"] == 0o600
    assert found["docs"] == 0o777


def test_the_group_may_read_where_dvcs_cache_is_shared_with_it(open_project, mask):
    (open_project / ".dvc/config").write_text("[core]\n    analytics = false\n[cache]\n    shared = group\n")
    mask(0o002)
    close_to_others()
    (open_project / "new.txt").touch()
    assert (modes(open_project)["data"], modes(open_project)["new.txt"]) == (0o770, 0o660)


def test_rights_are_only_taken_away_and_only_in_a_project(open_project, mask):
    (open_project / "data").chmod(0o500)
    close_to_others()
    assert modes(open_project)["data"] == 0o500
    (open_project / "dvc.yaml").unlink()
    (open_project / "data").chmod(0o755)
    close_to_others()
    assert modes(open_project)["data"] == 0o755


# --- the review page ------------------------------------------------------------------------------------------------
@pytest.fixture
def asker(place):
    """A browser that knows the token, in front of the page."""
    with served(doubted_run("classification", VALUES, RANKED, labels=["bad", "good", "neutral"])) as asker:
        yield asker


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1.evil.example", "http://[::1", "",
               "http://localhost@evil.example", "file://", "http://evil.example:80/127.0.0.1"],
)  # fmt: skip
@pytest.mark.parametrize(("method", "path"), [("GET", "/?token={}"), ("GET", "/row?view=all&rank=0&go=open"),
                                              ("POST", "/decide"), ("POST", "/undo")])  # fmt: skip
def test_another_origin_is_refused_even_with_the_token(asker, origin, method, path):
    sent = {"id": "x"} if method == "POST" else None
    answer, content = asker.send(method, path.format(asker.server.token), sent, Origin=origin)
    assert (answer.status, content) == (403, b"Forbidden")


def test_the_page_may_ask_itself_also_through_a_tunnel(asker):
    for origin in (f"http://127.0.0.1:{asker.port}", "http://localhost:9999"):
        assert asker.send("GET", f"/?token={asker.server.token}", Origin=origin)[0].status == 200


@pytest.mark.parametrize(
    "path", ["/../../etc/passwd", "/%2e%2e/params.yaml", "//etc/passwd", "/row/../row", "/data/raw", "/decide", "*",
             "http://evil.example/", "/row%00", "/.git/config"],
)  # fmt: skip
def test_no_path_leads_to_a_file(asker, path):
    assert asker.send("GET", path)[0].status in (403, 404)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "HEAD", "PROPFIND"])
def test_no_other_method_is_answered(asker, method):
    answer, content = asker.send(method, f"/?token={asker.server.token}")
    assert answer.status == 501
    assert asker.server.token.encode() not in content


def test_a_body_beyond_the_bound_is_not_read(asker):
    assert asker.send("POST", "/decide", b"{" + b" " * 70_000 + b"}")[0].status == 400


# --- terminals ------------------------------------------------------------------------------------------------------
STEERING = ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\u202e", "\x08\x08", "\r", "\x1bPq\x1b\\", "\u2066", "\x7f"]


@pytest.mark.parametrize("sign", STEERING, ids=ascii)
def test_what_steers_a_terminal_is_shown_and_not_sent(sign):
    shown = printable(f"a{sign}b\n\tc")
    assert sign not in shown
    assert (shown[0], shown[-4:]) == ("a", "b\n\tc")


def test_a_command_sends_no_control_characters_to_a_terminal_and_every_byte_to_a_pipe(tmp_path):
    """Labels, texts and file names are somebody else's; here one of them stands in a report."""
    reports = tmp_path / "reports"
    reports.mkdir()
    figures = {"records": {"in": 1, "created": 1}, "baselines": {"\x1b]0;owned\x07 \x9b31m\u202e": {"accuracy": 0.5}}}
    (reports / "ingest.json").write_text(json.dumps(figures))
    (reports / "evaluate.json").write_text(json.dumps({"accuracy": 0.5, **figures}))
    command = [sys.executable, "-m", "stages", "summary", "--reports", str(reports)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    leader, follower = pty.openpty()
    with subprocess.Popen(command, stdout=follower, stderr=follower, env=env, cwd=tmp_path) as process:
        os.close(follower)
        seen = b""
        with suppress(OSError):
            while piece := os.read(leader, 4096):
                seen += piece
    os.close(leader)
    assert process.returncode == 0
    assert b"\x1b" not in seen
    assert b"\x07" not in seen
    assert "\u202e".encode() not in seen
    assert rb"\x1b]0;owned\x07" in seen
    piped = subprocess.run(command, capture_output=True, env=env, cwd=tmp_path, check=True)
    assert b"\x1b]0;owned\x07" in piped.stdout


def test_an_error_sends_no_control_characters_either(tmp_path):
    command = [sys.executable, "-m", "stages", "clean", "--out", "x", "--params", "\x1b]0;owned\x07.yaml"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    failed = subprocess.run(command, capture_output=True, env=env, cwd=tmp_path, check=False)
    assert failed.returncode == 2
    assert b"\x1b" not in failed.stderr


# --- dependencies ---------------------------------------------------------------------------------------------------
KNOWN = {"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [([], 0, "nothing was looked up"), ([{"name": "a", "skip_reason": "x"}], 0, "nothing was looked up"),
     ([KNOWN], 1, "a 1: CVE-1, mended in 2"), ([{**KNOWN, "vulns": []}], 0, "1 packages looked up")],
)  # fmt: skip
def test_known_vulnerabilities_fail_the_lint_and_a_lack_of_network_does_not(found, code, said, monkeypatch, capsys):
    monkeypatch.setattr(vulnerabilities, "audit", lambda _: found)
    assert vulnerabilities.main() == code
    assert said in capsys.readouterr().out


def test_what_is_no_answer_of_pip_audit_is_none(monkeypatch):
    monkeypatch.setattr(vulnerabilities.sys, "executable", "/bin/false")
    assert vulnerabilities.audit(Path("requirements/lock.txt")) == []
