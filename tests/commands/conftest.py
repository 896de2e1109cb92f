"""A few rows through the data stages, for commands that tell about them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.__main__ import main

ROWS = """id,text,label
a1,"The parcel came late and the box was torn open on one side, so I want a refund for all of it today",bad
a2,"the parcel came late and the box was torn open on one side, so I want a refund for all of it TODAY!",bad
a3,"<b>Thank you</b> for the quick help with my router",good
a4,"My invoice &amp; my contract arrived, all fine",good
a5,,good
a6,"The screen flickers whenever I plug in the charger",bad
a7,"Great shop, will come again",good
a8,"The voucher does not work at the till",bad
a9,"Support answered within minutes, wonderful",good
a10,"The battery died after a single week",bad
a11,"I love the new colours of the case",good
a12,"Nobody answers the phone at your desk",bad
"""


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """The project's `data` folder after ingest, clean, deduplicate and split."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "rows.csv").write_text(ROWS, encoding="utf-8")
    source = {
        "name": "s",
        "uri": str(folder / "rows.csv"),
        "id": "id",
        "license": "MIT",
        "public": True,
        "outside": True,
    }
    params = {
        "ingest": {"sources": [source], "max_quarantine_share": 0.5},
        "split": {"test": 0.3, "validation": 0.3},
        "engine": {"workers": 1},
    }
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(params, file)
    before = Path.cwd()
    os.chdir(folder)
    try:
        previous: list[str] = []
        for name in ("ingest", "clean", "deduplicate", "split"):
            assert main([name, *previous, "--out", f"data/{name}"]) == 0
            previous = ["--in", f"data/{name}"]
    finally:
        os.chdir(before)
    return folder / "data"


@pytest.fixture
def ask(capsys):
    """Run a command by the front door: (exit code, standard output, standard error)."""

    def run(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run
