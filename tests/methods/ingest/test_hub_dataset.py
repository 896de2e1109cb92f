"""The hub is out of reach of tests: what is asked of `datasets` is looked at, and a data set of its own is answered."""

import datasets
import pytest

from stages.core.errors import DataError
from stages.methods.ingest.hub_dataset import hub_rows

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FEATURES = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["ham", "spam"])})


@pytest.fixture
def asked(monkeypatch):
    calls = []

    def answer(name, **said):
        calls.append((name, said))
        return datasets.Dataset.from_dict({"text": ["hello", "win", "?"], "label": [0, 1, -1]}, features=FEATURES)

    monkeypatch.setattr(datasets, "load_dataset", answer)
    return calls


def test_class_numbers_come_as_names_and_the_commit_is_asked_for(asked, capfd):
    rows = list(hub_rows(f"hf://owner/rows@{COMMIT}:test"))
    assert rows == [{"text": "hello", "label": "ham"}, {"text": "win", "label": "spam"}, {"text": "?", "label": None}]
    assert asked == [("owner/rows", {"revision": COMMIT, "split": "test"})]
    assert "pins" not in "".join(capfd.readouterr())


def test_rows_that_may_change_are_told_of(asked, capfd):
    assert len(list(hub_rows("hf://owner/rows@main"))) == 3
    assert "no commit pins it" in "".join(capfd.readouterr())


def test_a_data_set_that_cannot_be_had_is_named_without_the_librarys_message(monkeypatch):
    def refuse(name, **said):
        raise ValueError("row 7: Jane Doe")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(DataError, match=r"hf://rows: cannot be loaded \(ValueError\)") as error:
        next(hub_rows("hf://rows"))
    assert "Jane" not in str(error.value)
