"""Groups and identities in the model card: the figures themselves, not only a sentence about them."""

from stages.methods.document.cards.people_tables import people_tables
from tests.methods.document.test_cards import made, recorded_in

GROUPS = {
    "region": {
        "groups": {
            "nord|x": {"accuracy": 0.5, "accuracy_low": 0.268, "accuracy_high": 0.732, "rows": 14},
            "ost": {"accuracy": 0.727, "accuracy_low": 0.434, "accuracy_high": 0.903, "rows": 11},
        },
        "accuracy_difference": 0.227,
        "accuracy_difference_low": 0.019,
        "accuracy_difference_high": 0.59,
        "accuracy_difference_by_chance": 0.39,
        "demographic_parity_difference": 0.071,
        "demographic_parity_difference_by_chance": 0.091,
        "demographic_parity_difference_label": "Frage",
        "sentence": "Between groups, accuracy differs.",
    }
}
BIAS = {
    "sentence": "The answer flipped.",
    "by_attribute": {
        "origin": {"pairs": 16, "flip_rate": 0.125, "flip_rate_low": 0.0, "flip_rate_high": 0.3, "score_gap": 0.04},
        "age": {"pairs": 8, "flip_rate": 0.0, "control_flip_rate": 0.25, "score_gap": 0.01, "stands_out": False},
    },
}


def cells(text, *beginning):
    """The other cells of the row of a table that begins with some."""
    beginning = list(beginning)
    rows = [[cell.strip() for cell in line.strip("|").split(" |")] for line in text.splitlines() if line[:1] == "|"]
    [found] = [row for row in rows if row[: len(beginning)] == beginning]
    return found[len(beginning) :]


def test_the_model_card_shows_groups_and_identities_with_their_figures(tmp_path):
    text = made(recorded_in(tmp_path, {"evaluate": {"groups": GROUPS, "bias": BIAS}}))["model_card.md"]
    assert cells(text, "region", "ost") == ["11", "Accuracy", "0.727 (0.434 to 0.903)"]
    assert cells(text, "region", "nord\\|x") == ["14", "Accuracy", "0.500 (0.268 to 0.732)"]
    assert cells(text, "region", "accuracy") == ["\u2013", "0.227 (0.019 to 0.590)", "0.390"]
    assert cells(text, "region", "demographic parity") == ["Frage", "0.071", "0.091"]
    assert cells(text, "origin") == ["16", "0.125 (0.000 to 0.300)", "\u2013", "0.040", "\u2013"]
    assert cells(text, "age") == ["8", "0.000", "0.250", "0.010", "no"]


def test_where_nothing_was_compared_there_is_no_table(tmp_path):
    assert [*people_tables({}), *people_tables({"bias": {"sentence": "Not asked."}})] == []
    assert "Controls" not in made(recorded_in(tmp_path))["model_card.md"]
