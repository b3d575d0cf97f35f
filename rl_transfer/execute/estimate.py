"""How long a plan will take, from the runs that the store has already."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median

from rl_transfer.errors import StoreError
from rl_transfer.execute.plan import PlannedRun
from rl_transfer.store import Store, read_json, read_spec

_SAMPLE = 200


def steps_per_second(store: Store, folders: Iterable[Path]) -> dict[str, float]:
    """Median speed of stored runs by algorithm, evaluation included.

    Args:
        store: The store.
        folders: Run folders to look at; the first ones only, where there are many.
    """
    speeds: dict[str, list[float]] = {}
    for folder in list(folders)[:_SAMPLE]:
        if store.status(folder) is None:
            continue
        try:
            algorithm, costs = read_spec(folder).learner.algorithm, read_json(folder / "costs.json")
        except StoreError:
            continue
        if costs["wall_seconds"] > 0 and costs["target_steps"] > 0:
            speeds.setdefault(algorithm, []).append(costs["target_steps"] / costs["wall_seconds"])
    return {algorithm: median(values) for algorithm, values in speeds.items()}


def minutes_left(runs: Iterable[PlannedRun], speeds: Mapping[str, float], workers: int) -> float | None:
    """Estimated minutes for runs that are not stored; None where an algorithm's speed is not known yet."""
    seconds = 0.0
    for run in runs:
        speed = speeds.get(run.spec.learner.algorithm)
        if speed is None:
            return None
        seconds += run.spec.budget_steps / speed
    return seconds / workers / 60
