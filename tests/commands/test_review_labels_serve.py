"""The page's server: who may ask, what it answers, and that no decision is lost."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from stages.commands.review_labels_desk import Desk
from stages.commands.review_labels_serve import TOKEN_HEADER, server_of
from stages.core.errors import UsageError
from stages.core.label_decisions import LABEL_DECISIONS, label_decisions_of, read_label_decisions, write_label_decisions
from tests.commands.doubted import SUSPECT, doubted_run, id_of

EVIL = '<img src=x onerror=alert(1)>"\u202e\ud83d'
VALUES = [
    {"text": f"{EVIL.encode('utf-8', 'ignore').decode()} number {n}", "label": "bad" if n % 2 else "good"}
    for n in range(6)
]
RANKED = {n: ("good" if n % 2 else "bad", "suspect_label" if n < 4 else None) for n in range(6)}


class Asker:
    """A client with the token; both can be changed for one request."""

    def __init__(self, server):
        self.server, self.port = server, server.server_port

    def send(self, method, path, body=None, **changed):
        headers = {"Host": f"127.0.0.1:{self.port}", TOKEN_HEADER: self.server.token}
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host=True)
            content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
            if body is not None and "Content-Length" not in headers:
                headers["Content-Length"] = str(len(content))
            for name, value in headers.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders(content)
            answer = connection.getresponse()
            return answer, answer.read()

    def row(self, view="doubts", rank=0, go="open"):
        answer, content = self.send("GET", f"/row?view={view}&rank={rank}&go={go}")
        assert answer.status == 200, content
        return json.loads(content)

    def decide(self, row, verdict, to="", **changed):
        body = {"id": row["id"], "verdict": verdict, "to": to, "version": row["version"], **changed}
        answer, content = self.send("POST", "/decide", body)
        return answer.status, json.loads(content)

    def undo(self, id):
        answer, content = self.send("POST", "/undo", {"id": id})
        return answer.status, json.loads(content)


@contextlib.contextmanager
def served(run, reviewer="kb"):
    server = server_of(Desk(run, reviewer, run.task), 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Asker(server)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return doubted_run("classification", VALUES, RANKED, reserved=(1,), labels=["bad", "good", "neutral"])


@pytest.fixture
def asker(run):
    with served(run) as asker:
        yield asker


def decided():
    return {id: (one.decision, one.to, one.reviewer) for id, one in read_label_decisions().by_id.items()}


# --- who may ask ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("token", ["", "?token=", "?token=x", "?token=%00%ff", "?other=1"])
def test_the_page_needs_the_token(asker, token):
    answer, content = asker.send("GET", f"/{token}")
    assert (answer.status, content) == (403, b"Forbidden")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/row?view=all&rank=0&go=open"), ("POST", "/decide"), ("POST", "/undo"), ("GET", "/x")]
)
@pytest.mark.parametrize("token", [None, "", "x", "é"])
def test_rows_and_decisions_need_the_token_in_the_header(asker, method, path, token):
    sent = path + ("&" if "?" in path else "?") + f"token={asker.server.token}"
    for one in (path, sent):
        answer, _ = asker.send(method, one, {} if method == "POST" else None, **{TOKEN_HEADER: token})
        assert answer.status == 403
    assert not LABEL_DECISIONS.exists()


@pytest.mark.parametrize("host", [None, "", "evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "0.0.0.0"])
def test_a_request_under_another_hosts_name_is_refused_whatever_its_token(asker, host):
    host = host and host.format(port=asker.port)
    assert asker.send("GET", f"/?token={asker.server.token}", Host=host)[0].status == 403
    assert asker.send("POST", "/undo", {"id": id_of(0)}, Host=host)[0].status == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:9999", "127.0.0.1"])
def test_the_loopback_names_may_ask_also_through_a_tunnel_from_another_port(asker, host):
    assert asker.send("GET", f"/?token={asker.server.token}", Host=host)[0].status == 200


def test_it_listens_on_the_loopback_address_only(asker):
    assert asker.server.server_address[0] == "127.0.0.1"
    assert urlsplit(asker.server.url).hostname == "127.0.0.1"


def test_answers_may_not_be_kept_framed_or_read_by_another_origin(asker):
    for path in (f"/?token={asker.server.token}", "/row?view=all&rank=0&go=open", "/x"):
        answer, _ = asker.send("GET", path, Origin="http://evil.example")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Access-Control-Allow-Origin"] is None
    assert asker.send("OPTIONS", "/decide", Origin="http://evil.example")[0].status == 501
    policy = asker.send("GET", f"/?token={asker.server.token}")[0].headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_each_start_has_a_token_of_its_own_and_each_page_a_nonce(run):
    with served(run) as one, served(run) as other:
        assert one.server.token != other.server.token
        pages = [one.send("GET", f"/?token={one.server.token}")[0].headers["Content-Security-Policy"] for _ in "ab"]
        assert pages[0] != pages[1]


# --- what it answers ------------------------------------------------------------------------------------------------
def test_the_page_holds_no_text_of_records_and_rows_come_as_json(asker):
    _, html = asker.send("GET", f"/?token={asker.server.token}")
    assert b"onerror" not in html
    answer, content = asker.send("GET", "/row?view=doubts&rank=0&go=open")
    assert answer.headers["Content-Type"] == "application/json"
    row = json.loads(content)["row"]
    assert row["texts"] == [
        {"name": "text", "learned": False, "parts": [{"text": VALUES[0]["text"], "by": [], "ends": []}]}
    ]
    assert (row["rank"], row["of"], row["given"], row["suggested"]) == (1, 6, ["good"], ["bad"])
    assert row["doubts"][0]["meaning"].startswith("judges that have not seen")
    assert len(row["doubts"][0]["figures"]) == len(SUSPECT) - 1


def test_one_can_go_back_and_forth_and_to_the_next_without_a_decision(asker):
    assert asker.row(rank=1, go="next")["row"]["rank"] == 2
    assert asker.row(rank=2, go="previous")["row"]["rank"] == 1
    assert asker.row(rank=1, go="previous")["row"] is None
    assert asker.row(rank=4, go="next")["row"] is None
    assert asker.row(view="all", rank=4, go="next")["row"]["rank"] == 5
    assert asker.row(rank=6, go="at")["row"]["rank"] == 6
    assert asker.row(rank=99, go="at")["row"] is None
    asker.decide(asker.row(rank=2, go="at")["row"], "keep")
    assert asker.row(rank=1, go="open")["row"]["rank"] == 3
    assert asker.row(rank=4, go="open")["row"]["rank"] == 1


def test_what_will_be_in_the_test_split_is_said(asker):
    assert [asker.row(rank=n, go="at")["row"]["reserved"] for n in (1, 2, 3)] == [False, True, False]


@pytest.mark.parametrize("query", ["", "?view=x&rank=0&go=open", "?view=all&rank=-1&go=at", "?view=all&rank=0&go=x"])
def test_a_question_that_makes_no_sense_is_answered_in_words(asker, query):
    answer, content = asker.send("GET", f"/row{query}")
    assert (answer.status, json.loads(content)) == (409, {"problem": "There is no such row."})


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 5000, b"1"])
def test_a_body_that_is_no_json_object_is_refused(asker, body):
    assert asker.send("POST", "/decide", body)[0].status == 400


@pytest.mark.parametrize("length", ["-1", "x", "99999999999", None])
def test_a_body_without_a_sensible_length_is_not_read(asker, length):
    assert asker.send("POST", "/decide", b"{}", Content_Length=length)[0].status == 400


# --- decisions ------------------------------------------------------------------------------------------------------
def test_a_decision_is_in_the_file_before_the_answer_and_shown_afterwards(asker):
    for rank, (verdict, to) in enumerate([("keep", ""), ("relabel", "good"), ("drop", "")], 1):
        row = asker.row(rank=rank, go="at")["row"]
        status, answer = asker.decide(row, verdict, to)
        assert status == 200
        assert answer["progress"]["doubts"] == {"decided": rank, "left": 4 - rank}
        assert decided()[row["id"]] == (verdict, to, "kb")
    shown = asker.row(rank=2, go="at")["row"]
    assert shown["decision"] == {"verdict": "relabel", "to": "good", "reviewer": "kb"}
    assert not any(text["text"] in LABEL_DECISIONS.read_text() for text in VALUES)


@pytest.mark.parametrize(
    ("verdict", "to"),
    [("keep", "bad"), ("relabel", ""), ("relabel", "good"), ("relabel", EVIL), ("relabel", ["bad"]), ("x", ""),
     ("relabel", {"a": 1}), ("relabel", None)],
)  # fmt: skip
def test_a_decision_that_cannot_be_is_refused_in_words(asker, verdict, to):
    status, answer = asker.decide(asker.row()["row"], verdict, to)
    assert status == 409
    assert "img" not in answer["problem"]
    assert not LABEL_DECISIONS.exists()


def test_a_decision_about_what_the_page_did_not_show_is_refused(asker):
    row = asker.row()["row"]
    for version in (asker.row(rank=2, go="at")["row"]["version"], "", None, {}):
        assert asker.decide(row, "keep", version=version)[0] == 409
    assert asker.decide({**row, "id": "f" * 20}, "keep")[0] == 409
    assert not LABEL_DECISIONS.exists()


def test_undo_takes_a_decision_back_step_by_step(asker):
    row = asker.row()["row"]
    asker.decide(row, "keep")
    asker.decide(row, "drop")
    assert asker.undo(row["id"]) == (200, {"rank": 1, "progress": asker.row()["progress"]})
    assert decided()[row["id"]][0] == "keep"
    assert asker.undo(row["id"])[0] == 200
    assert decided() == {}
    status, answer = asker.undo(row["id"])
    assert (status, answer["problem"]) == (409, "Nothing was decided about this record since the page was started.")


def test_undo_brings_back_an_earlier_decision_and_goes_no_further(run):
    with served(run, "first") as asker:
        asker.decide(asker.row()["row"], "keep")
    with served(run, "second") as asker:
        row = asker.row(rank=1, go="at")["row"]
        assert asker.undo(row["id"])[0] == 409
        asker.decide(row, "drop")
        assert decided()[row["id"]] == ("drop", "", "second")
        asker.undo(row["id"])
        assert asker.undo(row["id"])[0] == 409
    assert decided()[row["id"]] == ("keep", "", "first")


def test_undo_does_not_touch_what_somebody_else_decided_since(asker, run):
    row = asker.row()["row"]
    asker.decide(row, "keep")
    other = run.decide(next(run.records({row["id"]})), "drop", reviewer="other")
    write_label_decisions(label_decisions_of([other]))
    status, answer = asker.undo(row["id"])
    assert status == 409
    assert "Somebody else" in answer["problem"]
    assert decided() == {row["id"]: ("drop", "", "other")}


def test_a_stale_decision_is_shown_as_one_and_decided_anew(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = doubted_run("classification", VALUES, labels=["bad", "good"])
    record = next(run.records({id_of(3)}))
    write_label_decisions(label_decisions_of([run.decide(record, "keep", reviewer="old")]))
    changed = [{**value, "label": "good"} for value in VALUES]
    with served(doubted_run("classification", changed, labels=["bad", "good"])) as asker:
        found = asker.row()
        assert found["progress"]["doubts"] == {"decided": 0, "left": 1}
        assert (found["row"]["id"], found["row"]["stale"]) == (id_of(3), True)
        asker.decide(found["row"], "keep")
        assert asker.row() == {
            "row": None,
            "progress": {"doubts": {"decided": 1, "left": 0}, "all": {"decided": 1, "left": 5}},
        }
        asker.undo(id_of(3))
        assert asker.row()["row"]["stale"]
    assert decided()[id_of(3)] == ("keep", "", "old")


def test_what_an_import_adds_meanwhile_stays(asker, run):
    row = asker.row()["row"]
    other = run.decide(next(run.records({id_of(5)})), "drop", reviewer="other")
    write_label_decisions(label_decisions_of([other]))
    asker.decide(row, "keep")
    assert decided() == {id_of(0): ("keep", "", "kb"), id_of(5): ("drop", "", "other")}


def test_two_pages_and_many_tabs_deciding_at_once_lose_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    many = [{"text": f"row {n}", "label": "a"} for n in range(40)]
    run = doubted_run("classification", many, labels=["a", "b"])
    with served(run) as one, served(run) as other:
        rows = [one.row(view="all", rank=n, go="at")["row"] for n in range(1, 41)]

        def work(asker, mine):
            for row in mine:
                assert asker.decide(row, "relabel", "b")[0] == 200

        threads = [threading.Thread(target=work, args=((one, other)[n % 2], rows[n::4])) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(decided()) == 40


def test_a_broken_file_of_decisions_is_told_and_not_written_over(asker):
    row = asker.row()["row"]
    LABEL_DECISIONS.parent.mkdir(parents=True, exist_ok=True)
    LABEL_DECISIONS.write_text("merge conflict\n")
    status, answer = asker.decide(row, "keep")
    assert status == 409
    assert "labels.csv:1: the header must be" in answer["problem"]
    assert LABEL_DECISIONS.read_text() == "merge conflict\n"


def test_labels_of_a_set_are_given_as_a_list(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = doubted_run("multi_label", [{"text": "wow", "labels": ("joy",)}], labels=["anger", "joy"])
    with served(run) as asker:
        row = asker.row(view="all")["row"]
        assert asker.decide(row, "relabel", ["joy", "anger"])[0] == 200
        assert asker.decide(row, "relabel", ["joy"])[0] == 409
    record = next(run.records({id_of(0)}))
    assert run.task.with_annotation(record, decided()[id_of(0)][1]).values["labels"] == ("anger", "joy")


# --- the command ----------------------------------------------------------------------------------------------------
def test_a_port_that_is_taken_is_said_to_be(run):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"{port} cannot be had"):
            server_of(Desk(run, "", run.task), port)


def test_ctrl_c_ends_it_and_says_how_many_were_decided(run):
    code = (  # a process that a shell started in the background would ignore the signal
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from tests.commands.doubted import params; from pathlib import Path\n"
        "from stages.commands.review_labels_run import LabelRun\n"
        "from stages.commands.review_labels_serve import serve\n"
        "run = LabelRun(Path('data'), params('classification', ['bad', 'good']))\n"
        "raise SystemExit(serve(run, port=0, reviewer='kb', task=run.task))"
    )
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": paths},
    ) as process:  # fmt: skip
        try:
            lines = iter(process.stdout.readline, "")
            url = urlsplit(next(line for line in lines if "http" in line).strip())
            next(line for line in lines if "Ctrl-C" in line)
            asker = Asker.__new__(Asker)
            asker.port, asker.server = url.port, type("Server", (), {"token": url.query.removeprefix("token=")})
            asker.decide(asker.row()["row"], "drop")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "1 decided; data/decisions/labels.csv holds 1" in out
    assert err == ""
