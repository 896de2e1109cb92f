"""A comparison as plain text, for a terminal of a hundred columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stages.core.terminal import printable
from stages.methods.diff.ends import HEADINGS
from stages.methods.diff.summary import CAUTION, FACETS, nothing
from stages.methods.diff.verdict import p_value, signed
from stages.methods.diff.wording import (
    count,
    difference,
    end_words,
    score,
    score_name,
    setting,
    shown,
    stages_words,
)
from stages.methods.document.drift_words import drift_words
from stages.methods.document.wording import plural, words
from stages.methods.text_table import text_table

WIDTH = 100


def lines(told: Mapping[str, Any], ids: int = 0) -> Iterator[str]:
    """Lines of the answer, the verdict first; up to `ids` ids under each heading."""
    names = told["a"]["name"], told["b"]["name"]
    yield "  ->  ".join(printable(_version(told[side])) for side in ("a", "b"))
    if told["differs"]:
        yield from _verdict(told["scores"])
    else:
        yield from ["", nothing(told)]
    yield from _notes(told["warnings"])
    yield from _section("Scores", _paired(told["scores"]) if told["differs"] else iter(()))
    yield from _section("Reported by evaluate", _reported(told["scores"]["reported"], names))
    yield from _section("Rows", _rows(told["rows"], ids))
    yield from _section("Records", _records(told["records"], ids))
    yield from _section("Labels and lengths", _drift(told.get("drift") or {}))
    yield from _section("Outputs", _outputs(told["outputs"]))
    yield from _section("Events by stage and reason", _reasons(told["reasons"], names))
    for name, rows in told["settings"].items():
        yield from _section(words(name).capitalize(), _settings(rows))
    yield from _section("Not compared", (_item(f"{row['what']}: {row['why']}") for row in told["not_compared"]))


def _version(side: Mapping[str, Any]) -> str:
    return f"{side['name']} ({side['commit'][:7]})" if side["commit"] else str(side["name"])


def _section(title: str, body: Iterator[str]) -> Iterator[str]:
    found = list(body)
    if found:
        yield from ["", title.upper(), *found]


def _verdict(scores: Mapping[str, Any]) -> Iterator[str]:
    sentence = scores.get("verdict", {}).get("sentence")
    if sentence:
        yield from ["", *textwrap.wrap(printable(sentence), WIDTH)]


def _notes(warnings: Sequence[str]) -> Iterator[str]:
    for warning in warnings:
        yield from ["", *textwrap.wrap(printable(f"Note: {warning}"), WIDTH, subsequent_indent="      ")]


def _item(text: str) -> str:
    return textwrap.fill(printable(text), WIDTH, initial_indent="  ", subsequent_indent="    ")


_RIGHT = {"by both models": "both_right", "by A's only": "only_a_right", "by B's only": "only_b_right"}


def _paired(scores: Mapping[str, Any]) -> Iterator[str]:
    paired = scores.get("paired")
    if not paired:
        return
    rows = paired["rows"]
    header = ("", "A all", "A shared", "B shared", "B all", "the model", "the test set")
    sizes = (*(count(rows[key]) for key in ("a", "common", "common", "b")), "", "")
    table: list[tuple[str, ...]] = [("test rows", *sizes)]
    for name, parts in paired["metrics"].items():
        values = (score(parts[key], name) for key in ("a_all", "a_common", "b_common", "b_all"))
        table.append((score_name(name, paired), *values, *(_change(parts[key], name) for key in ("model", "test_set"))))
    yield from _aligned(header, table, right=(1, 2, 3, 4))
    if test := paired["mcnemar"]:
        right = (f"{where} {test[key]:,}" for where, key in _RIGHT.items())
        yield f"  of the shared rows, right {', '.join(right)}"
    if graded := paired.get("by_record"):
        counts = f"{graded['better']:,} better, {graded['worse']:,} worse, {graded['equal']:,} as well"
        yield f"  of the shared rows, B's model answers {counts} (sign test p {p_value(graded['p'])})"
    if rows["relabelled"] and paired["relabelled"]:
        yield f"  {plural(rows['relabelled'], 'shared test row')} relabelled; right on them:"
        under = paired["relabelled"]
        yield from _aligned(
            ("", "label in A", "label in B"),
            [(f"model {m.upper()}", *(count(under[f"{m}_right_under_{side}"]) for side in "ab")) for m in "ab"],
            right=(1, 2),
        )
    if scores.get("same_model"):
        yield "  The tuned model is the same in both, byte by byte."


def _change(change: Mapping[str, float] | None, name: str) -> str:
    if change is None:
        return "-"
    value, low, high = (signed(change[part], name) for part in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _reported(rows: Sequence[Mapping[str, Any]], names: tuple[str, str]) -> Iterator[str]:
    different = [row for row in rows if row["difference"] != 0]
    table = [(row["name"], shown(row["a"]), shown(row["b"]), shown(row["difference"], sign=True)) for row in different]
    yield from _aligned(("", *map(_short, names), "difference"), table, right=(1, 2, 3))
    if different and len(different) < len(rows):
        yield f"  the other {len(rows) - len(different):,} are equal"


def _short(name: str) -> str:
    return printable(name if len(name) <= 16 else name[:15] + "\u2026")


def _rows(rows: Mapping[str, Any], ids: int) -> Iterator[str]:
    for code, found in rows.get("headings", {}).items():
        sources = ", ".join(f"{name}: {number:,}" for name, number in found.get("by_source", {}).items())
        yield _item(f"{found['rows']:,} {HEADINGS[code]}{' (' + sources + ')' if sources else ''}")
        for part in found["parts"]:
            yield f"    {len(part['ids']):>9,}  {end_words(part['from'])} -> {end_words(part['to'])}"
            yield from _ids(part["ids"], ids)
    if "headings" in rows:
        same = sum(row["rows"] for row in rows["same"])
        yield f"  {same:,} ended at the same place in both"
    if erased := rows.get("erased"):
        yield f"  {plural(len(erased), 'row')} {'is' if len(erased) == 1 else 'are'} erased on request in B"
        yield from _ids(erased, ids)


def _records(records: Mapping[str, Any], ids: int) -> Iterator[str]:
    for facet, name in FACETS.items():
        found = records.get(facet, {})
        if not found.get("rows"):
            continue
        shows = ", ".join(f"{words(row['stage'])} {len(row['ids']):,}" for row in found.get("first_shown", ()))
        yield _item(
            f"{found['rows']:,} {name}, as of {words(records['stage'])}{'; first shows in ' + shows if shows else ''}"
        )
        for row in found.get("pairs", ()):
            yield f"    {len(row['ids']):>9,}  {printable(str(row['from']))} -> {printable(str(row['to']))}"
            yield from _ids(row["ids"], ids)
        if "pairs" not in found:
            all_ids = found.get("ids") or [id for row in found.get("first_shown", ()) for id in row["ids"]]
            yield from _ids(all_ids, ids)


def _drift(drift: Mapping[str, Any]) -> Iterator[str]:
    tests = [drift_words(row) for row in drift.get("tests", ())]
    table = [(row["what"], row["effect"], row["p"], row["verdict"]) for row in tests]
    yield from _aligned(("", "how far apart", "p", "do they differ?"), table, right=(2,))
    if table:
        yield _item(f"{CAUTION} As of {words(drift['stage'])}.")


def _outputs(outputs: Mapping[str, Sequence[str]]) -> Iterator[str]:
    if outputs["different"]:
        for what, stages in (("different", outputs["different"]), ("the same bytes", outputs["same"])):
            yield _item(f"{what}: {', '.join(map(words, stages)) or 'none'}")


def _ids(ids: Sequence[str], most: int) -> Iterator[str]:
    some = ids[:most]
    for start in range(0, len(some), 3):
        yield " " * 15 + "  ".join(some[start : start + 3])
    if most and len(ids) > most:
        yield " " * 15 + f"and {len(ids) - most:,} more; --json has all"


def _reasons(rows: Sequence[Mapping[str, Any]], names: tuple[str, str]) -> Iterator[str]:
    different = [row for row in rows if row["difference"] != 0]
    table = [
        (words(row["stage"]), f"{row['action']}, {row['reason']}" if row["action"] else "rows in",
         count(row["a"]), count(row["b"]), difference(row["difference"]))
        for row in different
    ]  # fmt: skip
    table = [(("" if i and table[i - 1][0] == row[0] else row[0]), *row[1:]) for i, row in enumerate(table)]
    yield from _aligned(("stage", "", *map(_short, names), "difference"), table, right=(2, 3, 4))
    if different and len(different) < len(rows):
        yield f"  the other {len(rows) - len(different):,} are equal"


def _settings(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    marks = {"added": "+", "removed": "-", "changed": "~"}
    for row in rows:
        values = [setting(row[side]) for side in ("a", "b") if side in row]
        value = f": {' -> '.join(values)}" if values else ""
        yield _item(f"{marks[row['change']]} {row['name']}{value}{stages_words(row)}")


def _aligned(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]) -> Iterator[str]:
    """A table set in by two; the columns `right` stand to the right."""
    if not rows:
        return
    table = [list(header), *map(list, rows)]
    for column in right:
        width = max(len(row[column]) for row in table)
        for row in table:
            row[column] = row[column].rjust(width)
    yield from ("  " + printable(line) for line in text_table(table[0], table[1:], WIDTH - 2))
