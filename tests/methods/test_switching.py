from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from stages.methods.params_text import with_values
from stages.methods.switching import OWN, in_a_line, switched

USUAL = Path("presets/classification.yaml").read_text(encoding="utf-8")
NER = Path("presets/token_labels.yaml").read_text(encoding="utf-8")
SPANISH = Path("presets/spanish_text.yaml").read_text(encoding="utf-8")


def load(text):
    return YAML(typ="safe").load(text)


def own(**values):
    """A project's params: the usual ones but for some, by dotted path with `__`."""
    return with_values(USUAL, {path.replace("__", "."): value for path, value in values.items()})


def test_a_project_that_says_nothing_itself_gets_the_preset():
    said = load(switched(NER, USUAL, USUAL))
    assert {**said, "ingest": None} == {**load(NER), "ingest": None}
    assert said["ingest"]["sources"] == load(USUAL)["ingest"]["sources"]


def test_what_is_the_projects_own_stays():
    mine = own(
        seed="7",
        scrub_pii__allow="[Acme]",
        scrub_pii__patterns="[{entity: CUSTOMER_ID, regex: 'C-\\d{6}'}]",
        scrub_pii__entities__CUSTOMER_ID="surrogate",
        privacy__target_epsilon="3.0",
        document__controller="Acme Ltd, privacy@example.org",
        engine__workers="3",
    )
    said = load(switched(NER, USUAL, mine))
    assert (said["seed"], said["scrub_pii"]["allow"], said["engine"]["workers"]) == (7, ["Acme"], 3)
    assert said["scrub_pii"]["patterns"] == [{"entity": "CUSTOMER_ID", "regex": "C-\\d{6}"}]
    assert said["scrub_pii"]["entities"]["CUSTOMER_ID"] == "surrogate"
    assert said["privacy"]["target_epsilon"] == 3.0
    assert said["document"]["controller"] == "Acme Ltd, privacy@example.org"
    assert said["task"] == "token_labels"


def test_comments_of_the_sources_stay_and_the_presets_explain_the_rest():
    source = "\n  - name: claims   # from the old system\n    uri: data/raw/claims.csv\n    license: proprietary"
    text = switched(NER, USUAL, own(ingest__sources=source, seed="7"))
    assert "  - name: claims   # from the old system\n" in text
    assert "seed: 7                 # of every random choice" in text


def test_labels_are_of_one_task():
    mine = own(ingest__labels="[billing, delivery]")
    assert load(switched(NER, USUAL, mine))["ingest"]["labels"] is None
    assert load(switched(NER, USUAL, mine, keep_data=True))["ingest"]["labels"] is None
    assert load(switched(SPANISH, USUAL, mine))["ingest"]["labels"] == ["billing", "delivery"]


def test_all_that_decides_about_rows_stays_when_the_data_is_kept():
    mine = own(clean__min_chars="30", scrub_pii__entities="\n    PERSON: tag", split__test="0.3", lr="1.0e-5")
    said = load(switched(NER, USUAL, mine, keep_data=True))
    for section in ("clean", "deduplicate", "scrub_pii", "check_labels", "split"):
        assert said[section] == load(mine)[section], section
    assert said["lr"] == load(NER)["lr"]


def test_the_language_of_the_data_stays_unless_the_preset_is_for_another():
    spanish = switched(SPANISH, USUAL, USUAL)
    assert load(spanish)["scrub_pii"]["ner"] == {"es": "es_core_news_md"}
    again = load(switched(NER, USUAL, spanish))
    assert again["scrub_pii"]["ner"] == {"es": "es_core_news_md"}
    assert again["clean"]["languages"] == ["es"]


def test_switching_twice_changes_nothing_more():
    once = switched(NER, USUAL, own(seed="7"))
    assert load(switched(NER, USUAL, once)) == load(once)


def test_every_own_path_is_a_knob():
    for path in OWN:
        place = load(USUAL)
        for key in path.split("."):
            place = place[key]


@example(["?0"])
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="ascii")), st.lists))
def test_a_value_in_a_line_is_read_back(value):
    line = in_a_line(value)
    assert "\n" not in line
    assert load(f"key: {line}\n") == {"key": value}


@pytest.mark.parametrize("value", [0.1, 5e-05, 1.0, "Ärger # und: mehr", {"a": ["b"], "c": {}}])
def test_other_values_are_read_back_too(value):
    assert load(f"key: {in_a_line(value)}\n") == {"key": value}
