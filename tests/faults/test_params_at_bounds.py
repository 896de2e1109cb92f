"""Params at their bounds, through the stages they are for, on a few rows: it works, or there is one clear message."""

from __future__ import annotations

import json
import random
import typing

import pytest

from stages.__main__ import main
from stages.core.errors import UsageError
from stages.core.params_file import checked
from tests import tiny
from tests.faults.test_params import LEAVES, bounds, parts_of, with_value

ORDER = [
    "ingest",
    "clean",
    "deduplicate",
    "scrub_pii",
    "check_labels",
    "split",
    "plan",
    "finetune",
    "evaluate",
    "audit",
]
INPUTS = {"plan": ["split"], "finetune": ["split", "plan"], "evaluate": ["split", "finetune", "plan"]}
INPUTS["audit"] = ["split", "finetune", "evaluate"]
STAGE_OF = {"privacy": "finetune"}
FIXED = {
    "check_labels": {"folds": 2},
    "deduplicate": {"probe": 5},
    "scrub_pii": {"probe": 1},
    "evaluate": {"bootstrap": 100},
    "audit": {"bootstrap": 100},
    "finetune": {"threads": 1, "max_length": 32, "device": "cpu"},
    "engine": {"workers": 1},
}
VALUES = [
    2**32 - 1,
    1e300,
    1e-300,
    0,
    1,
    0.0,
    1.0,
    True,
    False,
    None,
    "a b",
    "[x]",
    "/",
    ["x", "\xe9"],
    [],
    {},
    {"a": 0.0},
    {"a": 1000.0},
]
LONG = {("epochs",), ("finetune", "contrastive", "epochs"), ("deduplicate", "probe"), ("scrub_pii", "probe")}
"""Keys whose upper bound means hours, as it says."""
TRIED = 20
"""Values in a lot, of about a thousand: 50 times try all."""
WORDS = ["parcel", "invoice", "refund", "charger", "battery", "screen", "address", "voucher", "password", "router"]


def accepted():
    """(place, value) of all that the models take, at bounds and beside them; each choice of a key too."""
    for place, field in LEAVES.items():
        if place[0] in ("document", "engine"):
            continue
        choices = [one for part in parts_of(field.annotation) for one in typing.get_args(part) if isinstance(one, str)]
        values = {repr(value): value for value in (*bounds(field), *VALUES, *choices)}
        for value in values.values():
            try:
                checked(with_value(place, value), "params.yaml")
            except UsageError:
                continue
            if place not in LONG or value < 10:
                yield place, value


def rows():
    for n in range(60):
        text = f"The {WORDS[n % 10]} and the {WORDS[n // 10]} came {n} days late to Anna Bell on 3 May 2020"
        yield {"id": f"r{n}", "text": text, "label": "ab"[n % 2], "who": f"p{n % 20}", "sure": 0.5}


class Bench:
    """A folder with every stage done once, in which each can be run again with other params."""

    def __init__(self, path, model):
        self.path, self.model = path, model
        (path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()), encoding="utf-8")

    def params(self, place=("seed",), value=13):
        """The params for a few rows and a small model, but for one value."""
        params = with_value(place, value)
        own = {"name": "a", "uri": "rows.jsonl", "license": "MIT", "public": True, "id": "id", "subject": "who"}
        if place[:2] == ("ingest", "sources") and len(place) > 2:
            own[place[3]] = params["ingest"]["sources"][0][place[3]]
        params["ingest"]["sources"] = [own]
        for section, settings in FIXED.items():
            params[section] = {**settings, **params.get(section, {})}
        return {"model": self.model, "epochs": 1, **params}

    def run(self, stage, params, out):
        """The exit code of a stage."""
        (self.path / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
        before = INPUTS.get(stage, [ORDER[ORDER.index(stage) - 1]] if stage != "ingest" else [])
        return main([stage, *(part for name in before for part in ("--in", name)), "--out", out])


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("bench")
        patch.chdir(path)
        for name in ("DVC_STAGE", "ROWTRAIL_KEY", "ROWTRAIL_KEY_FILE"):
            patch.delenv(name, raising=False)
        bench = Bench(path, tiny.save_base(path / "model"))
        for stage in ORDER:
            assert bench.run(stage, bench.params(), stage) == 0
        yield bench


def pytest_generate_tests(metafunc):
    if "lot" in metafunc.fixturenames:
        metafunc.parametrize("lot", range(metafunc.config.getoption("times")))


def test_params_at_their_bounds_work_or_are_refused_with_one_message(bench, capsys, lot):
    every = list(accepted())
    random.Random(13).shuffle(every)
    codes = []
    for place, value in every[lot * TRIED :][:TRIED]:
        stage = STAGE_OF.get(place[0], place[0] if place[0] in ORDER else "plan")
        capsys.readouterr()
        code = bench.run(stage, bench.params(place, value), "out")
        said = capsys.readouterr().err
        assert "unexpected" not in said, (place, value, said)
        assert "Traceback" not in said, (place, value, said)
        assert code == 0 or (code in (1, 2, 3, 4) and "next: " in said), (place, value, code, said)
        codes.append(code)
    assert codes.count(0) >= len(codes) / 2
