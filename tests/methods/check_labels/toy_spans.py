"""Sentences with marked names, as the check of spans takes them: each word's vector is one of its own, with noise."""

import random

import numpy as np

from stages.core.records import Span
from stages.methods.check_labels.folds import Apart
from stages.methods.check_labels.spans.token_errors import tagged
from stages.methods.check_labels.spans.word_features import word_features
from stages.methods.finetune.alignment import words

NAMES = {"person": ["Anna", "Bruno", "Carla", "Dirk"], "place": ["Aarau", "Bern", "Chur", "Davos"]}
FILLERS = ["we", "met", "in", "near", "saw", "today", "went", "to", "nobody", "stayed"]
TYPES = ("person", "place")


def sentence(i):
    """A text and its spans: filler words with up to two names, some of two words."""
    draw = random.Random(i)
    parts = [(word, None) for word in draw.choices(FILLERS, k=draw.randint(3, 7))]
    for label in draw.sample(TYPES, draw.randint(0, 2)):
        name = " ".join(draw.sample(NAMES[label], draw.randint(1, 2)))
        parts.insert(draw.randint(0, len(parts)), (name, label))
    text, spans = "", []
    for part, label in parts:
        if label:
            spans.append(Span(len(text), len(text) + len(part), label))
        text += f"{part} "
    return text.strip(), tuple(spans)


def texts(count=200, changed=None, types=TYPES, silent=()):
    """So many sentences; `changed` has other spans of some by their place, `silent` teach nothing."""
    rows = [sentence(i) for i in range(count)]
    seen = [[text[start:end] for start, end in words(text)] for text, _ in rows]
    spans = [(changed or {}).get(i, own) for i, (_, own) in enumerate(rows)]
    own = {word: np.random.default_rng(sum(map(ord, word))).normal(size=16) for some in seen for word in some}
    noise = np.random.default_rng(0)
    vectors = np.stack([own[word] + noise.normal(0, 0.3, 16) for some in seen for word in some])
    vectors = np.rint(vectors / np.linalg.norm(vectors, axis=1, keepdims=True) * 10_000).astype(np.int16)
    teaches = np.array([i not in silent for i in range(count)])
    apart = Apart([str(i) for i in range(count)], np.arange(count) % 5, teaches)
    return tagged(types, [words(text) for text, _ in rows], spans, apart, (vectors, word_features(t for t, _ in rows)))
