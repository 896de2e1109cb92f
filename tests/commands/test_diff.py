"""`rowtrail diff` on two small versions that were never run: folders written by hand, cached as DVC caches them."""

from __future__ import annotations

import json
import shutil
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from stages.core.dvc_files import DvcCache, folder_md5, md5_of
from stages.core.storage import files_below, sha256_of, write_json
from stages.core.tables import EVENTS, records_schema
from stages.tasks import load_task

SECRET = "Xyzzymarked words of a customer"
SCHEMA = records_schema(load_task("classification").schema)


class Project:
    """A project whose stages `ingest`, `clean` and `split` are files that a test wrote."""

    def __init__(self, path):
        self.path = path
        self.git("init", "-q")
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@example.org")
        (path / ".gitignore").write_text("data/*\n!data/erasure.csv\n.dvc/cache\n", encoding="utf-8")
        (path / "stages").mkdir()

    def git(self, *arguments):
        subprocess.run(["git", *arguments], cwd=self.path, check=True, capture_output=True)

    def write(self, rows, params=None, code="1", predictions=None, pins="numpy==2.0\n"):
        """A version: rows by id as {text, label, split} or {drop: reason}, and answers by id as (label, answer)."""
        shutil.rmtree(self.path / "data", ignore_errors=True)
        self.lock = {}
        self.params = {"task": "classification", "clean": {"min_chars": 3}, **(params or {})}
        self.file("params.yaml", json.dumps(self.params))
        self.file("stages/clean.py", f"# {code}\n")
        self.file("requirements/lock.txt", pins)
        self.file("data/erasure.csv", "kind,value\n")
        read = {id: row for id, row in rows.items() if row.get("drop") not in ("not_sampled", "erased")}
        kept = {id: row for id, row in read.items() if "drop" not in row}
        self.stage("ingest", read, [self.entry(id, row) for id, row in rows.items()], report={"sources": {"s": {}}})
        self.stage("clean", kept, [(id, "drop", row["drop"]) for id, row in read.items() if "drop" in row], "ingest")
        self.stage("split", kept, [(id, "assign", row["split"]) for id, row in kept.items()], "clean")
        if predictions is not None:
            self.stage("evaluate", None, [(id, "assign", "tested_on") for id in predictions], "split", predictions)
            right = sum(label == answer for label, answer in predictions.values())
            self.file("reports/evaluate.json", json.dumps({"accuracy": right / max(len(predictions), 1)}))
        for name in ("ingest", "clean", "split"):
            said = json.loads((self.path / f"data/{name}/manifest.json").read_bytes())
            self.file(f"reports/{name}.json", json.dumps({"records": said["counts"], "reasons": said["reasons"]}))
        with (self.path / "dvc.lock").open("w", encoding="utf-8") as file:
            YAML().dump({"schema": "2.0", "stages": self.lock}, file)

    @staticmethod
    def entry(id, row):
        left_out = row.get("drop") if row.get("drop") in ("not_sampled", "erased") else None
        return (id, "drop", left_out) if left_out else (id, "create", "created")

    def file(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def stage(self, name, rows, events, before=None, predictions=None, report=None):
        folder = self.path / "data" / name
        folder.mkdir(parents=True)
        told = [
            {"id": id, "seq": 0, "action": action, "reason": reason, "evidence": '{"row": 1, "source": "s"}'}
            for id, action, reason in sorted(events)
        ]
        pq.write_table(pa.Table.from_pylist(told, EVENTS), folder / "events.parquet")
        if rows is not None:
            records = [{"id": id, "source": "s", **self.columns(row, name)} for id, row in sorted(rows.items())]
            pq.write_table(pa.Table.from_pylist(records, SCHEMA), folder / "records.parquet")
        if predictions is not None:
            pq.write_table(prediction_table(predictions), folder / "predictions.parquet")
        write_json(folder / "report.json", report or {})
        self.finish(folder, len(rows or ()), told, before)

    @staticmethod
    def columns(row, stage):
        return {
            "text": row.get("text", "some words"), "label": row.get("label", "good"), "subject": row.get("subject"),
            "group": row.get("group"), "split": row.get("split") if stage == "split" else None,
        }  # fmt: skip

    def finish(self, folder, rows, told, before):
        """The manifest, the objects in the cache, and the entry in the lock file."""
        reasons: dict = {}
        for event in told:
            counts = reasons.setdefault(event["action"], {})
            counts[event["reason"]] = counts.get(event["reason"], 0) + 1
        files = {name: sha256_of(folder / name) for name in files_below(folder)}
        inputs = {before: sha256_of(self.path / f"data/{before}/manifest.json")} if before else {}
        manifest = {"format": 1, "stage": folder.name, "inputs": inputs, "counts": {"in": rows}, "reasons": reasons}
        write_json(folder / "manifest.json", {**manifest, "files": files})
        md5s = {name: md5_of(folder / name) for name in files_below(folder)}
        listing = json.dumps([{"md5": md5, "relpath": name} for name, md5 in sorted(md5s.items())]).encode()
        cache = DvcCache(self.path)
        for md5, content in [(md5, (folder / name).read_bytes()) for name, md5 in md5s.items()]:
            self.cached(cache, md5, content)
        self.cached(cache, folder_md5(md5s), listing)
        code = {"path": "stages/clean.py", "md5": md5_of(self.path / "stages/clean.py")}
        self.lock[folder.name] = {
            "cmd": "x", "deps": [code], "params": {"params.yaml": {"clean": self.params["clean"]}},
            "outs": [{"path": f"data/{folder.name}", "md5": folder_md5(md5s)}],
        }  # fmt: skip

    @staticmethod
    def cached(cache, md5, content):
        cache.place(md5).parent.mkdir(parents=True, exist_ok=True)
        cache.place(md5).write_bytes(content)

    def commit(self, tag):
        self.git("add", "-A")
        self.git("commit", "-qm", tag)
        self.git("tag", tag)

    def lose(self, stage, *names):
        """Delete objects of v1 from the cache: files of a stage's folder, or without names the list of its files."""
        lock = YAML(typ="safe").load(
            subprocess.run(["git", "show", "v1:dvc.lock"], cwd=self.path, check=True, capture_output=True).stdout
        )
        out, cache = lock["stages"][stage]["outs"][0]["md5"], DvcCache(self.path)
        for md5 in [cache.listing(out)[name] for name in names] or [out]:
            cache.place(md5).unlink()


def prediction_table(predictions):
    rows = [
        {"id": id, "split": "test", "label": label, "answer": answer, "correct": label == answer, "loss": 0.5,
         "scores": [("bad", 0.5), ("good", 0.5)]}
        for id, (label, answer) in sorted(predictions.items())
    ]  # fmt: skip
    kinds = {"correct": pa.bool_(), "loss": pa.float64(), "scores": pa.map_(pa.string(), pa.float64())}
    names = ("id", "split", "label", "answer", "correct", "loss", "scores")
    return pa.Table.from_pylist(rows, pa.schema([(name, kinds.get(name, pa.string())) for name in names]))


def row(split="train", text="some words", label="good", **more):
    return {"split": split, "text": text, "label": label, **more}


TESTS = {f"e{i:02d}": row("test") for i in range(40)}
OLD = {
    "a1": row(), "a2": row(text=SECRET), "a3": row(label="bad"), "a4": row("validation"), "a5": {"drop": "too_short"},
    "a6": row(), "a7": {"drop": "not_sampled"}, "a8": row(subject="f" * 32), "a9": row(), **TESTS,
}  # fmt: skip
NEW = {
    "a1": row(), "a2": row(text=f"{SECRET} changed"), "a3": row(label="good"), "a4": row("test"), "a5": row(),
    "a6": {"drop": "too_long"}, "a7": row(), "a8": {"drop": "erased"}, "b1": row(), **TESTS,
}  # fmt: skip
OLD_ANSWERS = {id: ("good", "good" if i % 2 else "bad") for i, id in enumerate(TESTS)}
NEW_ANSWERS = {**{id: ("good", "good" if i % 10 else "bad") for i, id in enumerate(TESTS)}, "a4": ("good", "good")}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Version v1 in git and in the cache, and the second in the workspace."""
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path)
    project.write(OLD, predictions=OLD_ANSWERS)
    project.commit("v1")
    project.write(NEW, {"clean": {"min_chars": 5}}, "2", NEW_ANSWERS, "numpy==2.1\n")
    return project


def told(ask, *arguments):
    code, out, _ = ask("diff", *arguments, "--json")
    assert code == 0
    return json.loads(out)


def moved(found):
    return {
        code: sorted(id for part in heading["parts"] for id in part["ids"])
        for code, heading in found["rows"]["headings"].items()
    }


def test_every_row_that_ended_elsewhere_is_told_with_its_id(project, ask):
    found = told(ask, "v1")
    assert moved(found) == {
        "added": ["b1"], "removed": ["a9"], "erased": ["a8"], "newly_sampled": ["a7"], "newly_dropped": ["a6"],
        "no_longer_dropped": ["a5"], "moved": ["a4"],
    }  # fmt: skip
    assert found["rows"]["headings"]["added"]["by_source"] == {"s": 1}
    assert sum(same["rows"] for same in found["rows"]["same"]) == 43
    assert found["not_compared"] == []


def test_texts_and_labels_that_changed_are_told_by_id(project, ask):
    records = told(ask, "v1")["records"]
    assert records["text"] == {"rows": 1, "first_shown": [{"stage": "ingest", "ids": ["a2"]}]}
    assert records["label"]["pairs"] == [{"from": "bad", "to": "good", "ids": ["a3"]}]


def test_params_code_and_packages_that_changed_are_named(project, ask):
    settings = told(ask, "v1")["settings"]
    assert [(row["name"], row["a"], row["b"]) for row in settings["params"]] == [("clean.min_chars", 3, 5)]
    assert [(row["name"], row["change"]) for row in settings["code"]] == [("stages/clean.py", "changed")]
    assert settings["packages"] == [{"name": "numpy", "change": "changed", "a": "2.0", "b": "2.1"}]


def test_the_models_are_compared_on_the_rows_both_were_tested_on(project, ask):
    scores = told(ask, "v1")["scores"]
    assert scores["paired"]["rows"]["common"] == 40
    assert scores["paired"]["mcnemar"]["only_b_right"] == 16
    assert scores["verdict"]["model"] == "better"
    assert scores["crossing"] == {"tested_in_a_trained_in_b": 0, "tested_in_b_trained_in_a": 0}


def test_the_text_fits_the_screen_and_holds_no_text_of_a_record(project, ask, tmp_path):
    page = tmp_path / "page" / "diff.html"
    code, out, _ = ask("diff", "v1", "workspace", "--ids", "--html", page)
    assert code == 0
    assert "the model got better" in " ".join(out.split())
    assert "validation -> test" in out
    assert "a9" in out
    assert max(map(len, out.splitlines())) <= 100
    everything = out + page.read_text(encoding="utf-8") + ask("diff", "v1", "--json")[1]
    assert "Xyzzymarked" not in everything


def test_the_page_is_whole_and_loads_nothing(project, ask, tmp_path):
    ask("diff", "v1", "--html", tmp_path / "diff.html")
    page = (tmp_path / "diff.html").read_text(encoding="utf-8")
    assert page.rstrip().endswith("</html>")
    assert page.count("<svg") >= 4
    assert "http:" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https:" not in page
    assert "the model got better" in page


def test_versions_that_are_the_same_do_not_differ(project, ask):
    code, out, _ = ask("diff", "v1", "v1", "--exit-code")
    assert code == 0
    assert "Nothing differs." in out
    assert ask("diff", "v1", "--exit-code")[0] == 1
    assert ask("diff", "v1")[0] == 0


def test_a_row_that_left_the_sources_too_but_stands_on_the_erasure_list_was_erased(project, ask):
    without = {id: one for id, one in NEW.items() if id != "a8"}
    project.write(without, predictions=NEW_ANSWERS)
    project.file("data/erasure.csv", f"kind,value\nsubject,{'f' * 32}\n")
    assert moved(told(ask, "v1"))["erased"] == ["a8"]
    assert moved(told(ask, "v1"))["removed"] == ["a9"]
    project.file("data/erasure.csv", "kind,value\n")
    assert moved(told(ask, "v1"))["removed"] == ["a8", "a9"]


def test_an_erased_row_that_is_back_is_a_warning(project, ask):
    project.commit("v2")
    project.write({**NEW, "a8": row()}, predictions=NEW_ANSWERS)
    found = told(ask, "v2")
    assert moved(found) == {"no_longer_erased": ["a8"]}
    assert any("1 erased row is back in workspace" in line for line in found["warnings"])


def test_rows_are_still_compared_when_the_old_records_are_gone(project, ask):
    for stage in ("ingest", "clean", "split"):
        project.lose(stage, "records.parquet")
    found = told(ask, "v1")
    assert moved(found)["removed"] == ["a9"]
    assert found["records"] == {}
    assert [gap["what"] for gap in found["not_compared"]] == ["texts, labels and groups in ingest, clean, split"]
    assert "v1" in found["not_compared"][0]["why"]


def test_without_the_old_events_counts_come_from_git_and_erased_rows_from_the_new_events(project, ask):
    for stage in ("ingest", "clean", "split", "evaluate"):
        project.lose(stage)
    found = told(ask, "v1")
    assert found["rows"] == {"erased": ["a8"]}
    row = next(row for row in found["reasons"] if row["reason"] == "too_short")
    assert (row["stage"], row["a"], row["b"]) == ("clean", 1, 0)
    assert {gap["what"] for gap in found["not_compared"]} >= {"rows, one by one", "the models on shared test rows"}
    assert [row["name"] for row in found["scores"]["reported"]] == ["accuracy"]
    code, out, _ = ask("diff", "v1", "--ids", "--html", project.path / "x.html")
    assert code == 0
    assert "NOT COMPARED" in out
    assert "Without the predictions of v1, nothing tells the models from the test sets." in out
    assert "1 row is erased on request in B" in out
    assert "a8" in (project.path / "x.html").read_text(encoding="utf-8")


def test_versions_that_differ_only_in_what_is_lost_still_differ(project, ask):
    project.write({**OLD, "a2": row(text="other words")}, predictions=OLD_ANSWERS)
    for stage in ("ingest", "clean", "split"):
        project.lose(stage, "records.parquet")
    assert ask("diff", "v1", "--exit-code")[0] == 1


def test_a_damaged_object_is_an_error_that_names_it(project, ask):
    cache = DvcCache(project.path)
    lock = subprocess.run(["git", "show", "v1:dvc.lock"], cwd=project.path, check=True, capture_output=True).stdout
    out = YAML(typ="safe").load(lock)["stages"]["split"]["outs"][0]["md5"]
    broken = cache.place(cache.listing(out)["records.parquet"])
    broken.write_bytes(b"PAR1 is not enough")
    code, _, error = ask("diff", "v1")
    assert code == 3
    assert broken.name in error


def test_a_damaged_object_is_no_reason_to_run_the_workspace_again(project, ask):
    cache = DvcCache(project.path)
    lock = subprocess.run(["git", "show", "v1:dvc.lock"], cwd=project.path, check=True, capture_output=True).stdout
    out = YAML(typ="safe").load(lock)["stages"]["evaluate"]["outs"][0]["md5"]
    cache.place(cache.listing(out)["predictions.parquet"]).write_bytes(b"PAR1 is not enough")
    code, _, error = ask("diff", "v1")
    assert code == 3
    assert "predictions.parquet of evaluate in v1, in DVC's cache, is damaged" in error
    assert "delete this file" in error
    assert "dvc repro" not in error


def test_where_little_could_be_looked_at_it_is_not_said_that_nothing_differs(project, ask):
    for stage in ("ingest", "clean", "split", "evaluate"):
        project.lose(stage)
    _, out, _ = ask("diff", "v1", "v1", "--html", project.path / "x.html")
    assert "Nothing that could be compared differs." in out
    assert "Nothing that could be compared differs." in (project.path / "x.html").read_text(encoding="utf-8")
    assert "dvc fetch --all-commits" in out
    assert "anywhere" not in out


def test_params_that_were_committed_without_a_run_are_told(project, ask):
    project.file("params.yaml", json.dumps({"task": "classification", "clean": {"min_chars": 9}}))
    project.commit("v3")
    warnings = told(ask, "v1", "v3")["warnings"]
    assert any("In v3, params.yaml has other values" in line and "clean.min_chars" in line for line in warnings)
    assert not any("In v1" in line for line in warnings)
    assert "Nothing differs." not in ask("diff", "v3", "workspace")[1]


def test_what_ran_before_its_input_was_made_again_is_told(project, ask):
    manifest = project.path / "data/clean/manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    project.file("params.yaml", json.dumps({"task": "classification", "clean": {"min_chars": 9}}))
    warnings = told(ask, "v1")["warnings"]
    assert any("split ran before the data it reads was made again" in line for line in warnings)
    assert any("clean.min_chars" in line and "not compared" in line for line in warnings)


def test_versions_that_share_no_id_say_so(project, ask):
    project.write({f"z{id}": one for id, one in OLD.items()}, predictions={})
    warnings = told(ask, "v1")["warnings"]
    assert any("No row has the same id in both versions" in line for line in warnings)


def test_other_tasks_are_not_compared_by_column(project, ask):
    project.file("params.yaml", json.dumps({"task": "causal_lm", "clean": {"min_chars": 5}}))
    gaps = told(ask, "v1")["not_compared"]
    assert any("different tasks" in gap["why"] for gap in gaps)


def test_a_version_that_is_none_is_a_wrong_use(project, ask):
    code, _, error = ask("diff", "v9")
    assert code == 2
    assert "v9" in error
    assert ask("diff", "v1", "--ids", "-1")[0] == 2
