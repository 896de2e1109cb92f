"""Every way in, and what a whole pipeline's folders tell: over invented lineage, as the benchmark makes it."""

import importlib.util
import io
import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stages.__main__ import main
from stages.commands.trace_made import locked_stages
from stages.core.dvc_files import read_lock
from stages.core.storage import StageFolder, files_below, sha256_of


@pytest.fixture(scope="module")
def lineage(tmp_path_factory):
    """(data folder, what is in it, the benchmark's module)."""
    place = Path(__file__).parents[2] / "benchmarks/trace_folders.py"
    spec = importlib.util.spec_from_file_location("trace_folders", place)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    data, corpus = tmp_path_factory.mktemp("lineage") / "data", module.Corpus.of(6000)
    module.fabricate(data, corpus)
    yield data, corpus, module
    del sys.modules[spec.name]


@pytest.fixture
def data(lineage):
    return lineage[0]


@pytest.fixture
def spans(data):
    rows = pq.ParquetFile(data / "scrub_pii/events.parquet").read(["id", "evidence"]).to_pylist()
    return [(row["id"], json.loads(row["evidence"])["value"]) for row in rows]


def first(lineage, split):
    """Id of a record that was not dropped and is in this split."""
    _, corpus, _ = lineage
    return next(corpus.name(at) for at in range(len(corpus.ids)) if corpus.stays[at] and corpus.split[at] == split)


def person_of_some(lineage):
    """(name, ids) of the person with most records."""
    _, corpus, _ = lineage
    name = max({*corpus.person.tolist()}, key=corpus.person.tolist().count)
    return f"person {name}", {corpus.name(at) for at in range(len(corpus.ids)) if corpus.person[at] == name}


def test_a_value_is_found_in_all_records_that_hold_it(data, spans, ask):
    values = [value for _, value in spans]
    value = next(value for value in values if values.count(value) > 1)
    told = json.loads(ask("trace", "--value-hash", value, "--data", data, "--json")[1])
    assert {record["id"] for record in told["records"]} == {id for id, one in spans if one == value}
    assert sum(found["count"] for record in told["records"] for found in record["found"]) == values.count(value)
    assert told["records"][0]["found"][0]["entity"] == "PERSON"


@pytest.mark.parametrize(("hashed", "code", "word"), [("f" * 32, 3, "no record"), ("f" * 31, 2, "32 hex digits")])
def test_a_value_that_is_not_there_is_answered_with_the_next_step(data, ask, hashed, code, word):
    got, _, error = ask("trace", "--value-hash", hashed, "--data", data)
    assert got == code
    assert word in error
    assert "next:" in error


def test_a_subject_is_found_by_name_by_hash_and_from_standard_input(lineage, ask, monkeypatch):
    data, _, module = lineage
    name, ids = person_of_some(lineage)
    assert len(ids) > 1
    hashed = module._KEYS.hash("subject", module.SOURCE, name)[:32]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"  {name} \n"))
    answers = [ask("trace", "--subject", asked, "--data", data, "--json")[1] for asked in (name, hashed, "-")]
    assert answers[0] == answers[1] == answers[2]
    told = json.loads(answers[0])
    assert {record["id"] for record in told["records"]} == ids
    assert told["asked"] == f"subject {hashed}"
    assert name not in answers[0]


def test_a_subject_that_is_not_there_is_not_named_in_the_answer(data, ask):
    code, told, error = ask("trace", "--subject", "Zzyx Person", "--data", data)
    assert code == 3
    assert "no record is of this person" in error
    assert "Zzyx" not in told + error


def test_an_erased_subject_is_said_to_be_erased(lineage, ask):
    data, _, module = lineage
    hashed = module._KEYS.hash("subject", module.SOURCE, "somebody else")[:32]
    erasures = data / "erasure.csv"
    erasures.write_text(f"kind,value\nsubject,{hashed}\n", encoding="utf-8")
    code, _, error = ask("trace", "--subject", "somebody else", "--data", data)
    erasures.unlink()
    assert code == 3
    assert "on the erasure list" in error


def test_a_private_source_needs_the_key_for_a_name_but_not_for_a_hash(lineage, ask, tmp_path, monkeypatch):
    data, _, module = lineage
    monkeypatch.delenv("ROWTRAIL_KEY", raising=False)
    monkeypatch.setenv("ROWTRAIL_KEY_FILE", str(tmp_path / "none"))
    (tmp_path / "ingest").mkdir()
    manifest = StageFolder(data / "ingest").manifest
    manifest["params"]["ingest"]["sources"][0]["public"] = False
    (tmp_path / "ingest/manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (tmp_path / "ingest/records.parquet").symlink_to(data / "ingest/records.parquet")
    (tmp_path / "ingest/events.parquet").symlink_to(data / "ingest/events.parquet")
    name, ids = person_of_some(lineage)
    code, _, error = ask("trace", "--subject", name, "--data", tmp_path)
    assert (code, "there is no key" in error) == (2, True)
    hashed = module._KEYS.hash("subject", module.SOURCE, name)[:32]
    code, told, _ = ask("trace", "--subject", hashed, "--data", tmp_path)
    assert code == 0
    assert all(id in told for id in ids)


def test_all_tells_the_whole_story_of_each(lineage, ask):
    data = lineage[0]
    name, ids = person_of_some(lineage)
    told = ask("trace", "--subject", name, "--data", data, "--all")[1]
    assert told.count("\nrecord  ") == len(ids)
    records = json.loads(ask("trace", "--subject", name, "--data", data, "--all", "--json")[1])["records"]
    for record in records:
        alone = json.loads(ask("trace", record["id"], "--data", data, "--json")[1])
        assert {key: value for key, value in record.items() if key != "found"} == {
            key: value for key, value in alone.items() if key != "stages"
        }


def test_a_test_record_ends_with_its_prediction_and_the_metrics_of_the_model(lineage, ask):
    data, _, _ = lineage
    story = json.loads(ask("trace", first(lineage, 2), "--data", data, "--json")[1])
    *_, tuned, scored = story["chapters"]
    assert (tuned["stage"], tuned["outcome"]) == ("finetune", "not used")
    assert tuned["facts"]["model"] == {
        "model/model.json": StageFolder(data / "finetune").manifest["files"]["model/model.json"]
    }
    assert scored["facts"]["prediction"]["answer"] == scored["facts"]["prediction"]["label"]
    assert scored["facts"]["prediction"]["scores"].keys() == {"negative", "neutral", "positive"}
    assert scored["facts"]["metrics"] == {"accuracy": {"value": 0.9, "low": 0.89, "high": 0.91}}
    told = ask("trace", first(lineage, 2), "--data", data)[1]
    assert "accuracy 0.900 (0.890 to 0.910)" in told


def test_text_fits_eighty_columns(lineage, ask):
    data, _, _ = lineage
    for split in (0, 1, 2):
        told = ask("trace", first(lineage, split), "--data", data, "--params")[1]
        assert max(map(len, told.splitlines())) <= 80


def test_the_page_stands_alone_and_tells_the_story(lineage, ask, tmp_path):
    data, _, _ = lineage
    id = first(lineage, 0)
    code, told, _ = ask("trace", id, "--data", data, "--html", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert (code, told.split()) == (0, ["page", str(tmp_path / "page.html")])
    assert page.count(id) >= 1
    assert page.count('<li class="part') == 9
    assert not any(word in page for word in ("http://", "https://", "<script", "src="))


def test_the_page_of_several_records_links_to_their_stories(lineage, ask, tmp_path):
    data, _, _ = lineage
    name, ids = person_of_some(lineage)
    ask("trace", "--subject", name, "--data", data, "--html", tmp_path / "page.html", "--all")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert all(f'href="#r{id}"' in page and f'id="r{id}"' in page for id in ids)


def test_the_code_is_that_of_the_lock_file_if_it_speaks_of_this_folder(lineage, ask):
    data, _, _ = lineage
    folder = data / "clean"
    size = sum((folder / name).stat().st_size for name in files_below(folder))
    lock = data.parent / "dvc.lock"
    codes = []
    for said in (size, size + 1):
        lock.write_text(LOCK.format(size=said), encoding="utf-8")
        codes.append(
            json.loads(ask("trace", first(lineage, 0), "--data", data, "--json")[1])["stages"]["clean"]["code"]
        )
    lock.unlink()
    assert codes == [read_lock(LOCK.format(size=size).encode())["clean"].code, None]


LOCK = """schema: '2.0'
stages:
  clean:
    cmd: python -m stages clean --in data/ingest --out data/clean
    deps:
    - path: data/ingest
      hash: md5
      md5: 0123456789abcdef0123456789abcdef.dir
      size: 12
      nfiles: 4
    - path: stages/clean.py
      hash: md5
      md5: '12345678901234567890123456789012'
      size: 3
    params:
      params.yaml:
        clean:
          boilerplate:
          - 'path: x'
        task: classification
    outs:
    - path: data/clean
      hash: md5
      md5: 0123456789abcdef0123456789abcdef.dir
      size: {size}
      nfiles: 4
"""


@pytest.mark.parametrize("content", [LOCK.format(size=1), LOCK.format(size=1).replace("      hash: md5\n", "")])
def test_a_lock_file_read_line_by_line_says_what_a_yaml_parser_says(tmp_path, content):
    (tmp_path / "dvc.lock").write_text(content, encoding="utf-8")
    quick, whole = locked_stages(tmp_path / "dvc.lock"), read_lock(content.encode())
    assert {name: (one.code, one.deps, one.outs) for name, one in quick.items()} == {
        name: (one.code, one.deps, one.outs) for name, one in whole.items()
    }


def test_the_lock_file_of_this_project_is_read_the_same_both_ways():
    lock = Path(__file__).parents[2] / "dvc.lock"
    whole = read_lock(lock.read_bytes())
    assert {name: one.code for name, one in locked_stages(lock).items()} == {
        name: one.code for name, one in whole.items()
    }


def test_a_trace_does_not_wait_for_pandas(lineage):
    data, _, _ = lineage
    code = "import sys; from stages.__main__ import main; main(sys.argv[1:]); sys.exit('pandas' in sys.modules)"
    asked = ["trace", first(lineage, 2), "--data", str(data)]
    assert subprocess.run([sys.executable, "-c", code, *asked], capture_output=True, check=False).returncode == 0


def test_a_row_is_found_by_file_and_line_where_a_source_has_several_files(tmp_path, ask, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        Path(f"{name}.csv").write_text(f"text,label\nA parcel for number {name},good\n", encoding="utf-8")
    source = "{name: s, uri: '*.csv', license: MIT, public: true}"
    Path("params.yaml").write_text(f"ingest: {{sources: [{source}]}}\nengine: {{workers: 1}}\n", encoding="utf-8")
    assert ask("ingest", "--out", "data/ingest")[0] == 0
    (story,) = json.loads(ask("trace", "--source-row", "s:two.csv:2", "--json")[1])["records"]
    assert (story["origin"]["file"], story["origin"]["row"]) == ("two.csv", 2)
    assert story["origin"]["sha256"] == sha256_of(Path("two.csv"))
    both = json.loads(ask("trace", "--source-row", "s:2", "--json")[1])["records"]
    assert {record["found"] for record in both} == {"one.csv:2", "two.csv:2"}


@pytest.fixture
def private(tmp_path, monkeypatch):
    """A data folder of a source that is not public, made with a key; its row names a person with an umlaut."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROWTRAIL_KEY", "a" * 64)
    Path("rows.csv").write_text("key,text,label,who\nk1,A lamp that flickers,bad,J\u00fcrgen\n", encoding="utf-8")
    Path("params.yaml").write_text(
        "ingest:\n  sources:\n  - {name: s, uri: rows.csv, id: key, subject: who, license: MIT, public: false}\n"
        "engine: {workers: 1}\n",
        encoding="utf-8",
    )
    assert main(["ingest", "--out", "data/ingest"]) == 0
    return tmp_path


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("command", ["trace", "forget"])
def test_a_name_is_found_however_its_umlaut_is_encoded(private, ask, command, form):
    code, told, error = ask(command, "--subject", unicodedata.normalize(form, "J\u00fcrgen"))
    assert code == 0, error
    assert told.count("subject") == 2 if command == "trace" else told.count("  subject,") == 1


@pytest.mark.parametrize("command", ["trace", "forget"])
def test_another_key_is_named_as_the_cause_instead_of_an_unknown_person(private, ask, command, monkeypatch):
    monkeypatch.setenv("ROWTRAIL_KEY", "b" * 64)
    code, _, error = ask(command, "--subject", "J\u00fcrgen")
    assert code == 2
    assert "made with another key" in error
    monkeypatch.delenv("ROWTRAIL_KEY")
    code, _, error = ask(command, "--subject", "J\u00fcrgen")
    assert code == 2
    assert "bring back the key" in error
    assert "rowtrail key`" not in error
