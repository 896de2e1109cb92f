import json

import pytest

from stages.methods.audit.leaks import known_values, patterns, sentence, strings


def hashed(value):
    yield f"#{value}"


def test_the_values_of_json_are_read_and_its_keys_are_not():
    document = {"id2label": {"0": "bad tweet"}, "list": ["x", {"deep": "y"}], "number": 3}
    assert strings("model/config.json", json.dumps(document)) == ["bad tweet", "x", "y"]


def test_of_a_tokenizer_only_added_tokens_are_read():
    document = {"added_tokens": [{"content": "[CLS]"}], "model": {"vocab": {"hello": 7}, "type": "WordPiece"}}
    assert strings("model/tokenizer.json", json.dumps(document)) == ["[CLS]"]


def test_other_files_are_read_by_line():
    assert strings("confusion.csv", "actual,predicted\na,b\n") == ["actual,predicted", "a,b"]


def test_a_value_proven_by_its_form_is_found():
    found = patterns(["write to ann.smith@mailbox-zzyx.org", "nothing here", "GB82 WEST 1234 5698 7654 32"])
    assert {entity: count for entity, count in found.items() if count} == {"EMAIL_ADDRESS": 1, "IBAN_CODE": 1}
    assert {"CREDIT_CARD", "US_SSN", "IP_ADDRESS"} <= set(found)


@pytest.mark.parametrize(
    "text", ["ann smith", "Ann  Smith", "about (Ann Smith).", "label,Ann Smith,0.3", "x Ann Smith y Ann Smith"]
)
def test_a_scrubbed_name_is_found_by_its_hash_alone(text):
    scrubbed = {"#PERSON|ann smith": "PERSON", "#EMAIL_ADDRESS|a@b.org": "EMAIL_ADDRESS"}
    assert known_values([text], scrubbed, hashed) == {"PERSON": 1}


def test_other_names_and_values_of_three_characters_are_not_hits():
    assert known_values(["Anna Smith saw Bob"], {"#PERSON|ann smith": "PERSON", "#PERSON|bob": "PERSON"}, hashed) == {}


def test_the_sentence_says_what_was_not_looked_for():
    assert "not given" in sentence(3, {"EMAIL_ADDRESS": 0}, None)
    assert "nothing was found" in sentence(3, {"EMAIL_ADDRESS": 0}, {})
    assert "2 values found" in sentence(3, {"EMAIL_ADDRESS": 1}, {"PERSON": 1})
