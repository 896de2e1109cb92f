"""Windows over long contexts, and the best answer over all of them."""

import itertools
import math
import random

import numpy as np
import pytest

from stages.core.errors import UsageError
from stages.core.records import Answer
from stages.methods.finetune.models import load_tokenizer
from stages.methods.finetune.windows import (
    Reading,
    Window,
    best_answer,
    read_windows,
    reading_loss,
    window_batch,
    window_losses,
)
from tests.tasks.samples.question_answering import save_base, save_roberta

CONTEXT = " ".join(f"the cat was seen near house {i} today ." for i in range(12)) + " The owl is black ."
QUESTION = "What colour is the owl?"
BLACK = Answer(CONTEXT.index("black"), "black")


@pytest.fixture(scope="module", params=[save_base, save_roberta], ids=["bert", "roberta"])
def base(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def tokenizer(base):
    return load_tokenizer(base)


@pytest.fixture(scope="module")
def model(base):
    import torch
    from transformers import AutoModelForQuestionAnswering

    torch.manual_seed(0)
    return AutoModelForQuestionAnswering.from_pretrained(base).eval()


def read(tokenizer, context=CONTEXT, question=QUESTION, max_length=64, stride=8):
    (reading,) = read_windows([(question, context)], tokenizer, max_length, stride)
    return reading


def held(reading, window, context=CONTEXT):
    """The stretch of the context that a window holds."""
    some = reading.offsets[window.stretch.start : window.stretch.stop]
    return context[some[0][0] : some[-1][1]]


def test_windows_hold_the_whole_context_and_share_the_stride(tokenizer):
    reading = read(tokenizer)
    assert len(reading.windows) > 2
    assert all(len(window.inputs["input_ids"]) <= 64 for window in reading.windows)
    for one, other in itertools.pairwise(reading.windows):
        assert one.stretch.stop - other.stretch.start == 8
    assert reading.windows[0].stretch.start == 0
    assert reading.windows[-1].stretch.stop == len(reading.offsets)


def test_each_window_begins_with_the_question_and_goes_on_with_its_stretch(tokenizer):
    reading = read(tokenizer)
    for window in reading.windows:
        ids = window.inputs["input_ids"]
        assert ids[window.null] == tokenizer.cls_token_id
        begin = tokenizer.decode(ids[: window.first], skip_special_tokens=True)
        assert begin.replace(" ", "").lower() == QUESTION.replace(" ", "").lower()
        inside = tokenizer.decode(ids[window.first : window.first + len(window.stretch)])
        assert inside.replace(" ", "").lower() == held(reading, window).replace(" ", "").lower()


def test_what_the_tokenizer_itself_makes_of_a_pair_is_the_only_window_of_a_short_context(tokenizer):
    reading = read(tokenizer, "The owl is black.")
    (window,) = reading.windows
    assert window.inputs == dict(tokenizer(QUESTION, "The owl is black."))
    assert reading.tokens == len(window.inputs["input_ids"])


def test_a_model_without_token_types_gets_none(tokenizer):
    (window,) = read(tokenizer, "The owl is black.").windows
    assert ("token_type_ids" in window.inputs) == ("token_type_ids" in tokenizer.model_input_names)


def test_targets_are_the_answers_tokens_where_it_is_whole_and_the_classification_token_elsewhere(tokenizer):
    reading = read(tokenizer)
    features = reading.features((BLACK,))
    assert features["learned"] == 1
    whole = 0
    for window, row in zip(reading.windows, features["windows"], strict=True):
        start, end = row["start_positions"], row["end_positions"]
        if "black" in held(reading, window):
            whole += 1
            assert tokenizer.decode(row["input_ids"][start : end + 1]).strip() == "black"
        else:
            assert start == end == window.null
    assert 0 < whole < len(reading.windows)


def test_an_answer_that_one_window_cuts_is_whole_in_the_next(tokenizer):
    reading = read(tokenizer)
    first = reading.windows[0]
    (start, _), (_, end) = reading.offsets[first.stretch.stop - 3], reading.offsets[first.stretch.stop + 2]
    cut = Answer(int(start), CONTEXT[start:end])
    positions = reading.positions((cut,))
    assert positions[0] == (first.null, first.null)
    assert positions[1] != (reading.windows[1].null, reading.windows[1].null)


def test_an_answer_longer_than_every_window_leaves_nothing_to_learn(tokenizer):
    features = read(tokenizer).features((Answer(0, CONTEXT),))
    assert features["learned"] == 0
    assert not any("start_positions" in window for window in features["windows"])


def test_of_several_answers_the_first_that_a_window_holds_is_learned(tokenizer):
    reading = read(tokenizer)
    assert reading.features((Answer(0, CONTEXT), BLACK)) == reading.features((BLACK,))


def test_a_question_without_an_answer_points_at_the_classification_token_everywhere(tokenizer):
    reading = read(tokenizer)
    features = reading.features(())
    assert features["learned"] == 1
    assert {row["start_positions"] for row in features["windows"]} == {reading.windows[0].null}


def test_a_question_that_would_fill_the_window_loses_its_end_and_leaves_half_to_the_context(tokenizer):
    reading = read(tokenizer, question=" ".join(["what colour is the owl"] * 50))
    assert all(len(window.inputs["input_ids"]) <= 64 for window in reading.windows)
    assert len(reading.windows[0].stretch) >= 28
    assert reading.tokens > 64
    assert reading.windows[-1].stretch.stop == len(reading.offsets)


@pytest.mark.parametrize(("max_length", "stride"), [(8, 500), (9, 0), (12, 11), (16, 1)])
def test_the_smallest_windows_still_go_over_the_whole_context(tokenizer, max_length, stride):
    reading = read(tokenizer, max_length=max_length, stride=stride)
    assert all(len(window.inputs["input_ids"]) <= max_length for window in reading.windows)
    covered = {token for window in reading.windows for token in window.stretch}
    assert covered == set(range(len(reading.offsets)))


def test_a_context_of_nothing_that_the_tokenizer_knows_is_read_without_a_fall(tokenizer):
    reading = read(tokenizer, "\u200b\u0007")
    assert reading.features(())["learned"] == 1
    logits = [np.zeros((2, len(window.inputs["input_ids"]))) for window in reading.windows]
    place, probability = best_answer(reading, logits, 30, may_be_none=True)
    assert 0 < probability <= 1
    assert place[1] >= place[0] >= 0


def test_the_tokenizer_is_left_as_it_was(tokenizer):
    read(tokenizer)
    assert len(tokenizer(CONTEXT, truncation=True, max_length=10)["input_ids"]) == 10
    read(tokenizer)
    assert len(tokenizer(CONTEXT)["input_ids"]) > 64


def test_a_tokenizer_that_does_not_know_places_is_refused():
    class Slow:
        is_fast = False

    with pytest.raises(UsageError, match="where in a text"):
        next(read_windows([("a", "b")], Slow(), 32, 8))


# --- losses -----------------------------------------------------------------------------------------------------------


def test_the_loss_of_one_window_is_the_one_that_transformers_computes(tokenizer, model):
    import torch

    row = read(tokenizer, "The owl is black.").features((Answer(11, "black"),))
    batch = window_batch([row], tokenizer)
    with torch.no_grad():
        own = window_losses(model, batch).item()
        theirs = model(**{name: value for name, value in batch.items() if name != "record"}).loss.item()
    assert own == pytest.approx(theirs, abs=1e-6)


def test_the_loss_of_a_record_is_the_mean_over_its_windows(tokenizer, model):
    import torch

    row = read(tokenizer).features((BLACK,))
    apart = [{"windows": [window]} for window in row["windows"]]
    with torch.no_grad():
        together = window_losses(model, window_batch([row, *apart], tokenizer)).tolist()
    assert together[0] == pytest.approx(sum(together[1:]) / len(apart), abs=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_no_loss_depends_on_the_others_whatever_side_the_tokenizer_pads(base, model, side):
    import torch

    tokenizer = load_tokenizer(base)
    tokenizer.padding_side = side
    short = read(tokenizer, "The owl is black.").features((Answer(11, "black"),))
    long = read(tokenizer).features((BLACK,))
    with torch.no_grad():
        alone = window_losses(model, window_batch([short], tokenizer)).item()
        together = window_losses(model, window_batch([short, long], tokenizer))[0].item()
    assert together == pytest.approx(alone, abs=1e-5)


# --- the best answer --------------------------------------------------------------------------------------------------


def made(sizes, seed=0):
    """A reading over a context of numbered tokens, two characters each, and random logits."""
    draw = np.random.default_rng(seed)
    windows, start = [], 0
    for size in sizes:
        windows.append(Window({"input_ids": [0] * (size + 3)}, 0, 2, range(start, start + size)))
        start += size - 1
    offsets = np.array([(2 * i, 2 * i + 1) for i in range(start + 1)])
    return Reading(tuple(windows), offsets, 0), [draw.normal(size=(2, size + 3)) for size in sizes]


def every_span(reading, logits, most):
    """All spans with their scores, one by one."""
    for window, own in zip(reading.windows, logits, strict=True):
        for first, token in enumerate(window.stretch):
            for last in range(first, min(first + most, len(window.stretch))):
                score = own[0, 2 + first] + own[1, 2 + last]
                yield score, (2 * token, 2 * (token + last - first) + 1)


@pytest.mark.parametrize("seed", range(20))
def test_the_best_answer_is_that_of_a_search_through_all(seed):
    sizes = [random.Random(seed).randint(1, 9) for _ in range(3)]
    reading, logits = made(sizes, seed)
    for most in (1, 3, 30):
        spans = list(every_span(reading, logits, most))
        score, place = max(spans)
        found, probability = best_answer(reading, logits, most, may_be_none=False)
        assert found == place
        assert probability == pytest.approx(math.exp(score) / sum(math.exp(other) for other, _ in spans))


@pytest.mark.parametrize("seed", range(20))
def test_no_answer_wins_when_its_lowest_score_over_the_windows_is_above_every_span(seed):
    reading, logits = made([3, 4], seed)
    spans = list(every_span(reading, logits, 30))
    null = min(own[:, 0].sum() for own in logits)
    found, probability = best_answer(reading, logits, 30, may_be_none=True)
    mass = math.exp(null) + sum(math.exp(score) for score, _ in spans)
    assert (found == (0, 0)) == (null >= max(spans)[0])
    assert probability == pytest.approx(math.exp(max(null, max(spans)[0])) / mass)


def test_a_model_that_must_answer_does_so_however_sure_it_is_that_there_is_none():
    reading, logits = made([3])
    logits[0][:, 0] = 100
    assert best_answer(reading, logits, 30, may_be_none=True) == ((0, 0), pytest.approx(1))
    assert best_answer(reading, logits, 30, may_be_none=False)[0] != (0, 0)


def test_the_loss_of_a_prediction_is_that_of_its_windows():
    reading, logits = made([3])
    start, end = (np.exp(own) / np.exp(own).sum() for own in logits[0])
    assert reading_loss(reading, logits, [Answer(2, "x")]) == pytest.approx(
        -(math.log(start[3]) + math.log(end[3])) / 2
    )
    assert reading_loss(reading, logits, []) == pytest.approx(-(math.log(start[0]) + math.log(end[0])) / 2)
    assert reading_loss(reading, logits, [Answer(900, "x")]) is None
