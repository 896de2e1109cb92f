"""A project of each kind, from `rowtrail new` over all stages to a question: on the sample rows, with a tiny model."""

from __future__ import annotations

import importlib
import json
import shlex
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from stages.__main__ import STAGES, main
from stages.tasks import TASKS, load_task
from tests.pipeline.conftest import Project

pytestmark = pytest.mark.slow
PRESETS = {
    "classification": "support_intents",
    "multi_label": "multi_label",
    "token_labels": "token_labels",
    "question_answering": "question_answering",
    "seq2seq": "summarization",
    "causal_lm": "domain_chat",
}
ASKED = {
    "question_answering": ('question="Who pays?"', "context=The city pays for the bridge."),
}
TINY = {
    "epochs": 2,
    "batch_size": 16,
    "engine": {"workers": 1},
    "deduplicate": {"probe": 50},
    "scrub_pii": {"probe": 5},
    "finetune": {"max_length": 64, "threads": 1, "gradient_accumulation": 1, "evaluations": 2},
    "evaluate": {"bootstrap": 100, "train_sample": 50, "generation": {"records": 4, "max_new_tokens": 4}},
    "audit": {"sample": 50, "bootstrap": 100},
}

# The tiny tokenizers read letters or bytes, of which the samples' texts have many.
LENGTHS = {"causal_lm": {"finetune": {"max_length": 1536}}, "question_answering": {"finetune": {"max_length": 128}}}


def save_base(task, folder):
    """The tiny model of the task's own tests; chats get one with a template, and with room for those of the sample."""
    samples = importlib.import_module(f"tests.tasks.samples.{task}")
    if task != "causal_lm":
        return samples.save_base(folder)
    samples.save_llama(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 2048}), encoding="utf-8")
    return str(folder)


class Made:
    """A project that `rowtrail new` made, after all stages."""

    def __init__(self, folder: Path, task: str) -> None:
        self.folder, self.task = folder, load_task(task)
        assert main(["new", str(folder), "--preset", PRESETS[task], "--sample", "--id", "id"]) == 0
        base = save_base(task, folder / "data/raw/base")
        yaml = YAML()
        params = yaml.load((folder / "params.yaml").read_text(encoding="utf-8"))
        set_values(params, {**TINY, "model": str(base)})
        set_values(params, LENGTHS.get(task, {}))
        with (folder / "params.yaml").open("w", encoding="utf-8") as file:
            yaml.dump(params, file)

    def run(self) -> None:
        """All stages, by the commands in dvc.yaml but in this process: importing torch eleven times takes minutes.

        DVC is then told of what they wrote, as if it had run them itself.
        """
        wiring = YAML(typ="safe").load((self.folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
        for name in STAGES:
            assert main(shlex.split(wiring[name]["cmd"])[3:]) == 0, name
        Project(self.folder).run("dvc", "commit", "--force", "--quiet")

    def report(self, stage: str) -> dict:
        """What a stage reports."""
        return json.loads((self.folder / "data" / stage / "report.json").read_text(encoding="utf-8"))


def set_values(params, values):
    """Change some values of a nested mapping."""
    for name, value in values.items():
        if isinstance(value, dict):
            set_values(params[name], value)
        else:
            params[name] = value


@pytest.fixture(scope="module", params=sorted(TASKS))
def made(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param) / "project"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DVC_ROOT", "DVC_STAGE", "ROWTRAIL_KEY", "ROWTRAIL_KEY_FILE"):
            patch.delenv(name, raising=False)
        project = Made(folder, request.param)
        patch.chdir(folder)
        project.run()
        yield project


def test_rows_come_through_all_stages_and_most_stay(made):
    for name in ("ingest", "clean", "deduplicate", "scrub_pii", "check_labels", "split"):
        records = made.report(name)["records"]
        assert records["kept"] + records["created"] >= 0.75 * (records["in"] or records["created"]), name
    splits = set(pq.read_table("data/split/records.parquet", columns=["split"])["split"].to_pylist())
    assert splits == {"train", "validation", "test"}
    assert made.report("finetune")["reasons"]["assign"]["trained_on"] >= 0.6 * made.report("split")["records"]["kept"]
    assert made.report("deduplicate")["records"]["dropped"] >= 1
    assert made.report("scrub_pii")["reasons"]["edit"]["pii_replaced"] >= 5


def test_the_model_is_scored_by_the_tasks_own_metric_beside_baselines(made):
    report = made.report("evaluate")
    assert made.task.primary in report
    assert report["baselines"]


def test_the_evidence_holds_together(made, capsys):
    code = main(["verify"])
    assert code == 0, capsys.readouterr().out


def test_the_story_of_a_record_is_told(made, capsys):
    id = pq.read_table("data/split/records.parquet", columns=["id"])["id"][0].as_py()
    capsys.readouterr()
    assert main(["trace", id]) == 0
    told = capsys.readouterr().out
    assert all(stage in told for stage in ("ingest", "split"))


def test_the_tuned_model_answers_a_question_and_a_file(made, capsys):
    asked = ASKED.get(made.task.name, ("The parcel for Marta came late.",))
    capsys.readouterr()
    assert main(["predict", *asked, "--max-new-tokens", "4"]) == 0
    assert capsys.readouterr().out.endswith("\n")
    (sample,) = Path("data/samples").glob(f"{made.task.name}.*")
    main(["predict", "--file", str(sample), "--max-new-tokens", "2"])
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(answers) > 100
    assert sum("problem" not in answer for answer in answers) > 100
