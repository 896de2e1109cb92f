"""`rowtrail diff` tells whether labels and lengths are still as they were, as text, as JSON and as a page."""

import json

import pytest

from tests.commands.test_diff import SECRET, Project, row


def version(bad, long=0, rows=200):
    """Rows of which some are labelled bad, and some are long."""
    found = {}
    for i in range(rows):
        text = f"{SECRET} {'and more ' * (20 if i < long else 1)}{i}"
        found[f"{i:04x}"] = row(label="bad" if i % 100 < bad else "good", text=text)
    return found


@pytest.fixture
def compared(tmp_path, monkeypatch, ask):
    """The drift between two versions of a project, and what is printed and drawn of it."""
    monkeypatch.chdir(tmp_path)

    def of(old, new):
        project = Project(tmp_path)
        project.write(old)
        project.commit("v1")
        project.write(new)
        _, out, _ = ask("diff", "v1", "--json")
        _, text, _ = ask("diff", "v1", "--html", "diff.html")
        return json.loads(out), text, (tmp_path / "diff.html").read_text(encoding="utf-8")

    return of


def test_labels_that_became_others_are_a_drift_and_lengths_that_stayed_are_none(compared):
    found, text, page = compared(version(bad=20), version(bad=60))
    labels, lengths = found["drift"]["tests"]
    assert found["drift"]["stage"] == "split"
    assert found["drift"]["rows"] == [200, 200]
    assert (labels["what"], labels["effect"], labels["notable"]) == ("labels", 0.408, True)
    assert (lengths["what"], lengths["notable"]) == ("lengths", False)
    [line] = [line for line in text.splitlines() if "Cram" in line]
    assert line.split() == ["labels", "Cramér's", "V", "0.41", "<", ".001", "yes"]
    assert "LABELS AND LENGTHS" in text
    assert '<section id="drift">' in page
    assert SECRET not in text + page


def test_texts_that_became_longer_are_a_drift_of_lengths(compared):
    found, _, _ = compared(version(bad=50), version(bad=50, long=120))
    labels, lengths = found["drift"]["tests"]
    assert (labels["notable"], lengths["notable"]) == (False, True)


def test_the_same_records_and_too_few_of_them_are_not_tested(compared):
    found, text, page = compared(version(bad=20, rows=30), version(bad=90, rows=30))
    assert found["drift"] == {}
    assert "LABELS AND LENGTHS" not in text
    assert '<section id="drift">' not in page


def test_records_that_did_not_change_are_not_tested(compared):
    assert compared(version(bad=20), version(bad=20))[0]["drift"] == {}
