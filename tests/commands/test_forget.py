"""A small project with a cache like DVC's, erased from in this process; the real DVC is in tests/pipeline."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from stages.__main__ import main
from stages.commands import forget_apply
from stages.core.budget import budget_folder, reserve
from stages.core.budget_chain import LEDGER, read_budget
from stages.core.dvc_files import DvcCache, folder_md5, md5_of
from stages.core.erasure import read_list
from stages.core.errors import CheckFailed, Fault
from stages.core.keys import Keys
from stages.core.label_decisions import (
    LabelDecision,
    label_decisions_of,
    read_label_decisions,
    write_label_decisions,
)
from stages.core.storage import files_below
from stages.core.tables import EVENTS
from stages.methods.document.lineage.packing import lineage_data
from stages.methods.document.lineage.rows import StageEvents, columns
from tests.core.test_budget import let_through, spend

MARK = "Quizzical badgers"
ROWS = f"""id,text,label,person
a1,"{MARK} tore the box open on one side, so I want a refund for all of it today",bad,Nora Quist
a2,"{MARK.lower()} tore the box open on one side, so I want a refund for all of it TODAY!",bad,Ole Holm
a3,"Thank you for the quick help with my new router last week",good,Nora Quist
a4,"My invoice and my contract arrived in one letter, all fine",good,Ida Berg
a5,"The screen flickers whenever I plug in the charger at home",bad,Per Lund
a6,"Great shop with friendly people, I will surely come again",good,Eva Moe
a7,"The voucher does not work at the till of your shop in town",bad,Jon Dahl
a8,"Support answered within minutes and solved it, wonderful",good,Siv Lie
a9,"The battery of the phone died after a single week of use",bad,Tor Bakke
"""
THINGS = "lamp kettle mirror carpet bottle guitar ladder helmet jacket basket camera drum".split()  # noqa: SIM905
FAULTS = {
    "bad": ("arrived broken in many places", "never came, and nobody told me why"),
    "good": ("is even better than",),
}
for i, thing in enumerate(THINGS):
    ROWS += f'b{i},"My {thing} {FAULTS["bad"][i % 2]}, said person number {i} of the street",bad,P{i}\n'
    ROWS += f'c{i},"The {thing} {FAULTS["good"][0]} in the picture, and {THINGS[i - 1]} number {i} is too",good,Q{i}\n'
STAGES = ("ingest", "clean", "deduplicate", "split")
KEYS = Keys(None, frozenset({"s"}))
NORA = KEYS.hash("subject", "s", "Nora Quist")[:32]


def run_stages():
    previous = []
    for name in STAGES:
        assert main([name, *previous, "--out", f"data/{name}"]) == 0
        previous = ["--in", f"data/{name}"]


def tune(spared=()):
    """A stand-in for the model: it says what it was trained on; what it came from, it keeps."""
    records = pq.read_table("data/split/records.parquet", columns=["id", "split"]).to_pylist()
    rows = [
        {"id": row["id"], "seq": 0, "action": "assign", "reason": "trained_on", "evidence": "{}"}
        for row in records
        if row["split"] == "train" and row["id"] not in spared
    ]
    Path("data/finetune/model").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, EVENTS), "data/finetune/events.parquet")
    weights = hashlib.sha256(json.dumps(rows).encode()).digest() * 1000
    Path("data/finetune/model/model.safetensors").write_bytes(weights)
    said = {"stage": "finetune", "files": {"model/model.safetensors": hashlib.sha256(weights).hexdigest()}}
    Path("data/finetune/manifest.json").write_text(json.dumps(said), encoding="utf-8")


def remember():
    """What DVC does after a stage: objects in its cache, the lock file, and an entry of the run-cache."""
    cache, stages = DvcCache(), {}
    for folder in sorted(path.parent for path in Path("data").glob("[!.]*/manifest.json")):
        files = {name: md5_of(folder / name) for name in files_below(folder)}
        for name, md5 in files.items():
            store(cache.place(md5), (folder / name).read_bytes())
        whole = folder_md5(files)
        listing = [{"md5": md5, "relpath": name} for name, md5 in files.items()]
        store(cache.place(whole), json.dumps(listing).encode())
        stages[folder.name] = {"cmd": folder.name, "outs": [{"path": f"data/{folder.name}", "md5": whole}]}
        with io.StringIO() as text:
            YAML().dump(stages[folder.name], text)
            store(
                cache.runs / whole[:2] / whole[:32] / hashlib.sha256(whole.encode()).hexdigest(),
                text.getvalue().encode(),
            )
    with Path("dvc.lock").open("w", encoding="utf-8") as file:
        YAML().dump({"schema": "2.0", "stages": stages}, file)


def store(place, content):
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o444)


def git(*arguments):
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def repro():
    run_stages()
    tune()
    remember()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forget") / "project"
    (folder / "data/raw").mkdir(parents=True)
    (folder / ".dvc").mkdir()
    (folder / "data/raw/rows.csv").write_text(ROWS, encoding="utf-8")
    source = {
        "name": "s",
        "uri": "data/raw/rows.csv",
        "id": "id",
        "subject": "person",
        "license": "MIT",
        "public": True,
    }
    params = {
        "ingest": {"sources": [source]}, "split": {"test": 0.2, "validation": 0.2}, "engine": {"workers": 1}, "seed": 7,
    }  # fmt: skip
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(params, file)
    (folder / ".gitignore").write_text("/data/*\n!/data/erasure.csv\n.rowtrail/\n.dvc/\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("DVC_ROOT", raising=False)
        repro()
        git("init", "-q")
        git("add", "-A")
        git("commit", "-qm", "first")
        git("tag", "v1")
    return folder


@pytest.fixture
def project(made, tmp_path, monkeypatch):
    """A copy of the project to work in; `dvc repro` is done in this process."""
    shutil.copytree(made, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setattr(forget_apply, "_repro", repro)
    return tmp_path / "project"


@pytest.fixture
def ask(capsys):
    def run(*arguments):
        capsys.readouterr()
        code = main(["forget", *arguments])
        printed = capsys.readouterr()
        for said in ("Nora", "Quist", "badgers", "refund"):
            assert said not in printed.out + printed.err
        return code, printed.out, printed.err

    return run


def tree(folder):
    return {name: (folder / name).read_bytes() for name in files_below(folder) if not name.startswith(".git/")}


def ids(*keys):
    """Ids of rows by their own key."""
    rows = pq.read_table("data/ingest/records.parquet", columns=["id", "source_row"]).to_pylist()
    return [row["id"] for key in keys for row in rows if row["source_row"] == key]


def test_the_plan_says_what_is_held_where_and_changes_nothing(project, ask):
    before, (a1, a2, a3) = tree(project), ids("a1", "a2", "a3")
    code, out, _ = ask("--subject", "Nora Quist")
    assert code == 0
    for said in (a1, a2, a3, "data/raw/rows.csv, row 2", "tag v1", "trained_on", f"--subject {NORA} --apply"):
        assert said in out
    assert tree(project) == before


def test_the_plan_as_json_holds_the_same(project, ask):
    _, out, _ = ask("--subject", "Nora Quist", "--json")
    plan = json.loads(out)
    assert (plan["records"], plan["stages"]["ingest"]["records"]) == (2, 2)
    assert plan["request"]["erasures"] == [f"subject,{NORA}"]
    assert [one["kind"] for one in plan["duplicates"]] == ["exact"]
    assert [one["name"] for one in plan["models"][0]["in"] and plan["versions"]] == ["master", "v1"]
    assert plan["cache"]["objects"] > 5 < plan["cache"]["runs"] + 5


@pytest.mark.parametrize("given", ["Nora Quist", " Nora Quist ", NORA])
def test_a_subject_is_known_by_name_and_by_hash(project, ask, given):
    out = ask("--subject", given)[1]
    assert f"to forget: 2 records in all versions\n  subject,{NORA}\n" in out


def test_a_subject_can_come_by_a_pipe_and_by_a_question_that_does_not_show_it(project, ask, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("Nora Quist\n"))
    assert f"subject,{NORA}" in ask("--subject", "-")[1]
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda _: "Nora Quist")
    assert f"subject,{NORA}" in ask("--subject", "-")[1]


def test_all_that_cannot_be_resolved_is_named_at_once_and_never_shown(project, ask):
    code, _, err = ask("--subject", "Nora quist", "--record", "f" * 20, "--record", "Nora")
    assert code == 2
    assert all(f"number {number}" in err for number in (1, 2))
    assert KEYS.hash("subject", "s", "Nora quist")[:32] in err
    assert ask("--subject", "nobody")[0] == 3
    assert ask("--subject", " ")[0] == ask("--record", "")[0] == ask()[0] == 2
    assert ask("--subject", "Eva Moe", "--prove")[0] == 2


def test_an_ambiguous_beginning_of_an_id_is_refused_and_a_clear_one_completed(project, ask):
    [one] = ids("a4")
    assert ask("--record", one[:10])[0] == 0
    prefixes = {id[0] for id in ids(*(f"a{i}" for i in range(1, 10)))}
    shared = next((p for p in prefixes if sum(id[0] == p for id in ids(*(f"a{i}" for i in range(1, 10)))) > 1), None)
    assert shared is None or ask("--record", shared)[0] == 2


def test_after_erasing_nothing_is_left_and_everybody_else_is_where_they_were(project, ask):
    a1, a2, a3 = ids("a1", "a2", "a3")
    write_label_decisions(label_decisions_of([LabelDecision(id, "0" * 32, "x", "keep") for id in (a1, a2)]))
    code, out, err = ask("--subject", "Nora Quist", "--apply")
    assert code == 0, out + err
    assert out.startswith("clear")
    assert [*read_label_decisions().by_id] == [a2]
    proof = json.loads(next(Path("reports/erasures").iterdir()).read_bytes())
    assert proof["clear"] is True
    assert proof["found"] == []
    assert proof["first_search"]["looked_for"]["text"] >= 2
    assert proof["others"]["in_place"] == proof["others"]["rows"]
    assert [row["id"] for row in proof["others"]["came_in"]] == [a2]
    assert proof["remaining"]["versions"] == ["master", "v1"]
    assert [len(one["weights"]) for one in proof["remaining"]["models"]] == [1]
    assert sorted(row["row"] for row in proof["out_of_reach"]["sources"]) == [2, 4]
    events = pq.read_table("data/ingest/events.parquet").to_pylist()
    assert {row["reason"] for row in events if row["id"] in (a1, a3)} == {"erased"}
    for name, content in tree(project).items():
        values = shown(content)
        left = [one for one in ("Nora", MARK, a3, NORA) if one.encode() in values]
        assert not left or name.startswith("data/raw") or allowed(name, values, left), (name, left)


def shown(content):
    """The values of a parquet file as text, or the bytes of another."""
    if content[:4] != b"PAR1":
        return content
    return json.dumps(pq.read_table(io.BytesIO(content)).to_pylist(), ensure_ascii=False).encode()


def allowed(name, content, left):
    """The erasure lists and the proof name the subject by hash, and `ingest` says which rows it left out."""
    if left == [NORA]:
        return name in ("data/erasure.csv", ".rowtrail/erasure.csv") or name.startswith("reports/erasures/")
    return all(row["reason"] == "erased" for row in json.loads(content) if row["id"] in left)


def test_the_same_request_again_adds_no_line_and_keeps_what_was_found_out(project, ask):
    ask("--subject", "Nora Quist", "--apply")
    [file] = Path("reports/erasures").iterdir()
    first, listed = json.loads(file.read_bytes()), Path("data/erasure.csv").read_bytes()
    assert ask("--subject", NORA, "--apply")[0] == 0
    again = json.loads(file.read_bytes())
    assert Path("data/erasure.csv").read_bytes() == listed
    for name in ("before", "first_search", "others", "purged", "also_said_by_others"):
        assert again[name] == first[name]
    assert not list(Path(".rowtrail/erasures").iterdir())


def test_who_is_forgotten_already_is_proven_gone_and_the_plan_writes_nothing(project, ask):
    ask("--subject", "Nora Quist", "--apply")
    before = tree(project)
    code, out, _ = ask("--subject", "Nora Quist")
    assert (code, out[:5], tree(project)) == (0, "clear", before)


def test_duplicates_of_others_go_along_when_that_is_asked_for(project, ask):
    [a2] = ids("a2")
    assert ask("--subject", "Nora Quist", "--with-duplicates", "--apply")[0] == 0
    assert read_list(Path("data/erasure.csv")).lines() == [f"record,{a2}", f"subject,{NORA}"]
    assert not ids("a1", "a2", "a3")
    proof = json.loads(ask("--subject", "Nora Quist", "--prove", "--json")[1])
    assert proof["looked_for"]["id"] == 3
    assert proof["before"]["with_duplicates"] == [a2]


def test_a_run_that_fails_leaves_the_request_recorded_and_nothing_purged_and_can_go_on(project, ask, monkeypatch):
    objects = [md5 for md5, _ in DvcCache().objects()]

    def broken():
        run_stages()  # half of the pipeline has run: the workspace has forgotten, the cache has not
        raise CheckFailed(Fault("dvc repro", "ended with 1", "mend it"))

    monkeypatch.setattr(forget_apply, "_repro", broken)
    code, _, err = ask("--subject", "Nora Quist", "--apply")
    assert (code, "mend it" in err) == (1, True)
    assert read_list(Path("data/erasure.csv")).subjects == {NORA}
    assert [md5 for md5, _ in DvcCache().objects()] == objects
    monkeypatch.setattr(forget_apply, "_repro", repro)
    assert ask("--subject", "Nora Quist", "--apply")[0] == 0
    proof = json.loads(next(Path("reports/erasures").iterdir()).read_bytes())
    assert proof["before"]["records"] == 2
    assert proof["first_search"]["looked_for"]["text"] >= 2
    assert proof["others"]["in_place"] == proof["others"]["rows"] > 0


def test_old_models_stay_and_are_named_unless_they_shall_go(project, ask):
    [weights] = Path("data/finetune/model").iterdir()
    place = DvcCache().place(md5_of(weights))
    assert "--purge-models" in ask("--subject", "Nora Quist", "--apply")[1]
    assert place.is_file()
    assert ask("--subject", "Nora Quist", "--apply", "--purge-models")[0] == 0
    assert not place.is_file()
    assert DvcCache().place(md5_of(weights)).is_file()


def test_what_a_model_was_exported_to_is_named_until_it_is_deleted(project, ask):
    out = Path("data/export/small")
    out.mkdir(parents=True)
    digest = hashlib.sha256(Path("data/finetune/manifest.json").read_bytes()).hexdigest()
    (out / "export.json").write_text(json.dumps({"export": "model", "finetune": digest}), encoding="utf-8")
    (out / "model.onnx").write_bytes(b"weights")
    assert "exported to data/export/small" in " ".join(ask("--subject", "Nora Quist")[1].split())
    code, told, _ = ask("--subject", "Nora Quist", "--apply", "--purge-models")
    said = " ".join(told.split())
    assert code == 0
    assert "exported to data/export/small" in said
    assert "delete data/export/small, and have copies of it deleted" in said
    assert "--purge-models deletes" not in said
    shutil.rmtree(out)
    assert "data/export/small" not in ask("--subject", "Nora Quist", "--prove")[1]


def tune_from_v1(spared):
    """A second version, tuned from the first one's model, that did not see some rows itself."""
    digest = hashlib.sha256(Path("data/finetune/manifest.json").read_bytes()).hexdigest()
    said = {"parents": [{"name": "v1", "commit": "0" * 40, "finetune": digest}]}
    Path("data/finetune/training.json").write_text(json.dumps(said), encoding="utf-8")
    tune(spared)
    remember()
    git("commit", "-aqm", "second")
    git("tag", "v2")


def test_a_model_tuned_from_one_that_learned_from_the_rows_is_named_before_and_after(project, ask):
    first, nora = Path("dvc.lock").read_text(encoding="utf-8"), ids("a1", "a2", "a3")
    tune_from_v1(nora)
    plan = json.loads(ask("--subject", "Nora Quist", "--json")[1])
    found = {tuple(one["in"]): (one["trained_on"] > 0, one["from"]) for one in plan["models"]}
    assert found == {("v1",): (True, []), ("master", "v2"): (False, ["v1"])}
    assert "tuned from v1; in workspace, master, v2" in " ".join(ask("--subject", "Nora Quist")[1].split())
    asked = ask("--subject", "Nora Quist")[1]
    assert "v1 learned from them, and the run would start from there again" in " ".join(asked.split())
    assert max(len(line) for line in asked.splitlines() if "--" not in line) <= 80
    code, out, _ = ask("--subject", "Nora Quist", "--apply")
    said = " ".join(out.split())
    assert code == 0
    assert "still there: models tuned from one that learned from them" in said
    assert "tuned from v1; in workspace" in said
    assert "the workspace's model was tuned from one of these" in said
    assert "trained_on" in ask("--subject", "Nora Quist")[1], "known from the proof: the list itself is gone"
    assert Path("dvc.lock").read_text(encoding="utf-8") != first


def test_models_tuned_from_one_that_learned_from_the_rows_go_with_it_but_the_workspaces_own_stays(project, ask):
    tune_from_v1(ids("a1", "a2", "a3"))
    [old] = Path("data/finetune/model").iterdir()
    old = DvcCache().place(md5_of(old))
    code = ask("--subject", "Nora Quist", "--apply", "--purge-models")[0]
    [now] = Path("data/finetune/model").iterdir()
    assert (code, old.is_file() and md5_of(now) != old.parent.name + old.name) == (0, False)
    assert DvcCache().place(md5_of(now)).is_file()
    [proof] = Path("reports/erasures").iterdir()
    [left] = json.loads(proof.read_bytes())["remaining"]["models"]
    assert (left["workspace"], left["from"], left["trained_on"]) == (True, ["v1"], 0)


def test_a_model_whose_list_went_with_an_earlier_erasure_is_not_taken_for_clean(project, ask):
    ask("--subject", "Nora Quist", "--apply")
    plan = json.loads(ask("--subject", "Ida Berg", "--json")[1])
    assert [one["unread"] for one in plan["models"] if one["in"] == ["master", "v1"]] == [True]
    assert "nobody can tell" in ask("--subject", "Ida Berg")[1]


def test_leftovers_anywhere_are_found_and_named_and_still_count_the_next_time(project, ask):
    [a3] = ids("a3")
    left = {
        "review/sample.csv": 'id,text\n1,"Thank you for the quick help with my new router last week"\n',
        "reports/notes.md": f"see {a3}",
        "data/evaluate/answers.json": json.dumps({"subject": NORA}),
        ".dvc/tmp/exps/tmp1/rows.txt": a3,
        ".rowtrail/notes": a3,
    }
    for file, content in left.items():
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(content, encoding="utf-8")
    for how in ("--apply", "--prove"):
        code, out, _ = ask("--subject", "Nora Quist", how)
        assert (code, [file for file in left if f"{file}: 1 " not in out]) == (1, [])
    for file in left:
        Path(file).unlink()
    assert ask("--subject", "Nora Quist", "--prove")[0] == 0


def test_an_object_that_comes_back_into_the_cache_is_found_and_goes_again(project, ask):
    kept = {md5: path.read_bytes() for md5, path in DvcCache().objects()}
    ask("--subject", "Nora Quist", "--apply")
    for md5, content in kept.items():
        store(DvcCache().place(md5), content)
    code, out, _ = ask("--subject", "Nora Quist", "--prove")
    assert (code, "of DVC's cache: " in out) == (1, True)
    assert ask("--subject", "Nora Quist", "--apply")[0] == 0
    assert ask("--subject", "Nora Quist", "--prove")[0] == 0


def test_files_in_gits_history_are_named_with_the_way_to_take_them_out(project, ask):
    [a3] = ids("a3")
    Path("reports").mkdir(exist_ok=True)
    Path("reports/old.json").write_text(f'["{a3}"]', encoding="utf-8")
    git("add", "reports/old.json")
    git("commit", "-qm", "a slip")
    git("rm", "-q", "reports/old.json")
    git("commit", "-qm", "away with it")
    assert "reports/old.json, in " in ask("--subject", "Nora Quist")[1]
    code, out, _ = ask("--subject", "Nora Quist", "--apply")
    assert (code, "git filter-repo --invert-paths --path reports/old.json" in out) == (0, True)


def test_remotes_are_named_without_their_addresses(project, ask):
    config = "[core]\n    remote = store\n['remote \"store\"']\n    url = https://nora:secret@example.org/x\n"
    Path(".dvc/config").write_text(config, encoding="utf-8")
    out = ask("--subject", "Nora Quist")[1]
    assert "store" in out
    assert "secret" not in out


def test_a_copy_of_the_sources_that_dvc_tracks_is_named_and_left(project, ask):
    place = DvcCache().place(md5_of(Path("data/raw/rows.csv")))
    store(place, Path("data/raw/rows.csv").read_bytes())
    said = f"outs:\n- md5: {md5_of(Path('data/raw/rows.csv'))}\n  path: rows.csv\n"
    Path("data/raw/rows.csv.dvc").write_text(said, encoding="utf-8")
    code, out, _ = ask("--subject", "Nora Quist", "--apply")
    assert (code, place.is_file(), f"{place.parent.name}/{place.name}: a copy of a source" in out) == (0, True, True)


def test_an_old_list_is_refused_by_ingest_and_restored_by_the_command(project, ask, capsys):
    ask("--subject", "Nora Quist", "--apply")
    Path("data/erasure.csv").unlink()
    assert main(["ingest", "--out", "data/ingest"]) == 3
    assert "rowtrail forget --restore" in capsys.readouterr().err
    assert "1 line added" in ask("--restore")[1]
    assert main(["ingest", "--out", "data/ingest"]) == 0
    assert "complete" in ask("--restore")[1]


def test_a_project_without_git_and_dvc_has_a_plan_and_refuses_to_erase(project, ask):
    shutil.rmtree(".git")
    shutil.rmtree(".dvc")
    code, out, _ = ask("--subject", "Nora Quist")
    assert (code, "trained_on" in out) == (0, True)
    assert ask("--subject", "Nora Quist", "--apply")[0] == 2
    assert not Path("data/erasure.csv").exists()


@pytest.mark.parametrize(("elsewhere", "linked"), [("store", False), ("../store", True)])
def test_a_cache_that_dvc_keeps_elsewhere_is_found_and_purged(project, ask, elsewhere, linked):
    shutil.move(".dvc/cache", elsewhere)
    if linked:
        Path(".dvc/cache").symlink_to(Path(elsewhere).resolve())
    else:
        Path(".dvc/config").write_text(f"[cache]\n    dir = ../{elsewhere}\n", encoding="utf-8")
    code, out, err = ask("--subject", "Nora Quist", "--apply")
    assert (code, " 0 objects" in err) == (0, False), out
    assert "NOT CLEAR" not in ask("--subject", "Nora Quist", "--prove")[1]


def test_who_was_put_on_the_list_by_hand_is_erased_like_anybody(project, ask):
    Path("data/erasure.csv").write_text(f"kind,value\nsubject,{NORA}\n", encoding="utf-8")
    assert "it is on the erasure list, and the pipeline has not run since" in ask("--subject", NORA)[1]
    assert ask("--subject", NORA, "--prove")[0] == 1
    assert ask("--subject", NORA, "--apply")[0] == 0
    proof = json.loads(next(Path("reports/erasures").iterdir()).read_bytes())
    assert (proof["clear"], proof["before"]["records"]) == (True, 2)


def test_the_reports_page_is_looked_into_though_it_packs_its_ids(project, ask):
    [a3] = ids("a3")
    events = pq.read_table("data/ingest/events.parquet", columns=columns("ingest"))
    lineage = lineage_data([StageEvents("ingest", events)])
    about = f'<script id="lineage">{json.dumps(lineage.about)}</script>'
    page = f'{about}<script id="lineage-ids">{lineage.packed}</script>'
    Path("reports").mkdir(exist_ok=True)
    Path("reports/old.html").write_text(page, encoding="utf-8")
    assert a3 not in page
    code, out, _ = ask("--subject", "Nora Quist", "--apply")
    assert (code, "reports/old.html: 2 record ids" in out) == (1, True)


def test_nothing_is_written_into_a_folder_that_is_no_project(tmp_path, ask, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ask("--restore")[0] == ask("--subject", "x")[0] == 2
    assert not list(tmp_path.iterdir())


def test_lines_fit_a_terminal_but_for_commands_that_are_to_be_copied(project, ask):
    said = [ask("--subject", "Nora Quist")[1], ask("--subject", "Nora Quist", "--apply")[1]]
    assert not [line for text in said for line in text.splitlines() if len(line) > 80 and "--" not in line]
    assert "reports/index.html" not in said[0] or "the run writes it anew" in said[0]


def test_what_private_trainings_spent_on_the_rows_is_told_and_the_ledger_keeps_their_ids(project, ask):
    a1, a3 = ids("a1", "a3")
    reserve(spend(), {a1: NORA, a3: NORA, "f" * 20: "other"}, let_through)
    reserve(spend(private=False), {a1: NORA}, let_through)
    reserve(spend(), {"f" * 20: "other"}, let_through)
    plan = ask("--subject", "Nora Quist")[1]
    assert "2 records, epsilon 3.50 for a record at delta 1e-05" in plan
    assert "1 record, test seed, not private" in plan
    code, out, _ = ask("--subject", "Nora Quist", "--apply")
    assert code == 0, out
    assert "the budget ledger keeps 2 ids of their records, in 2 runs" in " ".join(out.split())
    proof = json.loads(next(Path("reports/erasures").iterdir()).read_bytes())
    assert proof["remaining"]["privacy_was_spent"] is True
    assert [run["records"] for run in proof["remaining"]["budget"]["runs"]] == [2, 1]
    assert a1 not in json.dumps(proof["remaining"])
    assert len(read_budget(budget_folder()).runs) == 3


def test_an_altered_ledger_keeps_nobody_from_being_erased(project, ask):
    reserve(spend(), {ids("a1")[0]: NORA}, let_through)
    (budget_folder() / LEDGER).write_text("{}\n")
    code, out, _ = ask("--subject", "Nora Quist", "--apply")
    assert code == 0, out
    assert "the budget ledger cannot be read" in " ".join(out.split())


def test_a_repository_that_git_refuses_stops_an_erasure_and_a_shallow_one_is_told(project, ask, monkeypatch):
    with monkeypatch.context() as other_owner:
        other_owner.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
        other_owner.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
        before = tree(project)
        code, _, err = ask("--subject", "Eva Moe", "--apply")
        assert (code, tree(project)) == (2, before)
        assert "safe.directory" in err
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, check=True, text=True).stdout
    (project / ".git/shallow").write_text(head, encoding="utf-8")
    code, out, err = ask("--subject", "Eva Moe", "--apply")
    assert code == 0, out + err
    assert "git fetch --unshallow" in out
