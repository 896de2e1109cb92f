"""What lies in an installed package, by `pkg://package/inside`. Packages are found, not imported: they may be data."""

from __future__ import annotations

import importlib.util
from pathlib import Path

SCHEME = "pkg://"


def inside(uri: str) -> list[Path]:
    """Places, existing or not, that `pkg://package/inside` can mean; none without such a package, or outside of it."""
    package, _, name = uri.removeprefix(SCHEME).partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    folders = [Path(folder) for folder in (spec.submodule_search_locations if spec else None) or ()]
    if ".." in Path(name).parts or Path(name).is_absolute():
        return []
    return [folder / name for folder in folders]
