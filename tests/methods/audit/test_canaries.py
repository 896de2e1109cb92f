import random

import pyarrow.parquet as pq
import pytest

from stages.core.storage import StageFolder
from stages.methods.audit.canaries import (
    FILE,
    Planted,
    draw_canaries,
    draw_secrets,
    planted_table,
    read_planted,
    vocabulary,
)
from stages.tasks import TASKS, load_task

WORDS = ["bridge", "cloud", "garden", "house", "river", "stone", "tree", "window"]
LABELS = ("place", "thing")


class Tokens:
    """As much of a tokenizer as is asked."""

    def __init__(self, *tokens):
        self.tokens = tokens

    def get_vocab(self):
        return {token: i for i, token in enumerate(self.tokens)}


def canaries(task, count, seed=0):
    return draw_canaries(load_task(task), count, WORDS, LABELS, random.Random(seed))


@pytest.mark.parametrize("mark", ["", "Ġ", "▁"])
def test_whole_words_are_known_by_the_mark_of_the_tokenizer(mark):
    own = [f"{mark}{word}" for word in WORDS]
    pieces = ["##ing"] if not mark else ["ing", "er"]
    assert vocabulary(Tokens("[PAD]", *reversed(own), *pieces, f"{mark}an", f"{mark}x86", f"{mark}1999")) == WORDS


def test_letters_that_are_written_as_bytes_are_no_words():
    assert "ÃÃÃ" not in vocabulary(Tokens(*[f"Ġ{word}" for word in WORDS], "ĠÃÃÃ"))


def test_words_are_invented_for_a_tokenizer_that_knows_none():
    words = vocabulary(Tokens("a", "b", "Ġ"))
    assert len(set(words)) == len(words) > 1000
    assert all(word.isalpha() for word in words)


@pytest.mark.parametrize("task", sorted(TASKS))
def test_canaries_have_ids_and_texts_of_their_own_and_more_of_them_change_none(task):
    some, more = canaries(task, 20), canaries(task, 40)
    assert more[:20] == some
    assert [record.id for record in some[:2]] == ["canary-00001", "canary-00002"]
    assert len({record.id for record in more}) == len({record.text for record in more}) == 40
    assert {(record.source, record.split, record.subject, record.group) for record in more} == {
        ("canary", "train", None, None)
    }
    assert canaries(task, 20, seed=1) != some


def test_a_text_that_came_up_before_is_drawn_again():
    made = draw_canaries(load_task("classification"), 30, WORDS[:2], LABELS, random.Random(0))
    assert len({record.text for record in made}) == 30


@pytest.mark.parametrize("task", ["question_answering", "token_labels"])
def test_offsets_of_a_canary_are_those_of_whole_words(task):
    for record in canaries(task, 60):
        text = record.values.get("context") or record.values["text"]
        stretches = [(answer.start, answer.start + len(answer.text)) for answer in record.values.get("answers", ())]
        stretches += [(span.start, span.end) for span in record.values.get("spans", ())]
        for start, end in stretches:
            assert set(text[start:end].split(" ")) <= set(WORDS)
            assert text[start:end] == text[start:end].strip() != ""
        for answer in record.values.get("answers", ()):
            assert text.startswith(answer.text, answer.start)


def test_lengths_and_answers_of_canaries_differ():
    made = canaries("classification", 200)
    assert {len(record.values["text"].split()) for record in made} == set(range(6, 25))
    counts = [sum(record.values["label"] == label for record in made) for label in LABELS]
    assert min(counts) > 70


def test_there_are_as_many_secrets_of_each_tier_and_each_name_has_one_code():
    made = draw_secrets(load_task("causal_lm"), 5, random.Random(0))
    assert sorted(repeats for _, repeats in made) == [0] * 5 + [1] * 5 + [4] * 5 + [16] * 5
    assert len({record.values["messages"][0] for record, _ in made}) == 20
    assert [one for one, _ in draw_secrets(load_task("causal_lm"), 2, random.Random(0))] == [one for one, _ in made[:8]]
    assert made[0][0].id == "secret-00001"


def test_a_task_that_does_not_write_has_no_secrets():
    assert draw_secrets(load_task("classification"), 5, random.Random(0)) == []


@pytest.mark.parametrize("task", sorted(TASKS))
def test_what_was_planted_can_be_read_again(task, tmp_path):
    rows = [Planted(record, 1, i % 2 == 0, 1.5, None if i else 0.25) for i, record in enumerate(canaries(task, 4))]
    rows += [Planted(record, n, n > 0) for record, n in draw_secrets(load_task(task), 1, random.Random(0))]
    assert read_planted(StageFolder(tmp_path), load_task(task).schema) == []
    pq.write_table(planted_table(rows[::-1]), tmp_path / FILE)
    assert pq.read_table(tmp_path / FILE).column_names == [
        "id", "kind", "repeats", "included", "base_loss", "control_loss", "values",
    ]  # fmt: skip
    assert read_planted(StageFolder(tmp_path), load_task(task).schema) == rows
    assert {row.kind for row in rows} <= {"canary", "secret"}
