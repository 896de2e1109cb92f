"""Entities, beyond the contract: what is learned, what is found behind the cut, what cleaning and scrubbing leave."""

import json
import math
import random
from dataclasses import replace
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from stages.clean import clean_record
from stages.core.errors import DataError, UsageError
from stages.core.keys import Keys
from stages.core.ledger import checked_evidence
from stages.core.params import CleanParams, ScrubPiiParams
from stages.core.records import Record, Span
from stages.core.runner import run
from stages.core.stage import Context
from stages.core.storage import FolderWriter
from stages.core.task import Prediction, RowFault
from stages.evaluate import STAGE as EVALUATE
from stages.finetune import STAGE as FINETUNE
from stages.methods.scrub_pii.detection.detect import Detector
from stages.methods.scrub_pii.detection.findings import NER, Finding
from stages.plan import STAGE as PLAN
from stages.scrub_pii import decide, prepare
from stages.tasks import load_task
from tests import tiny
from tests.methods.check_labels.lent import lent
from tests.tasks.samples.token_labels import BROKEN, FILLERS, LABELS, PEOPLE, PLACES, row, save_base

TASK = load_task("token_labels")
OPTIONS = {"max_length": 32, "stride": 8, "dropout": 0.0, "frozen_layers": 0, "lora": {"enabled": False}}


def record(text, *spans, id="r1"):
    return Record(id, "s", "1", TASK.schema, {"text": text, "spans": tuple(Span(*span) for span in spans)})


def unanswered(text):
    return Record("r1", "s", "1", TASK.schema, {"text": text, "spans": None})


def toy_records(count, first=0):
    """Sentences of filler words with a person, a place, both or neither, the place sometimes of two words."""
    found = []
    for i in range(first, first + count):
        draw = random.Random(i)
        words = [draw.choice(FILLERS[:11]) for _ in range(draw.randint(2, 6))]
        for names in draw.sample((PEOPLE, PLACES), draw.randint(0, 2)):
            words.insert(draw.randint(0, len(words)), draw.choice(names))
        found.append(Record(f"{i:04x}", "s", str(i), TASK.schema, TASK.read_row(row(" ".join(words)), LABELS)))
    return found


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def tuned(base):
    """A model that has learned the names, by AdamW's plainest loop."""
    import torch

    torch.manual_seed(0)
    model, tokenizer = TASK.load(base, LABELS, OPTIONS)
    features = TASK.encode(toy_records(128), tokenizer, OPTIONS, LABELS)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(30):
        rows = features[step % 4 * 32 : step % 4 * 32 + 32]
        loss = TASK.losses(model, TASK.collate(rows, tokenizer)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval(), tokenizer


def found(tuned, text, **options):
    (said,) = TASK.predict(*tuned, [unanswered(text)], {**OPTIONS, **options})
    return [(text[span.start : span.end], span.label) for span in said.answer]


def test_it_learns_to_find_names(tuned):
    test = toy_records(60, first=1000)
    scores = TASK.score(test, TASK.predict(*tuned, test, OPTIONS), 100, 13)
    assert scores.metrics["f1"].value > 0.95


def test_a_name_of_several_sub_words_is_found_whole_and_without_what_stands_beside_it(tuned):
    assert found(tuned, "we met anna's lake near aarau-bern, ") == [
        ("anna", "person"),
        ("aarau", "place"),
        ("bern", "place"),
    ]


@pytest.mark.parametrize("max_length", [8, 11, 32])
def test_names_behind_the_length_that_training_sees_are_found(tuned, max_length):
    text = "we saw nobody today " * 12 + "anna went to bern " + "we saw nobody today " * 12 + "near chur"
    names = found(tuned, text, max_length=max_length)
    assert names == [("anna", "person"), ("bern", "place"), ("chur", "place")]


def test_the_loss_of_a_long_text_is_over_all_its_words(tuned):
    text = "we saw nobody today " * 12
    (short,) = TASK.predict(*tuned, [record(text + "anna", (len(text), len(text) + 4, "person"))], OPTIONS)
    (wrong,) = TASK.predict(*tuned, [record(text + "anna")], OPTIONS)
    assert wrong.loss > short.loss + 0.02


def test_scores_say_how_sure_the_model_is_of_each_type(tuned):
    (said,) = TASK.predict(*tuned, [unanswered("we met anna")], OPTIONS)
    assert set(said.scores) == set(LABELS)
    assert said.scores["person"] > 0.9 > 0.5 > said.scores["place"]
    assert said.loss is None


def test_what_is_found_is_shown_with_its_place(tuned):
    (line,) = TASK.answer(*tuned, unanswered("we met anna"), OPTIONS)
    assert line == "7-11  person  anna\n"
    assert list(TASK.answer(*tuned, unanswered("we met nobody"), OPTIONS)) == ["(none)\n"]


def test_truth_and_answer_have_one_form(tuned):
    given = record("we met anna", (7, 11, "person"))
    (said,) = TASK.predict(*tuned, [given], OPTIONS)
    assert TASK.said(said) == TASK.truth(given) == json.dumps([[7, 11, "person"]])
    assert TASK.truth(unanswered("we met anna")) is None
    assert TASK.truth(record("nobody")) == "[]"


def test_what_is_wrong_with_a_row_is_said_without_its_text():
    for given, _ in BROKEN:
        with pytest.raises(RowFault) as fault:
            TASK.read_row(given, LABELS)
        for name, value in fault.value.evidence.items():
            checked_evidence(name, value)


def test_a_text_with_tokens_is_read_by_its_spans_and_tokens_alone_by_their_tags():
    both = {"text": "in bern", "spans": [[3, 7, "place"]], "tokens": ["in", "bern"], "tags": ["O", "O"]}
    assert TASK.read_row(both, None)["spans"] == (Span(3, 7, "place"),)
    tagged = {"text": "in  bern", "tokens": ["in", "bern"], "tags": ["O", "B-place"]}
    assert TASK.read_row(tagged, None) == {"text": "in bern", "spans": (Span(3, 7, "place"),)}
    assert TASK.read_row({"text": "in bern"}, None) == {"text": "in bern", "spans": None}


# --- features ---------------------------------------------------------------------------------------------------------


def test_only_the_first_sub_word_of_a_word_is_learned(base):
    _, tokenizer = TASK.load(base, LABELS, OPTIONS)
    given = record("we met anna bruno.", (7, 17, "person"))
    (features,) = TASK.encode([given], tokenizer, OPTIONS, LABELS)
    tokens = tokenizer.convert_ids_to_tokens(features["input_ids"])
    assert tokens == ["[CLS]", "we", "met", "an", "##na", "br", "##uno", ".", "[SEP]"]
    assert features["labels"] == [-100, 0, 0, 1, -100, 2, -100, 0, -100]
    assert (features["learned"], features["tokens"]) == (5, 9)


def test_a_cut_text_is_learned_up_to_the_cut_and_says_so(base):
    _, tokenizer = TASK.load(base, LABELS, OPTIONS)
    (features,) = TASK.encode([record("we met " * 20)], tokenizer, {**OPTIONS, "max_length": 8}, LABELS)
    assert (len(features["input_ids"]), features["tokens"], features["learned"]) == (8, 42, 6)


def test_what_nobody_annotated_is_not_learned_and_an_unknown_type_neither(base):
    _, tokenizer = TASK.load(base, LABELS, OPTIONS)
    (features,) = TASK.encode([unanswered("we met anna")], tokenizer, OPTIONS, LABELS)
    assert not {"labels", "learned"} & set(features)
    (features,) = TASK.encode([record("we met anna", (7, 11, "planet"))], tokenizer, OPTIONS, LABELS)
    assert features["labels"] == [-100, 0, 0, -100, -100, -100]


def test_a_text_without_words_teaches_nothing_and_finds_nothing(base):
    model, tokenizer = TASK.load(base, LABELS, OPTIONS)
    (features,) = TASK.encode([record("\u200d")], tokenizer, OPTIONS, LABELS)
    assert features["learned"] == 0
    assert TASK.losses(model, TASK.collate([features], tokenizer)).tolist() == [0.0]
    (said,) = TASK.predict(model, tokenizer, [record("\u200d")], OPTIONS)
    assert said == Prediction("r1", (), {"person": 0.0, "place": 0.0}, None)


def test_the_head_knows_begin_and_inside_of_each_type(base):
    model, _ = TASK.load(base, LABELS, OPTIONS)
    assert model.config.id2label == {0: "O", 1: "B-person", 2: "I-person", 3: "B-place", 4: "I-place"}


def test_without_any_span_there_is_nothing_to_learn(base):
    with pytest.raises(DataError, match="no record has a labelled span"):
        TASK.outline(base, (), OPTIONS)


def test_a_model_that_cannot_tag_words_is_refused(tmp_path):
    from transformers import ViTConfig

    ViTConfig(hidden_size=8, num_hidden_layers=1).save_pretrained(tmp_path / "vision")
    with pytest.raises(UsageError, match="no head for tagging words"):
        TASK.outline(tmp_path / "vision", LABELS, OPTIONS)


# --- other families of models -----------------------------------------------------------------------------------------


def save_bytes(folder, kind, **settings):
    """An untrained RoBERTa or GPT-2 of one layer that reads bytes; GPT-2 without a token for padding."""
    import torch
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import GPT2Config, GPT2Model, GPT2Tokenizer, RobertaConfig, RobertaModel, RobertaTokenizer

    torch.manual_seed(0)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"] if kind == "roberta" else ["<|endoftext|>"]
    vocab = {token: i for i, token in enumerate([*special, *sorted(ByteLevel.alphabet())])}
    if kind == "roberta":
        config = RobertaConfig(
            vocab_size=len(vocab), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
            max_position_embeddings=70, pad_token_id=1, bos_token_id=0, eos_token_id=2, type_vocab_size=1,
        )  # fmt: skip
        RobertaModel(config).save_pretrained(folder)
        RobertaTokenizer(vocab=vocab, merges=[], **settings).save_pretrained(folder)
    else:
        config = GPT2Config(vocab_size=len(vocab), n_embd=16, n_layer=1, n_head=2, n_positions=64)
        GPT2Model(config).save_pretrained(folder)
        GPT2Tokenizer(vocab=vocab, merges=[], **settings).save_pretrained(folder)
    return str(folder)


def _tagged(row, tokenizer):
    """The pieces that have a label, with it."""
    pieces = tokenizer.convert_ids_to_tokens(row["input_ids"])
    return [(piece, label) for piece, label in zip(pieces, row["labels"], strict=True) if label != -100]


@pytest.mark.parametrize("space", [False, True])
@pytest.mark.parametrize("kind", ["roberta", "gpt2"])
def test_models_that_read_bytes_tag_the_first_byte_of_each_word(kind, space, tmp_path):
    model, tokenizer = TASK.load(save_bytes(tmp_path / "m", kind, add_prefix_space=space), LABELS, OPTIONS)
    given = [record("Ann, naïve", (0, 3, "person")), record("in São Tomé!", (3, 11, "place"))]
    features = TASK.encode(given, tokenizer, OPTIONS, LABELS)
    first, second = (_tagged(row, tokenizer) for row in features)
    assert first == [("Ġ" if space and kind == "gpt2" else "A", 1), (",", 0), ("n", 0)]
    assert second == [("Ġ" if space and kind == "gpt2" else "i", 0), ("S", 3), ("T", 4), ("!", 0)]
    together = TASK.losses(model, TASK.collate(features, tokenizer)).tolist()
    assert [said.loss for said in TASK.predict(model, tokenizer, given, OPTIONS)] == pytest.approx(together, abs=1e-4)
    assert all(math.isfinite(loss) for loss in together)


def test_padding_is_on_the_right_where_the_tokenizer_pads_on_the_left(tmp_path):
    base = save_bytes(tmp_path / "m", "gpt2", padding_side="left", truncation_side="left")
    model, tokenizer = TASK.load(base, LABELS, OPTIONS)
    given = [record("in São Tomé!", (3, 11, "place")), record("São")]
    features = TASK.encode(given, tokenizer, OPTIONS, LABELS)
    together = TASK.losses(model.eval(), TASK.collate(features, tokenizer)).tolist()
    alone = [TASK.losses(model, TASK.collate([row], tokenizer)).item() for row in features]
    assert together == pytest.approx(alone, abs=1e-5)


def test_a_long_text_is_read_by_bytes_in_windows(tmp_path):
    model, tokenizer = TASK.load(save_bytes(tmp_path / "m", "gpt2"), LABELS, OPTIONS)
    long, short = record("São Tomé, " * 40), record("São")
    together = TASK.predict(model, tokenizer, [long, short], OPTIONS)
    assert [said.answer for said in together] == [TASK.predict(model, tokenizer, [one], OPTIONS)[0].answer
                                                  for one in (long, short)]  # fmt: skip
    assert all(0 <= span.start < span.end <= len(long.text) for span in together[0].answer)


# --- spans on their way -----------------------------------------------------------------------------------------------


def cleaned(text, *names):
    """A record whose names are marked, after `clean`: its decision, and the names as they are then."""
    spans = [(text.index(name), text.index(name) + len(name), "person") for name in names]
    decision = clean_record(record(text, *spans), CleanParams(min_chars=1))
    if decision.record is None:
        return decision.events[0].reason
    after = decision.record.values
    return [after["text"][span.start : span.end] for span in after["spans"]]


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("we met JosÃ© MuÃ±oz.", ["JosÃ© MuÃ±oz"], ["José Muñoz"]),
        ("â€œRenÃ©eâ€\x9d met (JosÃ©)", ["RenÃ©e", "JosÃ©"], ["Renée", "José"]),
        ("<p>Hi <b>Ann</b>, it is&nbsp;Bob</p>", ["Ann", "Bob"], ["Ann", "Bob"]),
        ("&quot;Brandt &amp; Sons&quot; met <i>Bob</i> Lee", ["Brandt &amp; Sons"], ["Brandt & Sons"]),
        ("  Ann \u00a0\u00a0 Lee  met\t\tBob", ["Ann \u00a0\u00a0 Lee", "Bob"], ["Ann Lee", "Bob"]),
        ("\u200bZoe\u0308 met A\u00adnn", ["Zoe\u0308", "A\u00adnn"], ["Zo\u00eb", "Ann"]),
    ],
)
def test_names_are_still_marked_after_cleaning(text, before, after):
    assert cleaned(text, *before) == after


def test_a_name_that_cleaning_would_cut_or_empty_is_no_silent_shift():
    assert cleaned("met <b>Ann</b> Lee today", "<b>Ann</b") == "span_cut"
    assert cleaned("met \u200b today", "\u200b") == "span_cut"


def scrubbed(monkeypatch, given, *places, **params):
    """A record after `scrub_pii`, as if people were found at these places."""
    findings = [Finding(start, end, "PERSON", 0.9, "T", NER) for start, end in places]
    monkeypatch.setattr(Detector, "find", lambda self, texts, languages: [findings])
    settings = ScrubPiiParams(entities={"PERSON": "tag"}, **params)
    context = Context("scrub_pii", settings, {}, SimpleNamespace(schema=TASK.schema), Keys(None, frozenset("s")), ())
    (prepared,) = prepare([given], context)
    return decide(given, settings, prepared)


def test_names_are_still_marked_after_scrubbing(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    given = record("Ann Lee met Bob in Rome", (0, 7, "person"), (12, 15, "person"), (19, 23, "place"))
    decision = scrubbed(monkeypatch, given, (0, 7), (12, 15))
    values = decision.record.values
    assert values["text"] == "<PERSON> met <PERSON> in Rome"
    marked = [(values["text"][span.start : span.end], span.label) for span in values["spans"]]
    assert marked == [("<PERSON>", "person"), ("<PERSON>", "person"), ("Rome", "place")]


def test_a_replacement_inside_a_name_stretches_it_and_one_across_its_end_drops_the_record(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    given = record("Ann Lee met", (0, 7, "person"))
    values = scrubbed(monkeypatch, given, (4, 7)).record.values
    assert (values["text"], values["spans"]) == ("Ann <PERSON> met", (Span(0, 12, "person"),))
    given = record("Ann Lee left", (0, 7, "person"))
    decision = scrubbed(monkeypatch, given, (4, 12))
    assert (decision.record, decision.events[0].reason) == (None, "span_cut")
    with pytest.raises(DataError, match="would cut a label's span"):
        scrubbed(monkeypatch, given, (4, 12), on_cut_span="fail")


def test_texts_that_nobody_annotated_go_the_same_way(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    given = unanswered("we  met <b>Ann</b>")
    clean = clean_record(given, CleanParams(min_chars=1)).record
    assert clean.values == {"text": "we met Ann", "spans": None}
    assert scrubbed(monkeypatch, clean, (7, 10)).record.values == {"text": "we met <PERSON>", "spans": None}


# --- the stages -------------------------------------------------------------------------------------------------------


def test_plan_finetune_and_evaluate_know_what_was_annotated(base, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parts = ["train"] * 64 + ["validation"] * 12 + ["test"] * 24
    records = [replace(one, split=split) for one, split in zip(toy_records(100), parts, strict=True)]
    records.append(replace(unanswered("we met dirk"), id="ffff", split="train"))
    with FolderWriter(tmp_path / "split", TASK.schema) as folder:
        for one in records:
            folder.add(one)
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "split", "inputs": {}, "params": {}})
    settings = tiny.params(base, lr=1e-2, task="token_labels", evaluate={"bootstrap": 100})
    split, plan, model = tmp_path / "split", tmp_path / "plan", tmp_path / "finetune"
    run(PLAN, [split], plan, settings, TASK)
    run(FINETUNE, [split, plan], model, settings, TASK)
    run(EVALUATE, [split, model], tmp_path / "evaluate", settings, TASK)
    planned = json.loads((plan / "plan.json").read_text())
    assert planned["labels"] == ["person", "place"]
    assert planned["data"]["train"] == 64
    report = json.loads((tmp_path / "evaluate" / "report.json").read_text())
    assert report["f1"] > 0.7 > report["baselines"]["none"]["f1"] == 0
    rows = pq.read_table(tmp_path / "evaluate" / "predictions.parquet").to_pylist()
    assert all(json.loads(row["label"]) == json.loads(row["answer"]) for row in rows if row["correct"])
    events = pq.read_table(model / "events.parquet").to_pylist()
    assert [event["reason"] for event in events if event["id"] == "ffff"] == ["no_label"]


# --- labels in doubt --------------------------------------------------------------------------------------------------
def check(records, base, **section):
    """What the check lends, over these records."""
    return replace(lent(records, **section), encoder=base)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """The cache of vectors is kept beside the key: not in the project that is tested."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_wrong_span_is_a_suspect_with_the_right_one_suggested(base, elsewhere):
    records = toy_records(240)
    place = next(i for i, one in enumerate(records) if [span.label for span in one.values["spans"]] == ["place"])
    (span,) = records[place].values["spans"]
    records[place] = records[place].with_values(spans=(Span(span.start, span.end, "person"),))
    found = TASK.doubts(check(records, base, probe=0))
    (doubt,) = found.doubts[records[place].id]
    given, right = f"{span.start}-{span.end}:person", f"{span.start}-{span.end}:place"
    assert doubt.reason == "suspect_label"
    assert (doubt.evidence["given"], doubt.evidence["suggested"]) == (given, right)
    assert doubt.evidence["count"] == 1
    assert doubt.evidence["stretches"] == [[span.start, span.end, given, right, doubt.evidence["score"]]]
    assert {name: checked_evidence(name, value) for name, value in doubt.evidence.items()} == doubt.evidence
    assert found.ranked[records[place].id].suggested == right
    assert found.ranked[records[place].id].margin == min(one.margin for one in found.ranked.values())
    assert len(found.doubts) <= 3
    assert len(found.ranked) == 240
    assert {"given": "person", "suggested": "place", "rows": 1} in found.facts["suggestions"]


def test_the_check_says_how_many_planted_errors_it_finds(base, elsewhere):
    found = TASK.doubts(check(toy_records(240), base, probe=0.2)).facts["probe"]
    assert {*found} <= {"type", "missing", "boundary"}
    assert found["type"]["planted"] >= 5


def test_types_that_are_too_rare_to_judge_are_left_alone_and_told(base, elsewhere):
    rare = [record("we met lake", (7, 11, "moon"), id=f"f{i}") for i in range(3)]
    found = TASK.doubts(check([*toy_records(120), *rare], base, probe=0))
    assert found.facts["unchecked_classes"] == {"moon": 3}
    assert "not checked" in found.facts["warnings"][0]
    assert not any(one.id in found.doubts for one in rare)


@pytest.mark.parametrize("records", [[], [unanswered("we met anna")], [record("we met", id=f"r{i}") for i in range(9)]])
def test_without_spans_nothing_is_checked(base, elsewhere, records):
    found = TASK.doubts(check(records, base))
    assert not found.ranked
    assert len(found.facts["warnings"]) == 1


def test_a_record_that_nobody_looked_through_is_not_judged(base, elsewhere):
    nobody = replace(unanswered("we met anna"), id="ffff")
    assert "ffff" not in TASK.doubts(check([*toy_records(120), nobody], base, probe=0)).ranked


def test_spans_are_one_line_which_a_person_can_change():
    one = record("anna met bruno", (0, 4, "person"), (9, 14, "a friend"))
    assert TASK.annotation(one) == '0-4:person 9-14:"a friend"'
    assert TASK.with_annotation(one, "5-8:place").values["spans"] == (Span(5, 8, "place"),)
    assert TASK.with_annotation(one, "").values["spans"] == ()
    assert TASK.annotation(unanswered("anna")) is None
    assert TASK.annotation(record("anna")) == ""


@pytest.mark.parametrize("line", ["0-5:person 4-8:place", "9-15:person", "9-14:person 0-4:person", "4-4:person", "x"])
def test_spans_that_cannot_be_are_refused(line):
    with pytest.raises(ValueError, match="span"):
        TASK.with_annotation(record("anna met bruno"), line)
