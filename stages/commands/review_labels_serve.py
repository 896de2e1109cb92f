"""A page on this machine to decide about labels in doubt: one record at a time, by keyboard.

It shows text of records, and so nobody else may see it: it listens on the loopback address, answers only requests that
carry the token of the printed URL, and none that came under another host's name (DNS rebinding). The page loads
nothing from elsewhere and may not be kept by the browser.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from stages.commands.review_labels_desk import GOES, VIEWS, Desk, Refused
from stages.commands.review_labels_run import LabelRun
from stages.core.errors import Fault, RowtrailError, UsageError
from stages.core.label_decisions import LABEL_DECISIONS, read_label_decisions
from stages.core.task import Task
from stages.methods.check_labels.review.page import page_html

HOST = "127.0.0.1"
TOKEN_HEADER = "X-Rowtrail-Token"  # noqa: S105 - its name, not its value
_NAMES = (HOST, "localhost")
_ORIGIN = re.compile(r"http://([a-z0-9.]+)(?::[0-9]+)?")
_MOST_BYTES = 65_536
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_POLICY = (
    "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)


def serve(run: LabelRun, *, port: int, reviewer: str, task: Task) -> int:
    """Serve the page until Ctrl-C; port 0 takes any that is free. Raises UsageError for one that is taken."""
    desk = Desk(run, reviewer, task)
    server = server_of(desk, port)
    print(f"Open this page in a browser on this machine; only this address, with its token, works:\n\n  {server.url}\n")
    print(f"Every decision goes to {LABEL_DECISIONS} at once. Ctrl-C ends.", flush=True)
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    print(f"\n{desk.decided:,} decided; {LABEL_DECISIONS} holds {len(read_label_decisions()):,}")
    print("They count when check_labels runs again: `dvc repro`")
    return 0


def server_of(desk: Desk, port: int) -> PageServer:
    """The server, listening. Raises UsageError for a port that cannot be had."""
    try:
        return PageServer(desk, port)
    except (OSError, OverflowError):
        fault = Fault("--port", f"{port} cannot be had", "choose another, or leave it out to take any that is free")
        raise UsageError(fault) from None


class PageServer(ThreadingHTTPServer):
    """The page and what its script asks for, on the loopback address only."""

    daemon_threads = True

    def __init__(self, desk: Desk, port: int) -> None:
        self.desk, self.token = desk, secrets.token_urlsafe(24)
        super().__init__((HOST, port), _Handler)

    @property
    def url(self) -> str:
        """Where the page is; whoever knows it can read records and decide."""
        return f"http://{HOST}:{self.server_port}/?token={self.token}"

    def handle_error(self, *_: Any) -> None:
        """Name the kind of error only: its message may hold text. A browser that went away is nothing to report."""
        if not isinstance(error := sys.exception(), ConnectionError | TimeoutError):
            print(f"review labels: an answer failed ({type(error).__name__}); the page goes on", file=sys.stderr)


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version, sys_version = "rowtrail", ""
    timeout = 30  # seconds for a request to come in

    def do_GET(self) -> None:
        """The page itself, or a row of the queue."""
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        page = url.path == "/"
        if not self._may(query.get("token", "") if page else self.headers.get(TOKEN_HEADER, "")):
            return
        if page:
            nonce = secrets.token_urlsafe(16)
            html = page_html({**self.server.desk.about(), "header": TOKEN_HEADER}, nonce)
            policy = {"Content-Security-Policy": _POLICY.format(nonce)}
            self._send(HTTPStatus.OK, html.encode(), "text/html; charset=utf-8", policy)
        elif url.path == "/row":
            self._answer(lambda: self._row(query))
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """A decision, or one to be taken back."""
        if not self._may(self.headers.get(TOKEN_HEADER, "")):
            return
        if self.path not in ("/decide", "/undo"):
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        asked = self._body()
        if asked is None:
            self._refuse(HTTPStatus.BAD_REQUEST)
        elif self.path == "/undo":
            self._answer(lambda: self.server.desk.undo(str(asked.get("id"))))
        else:
            self._answer(lambda: self._decide(asked))

    def log_message(self, *_: Any) -> None:
        """Nothing: the URL holds the token, and a line for each request tells nobody anything."""

    def _may(self, token: str) -> bool:
        """Whether the request may be answered; where not, it was refused."""
        # Any port: behind a tunnel (ssh -L) the browser names its own end of it.
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        origin = _ORIGIN.fullmatch(self.headers.get("Origin", f"http://{HOST}"))
        ours = host in _NAMES and origin is not None and origin[1] in _NAMES
        allowed = ours and hmac.compare_digest(token.encode(), self.server.token.encode())
        if not allowed:
            self._refuse(HTTPStatus.FORBIDDEN)
        return allowed

    def _row(self, query: dict[str, str]) -> dict[str, Any]:
        view, go, rank = query.get("view", ""), query.get("go", ""), query.get("rank", "")
        if view not in VIEWS or go not in GOES or not (rank.isascii() and rank.isdigit() and len(rank) < 12):
            raise Refused("There is no such row.")
        return self.server.desk.row(view, int(rank), go)

    def _decide(self, asked: dict[str, Any]) -> dict[str, Any]:
        to = asked.get("to", "")
        if not isinstance(to, str | list):
            raise Refused("This is not a decision.")
        id, verdict, version = (str(asked.get(name)) for name in ("id", "verdict", "version"))
        return self.server.desk.decide(id, verdict, to, version)

    def _body(self) -> dict[str, Any] | None:
        """The JSON object that was sent; None for anything else."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > _MOST_BYTES:
            return None
        try:
            sent = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            return None
        return sent if isinstance(sent, dict) else None

    def _answer(self, work: Callable[[], dict[str, Any]]) -> None:
        """What the work gives as JSON; where it cannot be done, why."""
        try:
            status, content = HTTPStatus.OK, work()
        except (Refused, RowtrailError) as error:
            status, content = HTTPStatus.CONFLICT, {"problem": str(error)}
        except OSError as error:
            status, content = HTTPStatus.INTERNAL_SERVER_ERROR, {"problem": f"Not written: {error.strerror}."}
        self._send(status, json.dumps(content).encode(), "application/json", {})

    def _refuse(self, status: HTTPStatus) -> None:
        self._send(status, status.phrase.encode(), "text/plain", {})

    def _send(self, status: HTTPStatus, content: bytes, kind: str, more: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, **more, "Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
