"""Models that an erasure does not reach: those that learned from the rows, and those tuned from one that did."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stages.commands.export_place import exported_models
from stages.commands.forget_versions import TRAINED, Cached, holders
from stages.core.dvc_files import DvcCache
from stages.core.git import Git
from stages.core.storage import sha256_of

_WEIGHTS = (".safetensors", ".bin", ".pt")


@dataclass(frozen=True, slots=True)
class _Tuned:
    """A folder of `finetune` in DVC's cache; `manifest` is the digest by which later runs name it."""

    weights: tuple[str, ...]
    bytes: int
    manifest: str
    parents: Sequence[Mapping[str, Any]]
    listed: bool
    """Whether the list of the records that it learned from is there; an earlier erasure may have taken it."""

    @property
    def there(self) -> bool:
        """Whether any of its weights is."""
        return self.bytes > 0


def models(found: Cached, git: Git | None, known: Iterable[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """Those that learned from the rows, those tuned from one that did, and those of which nobody can tell any more.

    `known` are the same of an earlier search, which saw lists that are gone by now. Of each: the numbers of records by
    use; `from`, the runs behind it that learned from the rows; `perhaps_from`, those whose list is gone; `unread`,
    whether its own is; `exports`, the folders into which it was exported.
    """
    cache, exports = DvcCache(), exported_models()
    before = {one["folder"]: one for one in known}
    uses = {
        name: {use: one[use] for use in TRAINED} for name, one in before.items() if any(one[use] for use in TRAINED)
    }
    uses |= found.tainted()
    tuned = {name: _tuned(cache, files) for name, files in found.listings.items() if _weights(files)}
    learned = {one["manifest"] for name, one in before.items() if name in uses and "manifest" in one}
    learned |= {one.manifest for name, one in tuned.items() if name in uses}
    listed = {one.manifest for one in tuned.values() if one.listed}
    entries = [one for one in _without_listing(cache, before, tuned, exports) if one["bytes"] or one["exports"]]
    for name, one in sorted(tuned.items()):
        runs = [(str(parent.get("name")), parent.get("finetune")) for parent in one.parents]
        doubts = {
            "from": [run for run, digest in runs if digest in learned],
            "perhaps_from": [run for run, digest in runs if digest not in learned | listed],
            "unread": one.there and not one.listed and name not in uses,
        }
        if name in uses or any(doubts.values()):
            counts = dict.fromkeys(TRAINED, 0) | uses.get(name, {})
            own = {"manifest": one.manifest, "weights": [*one.weights], "bytes": one.bytes}
            own["exports"] = exports.get(one.manifest, [])
            entries.append({"folder": name, **own, "workspace": name in found.current, **counts, **doubts})
    have = holders(git, [one["folder"] for one in entries])
    return [one | {"in": have[one["folder"]]} for one in entries]


def _without_listing(
    cache: DvcCache,
    before: Mapping[str, Mapping[str, Any]],
    tuned: Mapping[str, _Tuned],
    exports: Mapping[str, Sequence[str]],
) -> Iterator[dict[str, Any]]:
    """Models that were known, and of which the weights alone are there, or what was exported."""
    for name, one in before.items():
        if name not in tuned:
            size = _size(cache, one["weights"])
            yield {**one, "workspace": False, "bytes": size, "exports": exports.get(one.get("manifest", ""), [])}


def _size(cache: DvcCache, weights: Iterable[str]) -> int:
    """Bytes of those that are there."""
    files = [cache.place(md5) for md5 in weights]
    return sum(file.stat().st_size for file in files if file.is_file())


def _weights(files: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted({md5 for name, md5 in files.items() if name.endswith(_WEIGHTS)}))


def _tuned(cache: DvcCache, files: Mapping[str, str]) -> _Tuned:
    manifest = cache.place(files.get("manifest.json", ""))
    return _Tuned(
        weights=_weights(files),
        bytes=_size(cache, _weights(files)),
        manifest=sha256_of(manifest) if manifest.is_file() else "",
        parents=_parents(cache, files.get("training.json", "")),
        listed=cache.place(files.get("events.parquet", "")).is_file(),
    )


def _parents(cache: DvcCache, md5: str) -> Sequence[Mapping[str, Any]]:
    """The runs that a model was tuned from, nearest first, as its training.json names them."""
    try:
        said = json.loads(cache.place(md5).read_bytes())
        return [parent for parent in said.get("parents") or () if isinstance(parent, dict)]
    except (OSError, ValueError, AttributeError, TypeError):
        return ()
