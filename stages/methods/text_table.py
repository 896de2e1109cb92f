"""Tables as aligned plain text, for terminals and for files alike."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence


def text_table(header: Sequence[str], rows: Sequence[Sequence[str | int]], width: int = 100) -> list[str]:
    """Lines of a table. Whole numbers stand to the right; the last column is wrapped to the width."""
    if not rows:
        return []
    cells = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in rows]
    sizes = [max(len(row[i]) for row in [list(header), *cells]) for i in range(len(header) - 1)]
    right = [all(isinstance(row[i], int) for row in rows) for i in range(len(sizes))]
    room = max(20, width - sum(sizes) - 2 * len(sizes))
    lines: list[str] = []
    for row in [list(header), *cells]:
        first = [cell.rjust(n) if r else cell.ljust(n) for cell, n, r in zip(row, sizes, right, strict=False)]
        indent = " " * (sum(sizes) + 2 * len(sizes))
        wrapped = textwrap.wrap(row[-1], room) or [""]
        lines.append("  ".join([*first, wrapped[0]]).rstrip())
        lines += [indent + more for more in wrapped[1:]]
    return lines
