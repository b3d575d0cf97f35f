"""What is kept of runs that Ctrl-C stopped."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rl_transfer.errors import StoreError
from rl_transfer.execute.plan import PlannedRun
from rl_transfer.run.checkpoint import latest

_MOST = 8


def what_is_kept(
    finished: int, runs: int, running: Sequence[PlannedRun], folders: Mapping[str, Path], stage: str = ""
) -> str:
    """Say how much is kept, and where the runs go on that were on their way.

    Args:
        finished: Runs that have finished.
        runs: All runs.
        running: Those that were on their way.
        folders: Each run's folder by key.
        stage: Which part of the study these are.
    """
    kept = f"{stage + ': ' if stage else ''}finished and kept: {finished} of {runs} runs"
    lines = [f"  {run.name} {_goes_on(run, folders[run.key])}" for run in running[:_MOST]]
    if len(running) > _MOST:
        lines.append(f"  and {len(running) - _MOST} more that were on their way")
    return "\n".join([kept, *lines])


def _goes_on(run: PlannedRun, folder: Path) -> str:
    try:
        found = latest(folder / "checkpoints")
    except StoreError:
        found = None
    step = 0 if found is None else found.segment * run.spec.segment_steps
    return f"goes on from step {step:,} of {run.spec.budget_steps:,}" if step else "begins again: no checkpoint yet"
