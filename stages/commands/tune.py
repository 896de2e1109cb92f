"""`rowtrail tune`: search for better settings of the training, on the validation split only.

Each trial is a DVC experiment that runs `plan` and `finetune` in a copy of the project: `dvc exp show` lists them, and
`dvc exp apply NAME` brings one into the workspace. What was tried is kept in `.rowtrail/tune/STUDY`, so that the same
command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stages.commands import tune_experiments as experiments
from stages.core.errors import CheckFailed, Fault, PrivacyRefused, UsageError
from stages.core.keys import project_root
from stages.core.params import SHARED, Params
from stages.core.params_file import read_params, read_yaml
from stages.core.progress import say
from stages.core.storage import StageFolder, write_json
from stages.methods.tune.plot import chart
from stages.methods.tune.space import Knob, check_space, current, default_space, has, parse
from stages.methods.tune.tables import advice, as_row, from_row, lines, report
from stages.methods.tune.trials import Search, Trial, best_of, hopeless, propose

_PARAMS = Path("params.yaml")
_GIVE_UP = 3
"""Failures from the first trial on after which none is likely to succeed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many trials, over what, by which metric, and for how long."""
    parser.description = (
        "Search for better settings: each trial is a DVC experiment that runs plan and finetune on a copy of the "
        "project and is judged by the validation split; nothing is scored on the test split. The same command goes on "
        "after a stop."
    )
    parser.add_argument("--trials", type=int, default=12, metavar="N", help="trials in all, failed ones included")
    parser.add_argument("--space", nargs="+", metavar="KEY=VALUES", help="e.g. lr=1e-5..1e-4:log epochs=2,3,4 "
                        "finetune.weight_decay=0..0.1; without it, by the way of training")  # fmt: skip
    parser.add_argument("--metric", default="validation_loss", help="a figure of reports/finetune.json; more is "
                        "better, but for names that end in `loss`")  # fmt: skip
    parser.add_argument("--minutes", type=float, metavar="M", help="begin no trial after so many")
    parser.add_argument("--prune", action="store_true", help="end a trial early when its validation loss is worse than "
                        "the median of the others at the same evaluation")  # fmt: skip
    parser.add_argument("--study", default="search", help="name of the search, part of the experiments' names")


def run(args: argparse.Namespace) -> int:
    """Run what is left of the search. Raises UsageError for a space or a project that cannot be searched."""
    _check_arguments(args)
    params, raw = read_params(_PARAMS), read_yaml(_PARAMS)
    search = _search(args, params, raw)
    _check_project(search, params, raw)
    folder = project_root() / ".rowtrail" / "tune" / search.name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(folder) as lock:
        study = Study.open(folder, search, _base(search, params), lock)
        study.go(args, {knob.name: current(raw, knob.name) for knob in search.knobs})
    return _finish(study)


def _check_arguments(args: argparse.Namespace) -> None:
    try:
        import optuna  # noqa: F401
    except ImportError:
        step = "install the extra: pip install 'rowtrail[tune]'"
        raise UsageError(Fault("optuna", "is not installed, and proposes the trials", step)) from None
    faults = [
        Fault(f"--{name}", f"{value} is too little", "give more")
        for name, value in (("trials", args.trials), ("minutes", args.minutes))
        if value is not None and value <= 0
    ]
    if not args.study.replace("-", "").isalnum():
        faults.append(Fault("--study", f"{args.study!r} does not fit into names", "use letters, digits and -"))
    if args.prune and args.metric != "validation_loss":
        faults.append(Fault("--prune", "goes by the validation loss, not by another metric", "leave out one of them"))
    if faults:
        raise UsageError(*faults)


def _search(args: argparse.Namespace, params: Params, raw: Mapping[str, Any]) -> Search:
    from stages.tasks import load_task

    if args.space:
        knobs = [parse(text) for text in args.space]
    else:
        offered = default_space(load_task(params.task), params.finetune)
        knobs = [knob for knob in offered if has(raw, knob.name)]
    check_space(knobs, raw, args.metric)
    return Search(args.study, tuple(knobs), args.metric, params.seed)


def _check_project(search: Search, params: Params, raw: Mapping[str, Any]) -> None:
    if params.privacy.enabled:
        problem = "each trial would spend of the privacy budget, and so would the choice among them"
        step = "search on data that may be used without privacy, then train once with it"
        raise PrivacyRefused(Fault("params.yaml: privacy.enabled", problem, step))
    for knob in search.knobs:
        _check_bounds(knob, raw)
    chosen = next((knob.choices for knob in search.knobs if knob.name == "model"), ())
    experiments.check([params.model, *map(str, chosen)])


def _check_bounds(knob: Knob, raw: Mapping[str, Any]) -> None:
    """Raises UsageError when params.yaml must not have one of a knob's values."""
    from pydantic import ValidationError

    for value in knob.choices or (knob.low, knob.high):
        try:
            Params.model_validate(_with(raw, knob.name.split("."), value))
        except ValidationError as error:
            problem = f"{value}: {error.errors()[0]['msg'].removeprefix('Value error, ')}"
            raise UsageError(Fault(f"--space {knob}", problem, "docs/params.md gives its bounds")) from None


def _with(raw: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    first, *rest = path
    return {**raw, first: _with(raw[first], rest, value) if rest else value}


def _base(search: Search, params: Params) -> dict[str, Any]:
    """All that the trials share: other data or other settings would be another search."""
    settings: dict[str, Any] = {name: getattr(params, name) for name in SHARED}
    settings |= {f"finetune.{name}": value for name, value in params.finetune.model_dump(mode="json").items()}
    searched = {knob.name for knob in search.knobs}
    return {
        "split": StageFolder(Path("data/split")).digest,
        "settings": {name: value for name, value in settings.items() if name not in searched},
        "space": [str(knob) for knob in search.knobs],
        "metric": search.metric,
    }


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """A lock on the study, held by this process and by the experiment it runs, also when this one is killed."""
    with (folder / "lock").open("w") as handle:
        with contextlib.suppress(ImportError):  # no flock on Windows
            import fcntl

            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                problem = "another process works on this search, or a trial of a stopped one still runs"
                raise UsageError(Fault(f"--study {folder.name}", problem, "wait for it, or stop it")) from None
        yield handle.fileno()


@dataclass
class Study:
    """A search with its trials, and the file they are kept in."""

    folder: Path
    search: Search
    base: dict[str, Any]
    lock: int
    trials: list[Trial] = field(default_factory=list)

    @classmethod
    def open(cls, folder: Path, search: Search, base: dict[str, Any], lock: int) -> Study:
        """The study as it was left. Raises UsageError when it was begun on something else."""
        study = cls(folder, search, base, lock)
        try:
            kept = json.loads(study.file.read_bytes())
        except FileNotFoundError:
            kept = None
        if kept is not None:
            study.trials = [from_row(row) for row in kept["trials"]]
            if changed := sorted(name for name in base if kept["base"].get(name) != base[name]):
                problem = f"was begun with another {', '.join(changed)}: its trials cannot be compared with new ones"
                raise UsageError(Fault(f"--study {search.name}", problem, "give the new search another name"))
        ours = {search.experiment(trial.number) for trial in study.trials}
        if others := sorted(experiments.known(search.experiment_prefix) - ours):
            step = f"choose another --study, or: dvc exp remove {' '.join(others[:5])}"
            problem = f"{len(others)} experiments of an earlier search have this name"
            raise UsageError(Fault(f"--study {search.name}", problem, step))
        return study

    @property
    def file(self) -> Path:
        """Where the trials are kept."""
        return self.folder / "study.json"

    def go(self, args: argparse.Namespace, now: Mapping[str, Any]) -> None:
        """Run trials until there are as many as wanted, time is up, or nothing is left to try."""
        started = time.monotonic()
        for trial in [trial for trial in self.trials if trial.state == "running"]:
            say(f"tune: {self.search.experiment(trial.number)} was interrupted and is run again")
            self._run(trial, prune=args.prune)
        while len(self.trials) < args.trials:
            if args.minutes is not None and time.monotonic() - started > 60 * args.minutes:
                say(f"tune: {args.minutes:g} minutes are over after {len(self.trials)} of {args.trials} trials")
                return
            params = propose(self.search, self.trials, now)
            if params is None:
                say(f"tune: all {len(self.trials)} combinations have been tried")
                return
            self._run(Trial(len(self.trials), params, "running"), prune=args.prune)

    def _run(self, trial: Trial, *, prune: bool) -> None:
        """Run a trial and keep what came of it; it is kept as `running` before, so that a kill is seen."""
        self._refuse_changes()
        self._keep(trial)
        name = self.search.experiment(trial.number)
        told = ", ".join(f"{key} {value}" for key, value in trial.params.items())
        say(f"tune: {name}: {told}")
        log = self.folder / f"{name}.log"
        if name in experiments.known(self.search.experiment_prefix):  # finished after this command was killed
            self._keep(replace(trial, state="complete", value=self._value(name)))
            return

        def stop(losses: Any) -> bool:
            return prune and hopeless(losses, self.trials)

        outcome = experiments.run(name, trial.params, log, stop, self.lock)
        if outcome.stopped and outcome.code:
            say(f"tune: {name}: ended early, its loss is above the median of the others")
            self._keep(replace(trial, state="pruned", losses=outcome.losses))
        elif outcome.code:
            say(f"tune: {name}: failed: {experiments.cause(log)}\n    log: {log}")
            self._keep(replace(trial, state="failed", losses=outcome.losses))
            self._refuse_failures()
        else:
            value = self._value(name)
            say(f"tune: {name}: {self.search.metric} {value:.4f}")
            self._keep(replace(trial, state="complete", value=value, losses=outcome.losses))

    def _keep(self, trial: Trial) -> None:
        self.trials[trial.number : trial.number + 1] = [trial]
        rows = [as_row(self.search, one) for one in self.trials]
        write_json(self.file, {"base": self.base, "trials": rows})

    def _value(self, name: str) -> float:
        figures = experiments.measured(name)
        if self.search.metric not in figures:
            problem = f"{name} reports no {self.search.metric}"
            raise UsageError(Fault("--metric", problem, f"there are: {', '.join(sorted(figures)) or 'none'}"))
        return figures[self.search.metric]

    def _refuse_changes(self) -> None:
        """Each trial starts from the workspace as it is: what is edited meanwhile would go into the next ones."""
        if _base(self.search, read_params(_PARAMS)) != self.base:
            problem = "params.yaml or data/split has changed since the search began"
            step = "put it back and run the same command to go on, or begin another --study"
            raise UsageError(Fault("tune", problem, step))

    def _refuse_failures(self) -> None:
        if len(self.trials) >= _GIVE_UP and all(trial.state == "failed" for trial in self.trials):
            problem = f"all {len(self.trials)} trials failed"
            raise CheckFailed(Fault("tune", problem, f"read {self.folder}, and try `dvc repro finetune`"))


def _finish(study: Study) -> int:
    """Write the report and the picture, print the table, and say how to go on."""
    search, trials = study.search, study.trials
    write_json(Path("reports/tune.json"), report(search, trials))
    Path("reports/tune.svg").write_text(chart(search, trials), encoding="utf-8")
    for line in lines(search, trials, shutil.get_terminal_size().columns):
        print(line)
    best = best_of(search, trials)
    if best is None:
        raise CheckFailed(Fault("tune", "no trial was completed", f"read the logs in {study.folder}"))
    print("\n" + "\n".join(advice(search, trials, best)))
    return 0
