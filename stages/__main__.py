"""The one front door: `python -m stages clean --in data/ingest --out data/clean`, also installed as `rowtrail`.

One door, not one a stage: run as `__main__`, a stage's functions would be pickled under the wrong name, and worker
processes would meet a second copy of the module.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages.commands import COMMANDS
from stages.core import processes
from stages.core.child_processes import ENDS_WITH_PARENT
from stages.core.closed import close_to_others
from stages.core.errors import Fault, RowtrailError, UsageError
from stages.core.exhausted import what_ran_out
from stages.core.terminal import calm, printable
from stages.core.watchdog import end_with_parent

STAGES = {
    "ingest": "source rows become records with stable ids",
    "clean": "repair and normalise text; drop the unusable",
    "deduplicate": "keep one of each group of exact or near duplicates",
    "scrub_pii": "find personal data and replace it",
    "check_labels": "find labels that are probably wrong",
    "split": "train, validation, test; no subject or duplicate group crosses",
    "plan": "the effective training plan, to read before paying for the run",
    "finetune": "tune the model",
    "evaluate": "score on the test split, with intervals, baselines and slices",
    "audit": "attack the model",
    "document": "one HTML report of everything",
}


_SHOWN = 5
"""Altered files that are named when something stops at one of them; `rowtrail verify` names all."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a stage or a command and give the exit code: 0 done, 1 a check failed, 2 wrong use, 3 bad data, 4 refused."""
    if argv is None:
        _prepare_process()
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(arguments)
    options = parser.parse_args(arguments)
    close_to_others()
    try:
        return _run_stage(options) if options.name in STAGES else _run_command(options)
    except RowtrailError as error:
        return _fail(options.name, str(error), error.exit_code)
    except BrokenPipeError:
        # The reader (`| head`) has had enough; Python must not complain about it once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.filename is None:  # out of the middle of a library
            return _fail(options.name, *_unexpected(error, getattr(options, "inputs", ())))
        return _fail(options.name, *_os_problem(error))
    except KeyboardInterrupt:
        return _fail(options.name, "stopped", 130)
    except Exception as error:
        return _fail(options.name, *_unexpected(error, getattr(options, "inputs", ())))


def _prepare_process() -> None:
    """Whatever started this process: standard streams that are open, and names and texts in UTF-8."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # Closed (`>&-`): the next file to be opened would get its number, and what a library prints would go there.
            handle = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(handle, True)
            setattr(sys, name, os.fdopen(handle, "w" if number else "r", encoding="utf-8"))
    if sys.getfilesystemencoding() == "ascii":
        # In a C locale whose UTF-8 mode is off, a name given on the command line would be hashed as another one.
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 # nosec B606 # this very program


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Only the command that is used is imported, so that `--help` answers at once."""
    names = {**STAGES, **COMMANDS}
    width = max(map(len, names)) + 2
    lines = [f"  {name:<{width}}{help}" for name, help in STAGES.items()]
    lines += ["", "commands:", *(f"  {name:<{width}}{help}" for name, help in COMMANDS.items())]
    parser = argparse.ArgumentParser(
        prog="rowtrail", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Fine-tune language models on data you can answer for.",
        epilog="stages, in the order of the work (DVC runs them: `dvc repro`):\n" + "\n".join(lines)
        + "\n\n`rowtrail NAME --help` tells what NAME takes.",
    )  # fmt: skip
    choices = parser.add_subparsers(dest="name", metavar="NAME", required=True)
    for name, help in names.items():
        sub = choices.add_parser(name, description=help)
        if name in STAGES:
            _stage_arguments(sub)
        elif name in arguments:
            importlib.import_module(f"stages.commands.{name}").add_arguments(sub)
    return parser


def _stage_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--in", dest="inputs", action="append", default=[], metavar="DIR", help="a folder or a URI")
    parser.add_argument("--out", required=True, metavar="DIR", help="a folder or a URI")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), metavar="FILE")


def _run_stage(options: argparse.Namespace) -> int:
    # First of all, and before anything slow is imported: who started this may be killed at any moment.
    if processes.launched() or {"DVC_STAGE", ENDS_WITH_PARENT} & os.environ.keys():
        end_with_parent(same_session=not processes.launched())
    from stages.core.params_file import read_params
    from stages.core.remote import local_folders
    from stages.core.runner import run
    from stages.tasks import load_task

    _check_launch(options.name)
    params = read_params(options.params)
    if options.name == "finetune" and params.engine.processes > 1 and not processes.launched():
        with local_folders(options.inputs, options.out) as (inputs, out):
            paths = [*(f"--in={path}" for path in inputs), f"--out={out}", f"--params={options.params}"]
            return _run_several(options.name, [options.name, *paths], params.engine.processes)
    _set_environment(offline=not _asks_for_hub(params))
    task = load_task(params.task)
    stage = importlib.import_module(f"stages.{options.name}").STAGE
    with local_folders(options.inputs, options.out) as (inputs, place), processes.output_place(place) as out:
        run(stage, inputs, out, params, task)
    return 0


def _run_several(name: str, arguments: Sequence[str], count: int) -> int:
    from stages.methods.finetune.launch import launch

    ended = launch(arguments, count)
    return _fail(name, ended.message, ended.code) if ended.code else 0


def _check_launch(name: str) -> None:
    if name != "finetune" and processes.count() > 1:
        problem = f"was started as one of {processes.count()} processes, and only finetune can share its work so"
        raise UsageError(Fault(name, problem, "start it alone; without a launcher, unset RANK and WORLD_SIZE"))


def _run_command(options: argparse.Namespace) -> int:
    _set_environment(offline=True)
    with calm():
        code = int(importlib.import_module(f"stages.commands.{options.name}").run(options))
        sys.stdout.flush()  # here and not while Python ends, so that a closed pipe is met where it is handled
    return code


def _set_environment(*, offline: bool) -> None:
    """Settings that libraries read when they are imported: no network unless a hub name asks for it, no telemetry."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Threads that wait by spinning take the cores from those that work: three times slower beside other processes.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if processes.launched():
        # Each process would warn that looking for unused parameters, which some models have, costs time.
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    if offline:
        os.environ.update({"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"})


def _asks_for_hub(params: Any) -> bool:
    """Whether a source or a model in the params is on a hub."""
    from stages.core.hub import is_hub
    from stages.methods.scrub_pii.detection.ner import is_hub_name

    semantic = [params.deduplicate.semantic_model] if params.deduplicate.semantic is not None else []
    models = (params.model, params.check_labels.encoder or params.model, *semantic)
    sources = (*params.ingest.sources, *params.deduplicate.against)
    asks = any(map(_is_hub_name, models)) or any(is_hub(source.uri) for source in sources)
    return asks or any(map(is_hub_name, params.scrub_pii.ner.values()))


def _is_hub_name(model: str) -> bool:
    return "://" not in model and not model.startswith((".", "/", "~")) and not Path(model).exists()


def _fail(name: str, message: str, code: int) -> int:
    shown = printable(f"{name}: {message}" if not message.startswith(name) else message)
    if not processes.tell_launcher(shown):
        print(shown, file=sys.stderr)
    return code


def _os_problem(error: OSError) -> tuple[str, int]:
    place, problem = str(error.filename or "file"), error.strerror or type(error).__name__
    return str(what_ran_out(error) or Fault(place, problem, "check the path and its rights")), 1


def _unexpected(error: Exception, inputs: Sequence[str] = ()) -> tuple[str, int]:
    """Where it happened, but not the message: that may hold the text of a record.

    Where files are not what was written, they are named: code that reads them may expect what a stage always writes.
    """
    if os.environ.get("ROWTRAIL_DEBUG"):
        traceback.print_exc()
    if fault := what_ran_out(error):
        return str(fault), 1
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f"{os.sep}stages{os.sep}" in f.filename]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown place"
    if altered := _altered(inputs):
        said = [*map(str, altered[:_SHOWN]), *([f"and {len(altered) - _SHOWN} more"] if altered[_SHOWN:] else [])]
        said.append(f"it stopped at {place} ({type(error).__name__}); `rowtrail verify` tells all that is altered")
        return "\n".join(said), 3
    step = "set ROWTRAIL_DEBUG=1 for the whole trace (it may show text of your data)"
    return str(Fault(place, f"unexpected {type(error).__name__}", step)), 1


def _altered(inputs: Sequence[str]) -> list[Fault]:
    from stages.commands.verify_altered import altered

    try:
        return altered(inputs)
    except Exception:  # it was asked while another error is told
        return []


if __name__ == "__main__":
    sys.exit(main())
