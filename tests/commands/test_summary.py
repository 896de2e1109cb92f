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


def written(tmp_path, scores):
    """Reports of a run with these scores, as DVC's metrics."""
    reports = {"ingest": {"records": {"in": 9, "created": 9}}, "evaluate": metrics_of(scores, HEADLINE)}
    for name, report in reports.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(report), encoding="utf-8")


def scored(**values):
    return {f"{name}{end}": value + step for name, value in values.items() for end, step in ENDS.items()}


ENDS = {"": 0.0, "_low": -0.1, "_high": 0.1}


def test_the_scores_of_a_model_that_tags_words_stand_beside_those_of_a_lookup(tmp_path, ask):
    lookup = {"lookup": scored(f1=0.4, macro_f1=0.3)}
    written(tmp_path, {**scored(f1=0.8, macro_f1=0.7), "baselines": lookup, "gain": {"lookup": scored(f1=0.4)}})
    _, told, _ = ask("summary", "--reports", tmp_path)
    assert "f1           0.800 (95 % interval 0.700 to 0.900)" in told
    assert "  lookup         0.400 F1, 0.300 macro F1; gain +40.0 points of F1 (+30.0 to +50.0)" in told


def test_a_model_that_writes_stands_beside_itself_before_tuning(tmp_path, ask):
    untuned = {"untuned": scored(rouge_l=0.2, perplexity=45.2), "copy": scored(rouge_l=0.3)}
    gains = {"untuned": scored(rouge_l=0.3, chrf=12.0), "copy": scored(rouge_l=0.2, chrf=9.0)}
    written(tmp_path, {**scored(rouge_l=0.5, perplexity=12.3), "baselines": untuned, "gain": gains})
    _, told, _ = ask("summary", "--reports", tmp_path)
    assert "rouge_l      0.500 (95 % interval 0.400 to 0.600)" in told
    assert "perplexity   12.3 (95 % interval 12.2 to 12.4)" in told
    assert "  untuned        0.200 ROUGE-L, 45.2 perplexity; gain +30.0 points of ROUGE-L (+20.0 to +40.0)" in told
    assert "  copy           0.300 ROUGE-L; gain +20.0 points of ROUGE-L" in told


def test_what_a_private_training_promises_is_told_and_known_noise_is_not_private(tmp_path, ask):
    promise = {"private": True, "epsilon": 7.9, "epsilon_subject": 27.4, "epsilon_all_runs": None, "delta": 1e-5}
    for private, said in (
        (True, "epsilon 7.9 for a record and 27.4 for a subject, delta 1e-05"),
        (False, "NOT private"),
    ):
        written(tmp_path, scored(accuracy=0.8))
        text = json.dumps({"privacy": {**promise, "private": private}})
        (tmp_path / "finetune.json").write_text(text, encoding="utf-8")
        _, told, _ = ask("summary", "--reports", tmp_path)
        assert said in told
        assert ("of all runs no bound for a subject" in told) is private
