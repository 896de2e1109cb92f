import json

from stages.core.runner import metrics_of
from stages.evaluate import HEADLINE


def test_the_figures_of_the_reports_and_the_place_of_the_page_are_printed(tmp_path, ask):
    split = {"reasons": {"assign": {"train": 70, "validation": 10, "test": 20}}}
    scores = {"accuracy": 0.8, "accuracy_low": 0.7, "accuracy_high": 0.9, "baselines": {"majority": {"macro_f1": 0.2}}}
    reports = {
        "ingest": {"records": {"in": 120, "created": 100}},
        "split": split,
        "scrub_pii": {"reasons": {"edit": {"pii_replaced": 7}}},
        "check_labels": {"reasons": {"keep": {"suspect_label": 5}, "drop": {"suspect_label": 1}}},
        "evaluate": metrics_of(scores, HEADLINE),
    }
    for name, report in reports.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(report), encoding="utf-8")
    code, told, _ = ask("summary", "--reports", tmp_path)
    assert code == 0
    assert "120 read, 100 taken; 70 train, 10 validation, 20 test" in told
    assert "7 pieces of personal data replaced, 6 labels suspected" in told
    assert "accuracy     0.800 (95 % interval 0.700 to 0.900)" in told
    assert "majority       0.200 macro F1" in told
    assert (tmp_path / "index.html").as_uri() in told


def test_without_a_run_the_next_step_is_named(tmp_path, ask):
    code, _, error = ask("summary", "--reports", tmp_path)
    assert code == 3
    assert "make repro" in error
