"""The documents as a whole: what they say, what they leave to a person, and what they never say."""

import hashlib
import importlib
import json
import re
from argparse import ArgumentParser
from pathlib import Path

import pytest
from huggingface_hub import DatasetCard, ModelCard, metadata_load
from huggingface_hub.repocard_data import model_index_to_eval_results
from markdown_it import MarkdownIt

from stages.commands import COMMANDS
from stages.core.params import DocumentParams, Params
from stages.core.records import Column, Schema
from stages.methods.document.cards.groups import GroupCount
from stages.methods.document.cards.write import cards
from stages.methods.document.documents import CARDS
from stages.methods.document.facts import Facts
from stages.methods.document.figures import figures
from tests.fabricated import STAGES, fabricate

STATEMENTS = tuple(name for name in DocumentParams.model_fields if name != "title")
TEMPLATES = Path("stages/templates/cards")
PLAN = {
    "model": "owner/base",
    "base": {"commit": "abc123"},
    "labels": ["negative", "neutral", "positive"],
    "lr": 5e-5,
    "finetune": {"max_length": 96, "lora": {"enabled": False}, "dropout": None},
    "tokens": {"truncated": 0.003},
    "estimated": {"tflop": 25.984},
}
TRAINING = {"device": "cpu", "dtype": "float32", "stopped_early": False, "best_step": 260}
SCHEMA = Schema((Column("text", "text"), Column("label", "label")))
HEADERS = {
    "base_model", "language", "library_name", "metrics", "model-index", "multilinguality", "pipeline_tag",
    "pretty_name", "size_categories", "tags", "task_categories",
}  # fmt: skip
HOSTILE = (
    "|x|\n\n# <script>alert(1)</script> | `a` ``b`` [c](javascript:d) **e** "
    "---\n---\nkey: value\r\n> \u202e$f$ &lt; _g_\x00"
)


def recorded_in(folder, changes=None, only=STAGES):
    """What `document` reads from the stage folders."""
    found = {}
    for path in fabricate(folder, changes):
        manifest = (path / "manifest.json").read_bytes()
        if path.name in only:
            found[path.name] = {
                "manifest": json.loads(manifest),
                "report": json.loads((path / "report.json").read_bytes()),
                "digest": hashlib.sha256(manifest).hexdigest(),
                "rows_by_action": {},
            }
    return found


def made(recorded, statements=None, **changes):
    """All documents."""
    given = {
        "plan": PLAN,
        "training": TRAINING,
        "schema": SCHEMA,
        "groups": [
            GroupCount("deduplicate", "drop", "label", "negative", 900, 20),
            GroupCount("deduplicate", "drop", "label", "positive", 400, 60),
        ],
    }
    facts = Facts("Tweets", "classification", statements or dict.fromkeys(STATEMENTS), **{**given, **changes})
    return cards(recorded, figures(recorded, [], {"python": "3.11.7"}), facts)


@pytest.fixture
def recorded(tmp_path):
    return recorded_in(tmp_path / "data", {"clean": {"languages": {"en": 5900, "unknown": 50, "de": 80, "it": 1}}})


@pytest.fixture
def documents(recorded):
    return made(recorded)


def body(document):
    """A document without its header."""
    return re.sub(r"\A---\n.*?\n---\n", "", document, flags=re.DOTALL)


def rendered(document):
    return MarkdownIt("commonmark").enable("table").render(body(document))


def spans(documents):
    """Every code span of every document."""
    tokens = [token for text in documents.values() for token in MarkdownIt().enable("table").parse(body(text))]
    inner = [child for token in tokens for child in token.children or []]
    return {child.content for child in inner if child.type == "code_inline"}


def test_the_index_lists_just_the_documents_that_are_made(documents):
    assert [document.file for document in CARDS] == list(documents)
    assert all(document.title and document.purpose and document.sentence.endswith(".") for document in CARDS)


def test_the_model_card_names_the_runs_that_the_base_model_was_tuned_in(recorded):
    parent = {"name": "v1", "commit": "9c1e", "finetune": "ab12", "task": "multi_label", "model": "owner/first"}
    text = made(recorded, training={**TRAINING, "parents": [parent]})["model_card.md"]
    assert "`v1`: `multi_label` from `owner/first`, commit `9c1e`, manifest of `finetune` `ab12`" in text


def test_the_same_values_give_the_same_bytes(recorded):
    assert made(recorded) == made(recorded)


def test_each_document_begins_with_what_it_is_its_digest_and_how_to_check_it(documents, recorded):
    for document in CARDS:
        start = body(documents[document.file])[:900]
        assert document.sentence in start
        assert recorded["audit"]["digest"] in start
        assert "`rowtrail verify`" in start
        assert "not legal advice" in start
        for entry in recorded.values():
            assert entry["digest"] in documents[document.file]


def test_a_broken_chain_is_said_on_top(recorded):
    recorded["clean"]["digest"] = "0" * 64
    for document in made(recorded).values():
        assert "The chain is broken at `deduplicate`" in body(document)[:1200]


def test_the_model_cards_header_comes_back_from_the_hubs_own_reader(documents, tmp_path):
    file = tmp_path / "README.md"
    file.write_text(documents["model_card.md"])
    card = ModelCard.load(file)
    assert str(card) == documents["model_card.md"]
    assert metadata_load(file) == card.data.to_dict()
    assert card.data.language == ["en", "de"]
    assert card.data.pipeline_tag == "text-classification"
    assert card.data.base_model == "owner/base"
    assert card.data.license is None


def test_the_scores_come_back_as_results_with_their_intervals(documents, tmp_path):
    file = tmp_path / "README.md"
    file.write_text(documents["model_card.md"])
    name, results = model_index_to_eval_results(metadata_load(file)["model-index"])
    assert name == "Tweets"
    assert [(r.metric_type, r.metric_value, r.metric_args) for r in results] == [
        ("accuracy", 0.8089, None),
        ("f1", 0.8012, {"average": "macro"}),
    ]
    assert results[0].metric_name == "Accuracy (95 % interval 0.782 to 0.834)"
    assert results[0].dataset_split == "test"


def test_the_data_set_cards_header_comes_back_from_the_hubs_own_reader(recorded, tmp_path):
    recorded["ingest"]["manifest"]["params"]["ingest"]["sources"][0]["uri"] = "hf://owner/rows:train"
    file = tmp_path / "README.md"
    file.write_text(made(recorded)["dataset_card.md"])
    card = DatasetCard.load(file)
    assert card.data.to_dict() == {
        "language": ["en", "de"],
        "multilinguality": "multilingual",
        "size_categories": "1K<n<10K",
        "source_datasets": ["extended|owner/rows"],
        "task_categories": ["text-classification"],
        "pretty_name": "Tweets",
        "tags": ["rowtrail"],
    }


@pytest.mark.parametrize(
    ("written", "header"),
    [
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("GPL-3.0-only", {"license": "gpl-3.0"}),
        ("Our own terms", {"license": "other", "license_name": "our-own-terms"}),
        (None, {}),
    ],
)
def test_the_hub_gets_the_licence_in_its_own_spelling(recorded, tmp_path, written, header):
    for name, text in made(recorded, {"license": written}).items():
        if name.endswith("_card.md"):
            (tmp_path / name).write_text(text)
            found = metadata_load(tmp_path / name)
            assert {key: value for key, value in found.items() if key.startswith("license")} == header


def test_a_base_model_from_a_folder_is_not_called_one_of_the_hub(recorded):
    plan = {**PLAN, "model": "models/base", "base": {"model.safetensors": "5" * 64}}
    card = made(recorded, plan=plan)["model_card.md"]
    assert "base_model:" not in card
    assert "5" * 64 in card


def test_every_statement_has_its_place_and_a_mark_where_nobody_wrote_it(recorded):
    without = "".join(made(recorded).values())
    said = {name: f"what {name} says" for name in STATEMENTS}
    documents = "".join(made(recorded, said).values())
    for name in STATEMENTS:
        assert f"**To be written by a person** (set `document.{name}` in `params.yaml`)" in without
        assert f"(set `document.{name}`" not in documents
        assert f"\u201cwhat {name} says\u201d" in documents


def test_templates_ask_for_statements_that_the_params_have():
    asked = {key for file in TEMPLATES.glob("*.j2") for key in re.findall(r'sa(?:y|id)\("(\w+)"\)', file.read_text())}
    assert asked == set(STATEMENTS)


def test_a_statement_answers_no_question_that_it_was_not_asked(recorded):
    given = made(recorded, {"purpose": "Sorting mails", "collection": "From a site", "intended_use": "Support"})
    record, technical = given["record_of_processing.md"], given["technical_documentation.md"]

    def answer(text, question):
        return next(line.split("|")[3] for line in text.splitlines() if question in line)

    assert "To be written by a person" in answer(record, "Whose data is it?")
    assert "Sorting mails" in answer(record, "What is done, and for what?")
    first = answer(technical, "for what at first?")
    assert "To be written by a person" in first
    assert "Sorting mails" not in first


def test_data_that_stays_is_not_said_to_be_replaced(documents):
    assert "found is replaced" not in documents["datasheet.md"].replace("\n", " ")
    assert "looked for and replaced" not in documents["datasheet.md"]


def test_a_hostile_value_stays_text_and_breaks_no_table(recorded, tmp_path):
    recorded["evaluate"]["report"]["slices"] = {HOSTILE: {"accuracy": 0.5, "rows": 30, "weaker": True}}
    recorded["ingest"]["manifest"]["params"]["ingest"]["sources"][0]["license"] = HOSTILE
    recorded["check_labels"]["report"]["labels"] = {HOSTILE: {"rows": 3, "suspects": 1, "share": 0.33}}
    counts = [GroupCount("clean", "drop", "label", name, 100, 9) for name in (HOSTILE, "other")]
    calm = made(recorded_in(tmp_path / "calm"), dict.fromkeys(STATEMENTS, "calm"))
    for name, text in made(recorded, dict.fromkeys(STATEMENTS, HOSTILE), groups=counts).items():
        html = rendered(text)
        assert "<script" not in html
        assert "<strong>e</strong>" not in html
        assert "javascript:d" in html
        assert 'href="javascript' not in html
        assert "\u202e" not in text
        assert headings(text) == headings(calm[name])
        assert all(len(set(row)) == 1 for row in cells(text))
    (tmp_path / "README.md").write_text(made(recorded, {"license": HOSTILE})["model_card.md"])
    assert metadata_load(tmp_path / "README.md")["license"] == "other"


def headings(text):
    tokens = MarkdownIt().enable("table").parse(body(text))
    return [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]


def cells(text):
    """For each table the number of unescaped pipes in each of its lines."""
    lines = [len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0 for line in text.splitlines()]
    tables = "".join(chr(n) for n in lines).split("\0")
    return [[ord(c) for c in table] for table in tables if table]


def test_a_hostile_title_stays_within_the_header(recorded, tmp_path):
    facts = Facts(HOSTILE, "classification", {}, PLAN)
    for name, text in cards(recorded, figures(recorded, [], {}), facts).items():
        assert headings(text)[0].startswith("|x|") or "x" in headings(text)[0]
        if name.endswith("_card.md"):
            (tmp_path / name).write_text(text)
            assert set(metadata_load(tmp_path / name)) <= HEADERS


@pytest.mark.parametrize("missing", STAGES)
def test_a_missing_stage_is_said_to_be_missing(tmp_path, missing):
    recorded = recorded_in(tmp_path / "data", only=[name for name in STAGES if name != missing])
    for document in made(recorded).values():
        assert f"Nothing was recorded by `{missing}`" in document


def test_without_anything_the_documents_say_so_and_claim_nothing(tmp_path):
    documents = cards({}, figures({}, [], {}), Facts("", "unheard_of"))
    for name, text in documents.items():
        assert "No stage was recorded" in text
        assert not re.search(r"\d\.\d{2,}", body(text)), name
    assert "not recorded" in documents["model_card.md"]
    (tmp_path / "README.md").write_text(documents["model_card.md"])
    assert metadata_load(tmp_path / "README.md") == {
        "library_name": "transformers",
        "tags": ["rowtrail"],
        "model_name": "untitled",
    }


def test_any_tasks_metrics_are_shown_with_their_intervals(recorded):
    report = {"exact_match": 0.5, "exact_match_low": 0.4, "exact_match_high": 0.6, "rows": 7, "perplexity": 12.5}
    recorded["evaluate"]["report"] = report
    recorded["split"]["report"] = {}
    facts = Facts("QA", "question_answering", {}, PLAN)
    card = cards(recorded, figures(recorded, [], {}), facts)["model_card.md"]
    assert "| Exact match | **0.500 (0.400 to 0.600)** |" in card
    assert re.search(r"\| Perplexity +\| \*\*12.500\*\*", card)
    assert "pipeline_tag: question-answering" in card
    assert "Accuracy" not in card


def test_limits_follow_from_the_evidence(recorded):
    recorded["evaluate"]["report"]["slices"]["long"]["weaker"] = True
    card = made(recorded)["model_card.md"]
    limits = card.partition("## Limitations")[2].partition("\n## ")[0]
    assert "weaker on long (Accuracy 0.770 (0.743 to 0.795), 451 rows)" in limits
    assert "4,934 source rows (12.9\u00a0%)" in limits
    assert "`PERSON` 0.91 (0.84 to 0.95)" in limits
    assert "EMAIL_ADDRESS" not in limits
    assert "Of the texts, 0.3\u00a0% are longer than it sees" in limits
    assert "de 12, fr 3" in limits


def test_a_group_that_was_hit_harder_is_marked(documents):
    table = documents["technical_documentation.md"].partition("harder?")[2]
    rows = {line.split("|")[3].strip(): line for line in table.splitlines() if line.startswith("| `deduplicate`")}
    assert "**yes**" in rows["label: positive"]
    assert "**yes**" not in rows["label: negative"]


def test_very_many_labels_do_not_make_a_document_endless(recorded):
    labels = {f"label{n}": {"f1": 0.5, "rows": 20} for n in range(500)}
    recorded["evaluate"]["report"]["per_class"] = labels
    card = made(recorded, plan={**PLAN, "labels": list(labels)})["model_card.md"]
    assert "_40 of 500 rows; all are in the file named beside this table._" in card
    assert "label29, and 470 more" in card
    assert card.count("label") < 200


def test_every_command_in_the_documents_exists_with_its_options(documents):
    commands = {span for span in spans(documents) if span.startswith("rowtrail ")}
    assert {command.split()[1] for command in commands} <= set(COMMANDS)
    assert len(commands) >= 8
    for command in commands:
        name, *rest = command.split()[1:]
        parser = ArgumentParser()
        importlib.import_module(f"stages.commands.{name}").add_arguments(parser)
        wanted = {word for word in rest if word.startswith("--")}
        assert wanted <= set(
            parser.format_help().replace(",", " ").split() + re.findall(r"--[\w-]+", parser.format_help())
        )


def test_every_key_of_the_params_in_the_documents_exists(documents):
    sections = {name for name, field in Params.model_fields.items() if hasattr(field.annotation, "model_fields")}
    keys = {span.partition(":")[0] for span in spans(documents) if span.partition(".")[0] in sections and "." in span}
    assert len(keys) >= 15
    for key in keys:
        model = Params
        for name in key.split("."):
            assert name in model.model_fields, key
            model = model.model_fields[name].annotation


def test_every_file_in_the_documents_is_one_that_a_stage_writes(documents):
    files = {
        "manifest.json", "report.json", "events.parquet", "records.parquet", "plan.json", "training.json",
        "learning_curve.csv", "predictions.parquet", "slices.csv", *(document.file for document in CARDS),
    }  # fmt: skip
    named = {span for span in spans(documents) if span.startswith("data/")}
    assert len(named) >= 15
    for file in named - {"data/erasure.csv"}:
        _, stage, name = file.split("/")
        assert stage in (*STAGES, "document")
        assert name in files


def test_links_within_a_document_lead_to_its_headings(documents):
    for text in documents.values():
        anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(text)}
        assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors
