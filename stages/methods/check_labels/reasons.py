"""The doubts that `check_labels` may have about a record, by code: about what is to be learned, and about the data."""

LABEL_REASONS = {
    "suspect_label": "judges that have not seen the record's group expect another label",
    "answer_not_in_context": "the answer does not stand where the context says it does, or stands there only in part",
    "answer_type_mismatch": "the question asks for something else (a number, a date) than the answer is",
    "conflicting_answers": "the same question, in the same context, is answered otherwise elsewhere",
    "empty_answer": "the answer has nothing to learn: no letters or digits",
    "truncated_answer": "the answer ends in the middle of a sentence, as if cut",
    "refused_answer": "the answer refuses to answer",
    "copied_answer": "the answer repeats the prompt",
    "unusual_answer": "the answer is far from those of the prompts nearest to this one",
    "language_mismatch": "the answer is in another language than answers to such prompts usually are",
}
"""Doubts about what is to be learned: these are what `check_labels.policy` is about."""
DATA_REASONS = {
    "outlier": "the text is far from all others; it may not belong into this set",
    "conflicting_twin": "a record of almost the same text has another label",
    "near_test": "almost the same text stands on the other side of the split to come: it would leak into the test",
}
"""Findings about the data: only marked, whatever the policy."""
