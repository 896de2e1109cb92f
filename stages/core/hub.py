"""Names of data sets on the Hugging Face hub, as a source's `uri` writes them."""

from __future__ import annotations

import re
from typing import NamedTuple

from stages.core.errors import Fault, UsageError

SCHEME = "hf://"
_NAME, _REVISION, _SPLIT = r"(?:[\w-][\w.-]*/)?[\w-][\w.-]*", r"[\w.-][\w./-]*", r"[\w.-]+"
_FORM = re.compile(f"(?P<name>{_NAME})(?:@(?P<revision>{_REVISION}))?(?::(?P<split>{_SPLIT}))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class HubDataset(NamedTuple):
    """`hf://name[@revision][:split]`: the revision is a commit, a branch or a tag, the split `train` unless said."""

    name: str
    revision: str | None
    split: str

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit, which alone means the same rows tomorrow."""
        return bool(self.revision and _COMMIT.fullmatch(self.revision))


def is_hub(uri: str) -> bool:
    """Whether a source's rows come from the hub and not from files."""
    return uri.startswith(SCHEME)


def hub_dataset(uri: str) -> HubDataset:
    """What a URI names. Raises UsageError for one that is no hub name: paths are none, so that none is read."""
    form = _FORM.fullmatch(uri.removeprefix(SCHEME))
    if form is None:
        problem = "is not the name of a data set on the hub"
        raise UsageError(Fault(uri, problem, "write `hf://owner/name`, with `@commit` and `:split` if you want"))
    return HubDataset(form["name"], form["revision"], form["split"] or "train")
