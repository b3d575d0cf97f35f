"""What the signals beside the curve cost: the processor time of runs with them over that of the same runs without.

    python scripts/measure_signals.py
    python scripts/measure_signals.py --repetitions 9 --scale 2
    python scripts/measure_signals.py --inside

One thread is what worker processes have, so this one too: several that wait for each other are counted as work.
Runs with and without signals take turns in one process, and evaluate at eleven points as shipped pairs do. A line per
learner gives the median over the turns of the seconds with, without, and of their ratio with its smallest and largest.
With --inside there is one run per learner, and what is measured is the time spent in the signals' own code: a small
share of a run is found so on a busy machine too. Taking the time is counted with it.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import tyro

from rl_transfer.learner.sb3.gradients import GradientNorms
from rl_transfer.learner.sb3.signals import Account
from rl_transfer.learner.sb3.witness import Witness
from rl_transfer.run import protocol
from rl_transfer.run.protocol import Run
from rl_transfer.run.signals import Signals
from rl_transfer.store import run_key, write_spec
from rl_transfer.study import LearnerConfig, RunSpec, TaskConfig
from rl_transfer.study.learners import DQNConfig, PPOConfig, SACConfig

_PPO = PPOConfig(algorithm="ppo", n_envs=8, n_steps=32, batch_size=256, n_epochs=20, learning_rate=0.001)
_DQN = DQNConfig(algorithm="dqn", learning_starts=1000, train_freq=4, batch_size=64, buffer_size=50_000)
_SAC = SACConfig(algorithm="sac", learning_starts=100, train_freq=1)
CASES: dict[str, tuple[str, LearnerConfig, int]] = {
    "PPO CartPole": ("CartPole-v1", _PPO, 20_480),
    "DQN CartPole": ("CartPole-v1", _DQN, 10_000),
    "SAC Pendulum": ("Pendulum-v1", _SAC, 1_000),
}
_INSIDE: tuple[tuple[Any, str], ...] = (
    (Signals, "record"),
    (Witness, "see"),
    (Witness, "begin"),
    (Account, "state"),
    (Account, "_count_samples"),
    *((GradientNorms, name) for name in ("_look", "_before_step", "_after_step")),
    *((protocol, name) for name in ("keep_references", "kept_signals")),
)


def spec_of(task: str, learner: LearnerConfig, budget: int) -> RunSpec:
    """A from-scratch run of one segment, evaluated at eleven points."""
    return RunSpec(
        role="target",
        task=TaskConfig(id=task),
        task_digest="0",
        learner=learner,
        grid=tuple(round(budget * point / 10) for point in range(11)),
        episodes=10,
        deterministic=True,
        segment_steps=budget,
        seed=0,
        code="0",
        versions={},
    )


def seconds(spec: RunSpec, *, signals: bool) -> float:
    """Processor time of one run."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        write_spec(folder, run_key(spec), spec)
        start = time.process_time()
        Run(spec, folder, None, lambda _: None, signals=signals).carry_out()
        return time.process_time() - start


def seconds_inside(spec: RunSpec) -> tuple[float, float]:
    """Processor time of one run with signals, and the part of it that their own code took."""
    spent = 0.0

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal spent
            start = time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                spent += time.process_time() - start

        return call

    with ExitStack() as patched:
        for owner, name in _INSIDE:
            patched.enter_context(mock.patch.object(owner, name, timed(getattr(owner, name))))
        return seconds(spec, signals=True), spent


def compare(name: str, spec: RunSpec, repetitions: int) -> None:
    """Prints what runs took with and without."""
    pairs = []
    for turn in range(repetitions):
        order = (True, False) if turn % 2 else (False, True)
        found = {signals: seconds(spec, signals=signals) for signals in order}
        pairs.append((found[True], found[False]))
    ratios = [with_them / without for with_them, without in pairs]
    with_them, without = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"{name}: {with_them:.2f} s with, {without:.2f} s without, ratio {statistics.median(ratios):.3f} "
        f"({min(ratios):.3f} to {max(ratios):.3f})",
        flush=True,
    )


@dataclass(frozen=True)
class MeasureSignals:
    """Which runs, and how."""

    cases: tuple[str, ...] = tuple(CASES)
    """Which of the cases."""
    repetitions: int = 5
    """Turns of each case."""
    inside: bool = False
    """The share of one run's time that signals took, instead."""
    scale: int = 1
    """Times the budget."""


def main() -> None:
    """Prints a line per learner."""
    options = tyro.cli(MeasureSignals, description=__doc__)
    if unknown := [name for name in options.cases if name not in CASES]:
        raise SystemExit(f"--cases: {unknown[0]!r} is none of {', '.join(map(repr, CASES))}")
    if os.environ.get("OMP_NUM_THREADS") != "1":  # which is read when libraries are loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "OMP_NUM_THREADS": "1"})
    torch.set_num_threads(1)
    for name in options.cases:
        task, learner, budget = CASES[name]
        spec = spec_of(task, learner, budget * options.scale)
        seconds(spec_of(task, learner, budget // 10), signals=True)  # what the first run imports
        if options.inside:
            total, spent = seconds_inside(spec)
            print(f"{name}: {spent:.2f} of {total:.2f} s, {spent / (total - spent):.1%} more than without", flush=True)
        else:
            compare(name, spec, options.repetitions)


if __name__ == "__main__":
    main()
