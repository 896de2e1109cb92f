"""`rowtrail diff` on two versions of the sample project that DVC made: a tag and the workspace after it."""

from __future__ import annotations

import csv
import json
import shutil

import pytest

from stages.commands.diff import compare
from stages.core.dvc_files import DvcCache
from stages.core.versions import versions
from tests.browser import BROWSER, chromium
from tests.pipeline.conftest import MARK, MARKED_CUSTOMER, MARKED_MAIL, Project

pytestmark = pytest.mark.slow
TWICE, ADDED, SHORT = 3, 4, 50


@pytest.fixture(scope="module")
def pair(project, tmp_path_factory) -> Project:
    """Tag v1 is the sample project; in the workspace its rows and a param have changed, and it ran up to `split`."""
    pair = Project(tmp_path_factory.mktemp("pair") / "pair")
    shutil.copytree(project.path, pair.path, symlinks=True)
    pair.run("git", "add", "-A")
    pair.run("git", "commit", "-qm", "first version")
    pair.run("git", "tag", "v1")
    change_rows(pair.path / "data/raw/sample.csv")
    pair.set_params(lambda params: params["clean"].update(min_chars=SHORT))
    pair.run("dvc", "repro", "split")
    return pair


def change_rows(file):
    """One row relabelled, one removed, some repeated under other keys, some new."""
    with file.open(encoding="utf-8", newline="") as source:
        header, *rows = csv.reader(source)
    key, text, label, customer = (header.index(name) for name in ("id", "text", "label", "customer"))
    long = [row for row in rows if len(row[text]) > SHORT and MARK not in row[text]]
    long[0][label] = next(row[label] for row in rows if row[label] != long[0][label])
    rows.remove(long[1])
    again = [list(row) for row in long[2 : 2 + TWICE]]
    new = [list(row) for row in long[10 : 10 + ADDED]]
    for number, row in enumerate([*again, *new]):
        row[key], row[customer] = f"new-{number}", f"customer-new-{number}"
    for number, row in enumerate(new):
        words = (f"{word}{number}" for word in ("moss", "fern", "reed", "lime", "sage", "mint", "rush", "ivy", "oak"))
        row[text] = f"Invented words number {number} about umbrellas and quiet harbours: {' '.join(words)}"
    with file.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows([header, *rows, *again, *new])


def ask(pair, *arguments, code=0):
    return pair.run("python", "-m", "stages", "diff", *arguments, code=code).stdout


def compared(pair, *names):
    """The comparison as values; made here, as a process of its own takes seconds to start."""
    return json.loads(json.dumps(compare(*versions(*names, root=pair.path))))


@pytest.fixture(scope="module")
def found(pair):
    return compared(pair, "v1", "workspace")


def test_rows_that_came_left_or_were_dropped_are_counted(found):
    headings = found["rows"]["headings"]
    assert headings["added"]["rows"] == TWICE + ADDED
    assert headings["added"]["by_source"] == {"sample": TWICE + ADDED}
    assert headings["removed"]["rows"] == 1
    reasons = {
        part["to"]["reason"] for code in ("added", "newly_dropped") for part in headings.get(code, {}).get("parts", ())
    }
    assert {"too_short", "exact_duplicate"} <= reasons
    assert found["records"]["label"]["rows"] == 1
    assert found["records"]["label"]["first_shown"][0]["stage"] == "ingest"
    assert found["not_compared"] == []


def test_no_other_row_moved_between_splits(found):
    moved = found["rows"]["headings"].get("moved", {"rows": 0})
    assert moved["rows"] <= TWICE, "a row may follow the group that its new duplicate made; no other moves"


def test_the_counts_are_those_of_the_reports(found, pair):
    old = json.loads(pair.run("git", "show", "v1:reports/clean.json").stdout)
    new = json.loads((pair.path / "reports/clean.json").read_text(encoding="utf-8"))
    row = next(row for row in found["reasons"] if row["reason"] == "too_short")
    assert row["a"] == old["reasons"].get("drop", {}).get("too_short", 0)
    assert row["b"] == new["reasons"]["drop"]["too_short"] > row["a"]


def test_what_it_was_made_from(found):
    settings = found["settings"]
    assert [(row["name"], row["b"]) for row in settings["params"]] == [("clean.min_chars", SHORT)]
    assert settings["code"] == settings["packages"] == settings["base_model"] == []
    assert [row["change"] for row in settings["sources"]] == ["changed"]
    assert any("evaluate" in line and "made again" in line for line in found["warnings"])
    assert found["scores"]["same_model"] is True


def test_no_text_of_a_record_and_no_personal_data_is_told(pair):
    told = ask(pair, "v1", "--ids") + json.dumps(compared(pair, "v1", "workspace"))
    assert not any(secret in told for secret in (MARK, MARKED_MAIL, MARKED_CUSTOMER, "umbrellas", "customer-new"))


def test_an_experiment_is_a_version_and_git_is_left_as_it_is(pair, found):
    commit = pair.run("git", "rev-parse", "v1").stdout.strip()
    pair.run("git", "update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/tried-it", commit)
    before = pair.run("git", "status", "--porcelain").stdout
    again = compared(pair, "tried-it", "workspace")
    assert again["rows"] == found["rows"]
    assert pair.run("git", "status", "--porcelain").stdout == before
    assert compared(pair, "tried-it", "v1")["differs"] is False
    ask(pair, "tried-it", "--exit-code", code=1)


def counts(found):
    return [[row[name] for name in ("stage", "action", "reason", "a", "b")] for row in found["reasons"]]


def test_when_old_objects_were_purged_their_counts_remain(pair, found):
    (old,) = versions("v1", root=pair.path)
    cache = DvcCache(pair.path)
    listings = {stage: old.out(stage).md5 for stage in ("ingest", "split", "evaluate")}
    records = [old.files(stage)["records.parquet"] for stage in ("ingest", "split")]
    for path in records:
        path.rename(path.with_suffix(".away"))
    by_events = compared(pair, "v1", "workspace")
    assert by_events["rows"] == found["rows"]
    assert "ingest, split" in by_events["not_compared"][0]["what"]
    for md5 in listings.values():
        cache.place(md5).rename(cache.place(md5).with_suffix(".away"))
    by_reports = compared(pair, "v1", "workspace")
    assert by_reports["rows"] == {"erased": []}
    assert counts(by_reports) == counts(found)
    assert len(by_reports["not_compared"]) >= 3
    for path in [*records, *map(cache.place, listings.values())]:
        path.with_suffix(".away").rename(path)


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here: the page was not looked at in a browser")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_fits_and_tells_its_streams_by_keyboard(pair, tmp_path, width, scheme):
    ask(pair, "v1", "--html", str(tmp_path / "diff.html"))
    said: list[str] = []
    with chromium() as browser:
        tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.goto((tmp_path / "diff.html").as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        tab.locator(".flow:visible .part").first.focus()
        assert "\u2192" in tab.locator("#tip").inner_text()
    assert said == []
