"""The page to decide about labels in a real browser: by keyboard, closed and opened again, with hostile texts."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

from stages.commands.review_labels_desk import Desk
from stages.commands.review_labels_serve import server_of
from stages.core.label_decisions import read_label_decisions
from stages.core.records import Message, Span
from tests.browser import BROWSER, chromium
from tests.commands.doubted import doubted_run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here: the review page was not looked at in a browser"),
]
LABELS = [
    f"{what}_{how}" for what in ("card", "cash", "transfer") for how in ("declined", "fee", "late", "lost", "why")
]
EVIL = '<img src=x onerror=alert(1)><script>alert(2)</script>&lt;b&gt; "\u202eabc'
VALUES = [{"text": f"I do not know why this is so, case {n}", "label": LABELS[n]} for n in range(6)]
VALUES[3] = {"text": EVIL, "label": LABELS[3]}
RANKED = dict.fromkeys(range(5), (LABELS[9], "suspect_label"))


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@contextmanager
def served(run):
    server = server_of(Desk(run, "kb", run.task), 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def url(request, tmp_path, monkeypatch):
    """The page of a run: of six short texts, unless a test brings its own."""
    monkeypatch.chdir(tmp_path)
    own = getattr(request, "param", None)
    with served(doubted_run(*own) if own else doubted_run("classification", VALUES, RANKED, labels=LABELS)) as url:
        yield url


@pytest.fixture
def opened(browser, url):
    """Open the page in a tab of its own; at the end nothing was complained of, and nothing else was asked for."""
    contexts, said, asked = [], [], []

    def open_():
        context = browser.new_context()
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(5_000)
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(url)
        return tab

    yield open_
    for context in contexts:
        context.close()
    assert [line for line in said if "Failed to load resource" not in line] == []
    origin = url.partition("?")[0]
    assert [one for one in asked if not one.startswith((origin, "data:,"))] == []


def press(tab, *keys):
    """One key after the other, each when the page is done with the one before."""
    for key in keys:
        tab.keyboard.press(key)
        tab.wait_for_selector("#row:not([aria-busy])")


def at(tab, rank):
    tab.wait_for_selector(f"#row:not([aria-busy]) .where b >> text='{rank}'")


def decided():
    return {int(id, 16): (one.decision, one.to) for id, one in read_label_decisions().by_id.items()}


def test_three_rows_are_decided_by_keyboard_and_still_are_after_closing_the_tab(opened):
    tab = opened()
    at(tab, 1)
    press(tab, "k")
    at(tab, 2)
    press(tab, "r", "Enter")
    at(tab, 3)
    press(tab, "d")
    at(tab, 4)
    assert decided() == {0: ("keep", ""), 1: ("relabel", LABELS[9]), 2: ("drop", "")}
    assert tab.inner_text("#count") == "3 decided, 2 left"
    tab.reload()
    at(tab, 4)
    press(tab, "ArrowLeft", "ArrowLeft")
    at(tab, 2)
    assert f"relabelled to {LABELS[9]} by kb" in tab.inner_text("main")
    again = opened()  # another browser, without anything that the first kept
    at(again, 4)
    assert again.inner_text("#count") == "3 decided, 2 left"


def test_another_label_is_found_by_typing_by_number_and_by_arrow(opened):
    tab = opened()
    at(tab, 1)
    press(tab, "r")
    assert tab.inner_text(".choice.active .name") == LABELS[9]
    tab.keyboard.type("transfer_l")
    assert tab.locator(".choice").count() == 2
    press(tab, "ArrowDown", "Enter")
    at(tab, 2)
    press(tab, "r")
    tab.keyboard.type("why")
    press(tab, "3")
    at(tab, 3)
    press(tab, "r", "Escape", "n")
    at(tab, 4)
    assert decided() == {0: ("relabel", "transfer_lost"), 1: ("relabel", "transfer_why")}


def test_the_given_label_cannot_be_chosen_as_another_one(opened):
    tab = opened()
    at(tab, 1)
    press(tab, "r")
    tab.keyboard.type(LABELS[0])
    press(tab, "Enter", "1")
    assert tab.locator("#relabel[open]").count() == 1
    assert decided() == {}


def test_undo_goes_back_to_the_row_and_works_after_a_reload(opened):
    tab = opened()
    at(tab, 1)
    press(tab, "k", "d")
    tab.reload()
    at(tab, 3)
    press(tab, "u")
    at(tab, 2)
    assert decided() == {0: ("keep", "")}
    press(tab, "u")
    at(tab, 1)
    assert decided() == {}
    press(tab, "u")
    assert tab.inner_text("#said") == "Nothing was decided in this tab."


def test_a_key_held_down_or_pressed_with_control_decides_nothing(opened):
    tab = opened()
    at(tab, 1)
    tab.keyboard.down("k")
    at(tab, 2)
    for _ in range(5):
        tab.keyboard.down("k")
    tab.keyboard.up("k")
    press(tab, "Control+d")
    at(tab, 2)
    assert decided() == {0: ("keep", "")}


def test_hostile_text_is_shown_to_the_letter(opened):
    tab = opened()
    at(tab, 1)
    press(tab, "j", "j", "j")
    at(tab, 4)
    assert tab.inner_text(".text div") == EVIL
    assert tab.locator("main img, main script, main b >> text='<'").count() == 0


def test_when_all_in_doubt_is_decided_the_others_can_be_gone_on_with(opened):
    tab = opened()
    at(tab, 1)
    press(tab, "d", "d", "d", "d", "d")
    assert "Every record in doubt is decided" in tab.inner_text("main")
    press(tab, "a")
    at(tab, 6)
    press(tab, "k")
    assert "All records are decided" in tab.inner_text("main")
    assert len(decided()) == 6


def test_two_tabs_do_not_lose_each_others_decisions(opened):
    one, other = opened(), opened()
    at(one, 1)
    at(other, 1)
    press(one, "k")
    press(other, "j", "j", "d")
    press(one, "d")
    assert decided() == {0: ("keep", ""), 1: ("drop", ""), 2: ("drop", "")}
    assert one.inner_text("#count") == "3 decided, 2 left"


def test_a_server_that_ended_is_told_and_the_row_stays(opened):
    tab = opened()
    at(tab, 1)
    tab.route("**/decide", lambda route: route.abort())
    press(tab, "k")
    assert "has ended" in tab.inner_text("#said")
    at(tab, 1)


SPANS = {"text": "東京 👩‍🚀 Ada Quill flew from Paris", "spans": (Span(7, 16, "PER"), Span(27, 32, "ORG"))}
SELECT = """() => {
  const part = [...document.querySelectorAll(".text mark")].at(-1).firstChild;
  getSelection().setBaseAndExtent(part, 0, part, part.length);
}"""


@pytest.mark.parametrize("url", [("token_labels", [SPANS], {0: (None, "suspect_label")})], indirect=True)
def test_spans_are_corrected_in_a_line_and_selected_words_say_their_place_in_code_points(opened):
    tab = opened()
    at(tab, 1)
    assert tab.locator(".text mark").all_inner_texts() == ["Ada QuillPER", "ParisORG"]
    press(tab, "r")
    tab.evaluate(SELECT)
    tab.wait_for_selector("#place >> text='Selected: 27-32'")
    tab.fill("#typed", "0-2:LOC 7-16:PER 27-32:LOC")
    press(tab, "Enter")
    assert tab.inner_text("#wrong") == "The line names a label that is not declared, and that no record has."
    tab.fill("#typed", "7-16:PER 27-32:PER")
    press(tab, "Enter")
    assert decided() == {0: ("relabel", "7-16:PER 27-32:PER")}


TURNS = (Message("user", "Why?"), Message("assistant", "I cannot say."))


@pytest.mark.parametrize("url", [("causal_lm", [{"messages": TURNS}], {0: (None, "refused_answer")})], indirect=True)
def test_where_the_label_is_text_a_record_is_kept_or_dropped(opened):
    tab = opened()
    at(tab, 1)
    press(tab, "r")
    assert tab.inner_text("#said") == "The label is text here: keep the record or drop it."
    press(tab, "d")
    assert decided() == {0: ("drop", "")}
