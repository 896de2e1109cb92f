"""What a search proposes, and when it gives a trial up."""

import math
from dataclasses import replace

import pytest

from stages.methods.tune.plot import chart
from stages.methods.tune.space import parse
from stages.methods.tune.tables import advice, as_row, from_row, lines, report
from stages.methods.tune.trials import Search, Trial, best_of, hopeless, importance, propose, ranked


def search(*texts, metric="validation_loss", seed=13):
    return Search("s", tuple(map(parse, texts)), metric, seed)


def loss(params):
    """Lowest at lr 1e-4 and few epochs; the weight decay does nothing."""
    return (math.log10(params["lr"]) + 4) ** 2 + 0.05 * params["epochs"]


SPACE = ("lr=1e-6..1e-2:log", "epochs=2,3,4", "finetune.weight_decay=0..0.1")
NOW = {"lr": 5e-4, "epochs": 3, "finetune.weight_decay": 0.01}


def ran(one, count, trials=()):
    """A search after `count` trials."""
    trials = list(trials)
    while len(trials) < count:
        params = propose(one, trials, NOW)
        trials.append(Trial(len(trials), params, "complete", loss(params)))
    return trials


def test_the_first_trial_is_params_yaml_as_it_is():
    assert propose(search(*SPACE), [], NOW) == NOW


def test_settings_outside_the_space_are_not_tried():
    first = propose(search(*SPACE), [], {**NOW, "lr": 0.5})
    assert first["lr"] <= 1e-2


def test_every_proposal_lies_in_the_space_and_reads_well():
    one = search(*SPACE)
    for trial in ran(one, 20):
        assert all(knob.allows(trial.params[knob.name]) for knob in one.knobs)
        assert len(f"{trial.params['lr']:g}") <= 8


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been():
    one = search(*SPACE)
    straight = ran(one, 16)
    kept = [from_row(as_row(one, trial)) for trial in straight[:9]]
    assert ran(one, 16, kept) == straight


def test_another_seed_proposes_other_values():
    assert ran(search(*SPACE), 3)[2] != ran(search(*SPACE, seed=14), 3)[2]


def test_the_search_learns_where_the_loss_is_low():
    trials = ran(search(*SPACE), 30)
    early, late = (sum(trial.value for trial in some) / len(some) for some in (trials[1:9], trials[-8:]))
    assert late < early / 2


def test_a_finite_space_is_tried_to_its_end_without_repeats():
    one = search("epochs=1,2,3", "batch_size=8,16")
    trials = []
    while (params := propose(one, trials, {})) is not None:
        trials.append(Trial(len(trials), params, "complete", float(params["epochs"])))
    assert len({tuple(trial.params.items()) for trial in trials}) == len(trials) == 6


def test_failed_and_pruned_trials_are_known_and_not_tried_again():
    one = search("epochs=1,2,3")
    trials = [Trial(0, {"epochs": 1}, "failed"), Trial(1, {"epochs": 2}, "pruned", losses=(0.5,))]
    assert propose(one, trials, {}) == {"epochs": 3}


def test_true_1_and_1_0_are_three_choices():
    one = search("finetune.head_only=true,1,1.0")
    trials = []
    while (params := propose(one, trials, {})) is not None:
        trials.append(Trial(len(trials), params, "complete", 0.5))
    assert {str(trial.params["finetune.head_only"]) for trial in trials} == {"True", "1", "1.0"}


def test_a_metric_that_is_no_loss_is_maximized():
    trials = [Trial(n, {"epochs": n + 1}, "complete", value) for n, value in enumerate((0.2, 0.9, 0.4))]
    assert best_of(search("epochs=1..9", metric="validation_f1"), trials).number == 1
    assert best_of(search("epochs=1..9"), trials).number == 0
    assert [trial.number for trial in ranked(search("epochs=1..9", metric="validation_f1"), trials)] == [1, 2, 0]


def test_a_trial_is_hopeless_above_the_median_of_four_others_and_not_before():
    done = [Trial(n, {}, "complete", 0.1, (0.9, 0.5 + 0.1 * n)) for n in range(4)]
    assert not hopeless([0.9, 0.64], done)
    assert hopeless([0.9, 0.66], done)
    assert not hopeless([0.9, 0.6, 0.9], done)  # nobody else came so far
    assert not hopeless([2.0, 0.6], done)  # what counts is the best so far
    assert not hopeless([0.9, 9.0], done[:3])
    assert not hopeless([], done)


def test_a_knob_that_does_nothing_is_not_called_important():
    one = search(*SPACE)
    trials = ran(one, 24)
    trials[5] = replace(trials[5], value=50.0)  # a run that went astray
    shares = importance(one, trials)
    assert max(shares, key=shares.get) == "lr"
    assert shares["finetune.weight_decay"] < 0.3
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert importance(one, trials[:19]) == {}


def test_the_report_holds_plain_values_and_the_table_the_best_first():
    one = search(*SPACE)
    trials = [*ran(one, 20), Trial(20, NOW, "failed")]
    found = report(one, trials)
    assert found["best"]["value"] == min(trial.value for trial in trials[:20])
    assert found["best"]["experiment"] == f"tune-s-{found['best']['number']}"
    told = lines(one, trials, 200)
    assert found["best"]["experiment"] in told[1]
    assert "failed" in told[21]
    assert told[-1].startswith("share of the ranking explained: lr")


def test_the_best_at_the_edge_of_its_range_asks_for_a_wider_one():
    one = search("lr=1e-5..1e-3:log", "finetune.weight_decay=0..0.1")
    for lr, decay, words in ((9.9e-4, 0.0, ["lr"]), (1e-4, 0.099, ["finetune.weight_decay"]), (1e-4, 0.0, [])):
        best = Trial(1, {"lr": lr, "finetune.weight_decay": decay}, "complete", 0.25)
        told = advice(one, [Trial(0, best.params, "complete", 0.5), best], best)
        assert told[0] == "best: tune-s-1, validation_loss 0.2500; the first trial had 0.5000"
        assert [line.split()[3] for line in told if "edge" in line] == words
        assert told[-1] == "next: dvc exp apply tune-s-1 && dvc repro"


def test_the_picture_has_a_dot_a_completed_trial_in_each_panel_and_no_outside_style():
    from xml.etree import ElementTree as Xml

    one = search(*SPACE)
    trials = [*ran(one, 9), Trial(9, NOW, "failed"), Trial(10, NOW, "pruned", losses=(2.0,))]
    trials[4] = replace(trials[4], value=50.0)  # a run that went astray
    root = Xml.fromstring(chart(one, trials))
    circles = [node for node in root.iter() if node.tag.endswith("circle")]
    assert len(circles) == 9 * 4
    assert sum(node.get("class") == "best" for node in circles) == 4
    assert sum(node.get("class") == "out" for node in circles) == 4
    xs, ys = zip(*((float(node.get("cx")), float(node.get("cy"))) for node in circles), strict=True)
    assert 0 < min(xs) < max(xs) < 400
    assert 0 < min(ys) < max(ys) < 240
    assert chart(one, trials) == chart(one, trials)
    assert "no trial was completed" in chart(one, trials[9:])
