"""What the report of check_labels says of suspects, and of what people made of them."""

import pytest

from stages.core.doubts import Doubt, Doubted, Ranked
from stages.methods.check_labels.review.precision import ENOUGH
from stages.methods.check_labels.summary import Reviewed, Row, summary

IDS = [f"{i:02x}" for i in range(50)]
ROWS = [Row(id, None, None, "", "", "a", answered=True, confidence=None) for id in IDS]
RESERVED = {id: id < "05" for id in IDS}


def doubted(suspects, outliers=(), suggested="b"):
    doubts = {id: [Doubt("suspect_label")] for id in suspects}
    for id in outliers:
        doubts[id] = [*doubts.get(id, []), Doubt("outlier")]
    return Doubted(doubts, {id: Ranked(0.5, suggested) for id in IDS})


def found(doubts, reviewed=None, policy="flag"):
    return summary(ROWS, doubts, RESERVED, reviewed or Reviewed(), policy)


def test_suspects_are_those_whose_label_is_in_doubt_and_findings_about_the_data_are_counted_beside():
    report = found(doubted(IDS[:4], outliers=IDS[3:9]))
    assert (report["suspects"], report["suspect_share"]) == (4, 0.08)
    assert report["doubts"] == {"outlier": 6, "suspect_label": 4}
    assert "reviewed" not in report


@pytest.mark.parametrize(
    ("policy", "suggested", "changed"), [("flag", "b", 0), ("drop", None, 4), ("relabel", "b", 4), ("relabel", None, 0)]
)
def test_changed_are_the_suspects_that_the_policy_may_act_on(policy, suggested, changed):
    report = found(doubted(IDS[:10], suggested=suggested), Reviewed({IDS[9]: "keep"}), policy)
    assert report["suspects_reserved"] == 5
    assert report["suspects_changed"] == changed


def test_precision_is_the_share_of_reviewed_suspects_that_people_did_not_keep():
    verdicts = {IDS[0]: "keep", IDS[1]: "relabel", IDS[2]: "relabel", IDS[3]: "drop", IDS[20]: "keep"}
    said = found(doubted(IDS[:4]), Reviewed(verdicts, stale=2, gone=1))["reviewed"]
    counts = {name: said[name] for name in ("decided", "keep", "relabel", "drop", "stale", "gone", "suspects")}
    assert counts == {"decided": 5, "keep": 2, "relabel": 2, "drop": 1, "stale": 2, "gone": 1, "suspects": 4}
    assert said["precision"] == 0.75
    assert said["precision_low"] == pytest.approx(0.3006, abs=1e-3)  # Wilson's, for 3 of 4
    assert said["precision_high"] == pytest.approx(0.9544, abs=1e-3)
    assert said["enough"] is False


def test_thirty_reviewed_suspects_are_enough():
    verdicts = dict.fromkeys(IDS[:ENOUGH], "relabel")
    assert found(doubted(IDS), Reviewed(verdicts))["reviewed"]["enough"] is True
    assert found(doubted(IDS[5:]), Reviewed(verdicts))["reviewed"]["enough"] is False


def test_decisions_that_fit_no_suspect_give_no_precision():
    said = found(doubted([]), Reviewed(stale=1))["reviewed"]
    assert (said["decided"], said["stale"], said["enough"]) == (0, 1, False)
    assert "precision" not in said
