"""Classification for the contract: rows to learn from, rows that are broken, and a tiny base model."""

from tests.tiny import save_base

__all__ = ["BROKEN", "LABELS", "OPTIONS", "ROWS", "save_base"]

LABELS = ("negative", "positive")
OPTIONS: dict[str, object] = {}
ROWS = [
    {"text": "the tree was good", "label": "positive"},
    {"text": "a bad train", "label": "negative"},
    {"text": "we saw a warm house today and the train was fine", "label": "positive"},
    {"text": "poor", "label": "negative"},
]
BROKEN = [
    ({"label": "positive"}, "missing_field"),
    ({"text": 3, "label": "positive"}, "wrong_type"),
    ({"text": " ", "label": "positive"}, "empty_text"),
    ({"text": "x", "label": ""}, "missing_label"),
    ({"text": "x", "label": 1.5}, "wrong_type"),
    ({"text": "x", "label": "other"}, "unknown_label"),
]
