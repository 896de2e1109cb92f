import json

import pytest

from stages.core.errors import CheckFailed, DataError, Fault
from stages.core.params import EngineParams, IngestParams, Params, Source
from stages.core.records import create, drop, drop_row, keep, quarantine
from stages.core.runner import metrics_of, run
from stages.core.stage import Artifact, Inspection, artifact_stage, create_stage, record_stage, set_stage, skipped, used
from stages.core.storage import StageFolder

REASONS = {code: code for code in ("created", "bad_row", "not_sampled", "short", "shouted", "said", "role", "left_out")}


def params(workers=1):
    source = Source(name="s", uri="none.csv", license="MIT", public=True)
    return Params(ingest=IngestParams(sources=[source]), engine=EngineParams(workers=workers))


def shout(record, _params):
    if len(record.values["text"]) < 7:
        return drop(record, "short", chars=len(record.values["text"]))
    return keep(record.with_texts({"text": record.values["text"].upper()}), "shouted")


def lengths(records, _context):
    return [len(record.values["text"]) for record in records]


def by_length(record, _params, length):
    return drop(record, "short", chars=length) if length < 7 else keep(record)


SHOUT = record_stage("clean", shout, reasons=REASONS)
PREPARED = record_stage("clean", by_length, reasons=REASONS, prepare=lengths)


@pytest.fixture
def ingest(tmp_path, monkeypatch, make_record, classification):
    """A folder of 1,200 created records, two quarantined rows and one that was not sampled."""
    monkeypatch.chdir(tmp_path)

    def rows(_context):
        for n in reversed(range(1200)):
            yield create(make_record(f"{n:04x}", f"text {n}"))
        yield quarantine("ff01", "bad_row", row=1)
        yield quarantine("ff02", "bad_row", row=2)
        yield drop_row("ff03", "not_sampled")

    run(create_stage("ingest", rows, reasons=REASONS), [], tmp_path / "in", params(), classification)
    return tmp_path / "in"


def test_every_source_row_is_created_dropped_or_quarantined(ingest):
    manifest = StageFolder(ingest).manifest
    assert manifest["counts"] == {"in": 1203, "created": 1200, "kept": 0, "dropped": 1, "quarantined": 2}
    sizes = {name: int(digest, 16) for name, digest in manifest["digests"].items()}
    assert sizes["in"] == (sizes["created"] + sizes["dropped"] + sizes["quarantined"]) % 2**256


def test_reports_are_computed_from_the_events(ingest, tmp_path, classification):
    report = run(SHOUT, [ingest], tmp_path / "out", params(), classification)
    events = StageFolder(tmp_path / "out").table("events.parquet").to_pylist()
    assert report["reasons"]["drop"]["short"] == sum(e["reason"] == "short" for e in events) == 10
    assert report["reasons"]["edit"]["shouted"] == sum(e["reason"] == "shouted" for e in events) == 1190


def test_the_same_bytes_whatever_the_number_of_workers(ingest, tmp_path, classification):
    for stage in (SHOUT, PREPARED):
        for workers in (1, 2):
            run(stage, [ingest], tmp_path / f"out{workers}", params(workers), classification)
        one, two = StageFolder(tmp_path / "out1"), StageFolder(tmp_path / "out2")
        assert one.digest == two.digest


def test_manifests_form_a_chain(ingest, tmp_path, classification):
    run(SHOUT, [ingest], tmp_path / "out", params(), classification)
    assert StageFolder(tmp_path / "out").manifest["inputs"] == {"ingest": StageFolder(ingest).digest}


def test_a_set_stage_gives_each_record_its_verdict(ingest, tmp_path, classification):
    def survey(context, engine, scratch):
        (scratch / "room").write_text("to work in")
        return {record.id: "short" for record in context.input().records(context.task.schema) if record.length < 7}

    def decide(record, _params, verdict):
        return drop(record, verdict) if verdict else keep(record)

    report = run(
        set_stage("clean", survey, decide, reasons=REASONS), [ingest], tmp_path / "out", params(), classification
    )
    assert report["records"] == {"in": 1200, "created": 0, "kept": 1190, "dropped": 10, "quarantined": 0}
    assert not (tmp_path / "out" / ".scratch").exists()


def test_an_artifact_says_which_records_it_used_and_skipped(ingest, tmp_path, classification):
    def build(context, folder):
        (folder / "model.txt").write_text("weights")
        return Artifact([used("0000", "role", tokens=3), skipped("0001", "left_out")], {"score": 0.5})

    report = run(artifact_stage("audit", build, reasons=REASONS), [ingest], tmp_path / "out", params(), classification)
    assert report["records"] == {"in": 1200, "created": 0, "kept": 1199, "dropped": 1, "quarantined": 0}
    assert report["score"] == 0.5
    assert set(StageFolder(tmp_path / "out").manifest["files"]) == {"events.parquet", "model.txt", "report.json"}


def test_an_artifact_cannot_claim_records_it_was_not_given(ingest, tmp_path, classification):
    stage = artifact_stage("audit", lambda *_: Artifact([used("beef", "role")]), reasons=REASONS)
    with pytest.raises(ValueError, match="not given"):
        run(stage, [ingest], tmp_path / "out", params(), classification)


def test_a_stage_that_keeps_nothing_fails_and_leaves_the_old_output(ingest, tmp_path, classification):
    run(SHOUT, [ingest], tmp_path / "out", params(), classification)
    before = StageFolder(tmp_path / "out").digest
    nothing = record_stage("clean", lambda record, _: drop(record, "short"), reasons=REASONS)
    with pytest.raises(DataError, match=r"no record is left \(1200 short\)"):
        run(nothing, [ingest], tmp_path / "out", params(), classification)
    assert StageFolder(tmp_path / "out").digest == before


def test_a_stage_that_finds_fault_with_what_it_wrote_says_so_and_leaves_the_old_output(
    ingest, tmp_path, classification, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "data" / "clean"
    run(SHOUT, [ingest], out, params(), classification)
    before = (out / "manifest.json").read_bytes()

    def inspect(context, folder, engine):
        (count,) = engine.map(len, [list(folder.records(context.task.schema))])
        return Inspection({"seen": count}, [Fault("clean", "not good enough")])

    strict = record_stage("clean", shout, reasons=REASONS, inspect=inspect, headline=("seen",))
    with pytest.raises(CheckFailed, match="clean: not good enough"):
        run(strict, [ingest], out, params(), classification)
    assert (out / "manifest.json").read_bytes() == before
    assert json.loads((tmp_path / "reports" / "clean.json").read_bytes())["seen"] > 0
    assert not (tmp_path / "data" / ".clean.new").exists()


def test_only_the_projects_own_folder_publishes_its_report(ingest, tmp_path, classification):
    run(SHOUT, [ingest], tmp_path / "elsewhere", params(), classification)
    assert not (tmp_path / "reports").exists()
    run(SHOUT, [ingest], tmp_path / "data" / "clean", params(), classification)
    report = json.loads((tmp_path / "reports" / "clean.json").read_text())
    assert report["records"]["in"] == 1200
    assert [p.name for p in (tmp_path / "reports").iterdir()] == ["clean.json"]


def test_metrics_are_counts_reasons_and_what_the_headline_names():
    report = {
        "records": {"in": 3},
        "reasons": {"drop": {"short": 1}},
        "accuracy": 0.5,
        "slices": {"long": {"accuracy": 0.4}},
        "baselines": {"majority": {"macro_f1": 0.2, "ece": 0.1}},
    }
    found = metrics_of(report, ("accuracy", "baselines.*.macro_f1"))
    assert "slices" not in found
    assert found["baselines"] == {"majority": {"macro_f1": 0.2}}
    assert (found["records"], found["reasons"], found["accuracy"]) == ({"in": 3}, {"drop": {"short": 1}}, 0.5)


def test_a_missing_input_is_reported_before_any_work(tmp_path, classification):
    with pytest.raises(DataError, match="no such file"):
        run(SHOUT, [tmp_path / "none"], tmp_path / "out", params(), classification)
    with pytest.raises(DataError, match="needs an input folder"):
        run(SHOUT, [], tmp_path / "out", params(), classification)
    assert not (tmp_path / "out").exists()
