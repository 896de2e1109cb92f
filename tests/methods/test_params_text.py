from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.methods.params_text import knobs_of, with_values

TEXT = """\
# What it is for.
seed: 13                # luck
ingest:
  labels: null          # all of them
  sources:
  - name: mine          # its name
    fields: {text: "a # b", label: "c"}   # columns

scrub_pii:
  entities:             # what to look for
    PERSON: tag
    NRP: keep           # no secret
  probe: 5
"""


def load(text):
    return YAML(typ="safe").load(text)


def test_keys_are_found_with_their_paths_values_comments_and_lines():
    knobs = {knob.path: knob for knob in knobs_of(TEXT)}
    assert list(knobs) == [
        "seed", "ingest", "ingest.labels", "ingest.sources", "ingest.sources.name", "ingest.sources.fields",
        "scrub_pii", "scrub_pii.entities", "scrub_pii.entities.PERSON", "scrub_pii.entities.NRP", "scrub_pii.probe",
    ]  # fmt: skip
    assert knobs["ingest.sources.fields"].value == '{text: "a # b", label: "c"}'
    assert knobs["seed"].comment == "# luck"
    lines = TEXT.split("\n")
    assert lines[knobs["ingest.sources"].start : knobs["ingest.sources"].end] == lines[4:7]
    assert lines[knobs["scrub_pii.entities"].start : knobs["scrub_pii.entities"].end] == lines[9:12]


@pytest.mark.parametrize("file", [Path("params.yaml"), *sorted(Path("presets").glob("*.yaml"))], ids=str)
def test_all_keys_of_the_real_files_are_found(file):
    def paths(value, above=""):
        for key, inner in value.items():
            yield f"{above}{key}"
            if isinstance(inner, dict) and key not in ("fields", "deny", "source_weights"):
                yield from paths(inner, f"{above}{key}.")

    text = file.read_text(encoding="utf-8")
    found = [knob.path for knob in knobs_of(text) if not knob.path.startswith("ingest.sources.")]
    assert found == list(paths(load(text)))


def test_values_change_and_comments_stay_where_they_were():
    new = with_values(TEXT, {"seed": "7", "ingest.labels": "[billing, delivery, technical]"})
    assert "seed: 7                 # luck\n" in new
    assert "  labels: [billing, delivery, technical]   # all of them\n" in new
    assert len(new.splitlines()) == len(TEXT.splitlines())


def test_a_list_of_many_lines_replaces_another():
    new = with_values(TEXT, {"ingest.sources": "\n  - name: one\n    uri: a\n  - name: two\n    uri: b"})
    assert [source["name"] for source in load(new)["ingest"]["sources"]] == ["one", "two"]
    assert "a # b" not in new
    assert load(new)["scrub_pii"] == load(TEXT)["scrub_pii"]


def test_a_key_that_is_not_there_is_added_at_the_end_of_its_section():
    new = with_values(TEXT, {"scrub_pii.entities.CUSTOMER_ID": "tag", "scrub_pii.recall": "0.5"})
    assert load(new)["scrub_pii"] == {
        "entities": {"PERSON": "tag", "NRP": "keep", "CUSTOMER_ID": "tag"}, "probe": 5, "recall": 0.5
    }  # fmt: skip
