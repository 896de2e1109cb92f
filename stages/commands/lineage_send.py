"""Send OpenLineage events to a backend by HTTP, and say clearly what it did not take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from stages.core.errors import CheckFailed, Fault
from stages.core.progress import track
from stages.core.remote import shown
from stages.core.terminal import printable

ENDPOINT = "api/v1/lineage"
"""Where the OpenLineage API takes events, when the URL names no path of its own (Marquez, and the API's own spec)."""
_RETRIES = {"total": 2, "connect": 2, "read": 2}
_SHOWN = 200


def send(events: Sequence[Any], url: str, api_key: str | None, timeout: float) -> None:
    """Send the events in their order; `timeout` in seconds for each. Raises CheckFailed at the first that fails.

    The transport alone is used and not the library's client: that would add what it finds in the environment (the
    variables of a CI run, a branch's name).
    """
    import requests
    from openlineage.client.transport.http import HttpConfig, HttpTransport

    base, endpoint = _address(url)
    auth = {"type": "api_key", "apiKey": api_key} if api_key else {}
    config = {"url": base, "endpoint": endpoint, "timeout": timeout, "auth": auth, "retry": _RETRIES}
    transport = HttpTransport(HttpConfig.from_dict(config))
    sent = 0
    try:
        for event in track(events, "lineage", len(events)):
            transport.emit(event)
            sent += 1
    except requests.RequestException as error:
        problem = f"took {sent} of {len(events)} events, then: {_reason(error)}"
        step = "check the address, that the backend is up, and its key; telling again what it took does no harm"
        raise CheckFailed(Fault(shown(url), problem, step)) from None
    finally:
        transport.close()
    print(f"{sent} events: {shown(url)}")


def _address(url: str) -> tuple[str, str]:
    """Scheme and host, and the path below them."""
    parts = urlsplit(url)
    own = parts.path.strip("/")
    endpoint = f"{own}?{parts.query}" if parts.query else own
    return urlunsplit((parts.scheme, parts.netloc, "/", "", "")), endpoint if own else ENDPOINT


def _reason(error: Any) -> str:
    """Status and the first words of an answer, or what kind of failure it was: its message may repeat the URL."""
    if error.response is None:
        # What urllib3 gave up at says more than that it did: a refusal, a time-out, errors again and again.
        cause = getattr(error.args[0] if error.args else None, "reason", None)
        too_many = type(cause).__name__ == "ResponseError"
        return str(cause) if too_many else f"no answer ({type(cause or error).__name__})"
    said = " ".join(printable(error.response.text).split())[:_SHOWN]
    return f"HTTP {error.response.status_code} {error.response.reason}" + (f": {said}" if said else "")
