"""The command runs on a small project: records as `scrub_pii` leaves them, and what `check_labels` doubts of them."""

import csv
import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.core.label_decisions import LABEL_DECISIONS, read_label_decisions
from stages.methods.check_labels.review.cases import COLUMNS
from tests.commands.doubted import doubted_run, id_of

ROWS = (
    ("the parcel is late and nobody\tanswers", "praise", ("complaint", "suspect_label")),
    ("=thank you for the quick help", "complaint", ("praise", "suspect_label")),
    ("a word about the weather of Ulm", "praise", ("question", "outlier")),
    ("where is my parcel now", "question", ("praise", None)),
    ("when does the shop in Ulm open", "question", ("praise", None)),
)
WORDS = ("parcel", "thank", "weather", "shop", "Ulm")


def project(values, ranked, task="classification", **more):
    source = {"name": "s", "uri": "rows.csv", "license": "MIT", "public": True}
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump({"task": task, "ingest": {"sources": [source]}}, file)
    return doubted_run(task, values, ranked, **more)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The working directory of a project after check_labels."""
    monkeypatch.chdir(tmp_path)
    values = [{"text": text, "label": label} for text, label, _ in ROWS]
    return project(values, {n: doubt for n, (*_, doubt) in enumerate(ROWS)}, reserved=(1,))


@pytest.fixture
def export(run, ask):
    """Export and read the rows, by the number of the record."""

    def of(*arguments, file="review/labels.csv"):
        code, out, error = ask("review", "labels", "--export", file, *arguments)
        assert code == 0, error
        assert not any(word in out for word in WORDS)
        return read(file)

    return of


def read(file="review/labels.csv"):
    with Path(file).open(encoding="utf-8-sig", newline="") as opened:
        return {int(row["id"], 16): row for row in csv.DictReader(opened)}


def imported(ask, rows, *arguments, file="review/labels.csv"):
    with Path(file).open("w", encoding="utf-8", newline="") as opened:
        table = csv.DictWriter(opened, list(dict.fromkeys(name for row in rows for name in row)))
        table.writeheader()
        table.writerows(rows)
    return ask("review", "labels", "--import", file, *arguments)


# --- export ---------------------------------------------------------------------------------------------------------


def test_records_come_by_rank_with_labels_and_evidence_and_nobody_else_can_read_them(export):
    rows = export()
    assert list(rows) == [0, 1, 2, 3, 4]
    assert tuple(rows[0]) == COLUMNS
    assert [row["rank"] for row in rows.values()] == ["1", "2", "3", "4", "5"]
    assert (rows[0]["given"], rows[0]["suggested"], rows[0]["reasons"]) == ("praise", "complaint", "suspect_label")
    assert "expect another label (3 % chance that the models give this label, 10 % of" in rows[0]["evidence"]
    assert rows[1]["evidence"].endswith("will be in the test split")
    assert rows[3]["evidence"] == "no doubt"
    assert rows[0]["text"] == ROWS[0][0]
    assert rows[1]["text"] == "'=thank you for the quick help"
    assert {row["decision"] + row["to"] + row["reviewer"] for row in rows.values()} == {""}
    assert Path("review/labels.csv").stat().st_mode & 0o777 == 0o600


def test_a_sample_is_the_top_of_the_queue_and_a_reason_or_a_record_can_be_asked_for(export):
    assert list(export("--sample", "2")) == [0, 1]
    assert list(export("--reason", "outlier", "--force")) == [2]
    assert list(export("--id", id_of(3), "--force")) == [3]


def test_a_random_sample_has_suspects_only_and_a_larger_one_begins_with_the_smaller(export):
    everything = list(export("--random"))
    assert sorted(everything) == [0, 1]
    assert list(export("--random", "--sample", "1", "--force")) == everything[:1]
    assert list(export("--random", "--reason", "outlier", "--force")) == [2]


def test_what_is_decided_is_not_asked_again_but_by_its_id(export, ask):
    rows = export()
    imported(ask, [rows[0] | {"decision": "keep"}])
    assert 0 not in export("--force")
    assert list(export("--id", id_of(0), "--force")) == [0]
    assert imported(ask, [rows[2] | {"decision": "drop"}])[0] == 0
    code, _, error = ask("review", "labels", "--export", "review/more.csv", "--reason", "outlier")
    assert code == 3
    assert "decided" in error


def test_what_changed_after_the_decision_is_asked_again(export, ask):
    imported(ask, [export()[0] | {"decision": "keep"}])
    values = [{"text": text + "!", "label": label} for text, label, _ in ROWS]
    assert project(values, {0: ROWS[0][2]}).state(id_of(0)) == "stale"
    assert 0 in export("--force")


def test_jsonl_holds_the_same_rows_and_comes_back(export, ask):
    table = export()
    assert ask("review", "labels", "--export", "review/labels.jsonl")[0] == 0
    file = Path("review/labels.jsonl")
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [row["version"] for row in lines] == [row["version"] for row in table.values()]
    file.write_text("\n".join(json.dumps(row | {"decision": "keep"}) for row in lines), encoding="utf-8")
    assert "5 decisions: 5 new" in ask("review", "labels", "--import", file)[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--sample", "3"),
        ("--random",),
        ("--format", "argilla"),
        ("--port", "8000"),
        ("--serve", "--sample", "3"),
        ("--export", "x.xlsx"),
        ("--export", "x.csv", "--sample", "0"),
        ("--export", "x.csv", "--reason", "ugly"),
        ("--export", "x.csv", "--id", "Ada"),
        ("--export", "x.csv", "--reviewer", "ab"),
        ("--import", "x.csv", "--reviewer", "Ada Quill <ada@quill.example>"),
        ("--import", "missing.csv"),
        ("--import", "missing.json", "--format", "argilla"),
    ],
)
def test_arguments_that_do_not_go_together_are_explained(run, ask, arguments):
    code, _, error = ask("review", "labels", *arguments)
    assert code == 2
    assert "next:" in error


def test_text_does_not_go_where_git_or_dvc_could_pass_it_on(run, ask):
    assert ask("review", "labels", "--export", "data/labels.csv")[0] == 4
    assert ask("review", "labels", "--export", "reports/labels", "--format", "label-studio")[0] == 4


def test_a_run_over_another_version_of_its_input_is_refused(run, ask):
    manifest = Path("data/scrub_pii/manifest.json")
    manifest.write_text(manifest.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    code, _, error = ask("review", "labels")
    assert code == 3
    assert "another version" in error


# --- import ---------------------------------------------------------------------------------------------------------


def test_answers_become_decisions_without_any_text(export, ask):
    rows = export()
    filled = [
        rows[0] | {"decision": "relabel", "to": "complaint"},
        rows[1] | {"decision": "Keep "},
        rows[2] | {"decision": "drop", "note": "weather", "reviewer": "em"},
        rows[3],
    ]
    code, out, error = imported(ask, filled, "--reviewer", "kb")
    assert code == 0, error
    assert "3 decisions: 3 new, 0 changed, 0 same; 1 rows without one" in out
    text = LABEL_DECISIONS.read_text(encoding="utf-8")
    assert [re.sub("[0-9a-f]{32}", "#", line) for line in text.splitlines()[1:]] == [
        f"{id_of(0)},#,praise,relabel,complaint,kb",
        f"{id_of(1)},#,complaint,keep,,kb",
        f"{id_of(2)},#,praise,drop,,em",
    ]
    assert not any(word in text + out for word in WORDS)


def test_a_later_answer_replaces_an_earlier_one_and_the_same_changes_nothing(export, ask):
    rows = export()
    imported(ask, [rows[0] | {"decision": "keep"}, rows[1] | {"decision": "keep"}], "--reviewer", "one")
    later = [rows[0] | {"decision": "drop"}, rows[1] | {"decision": "keep"}]
    assert "2 decisions: 0 new, 1 changed, 1 same" in imported(ask, later, "--reviewer", "two")[1]
    decisions = read_label_decisions().by_id
    assert [(one.decision, one.reviewer) for one in decisions.values()] == [("drop", "two"), ("keep", "one")]


def test_all_faults_are_told_at_once_by_line_and_nothing_is_taken_over(export, ask):
    rows = export()
    wrong = [
        rows[0] | {"decision": "wrong"},
        rows[0] | {"decision": "relabel"},
        rows[0] | {"decision": "relabel", "to": "Ulm"},
        rows[0] | {"decision": "relabel", "to": "praise"},
        rows[0] | {"decision": "keep", "to": "complaint"},
        rows[0] | {"to": "complaint"},
        rows[1] | {"decision": "keep", "id": "1E+19"},
        rows[1] | {"decision": "keep", "id": "9" * 20},
        rows[1] | {"decision": "keep", "version": rows[0]["version"]},
        rows[1] | {"decision": "keep", "reviewer": "Ada Quill"},
        rows[2] | {"decision": "keep"},
        rows[2] | {"decision": "drop"},
    ]
    code, out, error = imported(ask, wrong)
    assert code == 3
    assert sorted({int(line) for line in re.findall(r"labels\.csv:(\d+)", error)}) == [*range(2, 12), 13]
    assert "contradicts line 12" in error
    assert not any(word in out + error for word in (*WORDS, "Ada"))
    assert not LABEL_DECISIONS.exists()


def test_an_answer_about_another_text_or_another_label_is_refused(export, ask):
    rows = export()
    values = [{"text": text, "label": label} for text, label, _ in ROWS]
    values[0]["text"] += "!"
    values[1]["label"] = "question"
    project(values, {})
    code, _, error = imported(ask, [rows[n] | {"decision": "keep"} for n in range(3)])
    assert code == 3
    assert re.findall(r"csv:(\d+): its text or its label has changed", error) == ["2", "3"]


def test_a_declared_class_can_be_given_although_no_record_has_it(run, export, ask):
    row = export()[0] | {"decision": "relabel", "to": "thanks"}
    assert imported(ask, [row])[0] == 3
    with Path("params.yaml").open("r+", encoding="utf-8") as file:
        params = YAML().load(file)
        params["ingest"]["labels"] = ["complaint", "praise", "question", "thanks"]
        file.seek(0)
        YAML().dump(params, file)
    assert imported(ask, [row])[0] == 0


def test_what_is_text_itself_can_be_kept_or_dropped_only(tmp_path, monkeypatch, ask):
    monkeypatch.chdir(tmp_path)
    values = [{"source_text": "a long text", "target_text": "an end"}, {"source_text": "more", "target_text": "less"}]
    project(values, {0: (None, "unusual_answer")}, "seq2seq")
    assert ask("review", "labels", "--export", "review/labels.csv")[0] == 0
    row = read()[0]
    assert row["text"] == "source_text: a long text\ntarget_text: an end"
    assert imported(ask, [row | {"decision": "relabel", "to": "x"}])[0] == 3
    assert imported(ask, [row | {"decision": "drop"}])[0] == 0
    for tool in ("argilla", "label-studio"):
        code, _, error = ask("review", "labels", "--export", "review/tool", "--format", tool)
        assert code == 2
        assert "text, not a label" in error


# --- tools ----------------------------------------------------------------------------------------------------------


def test_argilla_gets_a_folder_and_what_it_writes_is_taken_over(run, ask):
    code, out, error = ask("review", "labels", "--export", "review/argilla", "--format", "argilla", "--sample", "3")
    assert code == 0, error
    assert 'from_disk("review/argilla")' in out
    files = {str(path.relative_to("review/argilla")) for path in Path("review/argilla").rglob("*") if path.is_file()}
    assert files == {"records.json", ".argilla/settings.json", ".argilla/dataset.json"}
    records = json.loads(Path("review/argilla/records.json").read_bytes())
    for record, label in zip(records, ("complaint", "praise", None), strict=True):
        if label:
            answers = {"decision": "relabel", "label": label} if label == "complaint" else {"decision": "keep"}
            record["responses"] = {name: [{"value": said, "user_id": "u"}] for name, said in answers.items()}
        record["status"] = "completed" if label else "pending"
    Path("done.json").write_text(json.dumps(records), encoding="utf-8")
    code, out, error = ask("review", "labels", "--import", "done.json", "--format", "argilla", "--reviewer", "kb")
    assert code == 0, error
    assert "2 decisions: 2 new, 0 changed, 0 same; 1 rows without one" in out
    assert [(one.decision, one.to) for one in read_label_decisions().by_id.values()] == [
        ("relabel", "complaint"),
        ("keep", ""),
    ]


def test_of_two_people_who_answer_about_a_record_neither_wins(run, ask):
    assert ask("review", "labels", "--export", "review/argilla", "--format", "argilla", "--sample", "1")[0] == 0
    (record,) = json.loads(Path("review/argilla/records.json").read_bytes())
    for second, code, words in (("keep", 0, "1 decisions: 1 new"), ("drop", 3, "json:1: contradicts line 1")):
        said = [{"value": "keep", "user_id": "u"}, {"value": second, "user_id": "v"}]
        Path("done.json").write_text(json.dumps([record | {"responses": {"decision": said}}]), encoding="utf-8")
        found, out, error = ask("review", "labels", "--import", "done.json", "--format", "argilla")
        assert found == code, error
        assert words in out + error


def test_label_studio_gets_a_config_and_tasks_and_its_export_is_taken_over(run, ask):
    assert ask("review", "labels", "--export", "review/ls", "--format", "label-studio")[0] == 0
    assert '<Choice value="complaint"/>' in Path("review/ls/config.xml").read_text(encoding="utf-8")
    tasks = json.loads(Path("review/ls/tasks.json").read_bytes())
    said = [("relabel", "complaint"), ("drop", "praise"), None, ("relabel", "question")]
    for task, one in zip(tasks, [*said, None], strict=True):
        task["annotations"] = (
            [] if one is None else [{"result": [_chosen("decision", one[0]), _chosen("label", one[1])]}]
        )
    Path("export.json").write_text(json.dumps(tasks), encoding="utf-8")
    code, _, error = ask("review", "labels", "--import", "export.json", "--format", "label-studio")
    assert code == 3
    assert "export.json:4: `to` is the label that the record has" in error
    tasks[3]["annotations"][0]["was_cancelled"] = True
    Path("export.json").write_text(json.dumps(tasks), encoding="utf-8")
    code, out, _ = ask("review", "labels", "--import", "export.json", "--format", "label-studio")
    assert code == 0
    assert "2 decisions: 2 new, 0 changed, 0 same; 3 rows without one" in out


def _chosen(name, value):
    return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": [value]}}


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": 1}', '[{"responses": {"decision": 1}}]', "null"])
@pytest.mark.parametrize("tool", ["argilla", "label-studio"])
def test_a_file_of_another_shape_is_refused(run, ask, content, tool):
    Path("done.json").write_text(content, encoding="utf-8")
    code, _, error = ask("review", "labels", "--import", "done.json", "--format", tool)
    assert code == 3
    assert f"is not what {tool} writes" in error


# --- counts ---------------------------------------------------------------------------------------------------------


def test_counts_tell_what_is_in_doubt_and_decided(export, ask):
    rows = export()
    imported(ask, [rows[0] | {"decision": "relabel", "to": "complaint"}, rows[3] | {"decision": "keep"}])
    out = ask("review", "labels")[1]
    assert re.search(r"suspect_label +2 +1 +1 +0 +1 ", out)
    assert re.search(r"outlier +1 +1 +0 +0 +0 ", out)
    assert re.search(r"suspects +2 +1 +1 +0 +1 ", out)
    assert "2 decisions in data/decisions/labels.csv: 1 keep, 1 relabel, 0 drop" in out
    assert re.search(r"suspects +1\.00 +0\.21 to 1\.00 +1 +1 +2 +too few to tell", out)
    assert not any(word in out for word in WORDS)


def test_stale_decisions_are_counted_and_not_in_the_precision(export, ask):
    imported(ask, [export()[0] | {"decision": "drop"}])
    project([{"text": text + "!", "label": label} for text, label, _ in ROWS], {0: ROWS[0][2]})
    out = ask("review", "labels")[1]
    assert re.search(r"suspect_label +1 +0 +0 +1 +0 ", out)
    assert "1 of them are stale" in out
    assert "precision" not in out


def test_help_names_the_subject(ask, capsys):
    with pytest.raises(SystemExit) as ended:
        ask("review", "--help")
    assert ended.value.code == 0
    assert "labels" in capsys.readouterr().out
