"""Sets of labels for the contract: each label stands in a word of the text; and a tiny base model."""

from tests.tiny import save_base

__all__ = ["BROKEN", "LABELS", "OPTIONS", "ROWS", "save_base"]

LABELS = ("negative", "neutral", "positive")
OPTIONS: dict[str, object] = {}
ROWS = [
    {"text": "the tree was good and the train was poor", "labels": ["positive", "negative"]},
    {"text": "a plain house", "labels": "neutral"},
    {"text": "we saw a warm tree and a grey house", "labels": "positive|neutral"},
    {"text": "today the train was awful", "labels": '["negative"]'},
    {"text": "we saw the house", "labels": []},
]
BROKEN = [
    ({"labels": ["positive"]}, "missing_field"),
    ({"text": 3, "labels": ["positive"]}, "wrong_type"),
    ({"text": " ", "labels": ["positive"]}, "empty_text"),
    ({"text": "x", "labels": None}, "missing_label"),
    ({"text": "x", "labels": " "}, "missing_label"),
    ({"text": "x", "labels": ["positive", ""]}, "missing_label"),
    ({"text": "x", "labels": "positive||negative"}, "missing_label"),
    ({"text": "x", "labels": [1.5]}, "wrong_type"),
    ({"text": "x", "labels": [["positive"]]}, "wrong_type"),
    ({"text": "x", "labels": {"positive": 1}}, "wrong_type"),
    ({"text": "x", "labels": 1}, "wrong_type"),
    ({"text": "x", "labels": '["positive"'}, "wrong_type"),
    ({"text": "x", "labels": "positive|other"}, "unknown_label"),
]
