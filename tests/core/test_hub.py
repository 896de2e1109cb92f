import pytest

from stages.core.errors import UsageError
from stages.core.hub import HubDataset, hub_dataset

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("uri", "wanted", "pinned"),
    [
        ("hf://rows", ("rows", None, "train"), False),
        ("hf://owner/rows:test", ("owner/rows", None, "test"), False),
        ("hf://owner/rows@main", ("owner/rows", "main", "train"), False),
        ("hf://owner/rows@refs/convert/parquet:test", ("owner/rows", "refs/convert/parquet", "test"), False),
        (f"hf://owner/rows.v2@{COMMIT}:validation", ("owner/rows.v2", COMMIT, "validation"), True),
    ],
)
def test_name_revision_and_split_are_told_apart(uri, wanted, pinned):
    assert hub_dataset(uri) == HubDataset(*wanted)
    assert hub_dataset(uri).is_pinned is pinned


@pytest.mark.parametrize("name", ["", "/etc", "../rows", "a/b/c", "rows:", "rows@", "a b"])
def test_what_is_no_name_says_how_one_is_written(name):
    with pytest.raises(UsageError, match=r"write `hf://owner/name`"):
        hub_dataset(f"hf://{name}")
