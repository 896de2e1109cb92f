"""What a run leaves behind: planted texts, people, names and keys are searched for in it, and every page is read.

One project with hostile labels, file names and statements runs whole, with every library's debug log on and a mask that
would let everybody read; then each command is asked about it, and a stage is broken on purpose.
"""

from __future__ import annotations

import html.parser
import io
import logging
import os
import re
import shutil
import stat
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stages.__main__ import main
from stages.commands import COMMANDS
from stages.methods.diff.settings import differences, flat, unnamed
from tests.pipeline.conftest import MARK, MARKED_CUSTOMER, MARKED_MAIL, Project, make_project
from tests.tiny import save_base

pytestmark = pytest.mark.slow
CARD = "4012888888881881"
KEY = "5eed" * 15 + "0bad"
ALLOWED, DENIED = "Quillfeather", "Brandywhistle"
TEXTS = (MARK, MARKED_MAIL, CARD)
SECRETS = (*TEXTS, MARKED_CUSTOMER, KEY)
NAMES = (ALLOWED, DENIED)
EVIL = {
    "billing": "<script>alert(1)</script>",
    "delivery": '"><img src=x onerror=alert(1)>',
    "technical": "{{7*7}}${7*7}'\x1b]0;owned\x07[a](javascript:alert(1))",
}
TITLE = "</script><script>alert(2)</script>{{7*7}}"
SAID = "[click](javascript:alert(3)) <img src=x onerror=alert(3)> {{7*7}} | x"
FILE = "<img src=x onerror=alert(4)>{{7*7}}.csv"
ROW = '"><script>alert(5)</script>'
DATA = ("ingest", "clean", "deduplicate", "scrub_pii", "check_labels", "split")
LOUD = "import logging\nlogging.basicConfig(level=logging.DEBUG)\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("leaks")


@pytest.fixture(scope="module")
def marked(home) -> Project:
    """The project after its run, and what that printed beside it."""
    (home / "loud").mkdir()
    (home / "loud/sitecustomize.py").write_text(LOUD)
    project = make_project(home / "project")
    save_base(project.path / "models/base")
    project.set_params(_small)
    sample = project.path / "data/raw/sample.csv"
    (project.path / "data/raw" / FILE).write_bytes(_rows(sample.read_text(encoding="utf-8")))
    sample.unlink()
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "marked")
    done = asked(project, "sh", "-c", "umask 0; exec dvc repro -v", DVC_LOGLEVEL="DEBUG", PYTHONPATH=str(home / "loud"))
    (home / "repro.log").write_text(done, encoding="utf-8")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "ran")
    return project


def _rows(sample: str) -> bytes:
    """The sample rows under hostile labels, and rows for every way out: quarantined, dropped, duplicate, changed."""
    header, *rows = sample.rstrip("\n").split("\n")
    for label, evil in EVIL.items():
        quoted = '"' + evil.replace('"', '""') + '"'
        rows = [row.replace(f",{label},", f",{quoted},") for row in rows]
    text = f"{MARK} wrote from {MARKED_MAIL} about card {CARD}, with {ALLOWED} and {DENIED}"
    label = '"' + EVIL["billing"] + '"'
    rows += [f'twin-{n},"{text}, {n % 2} times",{label},{MARKED_CUSTOMER},0.9' for n in range(4)]
    rows += [f'"{ROW.replace(chr(34), chr(34) * 2)}","{text} again",{label},{MARKED_CUSTOMER},0.8']
    rows += [f'long-1,"{(text + " ") * 400}",{label},{MARKED_CUSTOMER},0.9']
    rows += [f'empty-1,"{text}",,{MARKED_CUSTOMER},{MARK}']
    rows += [f'short-1,".",{label},{MARKED_CUSTOMER},1', f'{MARKED_MAIL},"{text} and more",{label}']
    bad = f'bad-1,"{text} \xff",{label},{MARKED_CUSTOMER},0.5'.encode("latin-1")
    return "\n".join([header, *rows]).encode() + b"\n" + bad + b"\n"


def _small(params) -> None:
    params.update(model="models/base", epochs=1, lr=1e-3)
    params["ingest"].update(max_chars=5000, max_quarantine_share=0.5)
    params["ingest"]["sources"][0].update(public=False, license=SAID)
    params["deduplicate"].update(probe=0)
    params["scrub_pii"].update(probe=0, allow=[ALLOWED], deny={"PERSON": [DENIED]}, fail_on_leak="none")
    params["check_labels"].update(probe=0, folds=2, max_tokens=16)
    params["finetune"].update(frozen_layers=0, max_length=16, evaluations=1, threads=1, device="cpu")
    params["document"].update(title=TITLE, controller=SAID, purpose=SAID, intended_use=SAID)


def asked(project: Project, *command: str, code: int | None = 0, **environment: str) -> str:
    """All that a command prints, run with the key."""
    done = project.run(*command, code=code, ROWTRAIL_KEY=KEY, **environment)
    return done.stdout + done.stderr


def rowtrail(project: Project, *arguments: str, code: int | None = 0, **environment: str) -> str:
    return asked(project, "python", "-m", "stages", *arguments, code=code, **environment)


def told(path: Path) -> str:
    """What a file says, whatever its format."""
    content = path.read_bytes()
    if content.startswith(b"PAR1"):
        return str(pq.read_table(path).to_pylist())
    return content.decode("utf-8", "replace")


def places_of(root: Path, secret: str, *, but: tuple[str, ...] = ()) -> list[str]:
    """Files below a folder that hold a value; without those that may, copies of them, and tests, which plant it."""
    files = [path for path in root.rglob("*") if path.is_file() and not {".git", "tests"} & {*path.parts}]
    spared = [path for path in files if any(path.is_relative_to(root / name) for name in but)]
    known = {path.read_bytes() for path in spared}
    return [
        str(path.relative_to(root))
        for path in files
        if path not in spared and secret.lower() in told(path).lower() and path.read_bytes() not in known
    ]


WITH_TEXT = ("data/raw", *(f"data/{name}/records.parquet" for name in DATA))


# --- texts, people, keys --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("secret", SECRETS)
def test_what_was_planted_is_in_the_records_alone(marked, secret):
    assert places_of(marked.path, secret, but=WITH_TEXT) == []


def test_the_search_would_find_it(marked, tmp_path):
    """In a text, in a table, and in a copy under another name."""
    (tmp_path / "a.log").write_text(f"x {MARK.upper()} y")
    shutil.copyfile(marked.path / "data/ingest/records.parquet", tmp_path / "0123")
    assert sorted(places_of(tmp_path, MARK)) == ["0123", "a.log"]
    assert places_of(marked.path, MARK)


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_planted_is_printed_with_the_debug_log_of_every_library_on(marked, home, secret):
    log = (home / "repro.log").read_text(encoding="utf-8")
    assert "DEBUG" in log
    assert secret.lower() not in log.lower()


def test_nothing_planted_is_in_git(marked, tmp_path):
    history = tmp_path / "history"
    marked.run("sh", "-c", f"git log --all -p --text -- . ':!tests' > {history}; git ls-files >> {history}")
    said = told(history)
    assert "data/raw/?*" in said
    assert [secret for secret in SECRETS if secret in said] == []


def test_the_key_in_its_file_is_neither_watched_by_git_nor_taken_by_dvc(marked, tmp_path):
    copy = Project(tmp_path / "copy")
    shutil.copytree(marked.path, copy.path, symlinks=True)
    copy.run("python", "-m", "stages", "key")
    key = (copy.path / ".rowtrail/key").read_text().strip()
    assert stat.S_IMODE((copy.path / ".rowtrail/key").stat().st_mode) == 0o600
    assert ".rowtrail/key" not in copy.run("git", "ls-files", "--others", "--exclude-standard").stdout
    copy.run("dvc", "repro", "clean")
    assert places_of(copy.path, key, but=(".rowtrail/key",)) == []


@pytest.mark.parametrize("name", NAMES)
def test_names_that_are_allowed_or_denied_stand_where_they_were_written_and_not_in_what_is_handed_over(marked, name):
    """params.yaml is in git, and DVC keeps its values in dvc.lock; the manifest of scrub_pii is made from them."""
    written = ("params.yaml", "dvc.lock", "data/scrub_pii/manifest.json", ".dvc/cache/runs")
    assert places_of(marked.path, name, but=(*WITH_TEXT, *written)) == []


# --- who may read ---------------------------------------------------------------------------------------------------
def test_others_reach_no_file_with_text_although_everything_was_made_under_a_mask_of_0(marked):
    reached, closed = [], []
    for folder, names, files in os.walk(marked.path):
        shut = [name for name in names if (Path(folder) / name).stat().st_mode & 0o005 != 0o005]
        closed += [str((Path(folder) / name).relative_to(marked.path)) for name in shut]
        names[:] = [name for name in names if name not in (*shut, ".git", "tests")]
        reached += [Path(folder) / name for name in files if (Path(folder) / name).stat().st_mode & 0o004]
    assert {".dvc", ".rowtrail", "data", "reports"} <= set(closed)
    assert marked.path / "dvc.lock" in reached  # made under that mask too, and DVC's: its hashes tell no text
    assert not any(secret in told(path) for path in reached for secret in SECRETS)


# --- every command --------------------------------------------------------------------------------------------------
HANDED = ("review", "data/export")
"""Where commands put files of texts, on purpose."""


def questions(project: Project) -> dict[str, list[tuple[str, ...]]]:
    """Each command, asked in ways that meet the planted rows; what costs minutes or asks for a person is elsewhere."""
    rows = pq.read_table(project.path / "data/ingest/records.parquet", columns=["id", "source_row"]).to_pylist()
    [id] = [row["id"] for row in rows if row["source_row"] == ROW]
    events = pq.read_table(project.path / "data/scrub_pii/events.parquet", filters=[("id", "=", id)]).to_pylist()
    value = re.search(r'"value": ?"([0-9a-f]+)"', str([event["evidence"] for event in events]))
    subject = ("--subject", MARKED_CUSTOMER)
    return {
        "trace": [(id,), (id, "--json", "--params"), (id, "--html", "reports/trace.html"), (*subject, "--all"),
                  (*subject, "--json"), ("--source-row", f"sample:{ROW}"), ("--value-hash", value[1])],
        "forget": [subject, (*subject, "--json"), ("--record", id)],
        "verify": [(), ("--cache",), ("--json",)],
        "budget": [(), ("--runs", "--json")],
        "diff": [("HEAD~1",), ("HEAD", "--json"), ("HEAD", "--html", "reports/diff.html", "--ids")],
        "attest": [("--out", "attestation.intoto.jsonl"), ("--show", "attestation.intoto.jsonl")],
        "lineage": [(), ("--out", "lineage.ndjson")],
        "show": [(name, "--rows", "0") for name in DATA],
        "review": [("pii", "--export", "review/pii.csv"), ("labels", "--export", "review/labels.csv"), ("labels",)],
        "predict": [("--file", "data/raw/none.csv"), ("--file", f"data/raw/{FILE}"), (MARK,), ("--json", MARK)],
        "export": [("data", "--format", "datasets", "--out", "data/export/rows"), ("model", "--form", "safetensors")],
        "new": [("../another",)],
        "use": [("sentiment", "--dry-run"), ()],
        "summary": [()],
        "docs": [("--out", "params.md")],
        "key": [()],
        "compare": [("labels", "--help")],
        "crossvalidate": [("--help",)],
        "tune": [("--help",)],
    }  # fmt: skip


@pytest.fixture(scope="module")
def answers(marked, home):
    """What every command printed, with the debug log on, and a copy of the project in which they wrote."""
    copy = Project(home / "asked")
    shutil.copytree(marked.path, copy.path, symlinks=True)
    every = questions(copy)
    assert set(every) == set(COMMANDS)
    return copy, {(name, *more): in_process(copy, name, *more) for name, ways in every.items() for more in ways}


def in_process(project: Project, *arguments: str) -> str:
    """As `rowtrail` prints it, without the seconds that each start of Python costs."""
    said, mask = io.StringIO(), os.umask(0o022)
    handler = logging.StreamHandler(said)
    root, level = logging.getLogger(), logging.getLogger().level
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        patch.chdir(project.path)
        patch.setenv("ROWTRAIL_KEY", KEY)
        patch.delenv("DVC_STAGE", raising=False)
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            main(arguments)
        except SystemExit:
            pass
        finally:
            root.removeHandler(handler)
            root.setLevel(level)
            os.umask(mask)
    return said.getvalue()


def test_no_command_prints_what_was_planted_or_a_stack_trace(answers):
    for question, answer in answers[1].items():
        said = " ".join(question)
        for secret in (*SECRETS, *NAMES):
            if secret not in said:  # a command line repeated in an error is no news to who wrote it
                assert secret.lower() not in answer.lower(), f"{said}: {secret}"
        assert "Traceback" not in answer, said


def test_no_command_writes_it_but_for_files_of_texts_for_people_which_only_their_owner_reads(answers):
    copy, _ = answers
    written = ("params.yaml", "dvc.lock", "data/scrub_pii/manifest.json", ".dvc/cache/runs", *HANDED, *WITH_TEXT)
    for secret in (*SECRETS, *NAMES):
        assert places_of(copy.path, secret, but=written) == [], secret
    for name in HANDED:
        files = [copy.path / name, *(copy.path / name).rglob("*")]
        assert len(files) > 1, name
        assert not any(path.stat().st_mode & 0o077 for path in files), name


TRAINING = {
    "compare": ("labels", "--seeds", "2", "--out", "reports/policies.json"),
    "crossvalidate": ("--keep",),
    "tune": ("--trials", "2", "--space", "lr=1e-3,2e-3"),
}


@pytest.mark.soak
@pytest.mark.parametrize("name", TRAINING)
def test_a_command_that_trains_prints_and_leaves_it_only_where_texts_may_be(marked, home, tmp_path, name):
    copy = Project(tmp_path / "copy")
    shutil.copytree(marked.path, copy.path, symlinks=True)
    copy.set_params(lambda params: params["split"].update(kfold=2) if name == "crossvalidate" else None)
    if name == "crossvalidate":
        asked(copy, "dvc", "repro", "-q", "split")
    said = rowtrail(copy, name, *TRAINING[name], DVC_LOGLEVEL="DEBUG", PYTHONPATH=str(home / "loud"))
    assert not any(secret.lower() in said.lower() for secret in (*SECRETS, *NAMES))
    assert "Traceback" not in said
    written = ("params.yaml", "dvc.lock", "data/scrub_pii/manifest.json", ".dvc", "data/crossvalidate", *WITH_TEXT)
    for secret in (*SECRETS, *NAMES):
        assert places_of(copy.path, secret, but=written) == [], secret


def test_a_change_of_names_is_told_without_the_names():
    a, b = {"scrub_pii": {"allow": [ALLOWED], "deny": {"PERSON": [DENIED]}}}, {"scrub_pii": {"allow": [], "deny": {}}}
    rows = [unnamed(row) for row in differences(flat(a), flat(b))]
    assert [row["name"] for row in rows] == ["scrub_pii.allow", "scrub_pii.deny", "scrub_pii.deny.PERSON"]
    assert [row.get("a") for row in rows] == ["1 values", None, "1 values"]
    assert not any(name in str(rows) for name in NAMES)


# --- what breaks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("error", "workers"), [("ValueError", 1), ("KeyError", 2), ("OSError", 2), ("MemoryError", 1)])
def test_a_stage_that_breaks_over_a_text_does_not_show_it(marked, tmp_path, error, workers):
    """In this process and in a worker; neither the message nor what Python shows of the source."""
    copy = Project(tmp_path / "copy")
    shutil.copytree(marked.path, copy.path, symlinks=True, ignore=shutil.ignore_patterns(".git", "cache"))
    copy.set_params(lambda params: params["engine"].update(workers=workers))
    door = copy.path / "stages/clean.py"
    source = door.read_text(encoding="utf-8")
    signature = re.search(r"def clean_record\(.*?\) -> Decision:\n    \"\"\".*?\"\"\"\n", source, re.DOTALL)
    broken = f"    raise {error}(str(record.values))\n"
    door.write_text(source[: signature.end()] + broken + source[signature.end() :], encoding="utf-8")
    said = rowtrail(copy, "clean", "--in", "data/ingest", "--out", "data/clean", code=1)
    assert "clean" in said
    assert not any(secret in said for secret in SECRETS)
    for label in EVIL.values():
        assert label not in said
    assert "Traceback" not in said


# --- pages ----------------------------------------------------------------------------------------------------------
class Page(html.parser.HTMLParser):
    """The elements and attributes that a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.scripts, self.dangers, self.policy, self.text = 0, [], "", ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        given = dict(attrs)
        self.policy = self.policy or (
            given.get("content") if given.get("http-equiv") == "Content-Security-Policy" else ""
        )
        self.dangers += [tag] if tag in ("img", "iframe", "object", "embed", "base", "foreignobject") else []
        for name, value in attrs:
            leads = name in ("href", "src", "xlink:href", "action", "formaction")
            strange = leads and not re.match(r"(#|data:|\.\./data/|[\w./-]*$)", value or "")
            self.dangers += [f"{name}={value}"] if name.startswith("on") or strange else []

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("page", ["reports/index.html", "reports/trace.html", "reports/diff.html"])
def test_a_page_shows_hostile_values_and_runs_none(answers, page):
    copy, _ = answers
    text = (copy.path / page).read_text(encoding="utf-8")
    seen = Page(text)
    assert seen.dangers == []
    assert seen.scripts == {"reports/index.html": 5, "reports/trace.html": 0, "reports/diff.html": 1}[page]
    assert "default-src 'none'" in seen.policy
    assert "49" not in re.findall(r"\b49\b(?=\$|'|\.csv|\|| x)", seen.text)
    for evil in (*EVIL.values(), TITLE, SAID, FILE, ROW):
        assert evil not in text
    shown = {"reports/index.html": EVIL["billing"], "reports/trace.html": ROW, "reports/diff.html": "HEAD"}
    assert shown[page] in seen.text


def test_the_documents_in_markdown_hold_hostile_values_as_text(marked):
    from markdown_it import MarkdownIt

    files = sorted((marked.path / "data/document").glob("*.md"))
    assert len(files) >= 5
    for file in files:
        text = re.sub(r"\A---\n.*?\n---\n", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        # As a renderer that lets HTML through would show it; the links are those that the templates write.
        seen = Page(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))
        assert seen.scripts == 0, file
        assert [one for one in seen.dangers if not one.startswith("href=https://")] == [], file


def test_the_front_matter_of_the_cards_is_one_mapping_whatever_the_values_are(marked):
    from ruamel.yaml import YAML

    for name in ("model_card.md", "dataset_card.md"):
        text = (marked.path / "data/document" / name).read_text(encoding="utf-8")
        head = text.split("---\n")[1]
        assert isinstance(YAML(typ="safe").load(head), dict)


def test_python_is_the_one_of_the_tests():
    """The runs above must attack this code, not an installed copy of it."""
    assert Path(sys.modules["stages"].__file__).parents[1] == Path(__file__).parents[2]
