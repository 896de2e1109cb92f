"""The page and the cards of every kind of model: their own scores and words, and none that are not theirs."""

from __future__ import annotations

import json
import re
from html import unescape

import pyarrow.parquet as pq
import pytest
from huggingface_hub import metadata_load

from stages.core.params import DocumentParams
from stages.core.records import Message, Record
from stages.core.stage import Context
from stages.core.storage import StageFolder, write_json
from stages.core.tables import records_table
from stages.core.task import Prediction
from stages.document import build
from stages.methods.document.facts import Facts
from stages.methods.document.standards.model_card import model_card
from stages.methods.document.training import model
from stages.methods.evaluate.summary import Answered
from stages.methods.evaluate.tables import prediction_table
from stages.tasks import load_task
from tests.fabricated import fabricate

EVIL = "<script>alert(1)</script>"


def scored(**values):
    ends = {"": 0.0, "_low": -0.02, "_high": 0.03}
    return {f"{name}{end}": round(value + step, 6) for name, value in values.items() for end, step in ends.items()}


def fit(measure):
    """The part of the report that compares rows that the model has and has not seen."""
    return {f"{split}_{name}": 0.5 for split in ("train", "validation", "test") for name in (measure, "low", "high")}


WRITES = {
    **scored(rouge_l=0.42, chrf=51.3, perplexity=7.4, bleu=12.1),
    "loss": 2.01,
    "baselines": {"untuned": scored(rouge_l=0.2, perplexity=29.3), "copy": scored(rouge_l=0.3)},
    "gain": {"untuned": scored(rouge_l=0.22, chrf=9.1)},
    "fit": {**fit("loss"), "sentence": "Balanced: so it is."},
    "slices": {"language: en": {**scored(rouge_l=0.44), "rows": 120, "weaker": False}},
    "signatures": {"chrf": "nrefs:1|nc:6"},
    "texts": {
        "words": {
            "answers": {"p5": 3.0, "p50": 21.0, "p95": 60.0},
            "references": {"p5": 4.0, "p50": 25.0, "p95": 64.0},
        },
        "length_ratio": 0.84,
        "empty": {"answers": 0.01, "references": 0.0},
        "declines": {"answers": 0.073, "references": 0.02},
        "loops": {"answers": 0.031, "references": 0.0},
        "copied": {"answers": 0.12, "references": None},
    },
}
TAGS = {
    **scored(f1=0.81, macro_f1=0.7, precision=0.8, recall=0.82, seqeval_f1=0.83),
    "baselines": {"lookup": scored(f1=0.55, macro_f1=0.4)},
    "gain": {"lookup": scored(f1=0.26)},
    "fit": fit("record_f1"),
    "slices": {"source: notes": {**scored(record_f1=0.7), "rows": 40}},
    "per_class": {"person": {**scored(f1=0.9), "precision": 0.91, "recall": 0.89, "rows": 30}},
    "confusion": {"labels": ["person", "(none)"], "matrix": [[27, 3], [2, 0]]},
    "spans": 30,
    "inside_words": 1,
}
ANSWERS = {
    **scored(f1=0.66, exact_match=0.5, no_answer_accuracy=0.4, answerable_f1=0.7),
    "baselines": {"no_answer": scored(f1=0.33, exact_match=0.33)},
    "gain": {"no_answer": scored(f1=0.33, exact_match=0.17)},
    "fit": fit("f1"),
    "slices": {},
    "answerable": 60,
    "answers_given": 55,
}


@pytest.fixture
def written(tmp_path):
    """The folder of `document` for fabricated stages of a kind of model, and (values, answer) of some test rows."""

    def write(name, report, rows=(), samples=6, without=()):
        task, data = load_task(name), tmp_path / "data"
        folders = fabricate(data)
        write_json(data / "evaluate/report.json", report)
        manifest = json.loads((data / "evaluate/manifest.json").read_bytes())
        manifest["params"]["evaluate"]["generation"] = {"samples": samples}
        write_json(data / "evaluate/manifest.json", manifest)
        records = [Record(f"{i:02x}", "s", str(i), task.schema, row, split="test") for i, (row, _) in enumerate(rows)]
        said = [Prediction(one.id, text, {}, 0.5) for one, (_, text) in zip(records, rows, strict=True)]
        pq.write_table(records_table(records, task.schema), data / "split/records.parquet")
        table = prediction_table({"test": Answered(task, records, said)})
        pq.write_table(table, data / "evaluate/predictions.parquet")
        (data / "plan/terms.csv").write_text("word,records,pieces\nmetformin,31,5\n", encoding="utf-8")
        kept = tuple(StageFolder(path) for path in folders if path.name not in without)
        (tmp_path / "out").mkdir()
        build(Context("document", DocumentParams(), {}, task, None, kept), tmp_path / "out")
        return tmp_path / "out"

    return write


def page_of(folder):
    """The page, and what of it people read."""
    page = (folder / "index.html").read_text(encoding="utf-8")
    bare = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)
    return page, " ".join(unescape(bare).replace("\xa0", " ").split())


def keys_of(page):
    return {name: unescape(value) for name, value in re.findall(r'data-key="(\w+)">(.*?)</dd>', page)}


def chat(*turns):
    return {"messages": tuple(Message(role, content) for role, content in turns)}


ROWS = [
    (chat(("system", "Be brief."), ("user", "Where is it?"), ("assistant", f"Over there {EVIL}")), f"Here {EVIL}"),
    (chat(("user", "And why?")), None),
    (chat(("user", "How much?"), ("assistant", "A lot.")), "A lot."),
]


def test_a_model_that_writes_is_told_by_its_words_its_perplexity_and_the_model_before_tuning(written):
    page, text = page_of(written("causal_lm", WRITES))
    assert (keys_of(page)["rouge_l"], keys_of(page)["perplexity"]) == ("42.0\xa0%", "7.40")
    assert "Its answers reach a ROUGE-L of 42.0 % on test rows" in text
    assert "untuned model: 29.30" in text
    assert "Tuning lowered the loss of the references from 3.378 to 2.001 nats a token" in text
    assert "perplexity from 29.30 to 7.40" in text
    assert "Gain in ROUGE-L, in points with 95 % interval: +22.0 over untuned model" in text
    assert "Loss on rows it has and has not seen, nats a token" in text
    assert "Words: median, and nine of ten 21 (3–60) 25 (4–64)" in text
    assert "Decline to answer 7.3 % 2.0 %" in text
    assert "Repeat themselves 3.1 % 0.0 %" in text
    assert "0.84 times the words of the references" in text
    assert "Word runs copied from what is given 12.0 % –" in text


def test_what_a_model_that_writes_does_not_have_is_not_called_missing(written):
    _, text = page_of(written("causal_lm", WRITES))
    assert "Confusion" not in text
    assert "Calibration: not recorded" not in text
    assert "F1 by label" not in text
    assert "count shared words" in text


def test_written_answers_stand_beside_prompt_and_reference_and_nothing_of_them_is_markup(written):
    page, text = page_of(written("causal_lm", WRITES, ROWS))
    assert "2 test rows, chosen by chance" in text
    assert "This is scrubbed text" in text
    assert f"system Be brief. user Where is it? answer Here {EVIL} reference Over there {EVIL}" in text
    assert "And why?" not in text
    assert "<script>alert" not in page
    assert page.count('<details class="sample">') == 2


@pytest.mark.parametrize(
    ("more", "shown"), [({"samples": 1}, 1), ({"samples": 0}, 0), ({"without": ("scrub_pii",)}, 0)]
)
def test_as_many_answers_are_shown_as_the_params_say_and_none_of_text_that_was_not_scrubbed(written, more, shown):
    page, _ = page_of(written("causal_lm", WRITES, ROWS, **more))
    assert page.count('<details class="sample">') == shown


def test_no_text_of_a_record_stands_in_the_figures_or_in_another_document(written):
    folder = written("causal_lm", WRITES, ROWS)
    page, _ = page_of(folder)
    (figures,) = re.findall(r'<script type="application/json" id="figures">(.*?)</script>', page, re.DOTALL)
    others = [path.read_text(encoding="utf-8") for path in folder.iterdir() if path.name != "index.html"]
    assert len(others) >= 6
    assert not [text for text in (figures, *others) if "Where is it" in text or "Over there" in text]


def test_of_a_text_alone_the_first_half_is_the_prompt(written):
    text = "one two three four five six"
    _, shown = page_of(written("causal_lm", WRITES, [(chat(("completion", text)), "four")]))
    assert "completion one two three answer four reference four five six" in shown


def test_the_answers_of_a_sequence_model_stand_beside_source_and_target(written):
    _, shown = page_of(written("seq2seq", WRITES, [({"source_text": "tree house", "target_text": "house tree"}, "h")]))
    assert "source text tree house answer h reference house tree" in shown


def test_a_model_that_tags_words_is_told_by_its_types(written):
    page, text = page_of(written("token_labels", TAGS))
    assert keys_of(page)["f1"] == "81.0\xa0%"
    assert "It reaches an F1 of 81.0 % on the 853 test rows" in text
    assert "the best baseline (known spans looked up) reaches 55.0 %" in text
    assert "F1 by label, %" in text
    assert "F1 of a record by slice, %" in text
    assert "(none) is where nothing is, or nothing was found" in text
    assert "person 30 91.0 89.0 90.0 (88.0–93.0)" in text
    assert "Calibration: not recorded" not in text


def test_a_model_that_answers_questions_is_told_by_f1_and_exact_match(written):
    page, text = page_of(written("question_answering", ANSWERS))
    assert (keys_of(page)["f1"], keys_of(page)["exact_match"]) == ("66.0\xa0%", "50.0\xa0%")
    assert "Right where there is no answer, % 40.0 (38.0–43.0)" in text
    assert "F1 on rows it has and has not seen, %" in text


def test_words_that_the_tokenizer_takes_apart_are_listed(written):
    _, text = page_of(written("token_labels", TAGS))
    assert "Words that the tokenizer takes apart (1)" in text
    assert "metformin 31 5" in text


def test_of_very_many_labels_the_weakest_are_drawn_and_the_pairs_that_are_mixed_up_are_listed(written):
    names = [f"intent{i:02}" for i in range(40)]
    matrix = [[10 if i == j else 3 if j == i + 1 and i < 2 else 0 for j in range(40)] for i in range(40)]
    classes = {name: {**scored(f1=i / 40), "rows": 12} for i, name in enumerate(names)}
    report = {**scored(accuracy=0.8), "per_class": classes, "confusion": {"labels": names, "matrix": matrix}}
    _, text = page_of(written("classification", report))
    assert "The 20 of 40 labels where it is weakest." in text
    assert "Taken for each other most often" in text
    assert "intent00 intent01 3 of 13" in text


def test_the_cards_tell_the_same_scores_and_count_nothing_as_one(written):
    card = (written("question_answering", ANSWERS) / "model_card.md").read_text(encoding="utf-8")
    assert "task:\n      type: question-answering" in card
    assert re.search(r"\| F1 where there is an answer +\| \*\*0.700 \(0.680 to 0.730\)\*\*", card)
    assert "Answers given" not in card
    assert "By label" not in card


def test_the_card_of_a_model_that_writes_names_its_metrics_as_the_hub_does(written):
    folder = written("seq2seq", WRITES)
    card = (folder / "model_card.md").read_text(encoding="utf-8")
    found = metadata_load(folder / "model_card.md")
    (result,) = found["model-index"][0]["results"]
    kinds = {metric["name"].partition(" (")[0]: (metric["type"], metric.get("args")) for metric in result["metrics"]}
    assert found["pipeline_tag"] == "text-generation"
    assert kinds["ROUGE-L"] == ("rouge", {"rouge_types": ["rougeL"]})
    assert kinds["BLEU"] == ("sacrebleu", None)
    assert "Tuning lowered the loss" in card
    assert "| Decline to answer " in card


def test_the_bill_of_materials_says_what_a_model_is_given_and_what_it_answers(written):
    for name, inputs, outputs in (
        ("seq2seq", ["source_text"], ["target_text"]),
        ("causal_lm", ["messages"], ["messages"]),
    ):
        found = model_card({}, Facts("t", task=name, schema=load_task(name).schema, writes=True), None)
        assert [one["format"] for one in found["modelParameters"]["inputs"]] == inputs
        assert [one["format"] for one in found["modelParameters"]["outputs"]] == outputs
    asks = model_card({}, Facts("t", schema=load_task("question_answering").schema), None)["modelParameters"]
    assert [one["format"] for one in asks["inputs"]] == ["question", "context"]
    assert [one["format"] for one in asks["outputs"]] == ["answers"]


def test_the_length_that_a_model_was_tuned_with_is_that_of_its_own_note():
    facts = Facts("t", plan={"finetune": {"max_length": 1}}, training={"options": {"max_length": 96}, "lr": 5e-5})
    properties = {one["name"]: one["value"] for one in model_card({}, facts, None)["properties"]}
    assert properties["rowtrail:training:max_length"] == "96"


def test_what_rows_were_learned_from_and_what_each_counts_is_told(written):
    """Few shots, synthetic rows and weights, as far as there are any."""
    finetune = {
        "head_only": True, "class_weights": True, "attribute_weights": "region", "source_weights": {"forum": 0.5},
        "augment": {"method": "edits"}, "new_tokens": ["metformin"], "lora": {"enabled": False},
    }  # fmt: skip
    tokens = {"quantiles": {"0.5": 12, "1": 90}, "truncated": 0.02, "unknown": 0.004, "per_word": 1.4, "terms_apart": 7}
    recorded = {
        "plan": {
            "manifest": {"params": {"finetune": finetune}},
            "report": {"synthetic": 120, "tokens": {**tokens, "nothing_left": 3}},
        },
        "split": {"manifest": {"params": {"split": {"shots": 8}}}},
    }
    facts = model(recorded)["facts"]
    assert facts["Trained"] == "the new head alone"
    assert (facts["Synthetic rows"], facts["made by"]) == (120, "small edits")
    assert facts["Rows are weighed by"] == "class, class and region, source (forum: 0.5)"
    assert facts["Training rows of each class, at most"] == 8
    assert facts["Words added to the vocabulary"] == 1
    assert facts["Rows left out, their answer being cut off"] == 3
    assert facts["Words that fall into pieces"] == 7
    assert facts["Tokens not in the vocabulary"] == 0.004
