"""The commands run on a small project: texts as `deduplicate` leaves them, and what `scrub_pii` says it found there."""

import csv
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.commands.review_file import guarded, read_filled, unguarded
from stages.core.decisions import PII_DECISIONS, read_pii_decisions
from stages.core.errors import DataError
from stages.core.keys import load_keys
from stages.core.records import Event, Record
from stages.core.storage import FolderWriter, StageFolder
from stages.core.tables import events_table
from stages.methods.scrub_pii.review.decisions import value_hash
from stages.tasks import load_task

SCHEMA = load_task("classification").schema
TEXTS = {
    "a": "=SUM(1) Ada Quill wrote to ada@quill.example\nabout the red\tbicycle of her sister Berta Moss",
    "b": "Ada Quill came back to Paris, France and called from +49 30 23125 0",
    "c": "My name is Berta Moss and Paris is my daughter",
}
FOUND = (
    ("a", "Ada Quill", "PERSON", 0.85, "SpacyRecognizer", "surrogate", ""),
    ("a", "ada@quill.example", "EMAIL_ADDRESS", 1.0, "EmailRecognizer", "surrogate", ""),
    ("b", "Ada Quill", "PERSON", 0.85, "NameSpread", "surrogate", ""),
    ("b", "Paris", "PERSON", 0.85, "SpacyRecognizer", "surrogate", ", France"),
    ("b", "+49 30 23125 0", "PHONE_NUMBER", 0.4, "PhoneRecognizer", "tag", ""),
    ("c", "Paris", "PERSON", 0.85, "SpacyRecognizer", "surrogate", ""),
    ("c", "My", "PERSON", 0.85, "SpacyRecognizer", "allow", ""),
)


def id_of(letter):
    return letter * 20


@pytest.fixture
def keys():
    return load_keys({"s": True})


@pytest.fixture
def hash_of(keys):
    return lambda entity, value: value_hash(keys, "s", entity, value)


@pytest.fixture
def project(tmp_path, monkeypatch, hash_of):
    """The working directory of a project after scrub_pii."""
    monkeypatch.chdir(tmp_path)
    source = {"name": "s", "uri": "rows.csv", "license": "MIT", "public": True}
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump({"ingest": {"sources": [source]}}, file)
    with FolderWriter(Path("data/deduplicate"), SCHEMA, in_order=True) as folder:
        for letter, text in TEXTS.items():
            folder.add(Record(id_of(letter), "s", letter, SCHEMA, {"text": text, "label": "x"}))
        folder.finish_tables()
        folder.finish({"stage": "deduplicate", "inputs": {}})
    scrubbed(hash_of, FOUND)
    return tmp_path


def scrubbed(hash_of, found):
    with FolderWriter(Path("data/scrub_pii"), None, in_order=True) as folder:
        for letter, text in TEXTS.items():
            folder.append(events_table([*rows(letter, text, hash_of, found)]))
        folder.finish_tables()
        digest = StageFolder(Path("data/deduplicate")).digest
        folder.finish({"stage": "scrub_pii", "inputs": {"deduplicate": digest}})


def rows(letter, text, hash_of, found):
    for seq, (_, value, entity, score, recognizer, operator, beyond) in enumerate(f for f in found if f[0] == letter):
        start = text.index(value)
        evidence = {"field": "text", "start": start, "end": start + len(value + beyond), "entity": entity}
        evidence |= {"score": score, "recognizer": recognizer, "operator": operator, "value": hash_of(entity, value)}
        event = Event("edit", "pii_replaced", evidence)
        yield {
            "id": id_of(letter), "seq": seq, "action": event.action, "reason": event.reason,
            "evidence": json.dumps(evidence),
        }  # fmt: skip


@pytest.fixture
def export(project, ask):
    """Export and read the rows, by value."""

    def run(*arguments, file="review/pii.csv"):
        code, out, error = ask("review", "pii", "--export", file, *arguments)
        assert code == 0, error
        assert not any(word in out for word in ("Ada", "Paris", "Moss", "bicycle"))
        with Path(file).open(encoding="utf-8-sig", newline="") as opened:
            table = list(csv.DictReader(opened))
        return {unguarded(row["value"]): row for row in table}

    return run


def fill(rows, file="review/pii.csv"):
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with Path(file).open("w", encoding="utf-8", newline="") as opened:
        table = csv.DictWriter(opened, columns)
        table.writeheader()
        table.writerows(rows)
    return file


def imported(ask, rows, *arguments):
    return ask("review", "pii", "--import", fill(rows), *arguments)


# --- export ---------------------------------------------------------------------------------------------------------


def test_each_value_stands_once_with_its_count_and_its_context_on_one_line(export):
    rows = export()
    assert {value: row["times"] for value, row in rows.items()} == {
        "Ada Quill": "2", "ada@quill.example": "1", "Paris": "2", "+49 30 23125 0": "1",
    }  # fmt: skip
    mail = rows["ada@quill.example"]
    assert mail["id"] == id_of("a")
    assert unguarded(mail["before"]) == "=SUM(1) Ada Quill wrote to "
    assert mail["after"] == " about the red bicycle of her sister Berta Moss"
    assert (mail["decision"], mail["to"], mail["missed"]) == ("", "", "")


def test_context_is_as_long_as_asked_for_in_whole_words(export):
    row = export("--context", "14")["ada@quill.example"]
    assert (row["before"], row["after"]) == ("wrote to ", " about the red")


def test_the_value_itself_is_shown_where_the_place_reaches_beyond_it(export, hash_of):
    rows = export("--id", id_of("b"))
    assert rows["Paris"]["value_hash"] == hash_of("PERSON", "Paris")
    assert rows["Paris"]["after"].startswith(", France and called")


def test_no_cell_is_a_formula(export):
    row = export()["+49 30 23125 0"]
    assert row["value"] == "'+49 30 23125 0"
    for cell in ("=1", "  -1", "@a", "'=1", "''+", "＝1", "\t=1", "plain", "'quoted'", "", "a=1"):
        assert unguarded(guarded(cell)) == cell
        assert not re.match(r"\s*[=+\-@＝]", guarded(cell))


def test_the_file_is_for_its_owner_only_and_is_replaced_only_by_force(export, ask):
    export()
    assert Path("review/pii.csv").stat().st_mode & 0o777 == 0o600
    assert Path("review").stat().st_mode & 0o777 == 0o700
    code, _, error = ask("review", "pii", "--export", "review/pii.csv")
    assert code == 2
    assert "--force" in error
    assert len(export("--force", "--sample", "1")) == 1


def test_a_link_is_replaced_and_not_followed(export, project):
    (project / "review").mkdir()
    (project / "elsewhere.csv").write_text("mine", encoding="utf-8")
    Path("review/pii.csv").symlink_to(project / "elsewhere.csv")
    export("--force")
    assert (project / "elsewhere.csv").read_text(encoding="utf-8") == "mine"


def test_the_same_run_gives_the_same_file_and_a_larger_sample_holds_the_smaller(export):
    first = export("--sample", "2")
    content = Path("review/pii.csv").read_bytes()
    assert first.keys() < export("--sample", "3", "--force").keys()
    export("--sample", "2", "--force")
    assert Path("review/pii.csv").read_bytes() == content


def test_only_an_entity_or_a_record_is_exported_when_asked_for(export):
    assert export("--entity", "PHONE_NUMBER").keys() == {"+49 30 23125 0"}
    assert export("--id", id_of("c")[:5], "--force").keys() == {"Paris", "My"}


def test_jsonl_holds_the_same_rows(project, ask, export):
    table = export()
    assert ask("review", "pii", "--export", "review/pii.jsonl")[0] == 0
    lines = [json.loads(line) for line in Path("review/pii.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines == [{name: unguarded(cell) for name, cell in row.items()} for row in table.values()]


@pytest.fixture
def repository(project):
    subprocess.run(["git", "init", "--quiet"], check=True)
    (project / ".gitignore").write_text("/review/\n", encoding="utf-8")
    return project


@pytest.mark.parametrize(
    ("place", "word"),
    [
        ("pii.csv", "git repository"),
        ("docs/new/pii.csv", "git repository"),
        (".git/pii.csv", "git repository"),
        ("data/raw/pii.csv", "data/"),
        ("reports/pii.csv", "reports/"),
        (".dvc/tmp/pii.csv", "DVC"),
        ("review/cache/files/md5/ab/pii.csv", "DVC"),
        ("review/tracked/pii.csv", "DVC tracks"),
    ],
)
def test_text_goes_nowhere_from_where_git_or_dvc_could_pass_it_on(repository, ask, place, word):
    (repository / "review" / "cache" / "files" / "md5").mkdir(parents=True)
    (repository / "review" / "tracked.dvc").touch()
    code, _, error = ask("review", "pii", "--export", place)
    assert code == 4
    assert word in error
    assert "review/" in error
    assert not Path(place).exists()


def test_an_ignored_place_and_one_outside_are_fine_but_not_a_tracked_file_or_a_link_into_the_repository(
    repository, ask, tmp_path_factory
):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "in").symlink_to(repository)
    assert ask("review", "pii", "--export", "review/a/pii.csv")[0] == 0
    assert ask("review", "pii", "--export", outside / "pii.csv")[0] == 0
    assert ask("review", "pii", "--export", outside / "in" / "pii.csv")[0] == 4
    subprocess.run(["git", "add", "--force", "review/a/pii.csv"], check=True)
    assert ask("review", "pii", "--export", "review/a/pii.csv", "--force")[0] == 4


def test_where_git_cannot_be_asked_a_repository_is_refused(repository, ask, monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    assert ask("review", "pii", "--export", "review/pii.csv")[0] == 4


def test_offsets_of_another_version_are_refused(project, ask):
    manifest = Path("data/deduplicate/manifest.json")
    manifest.write_text(manifest.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    code, _, error = ask("review", "pii", "--export", "review/pii.csv")
    assert code == 3
    assert "another version" in error


@pytest.mark.parametrize(
    "arguments",
    [
        ("--sample", "3"),
        ("--export", "x.xlsx"),
        ("--export", "x.csv", "--sample", "0"),
        ("--export", "x.csv", "--context", "-1"),
        ("--export", "x.csv", "--entity", "COLOUR"),
        ("--export", "x.csv", "--id", "Ada"),
        ("--export", "x.csv", "--reviewer", "ab"),
        ("--import", "x.csv", "--reviewer", "Ada Quill <ada@quill.example>"),
        ("--import", "missing.csv"),
        ("--force",),
    ],
)
def test_arguments_that_do_not_go_together_are_explained(project, ask, arguments):
    code, _, error = ask("review", "pii", *arguments)
    assert code == 2
    assert "next:" in error


# --- import ---------------------------------------------------------------------------------------------------------


def test_answers_become_decisions_without_any_value(export, ask, hash_of):
    rows = export()
    rows["Ada Quill"] |= {"decision": "right"}
    rows["Paris"] |= {"decision": "type", "to": "location"}
    rows["+49 30 23125 0"] |= {"decision": "Allow ", "note": "our own desk"}
    rows["ada@quill.example"] |= {"missed": "Berta Moss", "to": "PERSON"}
    code, out, error = imported(ask, list(rows.values()), "--reviewer", "kb")
    assert code == 0, error
    assert "4 decisions: 4 new, 0 changed, 0 same; 0 rows without one" in out
    text = PII_DECISIONS.read_text(encoding="utf-8")
    assert sorted(text.splitlines()[1:]) == sorted(
        [
            f"{hash_of('PERSON', 'Ada Quill')},PERSON,right,,,kb",
            f"{hash_of('PERSON', 'Paris')},PERSON,type,LOCATION,,kb",
            f"{hash_of('PHONE_NUMBER', '+49 30 23125 0')},PHONE_NUMBER,allow,,,kb",
            f"{hash_of('PERSON', 'berta  moss')},PERSON,deny,,2,kb",
        ]
    )
    assert not any(word in text + out for word in ("Ada", "Quill", "Paris", "Berta", "desk"))


def test_a_later_answer_replaces_an_earlier_one_and_the_same_answer_changes_nothing(export, ask, hash_of):
    rows = export()
    paris, ada = rows["Paris"], rows["Ada Quill"]
    assert imported(ask, [paris | {"decision": "right"}, ada | {"decision": "right"}], "--reviewer", "one")[0] == 0
    out = imported(ask, [paris | {"decision": "allow"}, ada | {"decision": "right"}], "--reviewer", "two")[1]
    assert "2 decisions: 0 new, 1 changed, 1 same" in out
    decisions = read_pii_decisions().by_value
    assert (decisions[paris["value_hash"]].decision, decisions[paris["value_hash"]].reviewer) == ("allow", "two")
    assert decisions[ada["value_hash"]].reviewer == "one"


def test_a_row_of_ones_own_tells_what_was_missed(export, ask, hash_of):
    export()
    row = {"value_hash": "", "entity": "", "id": id_of("b"), "decision": "", "to": "LOCATION", "missed": " France, "}
    assert imported(ask, [row])[0] == 0
    (decision,) = read_pii_decisions().by_value.values()
    assert (decision.value, decision.words) == (hash_of("LOCATION", "France"), 1)


def test_a_value_that_was_found_here_and_missed_there_is_denied_and_stays_so(export, ask, hash_of):
    rows = export()
    row = rows["Ada Quill"]
    answers = [row | {"decision": "right"}, row | {"id": id_of("b"), "missed": "ada quill", "to": "PERSON"}]
    code, _, error = imported(ask, answers)
    assert code == 0, error
    assert "0 new, 0 changed, 1 same" in imported(ask, [row | {"decision": "right"}])[1]
    assert read_pii_decisions().denied == {2: {"PERSON": {hash_of("PERSON", "Ada Quill")}}}


def test_all_faults_are_told_at_once_by_line_and_nothing_is_taken_over(export, ask):
    rows = export()
    ada, paris, mail, phone = (rows[v] for v in ("Ada Quill", "Paris", "ada@quill.example", "+49 30 23125 0"))
    wrong = [
        ada | {"decision": "yes"},
        ada | {"decision": "type"},
        ada | {"decision": "type", "to": "PERSON"},
        ada | {"decision": "type", "to": "Quillname"},
        ada | {"decision": "right", "to": "LOCATION"},
        ada | {"decision": "right", "value_hash": "1.2E+31"},
        paris | {"missed": "Berta Quill", "to": "PERSON"},
        paris | {"missed": "Moss", "to": ""},
        paris | {"missed": "Moss", "to": "PERSON", "id": "9" * 20},
        paris | {"missed": "Moss", "to": "PERSON", "id": "9E+19"},
        paris | {"missed": "--", "to": "PERSON"},
        mail | {"decision": "type", "to": "URL", "missed": "Moss"},
        phone | {"decision": "right"},
        phone | {"decision": "allow"},
    ]
    code, out, error = imported(ask, wrong)
    assert code == 3
    assert [int(n) for n in sorted(set(re.findall(r"pii\.csv:(\d+)", error)), key=int)] == [*range(2, 14), 15]
    assert "contradicts line 14" in error
    assert not any(word in out + error for word in ("Ada", "Quill", "Moss", "Paris", "Berta", "1.2E", "yes"))
    assert not PII_DECISIONS.exists()


def test_spreadsheet_programs_of_any_country_are_understood(export, ask):
    rows = export()
    row = rows["Paris"] | {"decision": "allow"}
    for delimiter in ";\t":
        lines = [delimiter.join(row), delimiter.join(f'"{cell}"' for cell in row.values()), delimiter * (len(row) - 1)]
        Path("review/pii.csv").write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8", newline="")
        assert "0 rows without one" in ask("review", "pii", "--import", "review/pii.csv")[1]
    assert len(read_pii_decisions()) == 1


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"value_hash,entity\nSecret,x\n", "lacks the columns id, decision, to, missed"),
        (b"", "has no row"),
        (b"value_hash,entity,id,decision,to,missed\n\xe9,,,,,\n", "UTF-8"),
        (b'value_hash,entity,id,decision,to,missed\n"Secret,,,,,\n', ":2: is not a row"),
        (b"value_hash,entity,id,decision,to,missed\n,,,,,,Secret\n", ":2: is not a row"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_without_showing_it(tmp_path, content, word):
    file = tmp_path / "filled.csv"
    file.write_bytes(content)
    with pytest.raises(DataError, match=word) as error:
        read_filled(file, ("value_hash", "entity", "id", "decision", "to", "missed"))
    assert "Secret" not in str(error.value)


def test_jsonl_comes_back_too(project, ask):
    assert ask("review", "pii", "--export", "review/pii.jsonl")[0] == 0
    file = Path("review/pii.jsonl")
    rows = [json.loads(line) | {"decision": "right"} for line in file.read_text(encoding="utf-8").splitlines()]
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    assert "4 decisions: 4 new" in ask("review", "pii", "--import", file)[1]
    file.write_text(json.dumps(rows[0]) + "\n[1]\n{", encoding="utf-8")
    code, _, error = ask("review", "pii", "--import", file)
    assert code == 3
    assert re.findall(r"jsonl:(\d)", error) == ["2", "3"]


def test_decided_values_are_not_asked_about_again_but_with_their_record(export, ask):
    rows = export()
    imported(ask, [row | {"decision": "allow"} for value, row in rows.items() if value != "Ada Quill"])
    assert export("--force").keys() == {"Ada Quill"}
    again = export("--force", "--id", id_of("b"))
    assert again["Paris"]["decision"] == "allow"
    imported(ask, [rows["Ada Quill"] | {"decision": "right"}])
    code, _, error = ask("review", "pii", "--export", "review/pii.csv", "--force")
    assert code == 3
    assert "decided" in error


# --- counts ---------------------------------------------------------------------------------------------------------


def counts(ask):
    code, out, error = ask("review", "pii")
    assert code == 0, error
    table = [line.split() for line in out.partition("\n\n")[0].splitlines()]
    return {cells[0]: [int(cell) for cell in cells[1:8]] for cells in table if cells and cells[0].isupper()}, out


def test_counts_tell_what_was_found_decided_and_not_met_again(export, ask, hash_of):
    rows = export()
    answers = [rows["Ada Quill"] | {"decision": "right"}, rows["Paris"] | {"decision": "allow"}]
    imported(ask, [*answers, rows["ada@quill.example"] | {"missed": "Berta Moss", "to": "PERSON"}])
    shown, out = counts(ask)
    assert shown["PERSON"][:7] == [4, 2, 1, 1, 0, 1, 1]
    assert shown["EMAIL_ADDRESS"][:7] == [1, 1, 0, 0, 0, 0, 0]
    assert "3 decisions" in out
    assert not any(word in out for word in ("Ada", "Paris", "Moss"))
    found = [*FOUND, ("c", "Berta Moss", "PERSON", 1.0, "ReviewDecision", "surrogate", "")]
    scrubbed(hash_of, [(*f[:5], "allow", "") if f[1] == "Paris" else f for f in found])
    assert counts(ask)[0]["PERSON"][:7] == [5, 3, 1, 1, 0, 1, 0]


def test_a_corrected_type_is_known_again_after_the_next_run(export, ask, hash_of):
    rows = export()
    imported(ask, [rows["Paris"] | {"decision": "type", "to": "LOCATION"}])
    scrubbed(hash_of, [(*f[:2], "LOCATION", *f[3:]) if f[1] == "Paris" else f for f in FOUND])
    assert counts(ask)[0]["PERSON"] == [4, 2, 0, 0, 1, 0, 0]


def test_precision_is_told_with_its_interval_and_with_how_little_it_rests_on(export, ask):
    rows = export()
    out = imported(ask, [rows["Ada Quill"] | {"decision": "right"}, rows["Paris"] | {"decision": "allow"}])[1]
    assert re.search(r"PERSON +0\.50 +0\.\d\d to 0\.\d\d +2 +2 +too few to tell", out)
    assert "EMAIL_ADDRESS" not in out


def test_help_names_the_subjects(ask, capsys):
    with pytest.raises(SystemExit) as ended:
        ask("review", "--help")
    assert ended.value.code == 0
    assert "pii" in capsys.readouterr().out
