"""Names, places and dates by a spaCy pipeline, of which only what its named entities need is run.

spaCy's own recognizer takes a text's tokens one by one, and asks at each which of some seventy actions is allowed; that
takes as long as its neural network. Yet as long as no entity is open, an action follows from the token alone, and most
tokens belong to none: `_Parser` finds the actions of all tokens of all texts at once, and goes on token by token only
from those where an entity may begin. The findings are the same.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stages.methods.scrub_pii.detection.findings import NER, Finding
from stages.methods.scrub_pii.detection.ner import digest_of, entity_of, file_hashes, whole_characters

_SCORE = 0.85  # spaCy gives no confidence; this is Presidio's stand-in
_TOKENS = 1024  # together: enough to spread the cost of a call, few enough to stay in the processor's memory
_STEPS = 24  # tokens of an entity; longer ones are rare, and followed only where none is open before them
_NAMED = ("ner", "entity_ruler")
_RUN = re.compile(
    r"(?<!\S)\S{101,}"
)  # without a space: the tokenizer takes time that grows with the square of its length
_PART = re.compile(r"\S{49,99}[^\w\s](?=\S)|\S{100}(?=\S)")
Numbers: TypeAlias = NDArray[np.float32]
Places: TypeAlias = NDArray[np.int64]


class SpacyNames:
    """Finds the wanted of our entities. Raises OSError, ValueError or ImportError when there is no such pipeline."""

    def __init__(self, place: str, wanted: Collection[str]) -> None:
        import spacy
        from thinc.api import NumpyOps
        from threadpoolctl import ThreadpoolController

        self._nlp = spacy.load(place)
        needed = [name for name, pipe in self._nlp.pipeline if name in _NAMED or _feeds_names(pipe)]
        self._nlp.select_pipes(enable=needed)
        for _, pipe in self._nlp.pipeline:
            for node in pipe.model.walk() if getattr(pipe, "model", None) else ():
                if isinstance(node.ops, NumpyOps):
                    node.ops = NumpyOps(use_blis=False)  # numpy's matrix product knows AVX-512, thinc's own does not
        self._wanted = frozenset(wanted)
        self._entities: dict[str, str | None] = {}
        self._threads = ThreadpoolController()

    @cached_property
    def identity(self) -> str:
        """The hashes of the pipeline's files, and the libraries' versions."""
        import spacy
        import thinc.about

        versions = [spacy.about.__version__, thinc.about.__version__]
        return digest_of(file_hashes(Path(self._nlp.path)), versions, sorted(self._wanted))

    def find(self, texts: Sequence[str]) -> Iterator[list[Finding]]:
        """The findings in each text, in order."""
        found: list[list[Finding]] = []
        # One thread: workers share the cores. Words of the data do not stay in the process's vocabulary.
        with self._threads.limit(limits=1, user_api="blas"), self._nlp.memory_zone():
            for docs in _batches(self._nlp.make_doc(_spaced(whole_characters(text))) for text in texts):
                found += ([*self._findings(doc)] for doc in self._annotated(docs))
        return (_placed(some, text) for some, text in zip(found, texts, strict=True))

    def _annotated(self, docs: list[Any]) -> list[Any]:
        for name, pipe in self._nlp.pipeline:
            if name == "ner" and self._parser is not None:
                self._parser.annotate(docs)
            elif hasattr(pipe, "pipe"):
                docs = [*pipe.pipe(docs, batch_size=len(docs))]
            else:
                docs = [pipe(doc) for doc in docs]
        return docs

    @cached_property
    def _parser(self) -> _Parser | None:
        """Our own for spaCy's usual recognizer; None for another kind, or where entities are set before it."""
        before = self._nlp.pipe_names[: self._nlp.pipe_names.index("ner")]
        pipe = self._nlp.get_pipe("ner")
        return _Parser(pipe) if "entity_ruler" not in before and _Parser.knows(pipe) else None

    def _findings(self, doc: Any) -> Iterator[Finding]:
        for ent in doc.ents:
            if name := self._entity(ent.label_):
                yield Finding(ent.start_char, ent.end_char, name, _SCORE, "SpacyRecognizer", NER)

    def _entity(self, label: str) -> str | None:
        if label not in self._entities:
            name = entity_of(label)
            self._entities[label] = name if name in self._wanted else None
        return self._entities[label]


def _cuts(text: str) -> list[int]:
    """Places within long runs of a text without a space, after a sign where there is one."""
    return [run.start() + part.end() for run in _RUN.finditer(text) for part in _PART.finditer(run[0])]


def _spaced(text: str) -> str:
    """The text with a space at each of its cuts."""
    cuts = [0, *_cuts(text), len(text)]
    return text if len(cuts) == 2 else " ".join(text[start:end] for start, end in pairwise(cuts))


def _placed(findings: list[Finding], text: str) -> list[Finding]:
    """The findings of the spaced text as places in the text itself."""
    spaces = [cut + place for place, cut in enumerate(_cuts(text))] if findings else []
    if not spaces:
        return findings
    return [
        replace(one, start=one.start - bisect_left(spaces, one.start), end=one.end - bisect_left(spaces, one.end))
        for one in findings
    ]


def _feeds_names(pipe: Any) -> bool:
    return not set(_NAMED).isdisjoint(getattr(pipe, "listening_components", ()))


def _batches(docs: Iterator[Any]) -> Iterator[list[Any]]:
    """Neighbours, up to so many tokens together."""
    batch: list[Any] = []
    size = 0
    for doc in docs:
        if batch and size + len(doc) > _TOKENS:
            yield batch
            batch, size = [], 0
        batch.append(doc)
        size += len(doc)
    if batch:
        yield batch


class _Parser:
    """spaCy's transition-based recognizer (`spacy.TransitionBasedParser`) without a beam, for many tokens at once.

    Its actions are B, I, L and U (an entity begins, goes on, ends, is one token) with a label each, and O. Their scores
    follow from three vectors: of the token at hand and, within an entity, of its first token and of the last token.
    """

    def __init__(self, pipe: Any) -> None:
        self._tok2vec, self._lower = pipe.model.get_ref("tok2vec"), pipe.model.get_ref("lower")
        upper = pipe.model.get_ref("upper")
        self._bias: Numbers = self._lower.get_param("b")
        self._weights: tuple[Numbers, Numbers] = upper.get_param("W").T, upper.get_param("b")
        names = [pipe.moves.get_class_name(number) for number in range(pipe.moves.n_moves)]
        self._labels = [name[2:] for name in names]
        # "U-" is no label: it keeps a place free that somebody has blocked, and nobody has.
        self._kinds = np.array(["" if name == "U-" else name[0] for name in names])
        places = {name: place for place, name in enumerate(names)}
        self._in, self._last = (
            np.array([places.get(kind + label, 0) for label in self._labels]) for kind in ("I-", "L-")
        )

    @staticmethod
    def knows(pipe: Any) -> bool:
        """Whether a recognizer is of this kind."""
        model = getattr(pipe, "model", None)
        if model is None or not {"tok2vec", "lower", "upper"} <= set(model.ref_names):
            return False
        plain = model.attrs.get("has_upper") and not model.attrs.get("unseen_classes")
        return bool(plain and pipe.cfg.get("beam_width") == 1 and model.get_ref("lower").get_dim("nF") == 3)

    def annotate(self, docs: Sequence[Any]) -> None:
        """Set the entities of documents that have none."""
        from spacy.tokens import Span

        starts = np.cumsum([0, *map(len, docs)])
        if not starts[-1]:
            return
        spans: list[list[Any]] = [[] for _ in docs]
        for start, end, label in self._entities(docs, starts):
            at = int(np.searchsorted(starts, start, side="right")) - 1
            spans[at].append(Span(docs[at], start - int(starts[at]), end - int(starts[at]), label=label))
        for doc, some in zip(docs, spans, strict=True):
            doc.set_ents(some)

    def _entities(self, docs: Sequence[Any], starts: Places) -> Iterator[tuple[int, int, str]]:
        """Start, end and label; places count the tokens of all documents."""
        from spacy.attrs import IS_SPACE

        vectors: Numbers = self._lower.predict(self._tok2vec.predict(docs))  # padding first, then a row for each token
        last = np.zeros(len(vectors) - 1, dtype=bool)
        last[starts[1:] - 1] = True
        space = np.concatenate([doc.to_array(IS_SPACE).astype(bool) for doc in docs])
        actions = self._outside(vectors, last, space)
        (tokens,) = np.nonzero(self._kinds[actions] != "O")
        (begins,) = np.nonzero(self._kinds[actions] == "B")
        first = self._inside(vectors, last, begins, actions[begins], _STEPS)
        ends = dict(zip(begins.tolist(), first.tolist(), strict=True))
        free = 0
        for token in tokens.tolist():
            if token >= free:
                end = ends.get(token, token)
                if end < 0:
                    end = int(self._inside(vectors, last, np.array([token]), actions[[token]], len(vectors))[0])
                free = end + 1
                yield token, free, self._labels[actions[token]]

    def _outside(self, vectors: Numbers, last: NDArray[np.bool_], space: NDArray[np.bool_]) -> Places:
        """The action at each token, were no entity open: none begins at white space, nor at a document's last token."""
        scores = self._scores(vectors[1:, 0] + vectors[0, 1] + vectors[0, 2])
        scores[:, ~np.isin(self._kinds, ("B", "U", "O"))] = -np.inf
        scores[np.ix_(last | space, self._kinds == "B")] = -np.inf
        scores[np.ix_(space, self._kinds == "U")] = -np.inf
        actions: Places = scores.argmax(axis=1)
        return actions

    def _inside(self, vectors: Numbers, last: NDArray[np.bool_], begins: Places, actions: Places, steps: int) -> Places:
        """The last token of the entity that begins at each of some tokens, with the action there; -1 if it goes on."""
        ends = begins.copy()
        going = np.arange(len(begins))
        for _ in range(steps):
            if not len(going):
                break
            ends[going] += 1
            start, at, action = begins[going], ends[going], actions[going]
            scores = self._scores(vectors[at + 1, 0] + vectors[start + 1, 1] + vectors[at, 2])
            rows = np.arange(len(going))
            goes_on = scores[rows, self._in[action]] >= scores[rows, self._last[action]]
            going = going[goes_on & ~last[at]]
        ends[going] = -1
        return ends

    def _scores(self, features: Numbers) -> Numbers:
        """Scores of all actions from sums of vectors, shape (states, hidden units, pieces): a maxout and a layer."""
        weights, bias = self._weights
        scores: Numbers = (features + self._bias).max(axis=-1) @ weights + bias
        return scores
