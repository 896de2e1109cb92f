"""What is to be handed over: a folder of records, and the proof that it was made from scrubbed ones.

The proof is the chain of manifests, each of which names the SHA-256 of those it was made from: names of folders prove
nothing. `rowtrail verify` checks more than this, and every byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stages.commands.verify_checks import counted, some
from stages.core.erasure import ERASURE_LIST, read_erasures
from stages.core.errors import DataError, Fault, PrivacyRefused, UsageError
from stages.core.ledger import IdSet
from stages.core.records import Column, Schema
from stages.core.storage import StageFolder, sha256_of
from stages.tasks import load_task

SCRUBS = "scrub_pii"
_RECORDS = "records.parquet"
_REPORT = "report.json"
_AGAIN = "run `dvc repro`; `rowtrail verify` names all that does not fit"


@dataclass
class Chain:
    """The folders that one was made from: each stage with the SHA-256 of its manifest, the nearest first."""

    digests: dict[str, str] = field(default_factory=dict)
    gaps: list[Fault] = field(default_factory=list)
    """Where the chain breaks off, or ends before anything was scrubbed."""
    scrubbed: StageFolder | None = None


class Source:
    """A folder of records with splits. Raises DataError for one that is not."""

    def __init__(self, path: Path) -> None:
        self.folder = StageFolder(path)
        self.task = str(self.folder.manifest.get("params", {}).get("task", ""))

    @cached_property
    def schema(self) -> Schema:
        """The columns of the task by which the folder was made."""
        if not self.task:
            place = str(self.folder.path / "manifest.json")
            raise DataError(Fault(place, "does not say of which task the records are", "name the folder of `split`"))
        return load_task(self.task).schema

    @cached_property
    def splits(self) -> dict[str, int]:
        """How many records there are in each split, in the order in which they are used."""
        found = Counter(self.folder.table(columns=["split"])["split"].to_pylist())
        return {name: found[name] for name in ("train", "validation", "test") if found[name]}

    def chosen(self, asked: str | None) -> list[str]:
        """The splits that are asked for, or all. Raises UsageError for one that is not there."""
        if not self.splits:
            problem = "its records are in no split"
            raise UsageError(Fault(str(self.folder.path), problem, "name the folder of `split` with --from"))
        names = [name.strip() for name in asked.split(",")] if asked else list(self.splits)
        if unknown := [name for name in names if name not in self.splits]:
            problem = f"no records in {', '.join(repr(name) for name in unknown)}"
            raise UsageError(Fault("--split", problem, f"there are {', '.join(self.splits)}"))
        return [name for name in self.splits if name in names]

    def labels(self) -> dict[str, tuple[str, ...]]:
        """The names of classes by column, over all splits, sorted: every split is told of the same ones."""
        columns = self.schema.of_kind("label", "labels", "spans")
        return {column.name: tuple(sorted(self._labels(column))) for column in columns}

    def _labels(self, column: Column) -> list[str]:
        values = self.folder.table(columns=[column.name])[column.name].combine_chunks()
        if pa.types.is_list(values.type):
            values = values.flatten()
        if pa.types.is_struct(values.type):
            values = values.field("label")
        found: list[str] = values.unique().drop_null().to_pylist()
        return found

    def refuse_erased(self) -> dict[str, Any]:
        """The state of the erasure list. Raises PrivacyRefused when somebody on it is still in the folder."""
        erasures = read_erasures()
        rows = self.folder.table(columns=["id", "subject"])
        hits = pc.or_kleene(
            pc.is_in(rows["id"], pa.array(sorted(erasures.records), pa.string())),
            pc.is_in(rows["subject"], pa.array(sorted(erasures.subjects), pa.string())),
        )
        if ids := rows["id"].filter(hits).to_pylist():
            problem = (
                f"still holds {counted(len(ids))} that {ERASURE_LIST} names or whose subject it names: {some(ids)}"
            )
            raise PrivacyRefused(Fault(str(self.folder.path), problem, "run `dvc repro`, then export again"))
        listed = IdSet()
        for line in erasures.lines():
            listed.add(line)
        return {"listed": listed.count, "digest": listed.digest}

    # --- where it comes from ----------------------------------------------------------------------------------------
    @cached_property
    def chain(self) -> Chain:
        """Everything the folder was made from, as far as it is here."""
        chain = Chain()
        self._follow(self.folder, chain, scrubbed=False)
        return chain

    def _follow(self, folder: StageFolder, chain: Chain, *, scrubbed: bool) -> None:
        """Add a folder and its inputs. Beyond `scrub_pii`, a gap is no reason to doubt that it was scrubbed."""
        chain.digests[folder.stage] = folder.digest
        if folder.stage == SCRUBS:
            chain.scrubbed, scrubbed = folder, True
        inputs: Mapping[str, str] = folder.manifest.get("inputs", {})
        if not inputs and not scrubbed:
            problem = f"was made without {SCRUBS}: {' < '.join(chain.digests)}"
            chain.gaps.append(Fault(str(self.folder.path), problem, f"export the folder of a stage after {SCRUBS}"))
        for stage, digest in inputs.items():
            other = StageFolder(folder.path.parent / stage)
            place = other.path / "manifest.json"
            if not place.is_file():
                fault = Fault(str(other.path), f"is not here: what {folder.path} was made from cannot be shown", _AGAIN)
            elif other.digest != digest:
                fault = Fault(str(place), f"is not the one that {folder.path} was made from", _AGAIN)
            else:
                self._follow(other, chain, scrubbed=scrubbed)
                continue
            chain.gaps += [] if scrubbed else [fault]

    def doubts(self) -> Iterator[Fault]:
        """Why it cannot be said that the records were scrubbed."""
        yield from self.chain.gaps
        yield from _altered(self.folder, _RECORDS)
        if self.chain.scrubbed is not None:
            yield from _altered(self.chain.scrubbed, _REPORT)
            if proven := self.leaks().get("proven"):
                problem = f"{proven:,} proven identifiers are still in the scrubbed texts"
                step = "look at them with `rowtrail review pii`; see scrub_pii.fail_on_leak"
                yield Fault(str(self.chain.scrubbed.path / _REPORT), problem, step)

    def leaks(self) -> dict[str, int]:
        """What scrub_pii still saw in its output, by kind."""
        if self.chain.scrubbed is None:
            return {}
        report = self.chain.scrubbed.json(_REPORT)
        kinds = report.get("leaks", {}).items()
        return {kind: int(one["found"]) for kind, one in kinds if isinstance(one, dict) and "found" in one}

    def kept_entities(self) -> list[str]:
        """The kinds of personal data that stay in the texts because the params say so."""
        if self.chain.scrubbed is None:
            return []
        entities = self.chain.scrubbed.manifest.get("params", {}).get(SCRUBS, {}).get("entities", {})
        return sorted(name for name, operator in entities.items() if operator == "keep")

    def licenses(self) -> list[str]:
        """The licences of the sources, as far as the chain reaches them."""
        if "ingest" not in self.chain.digests:
            return []
        ingest = StageFolder(self.folder.path.parent / "ingest").manifest
        return [str(source["license"]) for source in ingest["params"]["ingest"]["sources"]]


def _altered(folder: StageFolder, name: str) -> Iterator[Fault]:
    place = folder.path / name
    said = folder.manifest.get("files", {}).get(name)
    if said is None or not place.is_file() or sha256_of(place) != said:
        yield Fault(str(place), "has not the bytes that its manifest says", _AGAIN)
