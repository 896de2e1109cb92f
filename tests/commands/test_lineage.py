"""Finished stages told as OpenLineage events: on screen, into a file, and to a server that checks what it is sent."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from stages.commands.lineage import _web
from tests.commands.conftest import ROWS

STAGES = ("ingest", "clean", "deduplicate", "split")


def is_uri(text):
    return bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+", text))


def check_event(event):
    """What OpenLineage 2-0-2 requires of a run event, its facets, and the formats that it names."""
    assert set(event) == {"eventType", "eventTime", "run", "job", "inputs", "outputs", "producer", "schemaURL"}
    assert event["eventType"] in ("START", "COMPLETE")
    assert "T" in event["eventTime"]
    assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
    assert str(UUID(event["run"]["runId"])) == event["run"]["runId"]
    assert is_uri(event["producer"])
    assert event["schemaURL"] == "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
    for named in (event["job"], *event["inputs"], *event["outputs"]):
        assert named["namespace"]
        assert named["name"]
    holders = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    facets = [facet for one in holders for key in one if key.lower().endswith("facets") for facet in one[key].values()]
    assert facets
    for facet in facets:
        assert is_uri(facet["_producer"])
        assert is_uri(facet["_schemaURL"])


@pytest.fixture
def told(ask, data):
    """Run `lineage` on the sample project and give the events that it prints."""

    def run(*arguments):
        code, out, err = ask("lineage", "--data", data, *arguments)
        assert (code, err) == (0, "")
        return [json.loads(line) for line in out.splitlines()]

    return run


def complete(events, stage):
    (found,) = [one for one in events if one["job"]["name"] == stage and one["eventType"] == "COMPLETE"]
    return found


def test_every_stage_starts_and_completes_in_the_order_in_which_they_read_each_other(told):
    events = told()
    assert [(one["job"]["name"], one["eventType"]) for one in events] == [
        (stage, state) for stage in STAGES for state in ("START", "COMPLETE")
    ]
    for event in events:
        check_event(event)
    ids = [one["run"]["runId"] for one in events]
    assert ids[::2] == ids[1::2]
    assert len(set(ids)) == len(STAGES)


def test_a_second_telling_is_the_same_and_another_namespace_is_another_run(told):
    first = told()
    assert told() == first
    other = told("--namespace", "elsewhere")
    assert {one["job"]["namespace"] for one in other} == {"elsewhere"}
    assert not {one["run"]["runId"] for one in other} & {one["run"]["runId"] for one in first}


def test_what_a_stage_read_is_the_version_that_the_stage_before_wrote(told):
    events = told()
    for before, stage in pairwise(STAGES):
        (read,) = complete(events, stage)["inputs"]
        (written,) = complete(events, before)["outputs"]
        assert (read["namespace"], read["name"]) == (written["namespace"], written["name"])
        assert read["facets"]["version"]["datasetVersion"] == written["facets"]["version"]["datasetVersion"]
        rows = read["inputFacets"]["inputStatistics"]["rowCount"]
        assert rows == written["outputFacets"]["outputStatistics"]["rowCount"]


def test_counts_reasons_and_id_sets_are_those_of_the_manifest(told, data):
    facet = complete(told(), "deduplicate")["run"]["facets"]["rowtrail_decisions"]
    manifest = json.loads((data / "deduplicate/manifest.json").read_text())
    assert facet["counts"] == manifest["counts"]
    assert facet["reasons"] == manifest["reasons"]
    assert facet["idSets"] == manifest["digests"]
    assert facet["params"]["deduplicate"]["threshold"] == manifest["params"]["deduplicate"]["threshold"]


def test_columns_are_followed_with_what_happened_to_them(told):
    events = told()
    (clean,) = complete(events, "clean")["outputs"]
    columns = clean["facets"]["columnLineage"]["fields"]
    assert columns["text"]["inputFields"][0]["transformations"][0]["subtype"] == "TRANSFORMATION"
    assert columns["label"]["inputFields"][0]["transformations"][0]["subtype"] == "IDENTITY"
    assert columns["language"]["inputFields"][0]["field"] == "text"
    (ingest,) = complete(events, "ingest")["outputs"]
    (key,) = ingest["facets"]["columnLineage"]["fields"]["id"]["inputFields"]
    assert (key["field"], key["transformations"][0]["masking"]) == ("id", True)
    assert [field["name"] for field in ingest["facets"]["schema"]["fields"]][:2] == ["id", "source"]


def test_no_text_of_a_record_is_told(told):
    said = json.dumps(told())
    texts = [line.split(",", 1)[1].rpartition(",")[0].strip('"') for line in ROWS.splitlines()[1:]]
    assert not [text for text in texts if len(text) > 5 and text in said]
    assert "The parcel" not in said


def test_params_that_may_name_people_are_counted_and_passwords_left_out():
    from stages.methods.document.standards.openlineage import _shown

    params = {
        "scrub_pii": {"deny": {"PERSON": ["Jane Roe"]}, "allow": ["Acme", "Zenith"], "min_score": 0.35},
        "ingest": {"sources": [{"uri": "s3://user:secret@bucket/a.csv?token=secret", "limit": None}]},
    }
    assert _shown(params) == {
        "scrub_pii": {"deny": "1 values", "allow": "2 values", "min_score": 0.35},
        "ingest": {"sources": [{"uri": "s3://bucket/a.csv", "limit": None}]},
    }


def test_scrubbed_text_is_told_as_masked():
    from stages.core.records import Column, Schema
    from stages.methods.document.standards.column_lineage import of_records, of_rows

    schema = Schema((Column("text", "text"), Column("label", "label")))
    manifest = {"stage": "scrub_pii", "reasons": {"edit": {"pii_replaced": 3}, "drop": {"span_cut": 1}}}
    steps = of_records(manifest, schema, ("id", "text", "label"), ("id", "text", "label"))
    assert [(name, step[0].masking) for name, step in steps.items()] == [
        ("id", False),
        ("text", True),
        ("label", False),
    ]
    assert [step.how for step in of_rows(manifest, schema, ("id", "text"))] == [("INDIRECT", "FILTER")]


def test_events_go_into_a_file_one_a_line(ask, data, tmp_path):
    file = tmp_path / "new/events.jsonl"
    code, out, _ = ask("lineage", "--data", data, "--out", file)
    assert code == 0
    assert f"8 events of 4 runs: {file}" in out
    for line in file.read_text(encoding="utf-8").splitlines():
        check_event(json.loads(line))


class Backend:
    """A server on this machine that takes events, and remembers what it was sent. `refuse`: statuses by turn."""

    def __init__(self):
        self.events, self.paths, self.keys, self.refuse = [], [], [], {}
        backend = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = backend.refuse.get(len(backend.paths), 201)
                backend.paths.append(self.path)
                backend.keys.append(self.headers.get("Authorization"))
                if status == 201:
                    event = json.loads(body)
                    check_event(event)
                    backend.events.append(event)
                self.send_response(status)
                answer = b"" if status == 201 else b"the job's name is not known"
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                """Nothing: the test reads what was sent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def backend(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    backend = Backend()
    thread = threading.Thread(target=backend.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield backend
    backend.server.shutdown()
    thread.join()
    backend.server.server_close()


def test_a_server_takes_every_event_with_the_key_and_at_the_standard_s_place(ask, data, told, backend, monkeypatch):
    monkeypatch.setenv("OUR_KEY", "s3cret-key")
    code, out, err = ask("lineage", "--data", data, "--url", backend.url, "--api-key-env", "OUR_KEY")
    assert code == 0
    assert f"8 events: {backend.url}" in out
    assert backend.events == told()
    assert set(backend.paths) == {"/api/v1/lineage"}
    assert set(backend.keys) == {"Bearer s3cret-key"}
    assert "s3cret" not in out + err


def test_a_path_in_the_url_is_where_the_events_go(ask, data, backend):
    assert ask("lineage", "--data", data, "--url", f"{backend.url}/api/v1/openlineage/lineage")[0] == 0
    assert set(backend.paths) == {"/api/v1/openlineage/lineage"}
    assert set(backend.keys) == {None}


def test_an_event_that_is_refused_ends_the_telling_with_the_server_s_words(ask, data, backend):
    backend.refuse = {3: 422}
    code, _, err = ask("lineage", "--data", data, "--url", backend.url)
    assert code == 1
    assert "took 3 of 8 events, then: HTTP 422" in err
    assert "the job's name is not known" in err
    assert "Traceback" not in err


def test_a_server_that_is_not_there_is_a_clear_error(ask, data, backend):
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as gone:
        url = f"http://user:hunter2@127.0.0.1:{gone.server_port}"
    code, _, err = ask("lineage", "--data", data, "--url", url, "--timeout", "1")
    assert code == 1
    assert "took 0 of 8 events, then: no answer (NewConnectionError)" in err
    assert "hunter2" not in err


def test_a_server_that_answers_with_errors_is_not_called_silent(ask, data, backend):
    backend.refuse = dict.fromkeys(range(100), 500)
    code, _, err = ask("lineage", "--data", data, "--url", backend.url)
    assert code == 1
    assert "took 0 of 8 events, then: too many 500 error responses" in err


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://host:99999999/", "http://host:x/", "http://a b/", "http://:80/"]
)
def test_a_url_that_cannot_be_asked_is_a_wrong_use(ask, data, url):
    code, out, err = ask("lineage", "--data", data, "--url", url)
    assert (code, out) == (2, "")
    assert "is not an http or https URL" in err


def test_a_user_in_the_url_does_not_silently_take_the_key_s_place(ask, data, monkeypatch):
    monkeypatch.setenv("OUR_KEY", "s3cret-key")
    code, _, err = ask("lineage", "--data", data, "--url", "http://me:hunter2@127.0.0.1:9", "--api-key-env", "OUR_KEY")
    assert code == 2
    assert "holds a user" in err
    assert "hunter2" not in err
    assert "s3cret" not in err


@pytest.mark.parametrize("key", ["two\nlines", "schl\u00fcssel"])
def test_a_key_that_no_header_can_carry_is_told_without_showing_it(ask, data, monkeypatch, key):
    monkeypatch.setenv("OUR_KEY", key)
    code, _, err = ask("lineage", "--data", data, "--url", "http://127.0.0.1:9", "--api-key-env", "OUR_KEY")
    assert code == 2
    assert "no HTTP header can carry" in err
    assert key not in err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--url", "localhost:5000"], "is not an http or https URL"),
        (["--api-key-env", "OUR_KEY"], "there is no backend to give the key to"),
        (["--url", "http://127.0.0.1:9", "--api-key-env", "NOT_SET"], "no such environment variable"),
        (["--timeout", "0"], "is not above 0"),
        (["--timeout", "inf"], "inf is not above 0 and at most 86400"),
        (["--namespace", " "], "is blank"),
    ],
)
def test_wrong_use_is_told_before_anything_is_sent(ask, data, arguments, problem):
    code, out, err = ask("lineage", "--data", data, *arguments)
    assert (code, out) == (2, "")
    assert problem in err


def test_a_project_in_which_nothing_has_run_is_a_clear_error(ask, tmp_path):
    code, _, err = ask("lineage", "--data", tmp_path)
    assert code == 3
    assert "no stage has finished here" in err


def git(folder, *arguments):
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


LOCK = """stages:
  clean:
    cmd: python -m stages clean --in data/ingest --out data/clean
    deps:
    - path: stages/clean.py
      md5: 0123456789abcdef0123456789abcdef
    outs:
    - path: data/clean
      md5: 0123456789abcdef0123456789abcdef.dir
"""


def test_code_and_commit_are_told_where_the_last_commit_holds_the_same_run(ask, data, tmp_path):
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "dvc.lock").write_text(LOCK)
    (tmp_path / "dvc.yaml").write_text("stages: {clean: {desc: tidy up}}")
    git(tmp_path, "init")
    git(tmp_path, "remote", "add", "origin", "git@example.org:team/project.git")
    git(tmp_path, "add", "dvc.lock")
    git(tmp_path, "commit", "-m", "run")
    commit = git(tmp_path, "rev-parse", "HEAD")

    def told():
        events = [json.loads(line) for line in ask("lineage", "--data", tmp_path / "data")[1].splitlines()]
        return complete(events, "clean")

    event = told()
    location = event["job"]["facets"]["sourceCodeLocation"]
    assert location["url"] == f"https://example.org/team/project/blob/{commit}/stages/clean.py"
    assert location["version"] == event["run"]["facets"]["rowtrail_decisions"]["commit"] == commit
    assert len(event["run"]["facets"]["rowtrail_decisions"]["code"]) == 64
    assert event["job"]["facets"]["documentation"]["description"] == "tidy up"
    (tmp_path / "dvc.lock").write_text(LOCK.replace("0123", "9999"))
    changed = told()
    assert "sourceCodeLocation" not in changed["job"]["facets"]
    assert "commit" not in changed["run"]["facets"]["rowtrail_decisions"]


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("git@example.org:team/project.git", "https://example.org/team/project"),
        ("ssh://git@example.org:2222/team/project.git", "https://example.org/team/project"),
        ("https://user:secret@example.org/team/project.git", "https://example.org/team/project"),
        ("http://example.org:8080/team/project", "http://example.org:8080/team/project"),
        ("/srv/git/project.git", ""),
        ("", ""),
    ],
)
def test_a_remote_is_told_as_a_page_without_its_password(remote, address):
    assert _web(remote) == address
    assert urlsplit(address).password is None
