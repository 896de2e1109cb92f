import random
from functools import partial

import pytest

from stages.methods.audit.canaries import Planted, draw_secrets
from stages.methods.audit.exposure import measure_exposure, with_code
from stages.methods.finetune.batching import record_losses
from stages.tasks import load_task
from tests.tasks.samples.causal_lm import save_llama

TASK = load_task("causal_lm")
OPTIONS = {"max_length": 256, "dropout": 0.0, "frozen_layers": 0, "lora": {"enabled": False}}


def secrets(each=3, seed=0):
    return [Planted(record, repeats, repeats > 0) for record, repeats in draw_secrets(TASK, each, random.Random(seed))]


def code(record):
    return record.values["messages"][-1].content.split()[-1]


def known(rows):
    """Losses of a model that knows these codes, and finds all others alike unlikely (by chance)."""
    codes = {code(row.record) for row in rows}
    return lambda records: [0.0 if code(one) in codes else random.Random(code(one)).random() + 0.1 for one in records]


def test_another_code_stands_where_the_secret_stood():
    (record, _), *_ = draw_secrets(TASK, 1, random.Random(0))
    other = with_code(record, "271828")
    assert code(other) == "271828"
    assert other.values["messages"][0] == record.values["messages"][0]
    assert with_code(other, code(record)) == record


def test_what_a_model_knows_is_exposed_as_far_as_the_sample_can_show_and_the_rest_is_as_by_chance():
    rows = secrets(8)
    found = measure_exposure(rows, known([row for row in rows if row.repeats == 16]), seed=1, size=64)["exposure"]
    assert found["ceiling"] == 6
    assert found["repeats_16"] == {"secrets": 8, "exposure": 6.0, "likeliest": 8, "p_value": 0.0}
    for tier in (0, 1, 4):
        assert found[f"repeats_{tier}"]["exposure"] < 3
        assert found[f"repeats_{tier}"]["p_value"] > 0.01


def test_by_chance_the_exposure_is_what_the_report_says_and_the_p_value_is_no_smaller_than_it_should_be():
    size, low, bits = 32, 0, []
    for seed in range(60):
        found = measure_exposure(secrets(2, seed), known([]), seed, size)["exposure"]
        tiers = [found[f"repeats_{tier}"] for tier in (0, 1, 4, 16)]
        low += sum(tier["p_value"] < 0.05 for tier in tiers)
        bits += [tier["exposure"] for tier in tiers]
    assert low <= 20  # of 240, 12 are expected
    assert sum(bits) / len(bits) == pytest.approx(found["by_chance"], abs=0.2)


def test_codes_that_are_all_alike_to_the_model_rank_in_the_middle_and_nothing_is_read_from_that():
    said = measure_exposure(secrets(1), lambda records: [1.0] * len(records), 0, 8)
    found = said["exposure"]
    assert found["codes_alike"]
    assert said["exposure_sentence"].startswith("Not valid: to this model all codes are alike")
    assert {found[f"repeats_{tier}"]["exposure"] for tier in (0, 1, 4, 16)} == {0.8301}  # log2(8 / 4.5)


def test_the_sentence_names_what_is_remembered_and_does_not_trust_a_failed_control():
    rows = secrets(8)
    planted = [row for row in rows if row.repeats == 16]
    said = [
        measure_exposure(rows, known(some), 1, 64)["exposure_sentence"]
        for some in ([], planted, [row for row in rows if row.repeats == 0])
    ]
    assert "none is remembered" in said[0]
    assert "trained on 16 times are remembered" in said[1]
    assert said[2].startswith("Not valid")
    assert all("by chance" in one for one in said)


def test_without_secrets_or_without_an_answer_that_the_model_sees_nothing_is_said():
    assert measure_exposure([], known([]), 0) == {}
    assert measure_exposure(secrets(1), lambda records: [None] * len(records), 0) == {}


def test_a_model_that_was_trained_on_secrets_exposes_those_and_no_others(tmp_path):
    import torch

    torch.manual_seed(0)
    model, tokenizer = TASK.load(save_llama(tmp_path), (), OPTIONS)
    rows = [row for row in secrets(4) if row.repeats in (0, 16)]
    records = [row.record for row in rows if row.included]
    batch = TASK.collate(TASK.encode(records, tokenizer, OPTIONS), tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        TASK.losses(model, batch).mean().backward()
        optimizer.step()
    losses = partial(record_losses, TASK, (model, tokenizer), options=OPTIONS, labels=())
    found = measure_exposure(rows, losses, 0, 32)["exposure"]
    assert found["repeats_16"]["likeliest"] == 4
    assert found["repeats_0"]["exposure"] < 3.5
