"""The lineage view in a real browser, over 100,000 invented rows: chosen, searched, compared, by keyboard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stages.methods.document.figures import figures
from stages.methods.document.html import page
from stages.methods.document.lineage.packing import lineage_data
from tests.browser import BROWSER, chromium
from tests.lineage_rows import an_id, events, fabricated

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here: the lineage view was not looked at in a browser"),
]
COUNT = 100_000
DESKTOP, PHONE = (1280, 900), (390, 844)
EVIL = "<img src=x onerror=alert(1)>"


def report(stages, limit=200_000, accuracy=0.8) -> str:
    """A report whose picture and rows are those of some stages' events."""
    lineage = lineage_data(stages, limit)
    recorded, given = {}, lineage.about["total"]
    for stage in stages:
        mine = [step for step in lineage.about["steps"] if step["stage"] == stage.stage]
        reasons: dict[str, dict[str, int]] = {}
        for step in mine:
            reasons.setdefault(step["action"], {})[step["reason"]] = step["rows"]
        texts = {step["reason"]: step["explanation"] for step in mine}
        manifest = {"counts": {"in": given}, "reasons": reasons, "reason_texts": texts}
        recorded[stage.stage] = {"manifest": manifest, "report": {}, "digest": "0"}
        given -= sum(reasons.get("drop", {}).values())
    recorded["evaluate"] = {"manifest": {}, "report": {"accuracy": accuracy}, "digest": "0"}
    return page(figures(recorded, [], {}), "Report", lineage)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """Reports by what they are; in `other`, ten rows are gone, twenty new, and chance told other stories."""
    folder = tmp_path_factory.mktemp("reports")
    stages = fabricated(COUNT)
    (folder / "this.html").write_text(report(stages), encoding="utf-8")
    (folder / "other.html").write_text(report(fabricated(COUNT + 10, first=10), accuracy=0.7), encoding="utf-8")
    (folder / "few.html").write_text(report(fabricated(3000), limit=500), encoding="utf-8")
    (folder / "letter.html").write_text("<p>Dear reader", encoding="utf-8")
    this = (folder / "this.html").read_text(encoding="utf-8")
    damaged = re.sub(r'(id="lineage-ids">.{40}).{4}', r"\1", this)
    (folder / "damaged.html").write_text(damaged, encoding="utf-8")
    (folder / "old.html").write_text(this.replace('id="lineage-ids"', 'id="x"'), encoding="utf-8")
    hostile = [*fabricated(50), events("audit", [(an_id(1), "assign", EVIL, {})])]
    (folder / "hostile.html").write_text(report(hostile), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def opened(browser, files):
    """Open a report; at the end, nothing was said in the console and nothing but the files was fetched."""
    contexts, said, fetched = [], [], []

    def open_(name="this.html", size=DESKTOP, **options):
        width, height = size
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", **options)
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(10_000)
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        tab.on("request", lambda request: fetched.append(request.url))
        tab.goto((files / name.partition("#")[0]).as_uri() + "".join(name.partition("#")[1:]))
        return tab

    yield open_
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url in fetched if not url.startswith(("file:", "blob:"))] == []


def way(tab, reason):
    """The part of the picture in sight that stands for a reason."""
    return tab.locator(f'.flow [data-reason="{reason}"] >> visible=true')


def shown(tab):
    return tab.locator("#explorer h3").inner_text()


def told(tab):
    return tab.locator("#explorer .told").inner_text()


def first_id(tab):
    return tab.locator(".rows .id").first.inner_text()


def count_of(reason):
    return sum(stage.events["reason"].to_pylist().count(reason) for stage in fabricated(COUNT))


def too_wide(tab):
    return tab.evaluate("document.documentElement.scrollWidth") > tab.viewport_size["width"]


def durations(tab):
    entries = tab.evaluate("performance.getEntriesByType('measure').map(({ name, duration }) => [name, duration])")
    return {name: max(d for n, d in entries if n == name) for name, _ in entries}


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_click_on_a_branch_lists_its_rows_and_a_click_on_a_row_tells_its_story(opened, size):
    tab = opened(size=size)
    assert not too_wide(tab)
    way(tab, "exact_duplicate").click()
    assert shown(tab) == "exact duplicate"
    assert f"{count_of('exact_duplicate'):,} rows" in told(tab)
    assert "created › exact duplicate" in " ".join(tab.locator(".rows .head").all_inner_texts())
    assert len(tab.locator(".rows .id").all()) < 200
    assert not too_wide(tab)
    id = first_id(tab)
    tab.locator(".rows .id").first.click()
    assert shown(tab) == id
    assert "its texts equal those of a kept record" in told(tab)
    assert tab.url.endswith(f"#id={id}")
    tab.locator(".told .link.mono").click()
    assert "Stands for" in told(tab)
    assert not too_wide(tab)


def test_the_end_of_a_long_list_is_its_last_id_and_the_lines_in_the_page_stay_few(opened):
    tab = opened()
    way(tab, "not_sampled").click()
    tab.locator(".rows").evaluate("rows => { rows.scrollTop = rows.scrollHeight; }")
    last = max(an_id(n) for n, r in enumerate(fabricated(COUNT)[0].events["reason"].to_pylist()) if r == "not_sampled")
    tab.locator(".rows .id", has_text=last).wait_for()
    assert len(tab.locator(".rows .id").all()) < 200


def test_everything_can_be_done_by_keyboard_and_focus_returns(opened):
    tab = opened()
    way(tab, "train").focus()
    tab.keyboard.press("Enter")
    assert shown(tab) == "train"
    for _ in range(5):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.getAttribute('role')") == "listbox":
            break
    tab.keyboard.press("End")
    tab.keyboard.press("ArrowLeft")
    chosen = tab.locator(".rows [aria-selected=true]").inner_text()
    tab.keyboard.press("Enter")
    assert shown(tab) == chosen
    tab.get_by_role("button", name="Back").focus()
    tab.keyboard.press("Enter")
    assert tab.locator(".rows [aria-selected=true]").inner_text() == chosen
    tab.keyboard.press("Escape")
    assert tab.evaluate("document.activeElement.dataset.reason") == "train"
    assert tab.locator("#explorer.open").count() == 0


def test_a_reason_that_moves_no_row_is_found_in_the_panel_and_in_the_table(opened):
    tab = opened()
    tab.locator(".reasons .reason").first.focus()
    tab.keyboard.press("End")
    tab.keyboard.press("Enter")
    assert shown(tab) == "trained on"
    tab.keyboard.press("Escape")
    tab.locator("tr[data-reason=normalised] button").click()
    assert shown(tab) == "normalised"


def test_an_id_is_found_by_how_it_begins(opened):
    tab = opened()
    tab.locator("#find-row").fill(an_id(5)[:2])
    wanted = sum(an_id(number).startswith(an_id(5)[:2]) for number in range(COUNT))
    assert f"{wanted:,} rows" in told(tab)
    tab.locator("#find-row").fill(f" {an_id(5).upper()} ")
    assert shown(tab) == an_id(5)
    assert "split" in told(tab)
    tab.locator("#find-row").fill("0" * 20)
    assert shown(tab) == "No such row"
    tab.locator("#find-row").fill("what?")
    assert shown(tab) == "Not an id"
    assert tab.locator("#explorer [role=status]").inner_text().startswith("Not an id")
    assert tab.evaluate("document.activeElement.id") == "find-row"


def test_a_link_to_a_row_opens_it_and_a_link_to_none_says_so(opened):
    assert shown(opened(f"this.html#id={an_id(7)}")) == an_id(7)
    assert shown(opened("this.html#id=" + "f" * 20)) == "No such row"


def test_ids_can_be_saved_and_copied(opened, tmp_path):
    tab = opened(permissions=["clipboard-read", "clipboard-write"], accept_downloads=True)
    tab.locator("#find-row").fill(an_id(5)[:3])
    wanted = sorted(id for number in range(COUNT) if (id := an_id(number)).startswith(an_id(5)[:3]))
    with tab.expect_download() as saved:
        tab.get_by_role("button", name="Save ids").click()
    saved.value.save_as(tmp_path / "ids.txt")
    assert (tmp_path / "ids.txt").read_text(encoding="utf-8").split() == wanted
    tab.get_by_role("button", name="Copy ids").click()
    tab.get_by_role("button", name="Copied").wait_for()
    assert tab.evaluate("navigator.clipboard.readText()").split() == wanted


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_two_reports_are_compared_row_by_row(opened, files, size):
    tab = opened(size=size)
    tab.locator("#compare-file").set_input_files(files / "other.html")
    tab.locator("#explorer h3", has_text="Compared with other.html").wait_for()
    entries = tab.locator(".told .reasons .reason").all_inner_texts()
    assert any(entry.split() == ["only", "here", "not", "in", "the", "other", "10"] for entry in entries)
    assert any(entry.split()[-1] == "20" for entry in entries if entry.startswith("only there"))
    assert any("train" in entry and "→" in entry for entry in entries)
    assert tab.locator(".sides .differs").first.inner_text().split() == ["Accuracy", "80.0", "%", "70.0", "%"]
    assert not too_wide(tab)
    tab.get_by_role("button", name="only here").click()
    assert "10 rows" in told(tab)
    assert set(tab.locator(".rows .id").all_inner_texts()) <= {an_id(number) for number in range(10)}
    tab.locator(".rows .id").first.click()
    assert "It carries no such row." in told(tab)


@pytest.mark.parametrize(
    ("name", "says"),
    [("letter.html", "not a Rowtrail report"), ("damaged.html", "damaged"), ("old.html", "before reports carried")],
)
def test_a_file_that_cannot_be_compared_is_said_to_be_none(opened, files, name, says):
    tab = opened("hostile.html")
    tab.locator("#compare-file").set_input_files(files / name)
    tab.locator("#explorer h3", has_text="Nothing to compare").wait_for()
    assert says in told(tab)


def test_a_page_of_a_sample_says_so_where_it_matters(opened):
    tab = opened("few.html")
    assert "of 3,000 rows" in tab.locator("#find-note").inner_text()
    way(tab, "train").click()
    assert re.search(r"\d+ of [\d,]+ rows", told(tab))
    assert "rowtrail trace ID" in told(tab)


def test_a_hostile_code_is_text(opened):
    tab = opened("hostile.html")
    tab.locator("#find-row").fill(an_id(1))
    assert EVIL in told(tab)
    assert tab.locator("img").count() == 0


def test_without_scripts_the_picture_and_the_reasons_stand_alone(opened):
    tab = opened(java_script_enabled=False)
    assert way(tab, "not_sampled").is_visible()
    assert tab.locator("#explorer").is_hidden()


def test_in_print_there_is_no_panel(opened):
    tab = opened()
    way(tab, "train").click()
    tab.emulate_media(media="print")
    assert tab.locator("#explorer").is_hidden()


def test_a_hundred_thousand_rows_are_read_searched_and_listed_without_a_wait(opened):
    tab = opened()
    way(tab, "train").click()
    tab.locator("#find-row").fill("0")
    took = durations(tab)
    assert set(took) >= {"lineage read", "lineage open", "lineage search", "lineage show"}
    assert max(took.values()) < 2000
