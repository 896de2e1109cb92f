"""The report in a real browser: it renders, fetches nothing, says what the JSON says, and fits on a phone."""

from __future__ import annotations

import json

import pytest

from stages.methods.document.figures import figures
from stages.methods.document.html import page
from tests.browser import BROWSER, chromium
from tests.pipeline.conftest import Project

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here: the report was not looked at in a browser"),
]


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(params=[(1280, 900, "light"), (390, 844, "dark")], ids=["desktop", "phone"])
def looked_at(browser, project: Project, request):
    """The sample project's report on a screen: (page, console messages, addresses fetched)."""
    width, height, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    tab = context.new_page()
    said: list[str] = []
    fetched: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: fetched.append(request.url))
    tab.goto((project.path / "reports/index.html").as_uri())
    yield tab, said, fetched
    context.close()


def test_the_page_renders_without_an_error_and_fetches_nothing(looked_at):
    tab, said, fetched = looked_at
    assert tab.title()
    assert sum(chart.is_visible() for chart in tab.locator("svg").all()) >= 6
    assert said == []
    assert [url for url in fetched if not url.startswith("file:")] == []
    assert len(fetched) == 1


def test_the_figures_shown_are_those_of_the_reports(looked_at, project):
    tab, _, _ = looked_at
    evaluate = json.loads((project.path / "reports/evaluate.json").read_text(encoding="utf-8"))
    ingest = json.loads((project.path / "reports/ingest.json").read_text(encoding="utf-8"))
    shown = {node.get_attribute("data-key"): node.inner_text() for node in tab.locator("[data-key]").all()}
    assert shown["accuracy"] == f"{100 * evaluate['accuracy']:.1f}\N{NO-BREAK SPACE}%"
    assert shown["macro_f1"] == f"{100 * evaluate['macro_f1']:.1f}\N{NO-BREAK SPACE}%"
    assert f"{ingest['records']['in']:,}" in shown.values()


def test_nothing_runs_over_the_edge_of_the_screen(looked_at):
    tab, _, _ = looked_at
    assert tab.evaluate("document.documentElement.scrollWidth") <= tab.viewport_size["width"]


def test_everything_that_can_be_opened_can_be_opened_by_keyboard(looked_at):
    tab, _, _ = looked_at
    summary = tab.locator("summary").first
    summary.focus()
    tab.keyboard.press("Enter")
    assert tab.locator("details").first.get_attribute("open") is not None


def test_a_hostile_label_does_not_run(browser, tmp_path):
    evil = "<img src=x onerror=alert(1)>"
    report = {"confusion": {"labels": [evil, "b"], "matrix": [[1, 2], [3, 4]]}}
    html = page(figures({"evaluate": {"manifest": {}, "report": report, "digest": "0"}}, [], {}), evil)
    (tmp_path / "evil.html").write_text(html, encoding="utf-8")
    tab = browser.new_page()
    dialogs: list[str] = []
    tab.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    tab.goto((tmp_path / "evil.html").as_uri())
    assert dialogs == []
    assert tab.locator("img").count() == 0
