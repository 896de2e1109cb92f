"""What tests of all floors share: small schemas, tasks and contexts made of values."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from stages.core.keys import Keys
from stages.core.records import Record
from stages.core.stage import Context
from stages.tasks import load_task

# Before any library is imported: no network, no telemetry, no thread pools fighting over two cores.
os.environ.update(
    {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
)
# A busy machine is no fault of what is tested; what hangs is ended by pytest-timeout.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_addoption(parser):
    parser.addoption("--times", type=int, default=1, help="how often tests/faults repeats what it draws by chance")


@pytest.fixture(scope="session")
def classification():
    return load_task("classification")


@pytest.fixture
def ledger_here(tmp_path, monkeypatch):
    """The budget ledger is looked for where the tests run: in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    for name in ("ROWTRAIL_BUDGET", "DVC_ROOT", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def make_record(classification):
    """A classification record from a few values."""

    def make(id="0a", text="hello there", label="positive", **more):
        return Record(id, more.pop("source", "s"), "1", classification.schema, {"text": text, "label": label}, **more)

    return make


@pytest.fixture
def make_context(classification):
    """A context for a stage's functions: its params, and public keys."""

    def make(stage, params, inputs=(), **shared):
        keys = Keys(None, frozenset({"s"}))
        return Context(stage, params, {"seed": 13, **shared}, classification, keys, tuple(inputs))

    return make
